# A task of notebook 4: a stop rule.

import math

import numpy as np

from optax_lab.checks import diagnosis
from optax_lab.checks.exercise import Exercise, Property, Step, Trial


def has_converged(f: Step, *, seed: int = 0) -> None:
    """Checks a stop rule: whether a gradient is at most as long as a tolerance.

    Args:
      f: `has_converged(gradient, tolerance) -> bool`: False where the length is NaN.
      seed: of the random gradients.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(HAS_CONVERGED, f, seed=seed)


def _has_converged(gradient, tolerance, wrong=()):
    g = np.asarray(gradient)
    if "signed" in wrong:
        small = np.all(g <= tolerance)
    elif "signed_sum" in wrong:
        small = np.sum(g) <= tolerance
    elif "each_alone" in wrong:
        small = np.all(np.abs(g) <= tolerance)
    elif "any_small" in wrong:
        small = np.any(np.abs(g) <= tolerance)
    else:
        small = _length(g, wrong) <= tolerance
    if "nan_converged" in wrong:
        small = small or np.isnan(np.sum(g))
    return not small if "negated" in wrong else bool(small)


def _length(g, wrong):
    if "squared" in wrong:
        return np.sum(g**2)
    if "mean_square" in wrong:
        return np.sqrt(np.mean(g**2))
    if "mean_size" in wrong:
        return np.mean(np.abs(g))
    if "size_sum" in wrong:
        return np.sum(np.abs(g))
    return np.linalg.norm(g[:2] if "first_two" in wrong else g)


# Gradients in units of the tolerance. The mistakes differ from the rule, and from each
# other, somewhere among them.
_GRADIENTS = (
    (0.1, 0.3, -0.5),
    (0.4, -0.2, 0.6),
    (-3.0, -2.0, -4.0),  # long, and every coordinate below the tolerance
    (-5.0, 3.0, 0.5),  # long, and with a negative sum
    (2.0, 3.0, 4.0),
    (0.8, -0.7, 0.9),  # each coordinate is small enough, all together are not
    (0.1, 6.0, 0.2),  # two are small, one is not
    (0.5, 0.5, 0.5),  # short, with a sum above the tolerance
    (math.nan, 0.1, -0.2),
    (math.inf, 0.1, 0.2),
    (1.5, 0.1, 0.1, -0.1),  # long, and short on the average
    (4.0, *[0.1] * 8),  # the same, but for a mean of squares
    (0.4,) * 50,  # long, though no coordinate is, nor their mean
)
# The same, but taken as they stand: long at one end alone, or just on either side.
_FIXED = (
    (0.1, -0.2, 3.0),
    (0.2, 0.1, -0.1, 0.3, -4.0),
    (-4.0, 0.3, 0.1),
    (0.594, 0.0, -0.792),  # 0.99 long
    (0.606, 0.0, -0.808),  # 1.01 long
)


def _draw_gradients(random: np.random.Generator) -> Trial:
    drawn = [random.uniform(0.9, 1.1) * random.permutation(g) for g in _GRADIENTS]
    gradients = [*drawn, *map(np.array, _FIXED)]
    tolerances = 10.0 ** random.choice([-3, -2, -1.5, 0.5, 1, 2], len(gradients))
    tolerances[:2] = 1e-3, 10.0  # so that squares are told from lengths in both ways
    cases = [(t * g, float(t)) for g, t in zip(gradients, tolerances, strict=True)]
    return Trial(f"{len(cases)} random ones", (), cases, {})


HAS_CONVERGED = Exercise(
    name="has_converged",
    signature="has_converged(gradient, tolerance) -> bool",
    outputs=("converged",),
    call=lambda f, carry, given, hypers, t: f(*given),
    kept=0,
    reference=_has_converged,
    mistakes=(
        "nan_converged",
        "signed",
        "signed_sum",
        "each_alone",
        "any_small",
        "squared",
        "mean_square",
        "mean_size",
        "size_sum",
        "first_two",
        "negated",
    ),
    given=("gradient", "tolerance"),
    by_hand=Trial(
        "the example by hand",
        (),
        [(np.array([-3.0, -4.0]), 1.0)],
        {},
    ),
    draw=_draw_gradients,
    properties=(
        Property(
            "a gradient of 0 has converged, in any shape",
            Trial("", (), [(np.zeros(2), 1e-6), (np.zeros(7), 1e-6)], {}),
            lambda rows: all(bool(row[0]) for row in rows),
        ),
        Property(
            "a gradient that is NaN has not converged, however large the tolerance",
            Trial("", (), [(np.full(2, math.nan), 1e6)], {}),
            lambda rows: not rows[0][0],
        ),
    ),
)
