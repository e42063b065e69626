# What students write instead: edits of a solution, and the mistake each is to be told.

EDITS = [
    # notebook, task, edits, mistake
    ("01_moving_average", "moving-average", [("(1 - rho) * y", "y")], "no_weight"),
    (
        "01_moving_average",
        "moving-average",
        [("rho * s + (1 - rho) * y", "(1 - rho) * s + rho * y")],
        "swapped",
    ),
    ("01_moving_average", "moving-average", [("rho**t", "rho ** (t - 1)")], "early"),
    ("01_moving_average", "moving-average", [("rho**t", "rho ** (t + 1)")], "late"),
    (
        "01_moving_average",
        "moving-average",
        [("1 - rho**t", "1 + rho**t")],
        "plus_power",
    ),
    (
        "01_moving_average",
        "moving-average",
        [("s / (1 - rho**t)", "s")],
        "no_correction",
    ),
    (
        "01_moving_average",
        "moving-average",
        [("return s, s", "return s / (1 - rho**t), s")],
        "fed_back",
    ),
    (
        "03_mnist1d",
        "optimizers",
        [("sgd(0.05, momentum=0.9)", "sgd(0.05)")],
        "no_momentum",
    ),
    (
        "03_mnist1d",
        "optimizers",
        [("sgd(0.05, momentum=0.9)", "momentum(0.05)")],
        "average_form",
    ),
    ("03_mnist1d", "optimizers", [("rmsprop(1e-3)", "rmsprop(1e-2)")], "explodes"),
    ("03_mnist1d", "optimizers", [("adam(1e-3)", "adam(0.05)")], "sgd_rate"),
    ("03_mnist1d", "optimizers", [("adam(1e-3)", "rmsprop(1e-3)")], "another"),
    ("03_mnist1d", "first-epoch", [(">= target", "> target")], "strictly"),
    ("03_mnist1d", "first-epoch", [("reached[0]", "reached[-1]")], "last"),
    ("03_mnist1d", "first-epoch", [("[0]) + 1", "[0])")], "from_zero"),
    ("03_mnist1d", "first-epoch", [("else None", "else 1")], "never_is_first"),
]
