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
]
