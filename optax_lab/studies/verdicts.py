# Which optimizers paired runs can tell apart, and how to write it down.

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from optax_lab.studies import resolution, scores, tunability

Values = Float[np.ndarray, " runs"] | list[float]

EXACT = 28  # runs, up to which all patterns of signs are counted
RESAMPLES = 9999
_BATCH = 1024  # patterns at once, so that a thousand tests fit into memory


class Pair(NamedTuple):
    """Holds what paired runs say of two optimizers.

    Attributes:
      first: the one with the better mean.
      second: the other.
      difference: the mean over seeds of first − second.
      low: the lower end of its BCa interval: nan for a single seed.
      high: the upper end.
      p: of the sign-flip test.
      p_holm: the same, adjusted for the number of pairs.
      separable: whether p_holm is at most the level.
      identical: whether all runs are equal.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    separable: bool
    identical: bool


def sign_flip(a: Values, b: Values, *, seed: int = 0) -> float:
    """Returns the two-sided p value of the mean of a − b under changes of sign.

    If two optimizers are alike, each difference could as well have the other sign: p
    is the share of sign patterns whose mean is as far from 0 as the one that was seen.
    It cannot be below 2 / 2ⁿ: under 0.05 takes 6 pairs. Identical runs, and a single
    pair, have p = 1. All 2ⁿ patterns are counted up to n = 28, else 9999 at random.

    Raises:
      ValueError: if runs are not as many as each other, none, or not finite.

    >>> sign_flip([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    0.25
    """
    differences = _differences(a, b)[None]
    return float(sign_flips(differences, np.array([_slack(a, b)]), seed=seed)[0])


def sign_flips(
    differences: Float[np.ndarray, "tests runs"],
    slacks: Float[np.ndarray, " tests"] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Float[np.ndarray, " tests"]:
    """Returns the p values of many sign-flip tests; random patterns are the same ones.

    Those cannot be below 1 / (resamples + 1): as many tests as are adjusted for need
    that many more patterns.

    Args:
      differences: by test, a − b of every pair of runs.
      slacks: by test, how far sums may be apart that are equal but for rounding; that
        of float64 when None.
      seed: of the random patterns.
      resamples: how many are drawn.
    """
    rounding = resolution.FLOAT64_SUMS * np.abs(differences).sum(axis=1)
    apart = rounding if slacks is None else slacks
    if differences.shape[1] > EXACT:
        return _random(differences, apart, seed, resamples)
    return np.array([_exact(*test) for test in zip(differences, apart, strict=True)])


def holm(p_values: Values) -> Float[np.ndarray, " runs"]:
    """Returns p values adjusted for their number by Holm's step-down, in their order.

        p̃₍ᵢ₎ = max over j ≤ i of min(1, (m − j + 1) · p₍ⱼ₎),  p₍₁₎ ≤ … ≤ p₍ₘ₎

    Raises:
      ValueError: if one is not between 0 and 1.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, float)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p values must be between 0 and 1, got {p.tolist()}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1)


