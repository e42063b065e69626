# Optimizers that average their iterates in the place of a schedule.

from typing import Any

import optax

from optax_lab import ewma
from optax_lab.transforms import iterates, numerics, rms, scaling
from optax_lab.transforms.scheduling import Hyper, numbers, scheduled


@scheduled
def schedule_free_sgd(
    learning_rate: Hyper = 1.0,
    warmup_steps: numerics.Count | None = None,
    b1: Hyper = 0.9,
    weight_decay: Hyper | None = None,
    weight_lr_power: Hyper = 2.0,
    state_dtype: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes schedule-free gradient descent: an average of iterates for a schedule.

    zₜ = zₜ₋₁ − ηₜ(gₜ + λyₜ₋₁),  xₜ = xₜ₋₁ + cₜ(zₜ − xₜ₋₁),  yₜ = (1 − β₁)zₜ + β₁xₜ,
    where gₜ is the gradient at yₜ₋₁ and cₜ = η²/Ση² with the largest η so far. The
    parameters are y. Judge the network at x: `evaluation_params(state, params)`.

    Args:
      learning_rate: η after the warm-up. There is nothing to decay.
      warmup_steps: ηₜ = η min(1, t/warmup_steps), t from 1. None for no warm-up.
      b1: β₁ in (0, 1), how far y lies from z toward x.
      weight_decay: λ, at y. None for none.
      weight_lr_power: the power of η in cₜ.
      state_dtype: what z is stored in; the parameters' dtype when None.

    The signature and the defaults are Optax's. Deviation: Optax starts the warm-up with
    a step of length 0, and weighs every step of it with the next one's η (its pull
    request 1744). Here, as in the authors' code, both take the same ηₜ.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> y = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.schedule_free_sgd(0.3)
    >>> state = optimizer.init(y)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(y), state, y)
    ...     y = optax.apply_updates(y, updates)
    ...     print(f"{f(optax_lab.evaluation_params(state, y)):.3f}")
    0.800
    0.392
    0.174

    Source: Defazio et al. 2024, arXiv:2405.15682, equations 7 to 9.
    """
    base = optax.chain(
        scaling.weight_decay(weight_decay),
        scaling.scale_by_learning_rate(learning_rate),
    )
    return iterates.schedule_free(
        base,
        learning_rate,
        b1,
        weight_lr_power,
        state_dtype,
        warmup_steps=warmup_steps,
    )


@scheduled
def schedule_free_adamw(
    learning_rate: Hyper = 0.0025,
    warmup_steps: numerics.Count | None = None,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 0.0,
    weight_lr_power: Hyper = 2.0,
    state_dtype: Any = None,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes schedule-free AdamW: an average of iterates for momentum and schedule.

    νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁),  zₜ = zₜ₋₁ − ηₜ(gₜ/(√ν̂ₜ + ε) + λyₜ₋₁),
    xₜ = xₜ₋₁ + cₜ(zₜ − xₜ₋₁),  yₜ = (1 − β₁)zₜ + β₁xₜ, where gₜ is the gradient at yₜ₋₁
    and cₜ = η²/Ση² with the largest η so far. The parameters are y. Judge the network
    at x: `evaluation_params(state, params)`.

    Args:
      learning_rate: η after the warm-up. There is nothing to decay.
      warmup_steps: ηₜ = η min(1, t/warmup_steps), t from 1. None for no warm-up.
      b1: β₁ in (0, 1), how far y lies from z toward x.
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      weight_decay: λ, at y.
      weight_lr_power: the power of η in cₜ.
      state_dtype: what z is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how a bfloat16 ν is rounded, "stochastic" or "nearest".

    The signature and the defaults up to `state_dtype` are Optax's. Deviations: the
    paper's algorithm 1 has √(1 − β₂ᵗ) in ηₜ, and so in cₜ, where the authors' code and
    Optax debias ν; Optax's warm-up is one step late, as in `schedule_free_sgd`.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> y = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.schedule_free_adamw(0.3)
    >>> state = optimizer.init(y)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(y), state, y)
    ...     y = optax.apply_updates(y, updates)
    ...     print(f"{f(optax_lab.evaluation_params(state, y)):.3f}")
    3.380
    2.776
    2.258

    Source: Defazio et al. 2024, arXiv:2405.15682, algorithm 1.
    """
    b2, eps = numbers(b2, eps)
    ewma.check_decay("b2", b2)
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    base = optax.chain(
        rms.scale_by_rms(b2, eps, 0.0, False, True, **dtypes),
        scaling.weight_decay(weight_decay),
        scaling.scale_by_learning_rate(learning_rate),
    )
    return iterates.schedule_free(
        base,
        learning_rate,
        b1,
        weight_lr_power,
        state_dtype,
        warmup_steps=warmup_steps,
    )
