# What the tasks of notebook 2 share: the parts of a step, and what steps are tried on.

import numpy as np

from optax_lab.checks.exercise import Trial

# What every one of these rules can be written with.
RULE = ("no_weight", "swapped", "plus", "not_handed_on", "no_lr", "order")
SCALE = ("no_square", "no_root", "delta_outside", "no_delta")
CORRECTION = ("no_correction", "early", "late", "plus_power", "fed_back")


def average(a, x, rho, wrong, no_weight="no_weight"):
    """Returns an average after a new value."""
    kept, new = (1 - rho, rho) if "swapped" in wrong else (rho, 1 - rho)
    return kept * a + (1.0 if no_weight in wrong else new) * x


def moved(x, direction, lr, wrong):
    """Returns the point after a step."""
    lr = 1.0 if "no_lr" in wrong else lr
    return x + lr * direction if "plus" in wrong else x - lr * direction


def scale(r, delta, wrong):
    """Returns what a step is divided by."""
    delta = 0.0 if "no_delta" in wrong else delta
    root = (lambda z: z) if "no_root" in wrong else np.sqrt
    return root(r) + delta if "delta_outside" in wrong else root(r + delta)


def corrected(average, rho, t, wrong):
    """Returns an average without its bias toward 0."""
    if "no_correction" in wrong:
        return average
    power = rho ** (t - ("early" in wrong) + ("late" in wrong))
    missing = 1 + power if "plus_power" in wrong else np.subtract(1, power)
    return average / missing


def returned(x, state, wrong):
    """Returns the pair of a point and a state."""
    return (state, x) if "order" in wrong else (x, state)


def still(averages: int, hypers, steps: int = 3) -> Trial:
    """Makes a trial at a point where the gradient is 0."""
    zero = np.zeros(2)
    start = (np.array([1.0, -2.0]), *[zero] * averages)
    return Trial("", start, [zero] * steps, hypers)


def stays(rows) -> bool:
    """Says whether all steps end where the trial of `still` starts."""
    return all(np.allclose(row[0], [1, -2]) for row in rows)


def by_hand(averages: int, hypers) -> Trial:
    """Makes a trial of one step from averages of 0."""
    start = (np.array([1.0, 2.0]), *[np.zeros(2)] * averages)
    return Trial("the example by hand", start, [np.array([1.0, -2.0])], hypers)


def draw(averages: int, **hypers):
    """Returns what draws ten steps; a pair of hypers is the range it is drawn from."""

    def draw(random: np.random.Generator) -> Trial:
        drawn = {name: _drawn(random, value) for name, value in hypers.items()}
        start = (random.normal(size=3), *[np.zeros(3)] * averages)
        gradients = list(0.3 * random.normal(size=(10, 3)))
        return Trial("ten random ones", start, gradients, drawn)

    return draw


def _drawn(random: np.random.Generator, value):
    if isinstance(value[0], tuple):
        return tuple(_drawn(random, pair) for pair in value)
    return float(random.uniform(*value))
