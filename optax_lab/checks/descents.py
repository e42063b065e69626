# Tasks of the second notebook: one step of momentum, and one of RMSProp.

import numpy as np

from optax_lab.checks import diagnosis, steps
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


def _momentum(x, g, v, lr, rho, wrong=()):
    before, v = v, steps.average(v, g, rho, wrong)
    direction = before if "old" in wrong else g if "no_memory" in wrong else v
    x = steps.moved(x, direction, lr, wrong)
    return steps.returned(x, before if "not_handed_on" in wrong else v, wrong)


def _rmsprop(x, g, r, lr, rho, delta, wrong=()):
    square = g if "no_square" in wrong else g**2
    before, r = r, steps.average(r, square, rho, wrong)
    scale = steps.scale(before if "old" in wrong else r, delta, wrong)
    x = steps.moved(x, g / scale, lr, wrong)
    return steps.returned(x, before if "not_handed_on" in wrong else r, wrong)


MOMENTUM = Exercise(
    name="momentum",
    signature="momentum(x, g, v, lr, rho) -> (x, v)",
    outputs=("x", "v"),
    call=lambda f, carry, g, h, t: f(carry[0], g, carry[1], h["lr"], h["rho"]),
    kept=2,
    reference=_momentum,
    mistakes=("no_memory", "old", *steps.RULE),
    by_hand=steps.by_hand(1, {"lr": 0.1, "rho": 0.5}),
    draw=steps.draw(1, lr=(0.05, 0.2), rho=(0.6, 0.9)),
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
            steps.still(1, {"lr": 0.1, "rho": 0.9}),
            steps.stays,
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
    mistakes=("old", *steps.RULE, *steps.SCALE),
    by_hand=steps.by_hand(1, {"lr": 0.1, "rho": 0.75, "delta": 1.25}),
    draw=steps.draw(1, lr=(0.05, 0.2), rho=(0.6, 0.9), delta=(0.01, 0.1)),
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
            steps.still(1, {"lr": 0.1, "rho": 0.9, "delta": 1e-5}),
            steps.stays,
        ),
    ),
)
