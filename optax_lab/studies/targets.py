# How soon runs reach a target, where some never do; how far they are at any time.

import warnings
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats

from optax_lab.studies import landings, tunability

Curves = Float[np.ndarray, "runs epochs"]
Numbers = Float[np.ndarray, " n"] | list[float]

_SIDES = {"at_most": "lowest", "at_least": "highest"}
_ROUNDING = 1e-12  # of products that should meet a bound exactly


class Times(NamedTuple):
    """Holds when runs reached a target.

    Attributes:
      times: when they did, or when they were last looked at.
      censored: whether they had not reached it by then.
    """

    times: Float[np.ndarray, " runs"]
    censored: Bool[np.ndarray, " runs"]

    @property
    def or_inf(self) -> Float[np.ndarray, " runs"]:
        """The times, inf where a run never reached the target."""
        return np.where(self.censored, np.inf, self.times)


class Reached(NamedTuple):
    """Holds what a Kaplan–Meier curve says of times.

    Attributes:
      rate: the share of the runs that reached the target.
      median: when half of them had: inf if half of them never did.
      low: the lower end of the median's 95 % interval.
      high: the upper one, inf if the data set no bound.
      restricted_mean: the mean time until the target or the last look.
    """

    rate: float
    median: float
    low: float
    high: float
    restricted_mean: float


class Profile(NamedTuple):
    """Holds a performance profile: by optimizer, a share for each τ and its band."""

    taus: Float[np.ndarray, " taus"]
    shares: dict[str, Float[np.ndarray, " taus"]]
    low: dict[str, Float[np.ndarray, " taus"]]
    high: dict[str, Float[np.ndarray, " taus"]]


class Anytime(NamedTuple):
    """Holds the median of the best values so far, after so many epochs."""

    epochs: Int[np.ndarray, " fractions"]
    values: Float[np.ndarray, " fractions"]


def times_to_target(
    curves: Curves,
    target: float | int,
    *,
    reached: Literal["at_most", "at_least"] = "at_most",
    steps_per_epoch: int = 1,
) -> Times:
    """Returns when each run first has a value at a target, in steps.

    Epochs are counted from 1. A run that never gets there is censored at the last
    epoch; so is one that diverges before it does, however early that is: with more
    time it would not get there either.

    Args:
      curves: a value after each epoch; from the first nan or inf on none counts.
      target: the value to reach.
      reached: whether values at most or at least at the target have reached it.
      steps_per_epoch: what an epoch counts for.

    Raises:
      ValueError: if there are no curves, or the target is not a number.

    >>> times_to_target(np.array([[3.0, 2.0, 1.0], [3.0, np.nan, 1.0]]), 2).or_inf
    array([ 2., inf])
    """
    if not np.isfinite(target):
        raise ValueError(f"the target must be a finite number, got {target}")
    if reached not in _SIDES:
        raise ValueError(f"reached must be one of {list(_SIDES)}, got {reached!r}")
    sign = tunability.sign(_SIDES[reached])
    hits = landings.first_hits(_losses(curves, sign), sign * float(target))
    never = np.isinf(hits)
    epochs = np.where(never, curves.shape[1], hits + 1)
    return Times(epochs * float(steps_per_epoch), never)


def survival(times: Times) -> Reached:
    """Summarises times, of which some are censored, by Kaplan and Meier's estimate.

    S(t) = Π (1 − dᵢ / nᵢ) over the times tᵢ ≤ t at which dᵢ of nᵢ runs reach the
    target. The median is the first time with S ≤ ½. Its interval holds the times at
    which ½ lies in the 95 % band of S (Greenwood's, of log(−log S)), as Brookmeyer and
    Crowley propose. The restricted mean is ∫ S dt up to the last time of all, which
    for trainings is the horizon unless all have reached the target before it.

    Raises:
      ValueError: if there are no times, or one is not a positive number.
    """
    ends, censored = np.asarray(times.times), np.asarray(times.censored, bool)
    if not len(ends):
        raise ValueError("there are no times: give at least one")
    if not (np.isfinite(ends) & (ends > 0)).all():
        raise ValueError(f"times must be positive numbers, got {ends.tolist()}")
    curve = stats.ecdf(stats.CensoredData.right_censored(ends, censored)).sf
    left = np.append(1.0, curve.probabilities)
    lasting = np.diff(curve.quantiles, prepend=0.0)
    restricted_mean = float(left[:-1] @ lasting)
    return Reached(float((~censored).mean()), *_median(curve), restricted_mean)


def common_target(
    curves: Mapping[str, Curves], *, best: tunability.Best = "lowest"
) -> float:
    """Returns a value that well-tuned baselines reach: the best of their medians.

    For each optimizer it is the median over runs of a run's best value; of these the
    best. So half of the runs of one baseline reach it (AlgoPerf's rule, arXiv
    2306.07179, which reruns the best setting of its baselines 20 times).

    Args:
      curves: by optimizer, a value after each epoch of its runs.
      best: whether the lowest or the highest value is the best.

    Raises:
      ValueError: if there are no curves, or half of every optimizer's runs diverged
        before their first value.
    """
    sign = tunability.sign(best)
    bests = [_losses(runs, sign).min(axis=1) for runs in curves.values()]
    lowest = min(map(np.median, bests), default=np.inf)
    if np.isinf(lowest):
        raise ValueError(f"none of {list(curves)} has a finite median to reach")
    return float(sign * lowest)


