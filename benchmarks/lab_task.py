"""The lab's third section: its data in its order, its network, its four optimizers."""

import os

NAMES = ("sgd", "momentum", "rmsprop", "adam")
BATCH = 100


def problem():
    """Makes the problem and its data, as the library takes them."""
    from optax_lab.problems import digits, networks
    from optax_lab.runs import training

    train_set, test_set = digits.frozen()
    made = training.Problem(networks.residual_mlp(), shuffle=False)
    return made, training.Data(tuple(train_set), {"test": tuple(test_set)})


def optimizer(name: str):
    """Makes the lab's optimizer as PyTorch means it."""
    import optax_lab

    return {
        "sgd": optax_lab.sgd(5e-2),
        "momentum": optax_lab.sgd(5e-2, momentum=0.9),
        "rmsprop": optax_lab.rmsprop(1e-3, decay=0.99, eps_in_sqrt=False),
        "adam": optax_lab.adam(1e-3),
    }[name]


def in_optax(name: str):
    """Makes the same of Optax."""
    import optax

    return {
        "sgd": optax.sgd(5e-2),
        "momentum": optax.sgd(5e-2, momentum=0.9),
        "rmsprop": optax.rmsprop(1e-3, decay=0.99),
        "adam": optax.adam(1e-3),
    }[name]


def batches(split):
    """Returns a split as batches of 100, in the data's order."""
    inputs, labels = split
    cuts = [slice(i, i + BATCH) for i in range(0, len(labels), BATCH)]
    return [(inputs[cut], labels[cut]) for cut in cuts]


def one_thread(device: str) -> None:
    """Keeps XLA to one thread, where each core has a process; before JAX is used.

    XLA takes the number of its threads from `NPROC`, or else from the cores. With two
    on two cores the same training took a third more of the processors' time.
    """
    if device == "cpu":
        os.environ["NPROC"] = "1"
