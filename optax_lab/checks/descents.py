# The tasks of the second notebook: one step of momentum, of RMSProp and of Adam.

import numpy as np

from optax_lab.checks import diagnosis
from optax_lab.checks.exercise import Exercise, Property, Step, Trial


def momentum(f: Step, *, seed: int = 0) -> None:
    """Checks one step of gradient descent along an average of the gradients.

    Args:
      f: `momentum(x, g, v, lr, rho) -> (x, v)`: takes a point, the gradient there, the
        average before this step (0 at first), the learning rate and ρ; returns the
        next point and the average after this step.
      seed: of the random steps.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(MOMENTUM, f, seed=seed)


def rmsprop(f: Step, *, seed: int = 0) -> None:
    """Checks one step of RMSProp, without bias correction and with δ in the root.

    Args:
      f: `rmsprop(x, g, r, lr, rho, delta) -> (x, r)`: takes a point, the gradient
        there, the average of squares before this step (0 at first), the learning
        rate, ρ and δ; returns the next point and the average after this step.
      seed: of the random steps.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(RMSPROP, f, seed=seed)


def adam(f: Step, *, seed: int = 0) -> None:
    """Checks one step of Adam, with δ in the root.

    Args:
      f: `adam(x, g, state, lr, rhos, delta, t) -> (x, state)`: takes a point, the
        gradient there, the two averages (v, r) before this step (0 at first), the
        learning rate, (ρ₁, ρ₂), δ and the number of this step, which is 1 at first;
        returns the next point and the averages (v, r) after this step.
      seed: of the random steps.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(ADAM, f, seed=seed)


def _average(a, x, rho, wrong, no_weight="no_weight"):
    kept, new = (1 - rho, rho) if "swapped" in wrong else (rho, 1 - rho)
    return kept * a + (1.0 if no_weight in wrong else new) * x


def _step(x, direction, lr, wrong):
    return x + lr * direction if "plus" in wrong else x - lr * direction


def _scale(r, delta, wrong):
    root = (lambda z: z) if "no_root" in wrong else np.sqrt
    return root(r) + delta if "delta_outside" in wrong else root(r + delta)


def _momentum(x, g, v, lr, rho, wrong=()):
    before, v = v, _average(v, g, rho, wrong)
    direction = before if "old" in wrong else g if "no_memory" in wrong else v
    x = _step(x, direction, lr, wrong)
    return x, (before if "not_handed_on" in wrong else v)


def _rmsprop(x, g, r, lr, rho, delta, wrong=()):
    square = g if "no_square" in wrong else g**2
    before, r = r, _average(r, square, rho, wrong)
    scale = _scale(before if "old" in wrong else r, delta, wrong)
    x = _step(x, g / scale, lr, wrong)
    return x, (before if "not_handed_on" in wrong else r)


def _adam(x, g, state, lr, rhos, delta, t, wrong=()):
    before, (rho_v, rho_r) = state, rhos[::-1] if "rhos_swapped" in wrong else rhos
    rho_r = rho_v if "one_rho" in wrong else rho_r
    v = _average(before[0], g, rho_v, wrong)
    square = g if "no_square" in wrong else g**2
    r = _average(before[1], square, rho_r, wrong, "no_weight_r")
    v_hat, r_hat = _corrected(v, rho_v, t, wrong), _corrected(r, rho_r, t, wrong)
    x = _step(x, v_hat / _scale(r_hat, delta, wrong), lr, wrong)
    handed_on = (v_hat, r_hat) if "fed_back" in wrong else (v, r)
    return x, (before if "not_handed_on" in wrong else handed_on)


def _corrected(average, rho, t, wrong):
    power = rho ** (t - ("early" in wrong) + ("late" in wrong))
    missing = 1 + power if "plus_power" in wrong else np.subtract(1, power)
    return average if "no_correction" in wrong else average / missing


def _still(averages: int, hypers, steps: int = 3) -> Trial:
    """Makes a trial at a point where the gradient is 0."""
    zero = np.zeros(2)
    start = (np.array([1.0, -2.0]), *[zero] * averages)
    return Trial("", start, [zero] * steps, hypers)


def _stays(rows) -> bool:
    return all(np.allclose(row[0], [1, -2]) for row in rows)


def _by_hand(averages: int, hypers) -> Trial:
    start = (np.array([1.0, 2.0]), *[np.zeros(2)] * averages)
    return Trial("the example by hand", start, [np.array([1.0, -2.0])], hypers)


def _draw(averages: int, **hypers):
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


_RULE = ("no_weight", "swapped", "plus", "old", "not_handed_on")

MOMENTUM = Exercise(
    name="momentum",
    signature="momentum(x, g, v, lr, rho) -> (x, v)",
    outputs=("x", "v"),
    call=lambda f, carry, g, h, t: f(carry[0], g, carry[1], h["lr"], h["rho"]),
    kept=2,
    reference=_momentum,
    mistakes=(*_RULE, "no_memory"),
    by_hand=_by_hand(1, {"lr": 0.1, "rho": 0.5}),
    draw=_draw(1, lr=(0.05, 0.2), rho=(0.6, 0.9)),
    properties=(
        Property(
            "with rho = 0 it is gradient descent",
            Trial(
                "",
                (np.zeros((2, 2)), np.zeros((2, 2))),
                [np.eye(2), -3 * np.eye(2)],
                {"lr": 0.1, "rho": 0.0},
            ),
            lambda rows: np.allclose([x[0, 0] for x, _ in rows], [-0.1, 0.2]),
        ),
        Property(
            "where g is 0 from the start, nothing moves",
            _still(1, {"lr": 0.1, "rho": 0.9}),
            _stays,
        ),
    ),
)

RMSPROP = Exercise(
    name="rmsprop",
    signature="rmsprop(x, g, r, lr, rho, delta) -> (x, r)",
    outputs=("x", "r"),
    call=lambda f, c, g, h, t: f(c[0], g, c[1], h["lr"], h["rho"], h["delta"]),
    kept=2,
    reference=_rmsprop,
    mistakes=(*_RULE, "delta_outside", "no_square", "no_root"),
    by_hand=_by_hand(1, {"lr": 0.1, "rho": 0.75, "delta": 1.25}),
    draw=_draw(1, lr=(0.05, 0.2), rho=(0.6, 0.9), delta=(0.01, 0.1)),
    properties=(
        Property(
            "with rho = 0 and delta = 0 each step is lr long in every coordinate",
            Trial(
                "",
                (np.zeros(2), np.zeros(2)),
                [np.array([1e-3, -7.0])],
                {"lr": 0.1, "rho": 0.0, "delta": 0.0},
            ),
            lambda rows: np.allclose(rows[0][0], [-0.1, 0.1], rtol=1e-4),
        ),
        Property(
            "where g is 0 from the start, nothing moves",
            _still(1, {"lr": 0.1, "rho": 0.9, "delta": 1e-5}),
            _stays,
        ),
    ),
)

ADAM = Exercise(
    name="adam",
    signature="adam(x, g, (v, r), lr, (rho1, rho2), delta, t) -> (x, (v, r))",
    outputs=("x", "v", "r"),
    call=lambda f, c, g, h, t: f(
        c[0], g, (c[1], c[2]), h["lr"], h["rhos"], h["delta"], t
    ),
    kept=3,
    reference=_adam,
    mistakes=(
        "no_weight",
        "no_weight_r",
        "swapped",
        "plus",
        "not_handed_on",
        "delta_outside",
        "no_square",
        "no_root",
        "early",
        "late",
        "plus_power",
        "no_correction",
        "fed_back",
        "one_rho",
        "rhos_swapped",
    ),
    by_hand=_by_hand(2, {"lr": 0.1, "rhos": (0.5, 0.75), "delta": 0.5}),
    draw=_draw(2, lr=(0.05, 0.2), rhos=((0.5, 0.7), (0.8, 0.95)), delta=(0.01, 0.1)),
    properties=(
        Property(
            "with delta = 0 the first step is lr long, whatever the gradient's size",
            Trial(
                "",
                (np.zeros(2), np.zeros(2), np.zeros(2)),
                [np.array([1e-3, -7.0])],
                {"lr": 0.1, "rhos": (0.9, 0.999), "delta": 0.0},
            ),
            lambda rows: np.allclose(rows[0][0], [-0.1, 0.1], rtol=1e-3),
        ),
        Property(
            "where g is 0 from the start, nothing moves",
            _still(2, {"lr": 0.1, "rhos": (0.9, 0.999), "delta": 1e-5}),
            _stays,
        ),
    ),
)