def performance_profile(
    times: Mapping[str, Numbers],
    taus: Float[np.ndarray, " taus"] | list[float],
    *,
    seed: int = 0,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Profile:
    """Returns on which share of the seeds each optimizer is at most τ times the best.

        ρ(τ) = share of the seeds with time ≤ τ · min over optimizers of time

    (Dolan and Moré, arXiv cs/0102001.) A time of inf counts for no τ, and a seed on
    which nobody arrives counts against everybody. The band is a pointwise percentile
    bootstrap, which draws the seeds of all optimizers together. It is nan for a
    single seed, and too narrow for few: where all seeds agree, it has no width.

    Args:
      times: by optimizer, a time for each paired seed (or problem): inf if never.
      taus: factors of at least 1.
      seed: of the bootstrap.
      resamples: how often the seeds are drawn.
      confidence: what share of the resampled profiles the band holds at each τ.

    Raises:
      ValueError: if the optimizers have not as many times, one is negative or nan, or
        a factor is below 1.
    """
    taus = np.asarray(taus, float)
    if not (taus >= 1).all():
        raise ValueError(f"factors must be at least 1, got {taus.tolist()}")
    table = _paired(times)  # (optimizers, seeds)
    reach = table.min(axis=0)[:, None] * taus * (1 + _ROUNDING)  # (seeds, taus)
    within = (table[..., None] <= reach) & np.isfinite(table)[..., None]
    n = table.shape[1]
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples)
    ends = ((1 - confidence) / 2, (1 + confidence) / 2)
    low, high = np.quantile(drawn / n @ within.astype(float), ends, axis=1)
    if n == 1:
        low = high = np.full_like(low, np.nan)
    named = lambda rows: dict(zip(times, rows, strict=True))
    return Profile(taus, named(within.mean(axis=1)), named(low), named(high))


def anytime(
    curves: Curves, fractions: Numbers, *, best: tunability.Best = "lowest"
) -> Anytime:
    """Returns the best value so far at fractions of a budget, as a median over runs.

    It is taken after the last epoch that the fraction pays for in full. A run that
    diverges keeps its best value; one without any counts as infinitely bad.

    Args:
      curves: a value after each epoch; from the first nan or inf on none counts.
      fractions: of the number of epochs, each at least one epoch.
      best: whether the lowest or the highest value is the best.

    Raises:
      ValueError: if there are no curves, or a fraction is above 1 or below one epoch.
    """
    sign = tunability.sign(best)
    losses = _losses(curves, sign)
    fractions, epochs = np.asarray(fractions, float), losses.shape[1]
    done = np.floor(fractions * epochs + _ROUNDING * epochs).astype(int)
    if not ((done >= 1) & (fractions <= 1)).all():
        allowed = f"between 1/{epochs} and 1"
        raise ValueError(f"fractions must be {allowed}, got {fractions.tolist()}")
    so_far = best_so_far(curves, best=best)[:, done - 1]
    return Anytime(done, sign * np.median(sign * so_far, axis=0))


def best_so_far(
    curves: Curves, *, best: tunability.Best = "lowest"
) -> Float[np.ndarray, "runs epochs"]:
    """Returns the best value until each epoch, of every run: an anytime curve.

    A run that diverges keeps its best value; before it has any, that is infinitely bad.

    >>> best_so_far(np.array([[3.0, 5.0, 2.0]])).tolist()
    [[3.0, 3.0, 2.0]]
    """
    sign = tunability.sign(best)
    return sign * np.minimum.accumulate(_losses(curves, sign), axis=1)


def _losses(curves: Curves, sign: int) -> np.ndarray:
    """Returns curves for which lower is better: inf from a divergence on."""
    curves = np.asarray(curves, float)
    if curves.ndim != 2 or not curves.size:
        raise ValueError(f"curves must be (runs, epochs), got {curves.shape}")
    alive = np.logical_and.accumulate(np.isfinite(curves), axis=1)
    return np.where(alive, sign * curves, np.inf)


def _median(curve) -> tuple[float, float, float]:
    """Returns the first time with S ≤ ½, and the ends of its interval."""
    with warnings.catch_warnings():
        # The band is not defined where S is 0 or 1; these are taken care of below.
        warnings.simplefilter("ignore", RuntimeWarning)
        band = curve.confidence_interval(0.95, method="log-log")
    left, half = curve.probabilities, 0.5 + _ROUNDING
    below = (
        left <= half,
        (band.low.probabilities <= half) | (left == 0),
        band.high.probabilities <= half,  # never where it is nan: nothing bounds it
    )
    first = [curve.quantiles[k.argmax()] if k.any() else np.inf for k in below]
    median, low, high = map(float, first)
    return median, low, high


def _paired(times: Mapping[str, Numbers]) -> np.ndarray:
    """Returns times as (optimizers, seeds)."""
    counts = {name: len(row) for name, row in times.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise ValueError(f"times must be paired and as many, got {counts}")
    for name, row in times.items():
        if not (np.asarray(row) >= 0).all():
            raise ValueError(f"times must be at least 0, or inf, got {row} of {name}")
    return np.array([np.asarray(row, float) for row in times.values()])
