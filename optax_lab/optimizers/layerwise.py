# Steps whose length belongs to a whole tensor: norms of parameters and of gradients.

from typing import Any

import optax

from optax_lab.transforms import adam, numerics, scaling
from optax_lab.transforms import layerwise as rules
from optax_lab.transforms import momentum as momentum_rules
from optax_lab.transforms.scheduling import Hyper, numbers, scheduled


@scheduled
def lamb(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-6,
    eps_root: Hyper = 0.0,
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes LAMB: AdamW's direction, in every tensor as long as the tensor itself.

    uₜ = μ̂ₜ / (√(ν̂ₜ + ε_root) + ε) + λθₜ₋₁,  θₜ = θₜ₋₁ − η (‖θₜ₋₁‖/‖uₜ‖) uₜ, where μ̂
    and ν̂ are Adam's averages and the norms are of one tensor; where one of them is 0,
    their ratio is taken as 1.

    Args:
      learning_rate: η, the part of its length that a tensor moves.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      weight_decay: λ, inside of ‖u‖, as in the paper; outside of it in Keras.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `mask` are Optax's. The paper's φ, which may
    bound ‖θ‖, is left out, as there.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.lamb(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.101
    3.373
    2.782

    Source: You et al. 2019, arXiv:1904.00962, algorithm 2.
    """
    b1, b2, eps, eps_root = numbers(b1, b2, eps, eps_root)
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        adam.scale_by_adam(b1, b2, eps, eps_root, mu_dtype, **dtypes),
        scaling.weight_decay(weight_decay, mask),
        rules.scale_by_trust_ratio(),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def lars(
    learning_rate: Hyper,
    weight_decay: Hyper = 0.0,
    weight_decay_mask: Any = True,
    trust_coefficient: Hyper = 0.001,
    eps: Hyper = 0.0,
    trust_ratio_mask: Any = True,
    momentum: Hyper = 0.9,
    nesterov: bool = False,
    *,
    accumulator_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes LARS: the heavy ball, pushed in every tensor by a part of its length.

    uₜ = gₜ + λθₜ₋₁,  tₜ = βtₜ₋₁ + η c ‖θₜ₋₁‖/(‖uₜ‖ + ε) uₜ,  θₜ = θₜ₋₁ − tₜ, norms of
    one tensor; where one of them is 0, uₜ keeps its own length. The learning rate is
    inside the sum, so a drop of η is felt as slowly as the sum forgets.

    Args:
      learning_rate: η.
      weight_decay: λ.
      weight_decay_mask: the parameters that decay, as in `optax.masked`.
      trust_coefficient: c.
      eps: ε.
      trust_ratio_mask: the parameters whose length counts, as in `optax.masked`.
      momentum: β of the heavy ball.
      nesterov: lets the heavy ball look one step ahead.
      accumulator_dtype: what t is stored in; the parameters' dtype when None, in which
        one of 16 bits stalls.
      rounding: how a t is rounded whose `accumulator_dtype` is bfloat16, "stochastic"
        or "nearest".

    The signature and the defaults up to `nesterov` are Optax's. Deviation from the
    paper, as there: ‖g + λθ‖ stands where algorithm 1 has ‖g‖ + λ‖θ‖.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.lars(100.0)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.050
    2.592
    1.181

    Source: You et al. 2017, arXiv:1708.03888, algorithm 1.
    """
    trust_coefficient, eps = numbers(trust_coefficient, eps)
    trust_ratio = rules.scale_by_trust_ratio(0.0, trust_coefficient, eps)
    return optax.chain(
        scaling.weight_decay(weight_decay, weight_decay_mask),
        scaling.masked(trust_ratio, trust_ratio_mask),
        scaling.scale_by_learning_rate(learning_rate),
        momentum_rules.heavy_ball(momentum, nesterov, accumulator_dtype, rounding),
    )


@scheduled
def novograd(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.25,
    eps: Hyper = 1e-6,
    eps_root: Hyper = 0.0,
    weight_decay: Hyper = 0.0,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes NovoGrad: a sum of gradients over the root of their tensor's average norm.

    νₜ = νₜ₋₁ + (1 − β₂)(‖gₜ‖² − νₜ₋₁), one number per tensor, starting at ‖g₁‖²;
    μₜ = β₁μₜ₋₁ + gₜ/(√(νₜ + ε_root) + ε) + λθₜ₋₁,  θₜ = θₜ₋₁ − η μₜ.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1); μ is a sum and has 1/(1 − β₁) times the gain of an average.
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      weight_decay: λ, summed in μ too.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 μ and ν are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `weight_decay` are Optax's; the paper has
    β₁ = 0.95 and β₂ = 0.98. An ε counts in the first step too.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.novograd(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.563
    3.792
    2.823

    Sharded: Flax's partitioned variables take no state of another shape than theirs, as
    the norms are.

    Source: Ginsburg et al. 2019, arXiv:1905.11286, algorithm 1.
    """
    b1, b2, eps, eps_root, weight_decay = numbers(b1, b2, eps, eps_root, weight_decay)
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        rules.scale_by_novograd(
            b1, b2, eps, eps_root, weight_decay, mu_dtype, **dtypes
        ),
        scaling.scale_by_learning_rate(learning_rate),
    )
