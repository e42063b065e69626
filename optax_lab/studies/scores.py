# What the numbers of several runs say: means, differences, and how sure they are.

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from optax_lab.studies import resolution

Values = Float[np.ndarray, " runs"]


class Interval(NamedTuple):
    """A mean and the ends of its confidence interval: nan where one run is all."""

    mean: float
    low: float
    high: float


class Difference(NamedTuple):
    """A mean paired difference a − b, its interval, and whether that excludes 0."""

    mean: float
    low: float
    high: float
    separable: bool


def mean_interval(values: Values | list[float], confidence: float = 0.95) -> Interval:
    """Returns the mean with Student's interval: m ± t · s / √n, n − 1 degrees.

    A single run has no spread to judge by: its interval is nan. Equal values have an
    interval of length 0.
    """
    values = np.asarray(values, float)
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, np.nan, np.nan)
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    reach = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1)) * error
    return Interval(mean, mean - reach, mean + reach)


def paired_difference(
    a: Values | list[float], b: Values | list[float], confidence: float = 0.95
) -> Difference:
    """Returns the mean of a − b over paired runs, and whether it is separable from 0.

    Runs are paired by their seed: a[i] and b[i] began with the same parameters and saw
    the same batches. Identical runs differ by 0, and are not separable.

    Raises:
      ValueError: if a and b are not as long as each other.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        lengths = f"{len(a)} and {len(b)}"
        raise ValueError(f"paired runs must be as many, got {lengths}")
    mean, low, high = mean_interval(a - b, confidence)
    return Difference(mean, low, high, bool(low > 0 or high < 0))


def epochs_to(curve: Values, target: float) -> int | None:
    """Returns the first epoch, counted from 1, at which a curve reaches a target."""
    curve = np.asarray(curve)
    reached = np.flatnonzero(curve >= resolution.as_measured(target, curve))
    return int(reached[0]) + 1 if len(reached) else None
