# What is searched, and the points at which it is tried: the same ones for everyone.

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float

from optax_lab import limits

RATE = "learning_rate"
DIMENSIONS = 16  # of every Sobol sequence, so that its first one is the same for all
Space = Mapping[str, tuple[float | int, float | int]]
Scale = Literal["logarithmic", "decay", "linear"]


def points(
    space: Space, n: int, *, seed: int = 0
) -> dict[str, Float[np.ndarray, " n"]]:
    """Draws the points of a search, by hyperparameter, in float32.

    They are the first n of one scrambled Sobol sequence, cut to as many dimensions as
    the space has. The first is the learning rate's, whether it is searched or not, so
    all optimizers are tried at the same rates, and those alone are a search over rates.

    Args:
      space: (low, high) by hyperparameter.
      n: how many, a power of two.
      seed: of the scrambling.

    Raises:
      ValueError: if n is no power of two, or the space is empty or has too many
        dimensions.

    >>> [f"{x:.2f}" for x in points({"learning_rate": (0.1, 10)}, 4)["learning_rate"]]
    ['0.66', '2.80', '5.73', '0.24']
    """
    check(space)
    limits.whole(points=n, seed=seed)
    if n < 1 or n & (n - 1):
        raise ValueError(f"points is {n}: it must be a power of two, 1, 2, 4, …")
    from scipy.stats import qmc  # a second of a command that may not need it

    drawn = qmc.Sobol(DIMENSIONS, rng=np.random.default_rng(seed)).random(n)
    names = [RATE, *(name for name in space if name != RATE)]
    columns = {}
    for column, name in zip(drawn.T, names, strict=False):
        if name not in space:
            continue
        low, high = map(float, space[name])
        values = scaled(column, low, high, scale_of(name, low, high)).astype(np.float32)
        columns[name] = np.clip(values, np.float32(low), np.float32(high))
    return columns


def check(space: Space) -> None:
    """Refuses a space that cannot be searched.

    Raises:
      ValueError: with the hyperparameter, its range, and what is allowed.
    """
    if not space:
        raise ValueError("a space needs at least one range, such as learning_rate's")
    most = DIMENSIONS - (RATE not in space)
    if len(space) > most:
        raise ValueError(f"a space has at most {most} ranges, not {len(space)}")
    for name, (low, high) in space.items():
        check_range(name, low, high)
    low, _ = space.get(RATE, (1.0, 2.0))
    if low <= 0:
        raise ValueError(f"{RATE} starts at {low:g}: it must be positive")


def check_range(name: str, low: float | int, high: float | int) -> None:
    """Refuses a range in which there is nothing.

    Raises:
      ValueError: with the name, the range, and what is allowed.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        told = f"{name}={low:g}:{high:g}"
        raise ValueError(f"{told} is empty: low must be below high")


def scale_of(name: str, low: float, high: float) -> Scale:
    """Chooses how the range of a hyperparameter is searched.

    The learning rate by its logarithm, where that exists; decays (see `is_decay`) by
    the logarithm of 1 − β; positive ranges of a decade or more by their logarithm;
    others evenly.
    """
    if name == RATE and low > 0:
        return "logarithmic"
    if is_decay(low, high):
        return "decay"
    return "logarithmic" if low > 0 and high >= 10 * low else "linear"


def is_decay(low: float, high: float) -> bool:
    """Says whether numbers from low to high are decays β, whose memory is 1/(1 − β).

    They lie within [0, 1) and end at 0.8 or later; small numbers, such as a decay of
    weights, are no such β.
    """
    return bool(low >= 0 and 0.8 <= high < 1)


def scaled(
    u: Float[np.ndarray, " n"], low: float, high: float, scale: Scale
) -> Float[np.ndarray, " n"]:
    """Takes numbers in [0, 1] to a range."""
    if scale == "logarithmic":
        return low * (high / low) ** u
    if scale == "decay":
        return 1 - (1 - low) * ((1 - high) / (1 - low)) ** u
    return low + (high - low) * u


def share(name: str, value: float, low: float, high: float) -> float:
    """Returns where in its range a value lies: the u that `scaled` takes to it.

    It is below 0 or above 1 outside the range, and infinite where its scale ends.
    """
    scale = scale_of(name, low, high)
    if scale == "linear":
        return (value - low) / (high - low)
    if scale == "decay":
        value, low, high = 1 - value, 1 - low, 1 - high
    found = math.log(value / low) if value > 0 else -math.inf
    return found / math.log(high / low)
