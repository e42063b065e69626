# LaProp and ADOPT: the average of gradients that are normalised first.

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree
from optax import ScaleByAdamState

from optax_lab import ewma, precision
from optax_lab.optimizers import adam, common, numerics
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers, scheduled


def scale_by_laprop(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-15,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Averages gradients that are divided by the root of the average of their squares.

    νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁),  μₜ = μₜ₋₁ + (1 − β₁)(gₜ/(√ν̂ₜ + ε) − μₜ₋₁), and
    the update is μ̂ₜ. Adam divides after it averages.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √ν̂ₜ + ε.

    Source: Ziyin, Wang & Ueda 2020, arXiv:2002.04839, algorithm 1.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps)

    def init_fn(params):
        return adam.zero_moments(params, mu_dtype, nu_dtype)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        nu = ewma.update(state.nu, numerics.abs_sq(updates), b2, key=keys[1])
        normalised = numerics.divide(updates, denominator(nu))
        mu = ewma.update(state.mu, normalised, b1, key=keys[0])
        count = optax.safe_increment(state.count)
        step = numerics.like(ewma.read(mu), updates)
        return step, ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


def scale_by_adopt(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.9999,
    eps: ArrayLike = 1e-6,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    use_clipping: bool = True,
    clip_value_fn: Callable[..., ArrayLike] | ArrayLike = lambda x: x**0.25,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Averages gradients divided by what their squares were before this step.

    With uₜ = clip(gₜ / max(√νₜ₋₁, ε), t^¼), μₜ = μₜ₋₁ + (1 − β₁)(uₜ − μₜ₋₁) is the
    update, and then νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁). t counts from 0: the first call
    only sets ν₀ = |g₀|², and its update is 0. Neither average is debiased.

    A complex uₜ is clipped in its modulus, and keeps its direction.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, the least denominator.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nesterov: takes uₜ into the average once more for the update.
      use_clipping: clips; without it uₜ is cut at the largest number only.
      clip_value_fn: a function of t that replaces t^¼, or a number.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces max(√νₜ₋₁, ε).

    Source: Taniguchi et al. 2024, arXiv:2411.02853, algorithm 2.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_rounding(rounding)
    numerics.check_at_least_0(
        "clip_value_fn", None if callable(clip_value_fn) else clip_value_fn
    )
    denominator = denominator or _at_least(eps)

    def init_fn(params):
        return adam.zero_moments(params, mu_dtype, nu_dtype)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        limit = _limit(clip_value_fn, state.count) if use_clipping else None
        normalised = _clip(numerics.divide(updates, denominator(state.nu)), limit)
        decay = 1 - ewma.first(state.nu, 1 - b1)  # 1 in the first call: nothing enters
        mu = ewma.update(state.mu, normalised, decay, key=keys[0])
        ahead = ewma.update(mu, normalised, decay) if nesterov else mu
        start = ewma.first(state.nu, b2)
        nu = ewma.update(state.nu, numerics.abs_sq(updates), start, key=keys[1])
        count = optax.safe_increment(state.count)
        step = numerics.like(ewma.raw(ahead), updates)
        return step, ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


def _at_least(eps: ArrayLike) -> numerics.Denominator:
    """Returns ν ↦ max(√ν, eps)."""
    numerics.check_at_least_0("eps", eps)
    largest = lambda v: jnp.maximum(numerics.root(v), eps)
    return lambda nu: precision.each(largest, ewma.raw(nu))


def _limit(clip_value_fn: Callable | ArrayLike, count: Array) -> ArrayLike:
    """Returns the function's value; it is a number where hyperparameters are injected.

    `optax.inject_hyperparams` takes every function for a schedule.
    """
    if not callable(clip_value_fn):
        return clip_value_fn
    with jax.numpy_dtype_promotion("standard"):  # the function is anyone's
        return clip_value_fn(count)


def _clip(tree: PyTree, limit: ArrayLike | None) -> PyTree:
    """Cuts every modulus at the limit, and at the largest number where it is None."""
    if limit is None:
        return precision.each(precision.saturate, tree)
    longest = jnp.asarray(limit)

    def clip(x):
        if not jnp.iscomplexobj(x):
            return jnp.clip(x, -longest, longest)
        x = precision.saturate(x)
        return longest * (x / numerics.positive(jnp.maximum(jnp.abs(x), longest)))

    return precision.each(clip, tree)


@scheduled
def laprop(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-15,
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes LaProp: the average of normalised gradients, where Adam normalises one.

    νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁),  μₜ = μₜ₋₁ + (1 − β₁)(gₜ/(√ν̂ₜ + ε) − μₜ₋₁),
    θₜ = θₜ₋₁ − η (μ̂ₜ + λθₜ₋₁). Any β₁ and β₂ go together; Adam needs β₁ < √β₂.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      weight_decay: λ; η multiplies it too.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    Optax has no such name; the defaults are the paper's. The authors' code averages
    ηₜ times the normalised gradient, which is the same while η is constant, and does
    not multiply the decay by η.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.laprop(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.889
    3.407

    Source: Ziyin, Wang & Ueda 2020, arXiv:2002.04839, algorithm 1.
    """
    b1, b2, eps = numbers(b1, b2, eps)
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        scale_by_laprop(b1, b2, eps, **dtypes),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
    )


@scheduled
def adopt(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.9999,
    eps: Hyper = 1e-6,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    use_clipping: bool = True,
    clip_value_fn: Callable[..., ArrayLike] | ArrayLike = lambda x: x**0.25,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes ADOPT: gradients are divided by what their squares were before this step.

    uₜ = clip(gₜ / max(√νₜ₋₁, ε), t^¼),  μₜ = μₜ₋₁ + (1 − β₁)(uₜ − μₜ₋₁),
    θₜ = θₜ₋₁ − η μₜ,  νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁). t counts from 0: the first
    call only sets ν₀ = |g₀|², and moves nothing.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1); the method converges with any.
      eps: ε, the least denominator.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nesterov: takes uₜ into the average once more for the step.
      use_clipping: clips uₜ; a complex one is clipped in its modulus.
      clip_value_fn: a function of t that replaces t^¼, or a number.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `clip_value_fn` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adopt(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    5.000
    4.940
    4.828

    Source: Taniguchi et al. 2024, arXiv:2411.02853, algorithm 2 (Optax's docstring
    names another paper).
    """
    return optax.chain(
        scale_by_adopt(
            number(b1),
            number(b2),
            number(eps),
            mu_dtype,
            nesterov=nesterov,
            use_clipping=use_clipping,
            clip_value_fn=clip_value_fn,
            nu_dtype=nu_dtype,
            rounding=rounding,
        ),
        common.scale_by_learning_rate(learning_rate),
    )
