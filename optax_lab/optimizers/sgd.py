# SGD and momentum: descent along the gradient, a sum of gradients, or their average.

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Int, PyTree

from optax_lab import ewma, precision
from optax_lab.optimizers import common, numerics
from optax_lab.optimizers.hyperparameters import Hyper, number, scheduled


class TraceWithCountState(NamedTuple):
    """Optax's `TraceState` with a step count, which rounding needs."""

    count: Int[Array, ""]
    trace: PyTree


def trace(
    decay: ArrayLike,
    nesterov: bool = False,
    accumulator_dtype: Any = None,
    *,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformation:
    """Sums gradients with a decay: heavy-ball momentum.

    tₜ = β tₜ₋₁ + gₜ, and the update is tₜ, or gₜ + β tₜ with `nesterov`, which is the
    step that the sum would take next. The sum is 1/(1 − β) times the average of `ema`.

    Args:
      decay: β ≥ 0; below 1 the sum stays bounded.
      nesterov: looks one step ahead.
      accumulator_dtype: what t is stored in; the parameters' dtype when None.
      rounding: how a t is rounded whose `accumulator_dtype` is bfloat16, "stochastic"
        or "nearest". It takes a step count, which Optax's state has not; so a t that
        is short only because the parameters are is rounded to nearest, and stalls.

    Sources: Polyak 1964, doi:10.1016/0041-5553(64)90137-5; Sutskever et al. 2013,
    "On the importance of initialization and momentum in deep learning".
    """
    numerics.check_at_least_0("decay", decay)
    numerics.check_rounding(rounding)
    counts = (
        rounding == "stochastic"
        and accumulator_dtype is not None
        and jnp.dtype(accumulator_dtype) == jnp.bfloat16
    )

    def init_fn(params):
        zeros = ewma.init(params, dtype=accumulator_dtype).average
        count = jnp.zeros([], jnp.int32)
        return TraceWithCountState(count, zeros) if counts else optax.TraceState(zeros)

    def update_fn(updates, state, params=None):
        del params
        (key,) = numerics.rounding_keys_of(rounding, state, state.trace)
        total = ewma.accumulate(state.trace, updates, decay, key=key)
        step = ewma.accumulate(total, updates, decay) if nesterov else total
        return numerics.like(step, updates), numerics.advanced(state, trace=total)

    return optax.GradientTransformation(init_fn, update_fn)


def ema(
    decay: ArrayLike,
    debias: bool = True,
    accumulator_dtype: Any = None,
    *,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformation:
    """Averages gradients: momentum with a gain of 1.

    mₜ = mₜ₋₁ + (1 − β)(gₜ − mₜ₋₁), and the update is m̂ₜ = mₜ/wₜ, or mₜ itself when
    `debias` is False.

    Args:
      decay: β in [0, 1).
      debias: takes out the bias toward the zero that m starts from.
      accumulator_dtype: what m is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 m is rounded, "stochastic" or "nearest".
    """
    ewma.check_decay("decay", decay)
    numerics.check_rounding(rounding)

    def init_fn(params):
        average = ewma.init(params, dtype=accumulator_dtype)
        return optax.EmaState(count=jnp.zeros([], jnp.int32), ema=average)

    def update_fn(updates, state, params=None):
        del params
        key = numerics.rounding_key(rounding, state.count, 0, state.ema)
        average = ewma.update(state.ema, updates, decay, key=key)
        step = ewma.read(average) if debias else ewma.raw(average)
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), optax.EmaState(count=count, ema=average)

    return optax.GradientTransformation(init_fn, update_fn)


def look_ahead(mu: ewma.Ewma, updates: PyTree, decay: ArrayLike) -> PyTree:
    """Returns βμₜ/wₜ₊₁ + (1 − β)gₜ/wₜ: Nesterov's direction for an average.

    It is what the next step would read if its gradient were this one's.

    Source: Dozat 2016, openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
    """
    after = ewma.update(mu._replace(average=None), None, decay)
    pull = lambda m, g: decay * m / after.weight + (1 - decay) * g / mu.weight
    blend = lambda m, g: m if g is None else precision.saturate(pull(m, g))
    return precision.each(blend, mu.average, updates)


def heavy_ball(
    decay: Hyper | None,
    nesterov: bool,
    accumulator_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformation:
    """Returns the heavy ball, or a link that does nothing where `decay` is None."""
    decay = number(decay)
    if decay is None:
        return optax.identity()
    numerics.check_at_least_0("momentum", decay)
    return trace(decay, nesterov, accumulator_dtype, rounding=rounding)


@scheduled
def sgd(
    learning_rate: Hyper,
    momentum: Hyper | None = None,
    nesterov: bool = False,
    accumulator_dtype: Any = None,
    *,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes stochastic gradient descent, with heavy-ball momentum where it is given.

    θₜ = θₜ₋₁ − η gₜ. With momentum β the sum tₜ = βtₜ₋₁ + gₜ stands for the gradient,
    or gₜ + βtₜ with `nesterov`. It averages nothing: a sum has 1/(1 − β) times the
    gain of an average, so `momentum(η/(1 − β), β)` takes the same steps.

    Args:
      learning_rate: η.
      momentum: β; None for none.
      nesterov: looks one step ahead.
      accumulator_dtype: what t is stored in; the parameters' dtype when None.
      rounding: how a t is rounded whose `accumulator_dtype` is bfloat16, "stochastic"
        or "nearest", at which it stalls; so does that of bfloat16 parameters when None.

    The signature and the defaults up to `accumulator_dtype` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.sgd(0.1, momentum=0.9)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.200
    1.058
    0.019

    Sources: Polyak 1964, doi:10.1016/0041-5553(64)90137-5; Sutskever et al. 2013,
    "On the importance of initialization and momentum in deep learning".
    """
    return optax.chain(
        heavy_ball(momentum, nesterov, accumulator_dtype, rounding),
        common.scale_by_learning_rate(learning_rate),
    )


@scheduled
def momentum(
    learning_rate: Hyper,
    decay: Hyper = 0.9,
    *,
    debias: bool = False,
    accumulator_dtype: Any = None,
    weight_decay: Hyper | None = None,
    mask: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes gradient descent along the average of the gradients.

    mₜ = mₜ₋₁ + (1 − β)(gₜ − mₜ₋₁),  θₜ = θₜ₋₁ − η mₜ. It is not the heavy ball of
    `sgd`: the average has a gain of 1, the heavy ball's sum has 1/(1 − β).

    Args:
      learning_rate: η.
      decay: β in [0, 1).
      debias: divides mₜ by its weight 1 − βᵗ.
      accumulator_dtype: what m is stored in; the parameters' dtype when None.
      weight_decay: λ; adds ληθ to the step. None for none.
      mask: the parameters that decay, as in `optax.masked`.
      rounding: how a bfloat16 m is rounded, "stochastic" or "nearest".

    Optax has no such name; the defaults are those usual for β.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.momentum(1.0, 0.9)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.200
    1.058
    0.019
    """
    return optax.chain(
        ema(number(decay), debias, accumulator_dtype, rounding=rounding),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
    )