def bca_interval(
    a: Values, b: Values, *, confidence: float = 0.95, seed: int = 0
) -> scores.Interval:
    """Returns the mean of a − b over paired runs with its BCa bootstrap interval.

    Efron's bias-corrected and accelerated percentiles of 9999 resampled means. Equal
    differences have an interval of length 0; a single one has nan.

    Raises:
      ValueError: if runs are not as many as each other, none, or not finite.
    """
    differences = _differences(a, b)
    mean = float(differences.mean())
    if len(differences) < 2:
        return scores.Interval(mean, np.nan, np.nan)
    size = max(np.abs(a).max(), np.abs(b).max())
    rounding = resolution.of_sums(a, b, spacings=4)
    if np.ptp(differences) <= rounding * size:  # the same but for that
        return scores.Interval(mean, mean, mean)
    # Scaled, because the acceleration takes third powers, which underflow.
    unit = np.abs(differences).max()
    low, high = stats.bootstrap(
        (differences / unit,),
        np.mean,
        n_resamples=RESAMPLES,
        vectorized=True,
        confidence_level=confidence,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return scores.Interval(mean, float(low * unit), float(high * unit))


def ranked(
    runs: Mapping[str, Values], *, best: tunability.Best = "highest"
) -> list[str]:
    """Returns the names of optimizers, the one with the best mean first."""
    sign = tunability.sign(best)
    return sorted(runs, key=lambda name: sign * resolution.mean(runs[name]))


def compare_all(
    runs: Mapping[str, Values],
    *,
    best: tunability.Best = "highest",
    level: float = 0.05,
    seed: int = 0,
) -> list[Pair]:
    """Compares every two optimizers over paired runs, the better one first.

    Separable is a pair whose Holm-adjusted sign-flip p value is at most the level. The
    interval, of confidence 1 − level, is of this pair alone: it may exclude 0 where
    the pair, as one of many, is not separable.

    Args:
      runs: by optimizer, what each paired seed is worth.
      best: whether the highest or the lowest mean is the best.
      level: how often at most, if all are alike, any pair is called separable.
      seed: of the resampling.

    Raises:
      ValueError: if runs are not as many as each other, none, or not finite.
    """
    if not 0 < level < 1:
        raise ValueError(f"the level must be between 0 and 1, got {level}")
    couples = list(itertools.combinations(ranked(runs, best=best), 2))
    if not couples:
        return []
    differences = [_differences(runs[a], runs[b], f"{a}, {b}: ") for a, b in couples]
    # So many patterns that Holm's p can be as small as a tenth of the level.
    resamples = max(RESAMPLES, round(20 * len(couples) / level))
    slacks = np.array([_slack(runs[a], runs[b]) for a, b in couples])
    p_values = sign_flips(np.stack(differences), slacks, seed=seed, resamples=resamples)
    pairs = []
    for (a, b), p, p_holm in zip(couples, p_values, holm(p_values), strict=True):
        interval = bca_interval(runs[a], runs[b], confidence=1 - level, seed=seed)
        identical = bool(np.array_equal(runs[a], runs[b]))
        verdict = (float(p), float(p_holm), bool(p_holm <= level), identical)
        pairs.append(Pair(a, b, *interval, *verdict))
    return pairs


def decidable(runs: int, pairs: int, *, level: float = 0.05) -> bool:
    """Says whether so many pairs of so many runs could be separable if all agreed.

    Holm's smallest p value is then m · 2 / 2ⁿ for m pairs of n runs.

    >>> decidable(5, 1), decidable(6, 1), decidable(6, 2)
    (False, True, False)
    """
    return pairs * 2 / 2**runs <= level


def _differences(a: Values, b: Values, whose: str = "") -> np.ndarray:
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or not a.size:
        lengths = f"{len(a)} and {len(b)}"
        allowed = "as many, and at least one"
        raise ValueError(f"{whose}paired runs must be {allowed}, got {lengths}")
    if not (np.isfinite(a) & np.isfinite(b)).all():
        values = f"{a.tolist()} and {b.tolist()}"
        raise ValueError(f"{whose}runs must be finite to be compared, got {values}")
    return a - b


def _slack(a: Values, b: Values) -> float:
    """Returns how far sums of ±(a − b) may be apart that are equal but for rounding."""
    size = float(np.abs(a).sum() + np.abs(b).sum())
    return resolution.of_sums(a, b) * size


def _random(
    differences: np.ndarray, slacks: np.ndarray, seed: int, resamples: int
) -> np.ndarray:
    """Returns the share of random patterns, and the one seen, as far from 0.

    SciPy's test takes sums for different that differ by more than float64's rounding.
    """
    runs = differences.shape[1]
    far = np.abs(differences.sum(axis=1)) - slacks
    rng, farther = np.random.default_rng(seed), np.ones(len(differences))
    for first in range(0, resamples, _BATCH):
        patterns = rng.choice([-1.0, 1.0], (min(_BATCH, resamples - first), runs))
        farther += (np.abs(patterns @ differences.T) >= far).sum(axis=0)
    return farther / (resamples + 1)


def _exact(differences: np.ndarray, slack: float) -> float:
    """Returns the share of all patterns of signs with a sum as far from 0.

    Every pattern is one of the first half of the runs and one of the second, so that
    sorted sums of halves count 2ⁿ patterns in the time of 2^(n/2).
    """
    runs = len(differences)
    far = abs(differences.sum()) - slack
    first, second = _sums(differences[: runs // 2]), _sums(differences[runs // 2 :])
    farther = len(second) - np.searchsorted(second, far - first)
    return min(1.0, 2 * int(farther.sum()) / 2**runs)


def _sums(differences: np.ndarray) -> np.ndarray:
    """Returns the sums of all patterns of signs, sorted."""
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums - difference, sums + difference])
    return np.sort(sums)
