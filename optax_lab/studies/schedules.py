# How a learning rate changes over a training, whatever its peak.

import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PyTree

WARMUP = 0.05  # of the steps
FLOOR = 0.0  # of the peak, at the end

Shape = Callable[[Float[Array, ""]], Float[Array, ""]]


def _cosine(t: Float[Array, ""]) -> Float[Array, ""]:
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + jnp.cos(math.pi * t))


def _warmup_cosine(t: Float[Array, ""]) -> Float[Array, ""]:
    return jnp.where(t < WARMUP, t / WARMUP, _cosine((t - WARMUP) / (1 - WARMUP)))


class FollowingState(NamedTuple):
    """Holds the step that a schedule is evaluated at, and the optimizer's own state."""

    count: Int[Array, ""]
    inner: PyTree


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

    def rate(step):
        share = shape(jnp.minimum(jnp.asarray(step, float) / steps, 1.0))
        return peak * share.astype(getattr(peak, "dtype", share.dtype))

    return rate


def following(
    make: Callable[[ArrayLike], optax.GradientTransformation],
    rate: ArrayLike | Callable,
) -> optax.GradientTransformation:
    """Makes an optimizer whose learning rate follows a schedule, whoever made it.

    It is made anew at every step from that step's rate, a number, so that `make` may
    compute with it, as in `lambda learning_rate: optax.sgd(0.1 * learning_rate)`.

    Args:
      make: makes an optimizer from a learning rate.
      rate: what `schedule` returns; a number is given to `make` once.
    """
    if not callable(rate):
        return make(rate)

    def init_fn(params):
        return FollowingState(jnp.zeros([], jnp.int32), make(rate(0)).init(params))

    def update_fn(updates, state, params=None, **extra_args):
        rule = optax.with_extra_args_support(make(rate(state.count)))
        updates, inner = rule.update(updates, state.inner, params, **extra_args)
        count = jnp.asarray(optax.safe_increment(state.count))
        return updates, FollowingState(count, inner)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)
