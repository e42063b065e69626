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
    elif "squared" in wrong:
        small = np.sum(g**2) <= tolerance
    else:
        small = np.linalg.norm(g) <= tolerance
    if "nan_converged" in wrong:
        small = small or np.isnan(np.sum(g))
    return not small if "negated" in wrong else bool(small)


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
)


def _draw_gradients(random: np.random.Generator) -> Trial:
    tolerances = 10.0 ** random.choice([-3, -2, -1.5, 0.5, 1, 2], size=10)
    tolerances[:2] = 1e-3, 10.0  # so that squares are told from lengths in both ways
    cases = [
        (t * random.uniform(0.9, 1.1) * random.permutation(np.array(g)), float(t))
        for g, t in zip(_GRADIENTS, tolerances, strict=True)
    ]
    return Trial("ten random ones", (), cases, {})


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
        "negated",
    ),
    by_hand=Trial(
        "the example by hand, (-3, -4) against 1,",
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
