# The average of gradients over a maximum.

from typing import Any

import optax

from optax_lab.transforms import maxima as rules
from optax_lab.transforms import numerics, scaling
from optax_lab.transforms.scheduling import Hyper, number, numbers, scheduled


@scheduled
def amsgrad(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    eps_root: Hyper = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes AMSGrad: Adam whose denominator never shrinks.

    ν⁺ₜ = max(ν⁺ₜ₋₁, ν̂ₜ),  θₜ = θₜ₋₁ − η μ̂ₜ/(√(ν⁺ₜ + ε_root) + ε), with μ and ν of
    `adam`, where a hat divides by the weight 1 − βᵗ.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root; the paper has none.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      bias_correction_mu: False takes μₜ for μ̂ₜ, as in the paper.
      bias_correction_nu: False takes νₜ for ν̂ₜ, as in the paper. PyTorch and Keras take
        the maximum of νₜ and debias that.
      nu_dtype: what ν and ν⁺ are stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `bias_correction_nu` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.amsgrad(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.898
    3.429

    Source: Reddi, Kale & Kumar 2018, arXiv:1904.09237, algorithm 2.
    """
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        rules.scale_by_amsgrad(
            number(b1),
            number(b2),
            number(eps),
            number(eps_root),
            bias_correction_mu=bias_correction_mu,
            bias_correction_nu=bias_correction_nu,
            **dtypes,
        ),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def adamax(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Adamax: the average of gradients over their exponentially weighted maximum.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = max(β₂νₜ₋₁, |gₜ| + ε),  θₜ = θₜ₋₁ − η μ̂ₜ/νₜ,
    where a hat divides by the weight 1 − β₁ᵗ. It is Adam with the root of the mean of
    pth powers for p → ∞.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, inside the maximum, as in PyTorch; Keras adds it to νₜ, the paper nowhere.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".

    The signature and the defaults up to `eps` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adamax(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.897
    3.428

    Source: Kingma & Ba 2014, arXiv:1412.6980, algorithm 2.
    """
    b1, b2, eps = numbers(b1, b2, eps)
    return optax.chain(
        rules.scale_by_adamax(b1, b2, eps, mu_dtype=mu_dtype, rounding=rounding),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def adamaxw(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 1e-4,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes AdamaxW: Adamax with decoupled weight decay.

    θₜ = θₜ₋₁ − η (uₜ + λθₜ₋₁), where uₜ = μ̂ₜ/νₜ is Adamax's step.

    Args:
      learning_rate: η; it multiplies the decay too.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, inside the maximum.
      weight_decay: λ.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".

    The signature and the defaults up to `mask` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adamaxw(0.1, weight_decay=0.2)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.234
    3.571
    3.000

    Sources: Kingma & Ba 2014, arXiv:1412.6980, algorithm 2; Loshchilov & Hutter 2017,
    arXiv:1711.05101.
    """
    b1, b2, eps = numbers(b1, b2, eps)
    return optax.chain(
        rules.scale_by_adamax(b1, b2, eps, mu_dtype=mu_dtype, rounding=rounding),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )
