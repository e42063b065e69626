# What a comparison should know of itself before anyone believes it.

import hashlib
import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped
from scipy import stats

from optax_lab.studies import resolution, spaces, verdicts

Values = Float[np.ndarray, " seeds"] | list[float]


class Rate(NamedTuple):
    """A share of trials, and the ends of its 95 % Wilson interval."""

    rate: float
    low: float
    high: float


def aa_rate(
    values: Values, *, splits: int = 1000, seed: int = 0, level: float = 0.05
) -> Rate:
    """Returns how often one optimizer is called separable from itself: an A/A test.

    Its runs are split at random into two halves, which are paired at random and tested
    against each other with `verdicts.sign_flips`, as two optimizers are; of an odd
    number one run is left out. An honest test has a rate of at most the level.

    The interval is that of the drawing of splits, not of the runs. Halves of n runs
    cannot be told apart at all unless 2 / 2ⁿ ≤ level: at 5 % from 12 runs on.

    Args:
      values: what the runs of one optimizer are worth.
      splits: how often they are split.
      seed: of the splitting.
      level: p values up to it count as separable.

    Raises:
      ValueError: if there are less than two runs, one is not finite, or nothing is
        to be split.
    """
    values = np.asarray(values, float)
    if len(values) < 2 or not np.isfinite(values).all():
        allowed = "two or more finite runs"
        raise ValueError(f"an A/A test takes {allowed}, got {values.tolist()}")
    if splits < 1 or not 0 < level < 1:
        allowed = "splits ≥ 1 and 0 < level < 1"
        raise ValueError(f"an A/A test takes {allowed}, got {splits} and {level}")
    shuffles = np.tile(values, (splits, 1))
    shuffles = np.random.default_rng(seed).permuted(shuffles, axis=1)
    half = len(values) // 2
    differences = shuffles[:, :half] - shuffles[:, -half:]
    rounding = resolution.of_sums(values)
    slack = rounding * np.abs(values).sum()
    p_values = verdicts.sign_flips(differences, np.full(splits, slack), seed=seed)
    wrong = int((p_values <= level).sum())
    low, high = stats.binomtest(wrong, splits).proportion_ci(0.95, method="wilson")
    return Rate(wrong / splits, float(low), float(high))


def identical(
    histories: Mapping[str, Mapping[str, Shaped[np.ndarray, "..."]]],
) -> list[tuple[str, str]]:
    """Returns the pairs of names whose recorded curves are equal to the bit.

    Two optimizers with the same curves are one, or one of them was not run. Curves are
    compared by a hash of their names, types, shapes and bytes, so that nan equals nan.

    Raises:
      ValueError: if a name has no curves.
    """
    hashes = {name: _hash(name, curves) for name, curves in histories.items()}
    couples = itertools.combinations(histories, 2)
    return [(a, b) for a, b in couples if hashes[a] == hashes[b]]


def at_boundary(
    point: Mapping[str, float],
    space: Mapping[str, tuple[float, float]],
    *,
    margin: float = 0.02,
) -> list[str]:
    """Returns the hyperparameters that lie at an end of their space, or outside.

    A value lies at an end if at most a share of `margin` of its space, on the scale on
    which that is searched, lies beyond it. A better value may then lie outside.

    Args:
      point: values by hyperparameter; those without a space were not searched.
      space: the ends of what was searched.
      margin: what share of a space its ends are.

    Raises:
      ValueError: if a space is empty, a value is missing, or the margin is not between
        0 and ½.

    >>> at_boundary({"learning_rate": 9.9, "b1": 0.9},
    ...             {"learning_rate": (1e-5, 1e1), "b1": (0.5, 0.99)})
    ['learning_rate']
    """
    if not 0 <= margin < 0.5:
        raise ValueError(f"the margin must be at least 0 and below ½, got {margin}")
    places = {name: _place(name, point, ends) for name, ends in space.items()}
    # A margin of 0 is met by the ends themselves, whatever a logarithm rounds to.
    reach = margin + 1e-12
    return [name for name, x in places.items() if not reach < x < 1 - reach]


def diverged_share(values: Float[np.ndarray, "runs *rest"] | list[float]) -> float:
    """Returns the share of runs with a value that is nan or infinite.

    Raises:
      ValueError: if there are no runs.

    >>> diverged_share([0.5, float("nan"), float("inf"), 0.25])
    0.5
    """
    values = np.asarray(values, float)
    if not len(values):
        raise ValueError("there are no runs: give at least one")
    whole = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    return float((~whole).mean())


def _hash(name: str, curves: Mapping[str, np.ndarray]) -> str:
    if not curves:
        raise ValueError(f"{name} has no curves: give at least one")
    digest = hashlib.sha256()
    for tag, curve in sorted(curves.items()):
        digest.update(repr((tag, curve.dtype.str, curve.shape)).encode())
        digest.update(curve.tobytes())
    return digest.hexdigest()


def _place(name: str, point: Mapping[str, float], ends: tuple[float, float]) -> float:
    """Returns where in its space a value is: 0 at the low end, 1 at the high one."""
    spaces.check_range(name, *ends)
    if name not in point:
        raise ValueError(f"the point has no {name}, of which there is a space")
    return spaces.share(name, point[name], *ends)
