# Several averages of gradients at once, or an average mixed with the gradient itself.

from collections.abc import Sequence
from typing import Any

import optax
from jax.typing import ArrayLike

from optax_lab.transforms import mixing, numerics, scaling
from optax_lab.transforms.scheduling import Hyper, number, numbers, scheduled


@scheduled
def ademamix(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    b3: Hyper = 0.9999,
    alpha: Hyper = 5.0,
    eps: Hyper = 1e-8,
    eps_root: Hyper = 0.0,
    mu_dtype: Any = None,
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes AdEMAMix: AdamW with a slow average of gradients beside the fast one.

    mₜ = mₜ₋₁ + (1 − β₁)(gₜ − mₜ₋₁),  sₜ = sₜ₋₁ + (1 − β₃)(gₜ − sₜ₋₁),
    νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁),
    θₜ = θₜ₋₁ − η ((m̂ₜ + α sₜ) / (√(ν̂ₜ + ε_root) + ε) + λθₜ₋₁). s is not debiased.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1), of the fast average.
      b2: β₂ in [0, 1).
      b3: β₃ in [0, 1), of the slow average; the paper raises it from β₁ while training.
      alpha: α ≥ 0, the weight of the slow average; the paper raises it from 0.
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what m and s are stored in; the parameters' dtype when None.
      weight_decay: λ; η multiplies it too.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `mask` are Optax's. Deviation: Optax starts ν
    in `mu_dtype` too, and then changes the dtypes of its state at the first step.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.ademamix(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.880
    3.383

    Source: Pagliardini, Ablin & Grangier 2024, arXiv:2409.03137, algorithm 1.
    """
    b1, b2, b3, alpha, eps, eps_root = numbers(b1, b2, b3, alpha, eps, eps_root)
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        mixing.scale_by_ademamix(b1, b2, b3, alpha, eps, eps_root, mu_dtype, **dtypes),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def qhm(
    learning_rate: Hyper,
    decay: Hyper = 0.999,
    nu: Hyper = 0.7,
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes quasi-hyperbolic momentum: a mean of descent and of momentum.

    mₜ = mₜ₋₁ + (1 − β)(gₜ − mₜ₋₁),  θₜ = θₜ₋₁ − η ((1 − ν)gₜ + ν mₜ + λθₜ₋₁). The
    average has a gain of 1: a rate that suits a heavy ball of β is divided by 1 − β.

    Args:
      learning_rate: η.
      decay: β in [0, 1).
      nu: ν ≥ 0: 0 is plain descent, 1 is `momentum`, β is Nesterov's.
      weight_decay: λ; η multiplies it too.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what m is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 m is rounded, "stochastic" or "nearest".

    Optax has no such name; the defaults are the paper's rule of thumb.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.qhm(1.0)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    0.794
    0.124
    0.018

    Source: Ma & Yarats 2018, arXiv:1810.06801.
    """
    decay, nu = numbers(decay, nu)
    return optax.chain(
        mixing.scale_by_qhm(decay, nu, mu_dtype=mu_dtype, rounding=rounding),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def qhadam(
    learning_rate: Hyper,
    b1: Hyper = 0.995,
    b2: Hyper = 0.999,
    nu1: Hyper = 0.7,
    nu2: Hyper = 1.0,
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes QHAdam: both averages of Adam are mixed with what they average.

    mₜ = mₜ₋₁ + (1 − β₁)(gₜ − mₜ₋₁),  sₜ = sₜ₋₁ + (1 − β₂)(|gₜ|² − sₜ₋₁),
    θₜ = θₜ₋₁ − η (((1 − ν₁)gₜ + ν₁m̂ₜ) / (√((1 − ν₂)|gₜ|² + ν₂ŝₜ) + ε) + λθₜ₋₁).

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      nu1: ν₁ ≥ 0.
      nu2: ν₂ in [0, 1]; ν₁ = ν₂ = 1 is AdamW.
      eps: ε, outside the root.
      weight_decay: λ; η multiplies it too.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what m is stored in; the parameters' dtype when None.
      nu_dtype: what s is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    Optax has no such name; the defaults are its authors' advice to those who use Adam
    with β₁ = .9. With their code's defaults, ν₁ = ν₂ = 1, it would be Adam.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.qhadam(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.886
    3.396

    Source: Ma & Yarats 2018, arXiv:1810.06801.
    """
    b1, b2, nu1, nu2, eps = numbers(b1, b2, nu1, nu2, eps)
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        mixing.scale_by_qhadam(b1, b2, nu1, nu2, eps, **dtypes),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def aggmo(
    learning_rate: Hyper,
    betas: Hyper | Sequence[ArrayLike] = (0.0, 0.9, 0.99),
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes aggregated momentum: the mean of several heavy balls.

    tᵢ,ₜ = βᵢ tᵢ,ₜ₋₁ + gₜ for each of K decays,  θₜ = θₜ₋₁ − η (Σᵢ tᵢ,ₜ / K + λθₜ₋₁).
    The small decays damp what the large ones make oscillate.

    Args:
      learning_rate: η.
      betas: β₁ … β_K in [0, 1): a sequence, a vector, or one number. K is structure;
        as a vector they can be traced.
      weight_decay: λ; η multiplies it too.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what the sums are stored in; the parameters' dtype when None.
      rounding: how bfloat16 sums are rounded, "stochastic" or "nearest".

    Optax has no such name; the defaults are the paper's: βᵢ = 1 − .1ⁱ⁻¹, K = 3.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.aggmo(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.200
    1.321
    0.183

    Source: Lucas, Sun, Zemel & Grosse 2018, arXiv:1804.00325.
    """
    return optax.chain(
        mixing.scale_by_aggmo(number(betas), mu_dtype=mu_dtype, rounding=rounding),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )
