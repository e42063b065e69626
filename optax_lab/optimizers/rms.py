# Gradients over the root of an average of their squares.

from typing import Any

import optax

from optax_lab.transforms import momentum as momentum_rules
from optax_lab.transforms import numerics, rms, scaling
from optax_lab.transforms.scheduling import Hyper, numbers, scheduled


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
    rule = rms.scale_by_rms
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    if centered:
        rule = rms.scale_by_stddev
        dtypes |= {"mu_dtype": mu_dtype}
    return optax.chain(
        rule(decay, eps, initial_scale, eps_in_sqrt, bias_correction, **dtypes),
        scaling.scale_by_learning_rate(learning_rate),
        momentum_rules.heavy_ball(momentum, nesterov, accumulator_dtype, rounding),
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
        scaling.weight_decay(weight_decay, weight_decay_mask),
        rms.scale_by_adadelta(rho, eps, nu_dtype=nu_dtype, rounding=rounding),
        scaling.scale_by_learning_rate(1.0 if learning_rate is None else learning_rate),
    )
