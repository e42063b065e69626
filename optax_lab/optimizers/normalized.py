# The average of gradients that are normalised first.

from collections.abc import Callable
from typing import Any

import optax
from jax.typing import ArrayLike

from optax_lab.transforms import normalized, numerics, scaling
from optax_lab.transforms.scheduling import Hyper, number, numbers, scheduled


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
        normalized.scale_by_laprop(b1, b2, eps, **dtypes),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
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
        normalized.scale_by_adopt(
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
        scaling.scale_by_learning_rate(learning_rate),
    )
