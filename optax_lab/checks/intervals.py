# A task of notebook 4: an error bar.

import math

import numpy as np
from scipy import stats

from optax_lab.checks import diagnosis
from optax_lab.checks.exercise import Exercise, Property, Step, Trial


def paired_interval(f: Step, *, seed: int = 0) -> None:
    """Checks the 95 % t-interval of a mean paired difference.

    Args:
      f: `paired_interval(a, b) -> (low, high)`: takes what two optimizers reached with
        the same seeds, in the same order; returns the interval of the mean of a − b.
      seed: of the random runs.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(PAIRED_INTERVAL, f, seed=seed)


def _paired_interval(a, b, wrong=()):
    a, b = np.asarray(a, float), np.asarray(b, float)
    n, ddof = len(a), 0 if "ddof" in wrong else 1
    differences = b - a if "exchanged" in wrong else a - b
    degrees = n if "degrees_n" in wrong else n - 1
    if "unpaired" in wrong:
        variance, degrees = a.var(ddof=ddof) + b.var(ddof=ddof), 2 * n - 2
    else:
        variance = differences.var(ddof=ddof)
    share = 0.95 if "one_sided" in wrong else 0.975
    width = 1.96 if "normal" in wrong else stats.t.ppf(share, degrees)
    over = 1 if "no_root_n" in wrong else n if "over_n" in wrong else math.sqrt(n)
    half = width * math.sqrt(variance) / over
    half = -half if "order" in wrong else half
    return differences.mean() - half, differences.mean() + half


def _draw_runs(random: np.random.Generator) -> Trial:
    cases = []
    for n in range(3, 13):
        luck = random.normal(70, 2, size=n)  # of a seed, the same for both
        a, b = (luck + random.normal(size=n) + x for x in (1.5, 0))
        cases.append((a, b))
    return Trial("ten random ones", (), cases, {})


# Not 2 exactly: SciPy's own interval of a length of 0 is NaN.
_A_NARROW_ONE = np.array([3.0, 7.0, 5.001]), np.array([1.0, 5.0, 3.0])


def _same_luck(rows) -> bool:
    return np.allclose(rows[0], [2, 2], atol=0.01)


def _a_study(*luck: int):
    gains = np.array([1.0, 3.0, 2.0, 4.0])
    return gains + np.array(luck), np.array(luck)


PAIRED_INTERVAL = Exercise(
    name="paired_interval",
    signature="paired_interval(a, b) -> (low, high)",
    outputs=("low", "high"),
    call=lambda f, carry, given, hypers, t: f(*given),
    kept=0,
    reference=_paired_interval,
    mistakes=(
        "ddof",
        "no_root_n",
        "over_n",
        "unpaired",
        "normal",
        "one_sided",
        "degrees_n",
        "exchanged",
        "order",
    ),
    given=("a", "b"),
    in_jax=False,
    by_hand=Trial(
        "the example by hand",
        (),
        [(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]))],
        {},
    ),
    draw=_draw_runs,
    properties=(
        Property(
            "where all differences are nearly 2, so are both ends",
            Trial("", (), [_A_NARROW_ONE], {}),
            _same_luck,
        ),
        Property(
            "what both share, such as a lucky seed, changes nothing",
            Trial("", (), [_a_study(0, 0, 0, 0), _a_study(10, -20, 40, 5)], {}),
            lambda rows: np.allclose(rows[0], rows[1], rtol=1e-3),
        ),
    ),
)
