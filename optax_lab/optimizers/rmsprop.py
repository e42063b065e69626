# RMSProp and Adadelta: gradients over the root of an average of their squares.

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Int
from optax import ScaleByAdaDeltaState, ScaleByRmsState, ScaleByRStdDevState

from optax_lab import ewma, precision
from optax_lab.optimizers import common, numerics, sgd
from optax_lab.optimizers.hyperparameters import Hyper, numbers, scheduled


class ScaleByRmsWithCountState(NamedTuple):
    """Optax's state of that name: a step count, and the average of |g|²."""

    count: Int[Array, ""]
    nu: ewma.Ewma


class ScaleByRStdDevWithCountState(NamedTuple):
    """Optax's state of that name: a step count, and the averages of g and |g|²."""

    count: Int[Array, ""]
    mu: ewma.Ewma
    nu: ewma.Ewma


class ScaleByAdaDeltaWithCountState(NamedTuple):
    """Optax's `ScaleByAdaDeltaState` with a step count, which rounding needs."""

    count: Int[Array, ""]
    e_g: ewma.Ewma
    e_x: ewma.Ewma


def scale_by_rms(
    decay: ArrayLike = 0.9,
    eps: ArrayLike = 1e-8,
    initial_scale: ArrayLike = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides gradients by the root of the average of their squares.

    νₜ = νₜ₋₁ + (1 − β)(|gₜ|² − νₜ₋₁), and the update is gₜ / √(νₜ + ε), or
    gₜ / (√νₜ + ε) when `eps_in_sqrt` is False.

    Deviation from Optax: with `bias_correction` and an `initial_scale` other than 0,
    ν is not debiased, because a start that is given is no bias.

    Args:
      decay: β in [0, 1).
      eps: ε.
      initial_scale: ν₀.
      eps_in_sqrt: adds ε inside the root.
      bias_correction: reads ν̂ₜ = νₜ/wₜ instead of νₜ.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how a bfloat16 ν is rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces the one above.

    Source: Hinton, "Overview of mini-batch gradient descent", lecture 6e, 2012.
    """
    ewma.check_decay("decay", decay)
    numerics.check_at_least_0("initial_scale", initial_scale)
    numerics.check_rounding(rounding)
    own = _rms_denominator(eps, eps_in_sqrt, bias_correction)
    denominator = denominator or own
    counts = bias_correction or nu_dtype is not None

    def init_fn(params):
        dtype = numerics.statistic_dtype(nu_dtype)
        nu = ewma.init(params, start=initial_scale, dtype=dtype)
        count = jnp.zeros([], jnp.int32)
        return ScaleByRmsWithCountState(count, nu) if counts else ScaleByRmsState(nu)

    def update_fn(updates, state, params=None):
        del params
        (key,) = numerics.rounding_keys_of(rounding, state, state.nu)
        nu = ewma.update(state.nu, numerics.abs_sq(updates), decay, key=key)
        step = numerics.divide(updates, denominator(nu))
        return numerics.like(step, updates), numerics.advanced(state, nu=nu)

    return optax.GradientTransformation(init_fn, update_fn)


def scale_by_stddev(
    decay: ArrayLike = 0.9,
    eps: ArrayLike = 1e-8,
    initial_scale: ArrayLike = 0.0,
    eps_in_sqrt: bool = True,
    bias_correction: bool = False,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides gradients by an estimate of their standard deviation.

    The same as `scale_by_rms`, with the variance νₜ − |μₜ|² for νₜ, where μ is the
    average of g. Rounding may make that difference negative; it is cut at 0. For the
    sake of the difference μ is stored in at least float32, unless `mu_dtype` is given.

    Source: Graves 2013, arXiv:1308.0850, equations 38 to 43.
    """
    ewma.check_decay("decay", decay)
    numerics.check_at_least_0("initial_scale", initial_scale)
    numerics.check_rounding(rounding)
    own = _rms_denominator(eps, eps_in_sqrt, False)  # of a variance already read
    denominator = denominator or own
    average = ewma.read if bias_correction else ewma.raw
    counts = bias_correction or mu_dtype is not None or nu_dtype is not None
    centre = lambda n, m: jnp.maximum(n - m, 0)

    def init_fn(params):
        dtype = numerics.statistic_dtype(nu_dtype)
        wide = lambda own: own if own.itemsize >= 4 else jnp.float32
        mu = ewma.init(params, dtype=wide if mu_dtype is None else mu_dtype)
        nu = ewma.init(params, start=initial_scale, dtype=dtype)
        if not counts:
            return ScaleByRStdDevState(mu, nu)
        return ScaleByRStdDevWithCountState(jnp.zeros([], jnp.int32), mu, nu)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys_of(rounding, state, state.mu, state.nu)
        mu = ewma.update(state.mu, updates, decay, key=keys[0])
        nu = ewma.update(state.nu, numerics.abs_sq(updates), decay, key=keys[1])
        variance = precision.each(centre, average(nu), numerics.abs_sq(average(mu)))
        step = numerics.divide(updates, denominator(nu._replace(average=variance)))
        return numerics.like(step, updates), numerics.advanced(state, mu=mu, nu=nu)

    return optax.GradientTransformation(init_fn, update_fn)


def scale_by_adadelta(
    rho: ArrayLike = 0.9,
    eps: ArrayLike = 1e-6,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Gives gradients the size of the updates before them.

    With xₜ for the update, Eₜ[y] = Eₜ₋₁[y] + (1 − ρ)(|yₜ|² − Eₜ₋₁[y]), and
    xₜ = √(Eₜ₋₁[x] + ε) gₜ / √(Eₜ[g] + ε): it has the unit of the parameters.

    Args:
      rho: ρ in [0, 1).
      eps: ε, inside both roots; √ε is the size of the first updates.
      nu_dtype: what both averages are stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of E[g] that replaces √(Eₜ[g] + ε).

    Source: Zeiler 2012, arXiv:1212.5701, algorithm 1.
    """
    ewma.check_decay("rho", rho)
    numerics.check_rounding(rounding)
    size = numerics.inside(eps)
    denominator = denominator or size

    def init_fn(params):
        average = lambda: ewma.init(params, dtype=numerics.statistic_dtype(nu_dtype))
        if nu_dtype is None:
            return ScaleByAdaDeltaState(average(), average())
        count = jnp.zeros([], jnp.int32)
        return ScaleByAdaDeltaWithCountState(count, average(), average())

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys_of(rounding, state, state.e_g, state.e_x)
        e_g = ewma.update(state.e_g, numerics.abs_sq(updates), rho, key=keys[0])
        unit = numerics.divide(updates, denominator(e_g))
        step = precision.each(lambda u, s: u * s, unit, size(state.e_x))
        e_x = ewma.update(state.e_x, numerics.abs_sq(step), rho, key=keys[1])
        return numerics.like(step, updates), numerics.advanced(state, e_g=e_g, e_x=e_x)

    return optax.GradientTransformation(init_fn, update_fn)


def _rms_denominator(
    eps: ArrayLike, eps_in_sqrt: bool, bias_correction: bool
) -> numerics.Denominator:
    average = ewma.read if bias_correction else ewma.raw
    place = numerics.inside if eps_in_sqrt else numerics.outside
    return place(eps, average=average)


@scheduled
def rmsprop(
    learning_rate: Hyper,
    decay: Hyper = 0.9,
    eps: Hyper = 1e-8,
    initial_scale: Hyper = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Hyper | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
    *,
    accumulator_dtype: Any = None,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes RMSProp: gradients divided by the root of the average of their squares.

    νₜ = νₜ₋₁ + (1 − β)(|gₜ|² − νₜ₋₁),  θₜ = θₜ₋₁ − η gₜ/√(νₜ + ε), or over √νₜ + ε
    when `eps_in_sqrt` is False, as in PyTorch. ν starts at 0 and keeps that bias, so
    that the first step is 1/√(1 − β) times too long, unless `bias_correction`.

    Args:
      learning_rate: η.
      decay: β in [0, 1).
      eps: ε.
      initial_scale: ν₀.
      eps_in_sqrt: adds ε inside the root.
      centered: subtracts |μₜ|² from νₜ, where μ is the average of g.
      momentum: β of a heavy ball that sums the finished steps; None for none.
      nesterov: lets that heavy ball look one step ahead.
      bias_correction: reads the averages without their bias.
      accumulator_dtype: what the heavy ball is stored in; the parameters' dtype when
        None, in which one of 16 bits stalls.
      mu_dtype: what μ is stored in; the parameters' dtype, at least float32, when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `bias_correction` are Optax's. Deviation: a
    ν₀ other than 0 is never debiased.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.rmsprop(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.303
    2.421
    1.849

    Sources: Hinton, "Overview of mini-batch gradient descent", lecture 6e, 2012;
    Graves 2013, arXiv:1308.0850 (centered).
    """
    decay, eps, initial_scale = numbers(decay, eps, initial_scale)
    rule = scale_by_rms
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    if centered:
        rule = scale_by_stddev
        dtypes |= {"mu_dtype": mu_dtype}
    return optax.chain(
        rule(decay, eps, initial_scale, eps_in_sqrt, bias_correction, **dtypes),
        common.scale_by_learning_rate(learning_rate),
        sgd.heavy_ball(momentum, nesterov, accumulator_dtype, rounding),
    )


@scheduled
def adadelta(
    learning_rate: Hyper | None = None,
    rho: Hyper = 0.9,
    eps: Hyper = 1e-6,
    weight_decay: Hyper = 0.0,
    weight_decay_mask: Any = None,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Adadelta: gradients given the size of the steps before them.

    θₜ = θₜ₋₁ − η xₜ,  xₜ = √(Eₜ₋₁[x] + ε) gₜ/√(Eₜ[g] + ε), where an average of squares
    is Eₜ[y] = Eₜ₋₁[y] + (1 − ρ)(|yₜ|² − Eₜ₋₁[y]). The step has the unit of θ, so that
    the paper needs no η.

    Args:
      learning_rate: η; None for the paper's 1.
      rho: ρ in [0, 1). Keras' default is .95, as in the paper's experiments.
      eps: ε, inside both roots; √ε is the size of the first steps.
      weight_decay: λ; λθ is added to the gradient and goes into the averages.
      weight_decay_mask: the parameters that decay, as in `optax.masked`.
      nu_dtype: what the averages are stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `weight_decay_mask` are Optax's. Deviation:
    Optax leaves the sign of the step as it is when `learning_rate` is None, its
    default, and climbs.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adadelta(eps=1e-2)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.311
    2.113
    1.330

    Source: Zeiler 2012, arXiv:1212.5701.
    """
    rho, eps = numbers(rho, eps)
    return optax.chain(
        common.weight_decay(weight_decay, weight_decay_mask),
        scale_by_adadelta(rho, eps, nu_dtype=nu_dtype, rounding=rounding),
        common.scale_by_learning_rate(1.0 if learning_rate is None else learning_rate),
    )
