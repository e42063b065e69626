# How a learning rate changes over a training, whatever its peak.

import math
from collections.abc import Callable

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

WARMUP = 0.05  # of the steps
FLOOR = 0.0  # of the peak, at the end

Shape = Callable[[Float[Array, ""]], Float[Array, ""]]


def _cosine(t: Float[Array, ""]) -> Float[Array, ""]:
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + jnp.cos(math.pi * t))


def _warmup_cosine(t: Float[Array, ""]) -> Float[Array, ""]:
    return jnp.where(t < WARMUP, t / WARMUP, _cosine((t - WARMUP) / (1 - WARMUP)))


# By name, the share of the peak at the share t of the training; None is all of it.
SHAPES: dict[str, Shape | None] = {
    "constant": None,
    "cosine": _cosine,
    "warmup_cosine": _warmup_cosine,
}


def schedule(name: str, peak: ArrayLike, steps: int) -> ArrayLike | Callable:
    """Makes a learning rate of its peak: a number, or a function of the step.

    ::

        cosine          η(t) = η ½(1 + cos πt),   t = step / steps
        warmup_cosine   from 0 to η in the first twentieth, then a cosine to 0

    Args:
      name: one of `SHAPES`.
      peak: η, which may be traced.
      steps: of the whole training.

    Raises:
      ValueError: if there is no such schedule.

    >>> [round(float(schedule("cosine", 2.0, 100)(k)), 3) for k in (0, 50, 100)]
    [2.0, 1.0, 0.0]
    """
    if name not in SHAPES:
        raise ValueError(f"schedule is {name!r}: it must be one of {', '.join(SHAPES)}")
    shape = SHAPES[name]
    if shape is None:
        return peak
    return lambda step: peak * shape(jnp.minimum(jnp.asarray(step, float) / steps, 1.0))
