# Adafactor: averages of |g|² that are kept as two vectors.

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array
from optax import FactoredState

from optax_lab import ewma, precision
from optax_lab.optimizers import common, numerics, sgd
from optax_lab.optimizers.hyperparameters import Hyper, numbers, scheduled

Axes = tuple[int, int] | None  # of columns and of rows; None where nothing is factored


def power_decay(step: ArrayLike, exponent: ArrayLike) -> Array:
    """Returns βₜ = 1 − 1/t^c, where t is the step + 1, and 0 for steps before 0."""
    return 1 - 1 / jnp.maximum(step + 1, 1) ** exponent


def scale_by_factored_rms(
    factored: bool = True,
    decay_rate: ArrayLike = 0.8,
    step_offset: ArrayLike = 0,
    min_dim_size_to_factor: int = 128,
    epsilon: ArrayLike = 1e-30,
    decay_rate_fn: Callable[[ArrayLike, ArrayLike], ArrayLike] = power_decay,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides gradients by the root of a factored average of their squares.

    rₜ = rₜ₋₁ + (1 − βₜ)(row means of (|gₜ|² + ε) − rₜ₋₁), cₜ the same of the columns,
    νₜ = rₜcₜ / mean rₜ, and the update is gₜ/√νₜ. With βₜ = 1 − t^(−c) the first step
    forgets the start, so no bias is corrected.

    Rows and columns are the two longest axes. Where one of them is shorter than
    `min_dim_size_to_factor`, ν is the average of |g|² + ε itself.

    Deviation from Optax: a `step_offset` ahead of the state's count makes it NaN there
    for good (pull request #1791); here β is 0 until the offset is reached.

    Args:
      factored: False averages |g|² + ε itself for every tensor.
      decay_rate: c.
      step_offset: the count at which t is 1, where a fine-tuning begins.
      min_dim_size_to_factor: how long both axes must be.
      epsilon: ε.
      decay_rate_fn: a function of (count − step_offset, c) that returns βₜ.
      nu_dtype: what the averages are stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √νₜ.

    Source: Shazeer & Stern 2018, arXiv:1804.04235, algorithm 4 and section 7.2.
    """
    numerics.check_at_least_0("decay_rate", decay_rate)
    numerics.check_at_least_0("min_dim_size_to_factor", min_dim_size_to_factor)
    numerics.check_at_least_0("epsilon", epsilon)
    numerics.check_rounding(rounding)
    shortest = min_dim_size_to_factor if factored else math.inf

    def take(part, tree):
        return precision.each(lambda x: part(x, _axes(x.shape, shortest)), tree)

    def init_fn(params):
        dtype = numerics.statistic_dtype(nu_dtype)
        like = [take(part, params) for part in _PARTS]  # on the parameters' devices
        start = lambda part: ewma.init(_filled(params, part), dtype=dtype)
        return FactoredState(jnp.zeros([], jnp.int32), *map(start, like))

    def update_fn(updates, state, params=None):
        del params
        with jax.numpy_dtype_promotion("standard"):
            step = jnp.asarray(state.count - step_offset, state.v.weight.dtype)
            decay = decay_rate_fn(step, decay_rate)

        squares = precision.each(lambda x: numerics.square(x) + epsilon, updates)
        keys = numerics.rounding_keys(rounding, state.count, *state[1:])
        v_row = ewma.update(state.v_row, take(_rows, squares), decay, key=keys[0])
        v_col = ewma.update(state.v_col, take(_columns, squares), decay, key=keys[1])
        v = ewma.update(state.v, take(_rest, squares), decay, key=keys[2])

        factors = lambda x, *parts: _factors(_axes(x.shape, shortest), *parts)
        parts = (ewma.raw(v_row), ewma.raw(v_col), ewma.raw(v))
        if denominator is None:  # a root of each factor is cheaper than roots of ν
            divide = lambda g, *parts: _divided(g, factors(g, *parts))
            step = precision.each(divide, updates, *parts)
        else:
            join = lambda g, *parts: math.prod(factors(g, *parts))
            nu = v._replace(average=precision.each(join, updates, *parts))
            step = numerics.divide(updates, denominator(nu))
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), FactoredState(count, v_row, v_col, v)

    return optax.GradientTransformation(init_fn, update_fn)


def clip_by_block_rms(threshold: ArrayLike) -> optax.GradientTransformation:
    """Shortens a tensor's update u to u / max(1, RMS(u)/d).

    Args:
      threshold: d, the greatest root mean square that a tensor of updates may have.

    Source: Shazeer & Stern 2018, arXiv:1804.04235, section 6.
    """
    numerics.check_above_0("threshold", threshold)
    clip = lambda u: u / jnp.maximum(_rms(u) / threshold, 1)
    clips = lambda tree: numerics.like(precision.each(clip, tree), tree)
    return optax.stateless(lambda updates, params: clips(updates))


def scale_by_param_block_rms(
    min_scale: ArrayLike = 1e-3,
) -> optax.GradientTransformation:
    """Multiplies a tensor's update by max(ε₂, RMS(θ)), the tensor's own size.

    Args:
      min_scale: ε₂.

    Source: Shazeer & Stern 2018, arXiv:1804.04235, section 8.

    Raises:
      ValueError: if `update` is called without `params`.
    """
    numerics.check_at_least_0("min_scale", min_scale)
    scale = lambda u, p: u * jnp.maximum(_rms(p), min_scale)

    def update_fn(updates, params):
        numerics.check_params(params, "multiply_by_parameter_scale")
        return numerics.like(precision.each(scale, updates, params), updates)

    return optax.stateless(update_fn)


# --- A tensor and its factors ---------------------------------------------------------


def _axes(shape: tuple[int, ...], shortest: int | float) -> Axes:
    """Returns the second longest axis and the longest, if they are long enough."""
    if len(shape) < 2:
        return None
    *_, second, longest = sorted(range(len(shape)), key=shape.__getitem__)
    return (second, longest) if shape[second] >= shortest else None


def _rows(x: Array, axes: Axes) -> Array | None:
    return None if axes is None else _mean(x, axes[1])


def _columns(x: Array, axes: Axes) -> Array | None:
    return None if axes is None else _mean(x, axes[0])


def _rest(x: Array, axes: Axes) -> Array | None:
    return numerics.bounded(x) if axes is None else None


_PARTS = (_rows, _columns, _rest)


def _factors(axes: Axes, row: Array, column: Array, rest: Array) -> list[Array]:
    """Returns what the average is a product of: two vectors, or the average itself.

    The one that holds the average's size comes first, so that nothing over its root is
    too large for the other.
    """
    if axes is None:
        return [rest]
    row, column = jnp.expand_dims(row, axes[1]), jnp.expand_dims(column, axes[0])
    mean = _mean(row, axes[0], keepdims=True)
    return [column, row / numerics.positive(mean)]


def _divided(x: Array, factors: list[Array]) -> Array:
    """Returns x over the root of the factors' product."""
    for factor in factors:
        x = x * (1 / numerics.root(factor))
    return x


def _filled(params, shapes):
    """Puts one number where nothing is kept: a None would break `tree.map_params`."""
    one = lambda p: jax.ShapeDtypeStruct((1,), jnp.result_type(p))
    return jax.tree.map(lambda p, s: one(p) if s is None else s, params, shapes)


def _mean(x: Array, axis: int, keepdims: bool = False) -> Array:
    return numerics.bounded(jnp.mean(x, axis=axis, keepdims=keepdims))


def _rms(x: Array) -> Array:
    return numerics.norm(x) / math.sqrt(x.size)


@scheduled
def adafactor(
    learning_rate: Hyper | None = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: Hyper = 0.8,
    decay_offset: Hyper = 0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: Hyper | None = 1.0,
    momentum: Hyper | None = None,
    dtype_momentum: Any = jnp.float32,
    weight_decay_rate: Hyper | None = None,
    eps: Hyper = 1e-30,
    factored: bool = True,
    weight_decay_mask: Any = None,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Adafactor: the average of |g|² of a matrix is kept as two vectors.

    rₜ, cₜ: averages of the row and the column means of |gₜ|² + ε, with βₜ = 1 − t^(−c);
    uₜ = gₜ/√(rₜcₜ / mean rₜ),  ûₜ = uₜ / max(1, RMS(uₜ)/d),
    θₜ = θₜ₋₁ − η max(10⁻³, RMS(θₜ₋₁)) ûₜ, the root mean squares of one tensor. In
    tensors that are not factored the average itself stands below the root.

    Args:
      learning_rate: η; 1 when None. The paper has min(0.01, 1/√t).
      min_dim_size_to_factor: how long the two longest axes must be to be factored.
      decay_rate: c.
      decay_offset: the count at which t is 1, where a fine-tuning begins.
      multiply_by_parameter_scale: False leaves out max(10⁻³, RMS(θ)).
      clipping_threshold: d, at least 1 in the paper; None for no clipping.
      momentum: β of an average of the finished steps; None for none.
      dtype_momentum: what that average is stored in.
      weight_decay_rate: λ; subtracts λθ, whatever the learning rate. None for none.
      eps: ε.
      factored: False averages |g|² + ε itself for every tensor.
      weight_decay_mask: the parameters that decay, as in `optax.masked`.
      nu_dtype: what r and c are stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `weight_decay_mask` are Optax's. Deviation: a
    `decay_offset` ahead of the state's count makes it NaN there for good (pull request
    #1791); here β is 0 until the offset is reached.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adafactor(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.101
    3.407
    2.862

    Sharded: Flax's partitioned variables take no state of another shape than theirs, as
    rows and columns is.

    Source: Shazeer & Stern 2018, arXiv:1804.04235, algorithms 4 and 5, sections 6 to 8.
    """
    decay_rate, decay_offset, eps = numbers(decay_rate, decay_offset, eps)
    clipping_threshold, momentum, weight_decay_rate = numbers(
        clipping_threshold, momentum, weight_decay_rate
    )
    ewma.check_decay("momentum", momentum)
    numerics.check_at_least_0("weight_decay_rate", weight_decay_rate)
    numerics.check_at_least_0("eps", eps)
    numerics.check_above_0("clipping_threshold", clipping_threshold)
    rule = scale_by_factored_rms(
        factored,
        decay_rate,
        decay_offset,
        min_dim_size_to_factor,
        eps,
        nu_dtype=nu_dtype,
        rounding=rounding,
    )
    parts = [rule]
    if clipping_threshold is not None:
        parts.append(clip_by_block_rms(clipping_threshold))
    if learning_rate is not None:
        parts.append(common.scale_by_learning_rate(learning_rate, flip_sign=False))
    if multiply_by_parameter_scale:
        parts.append(scale_by_param_block_rms())
    if momentum is not None:
        parts.append(sgd.ema(momentum, False, dtype_momentum, rounding=rounding))
    if weight_decay_rate is not None:
        parts.append(common.weight_decay(weight_decay_rate, weight_decay_mask))
    return optax.chain(*parts, common.scale_by_learning_rate(1.0))
