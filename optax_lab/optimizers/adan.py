# The average of gradients, corrected by how the gradient has changed.

from typing import Any

import optax

from optax_lab.transforms import adan as rules
from optax_lab.transforms import numerics, scaling
from optax_lab.transforms.scheduling import Hyper, numbers, scheduled


@scheduled
def adan(
    learning_rate: Hyper,
    b1: Hyper = 0.98,
    b2: Hyper = 0.92,
    b3: Hyper = 0.99,
    eps: Hyper = 1e-8,
    eps_root: Hyper = 1e-8,
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Adan: Adam with Nesterov's direction, found from the gradient's change.

    With dₜ = gₜ − gₜ₋₁ (0 at the first step), mₜ = mₜ₋₁ + (1 − β₁)(gₜ − mₜ₋₁),
    vₜ = vₜ₋₁ + (1 − β₂)(dₜ − vₜ₋₁),  nₜ = nₜ₋₁ + (1 − β₃)(|gₜ + β₂dₜ|² − nₜ₋₁),
    θₜ = θₜ₋₁ − η ((m̂ₜ + β₂v̂ₜ) / (√(n̂ₜ + ε_root) + ε) + λθₜ₋₁).

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      b3: β₃ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      weight_decay: λ; η multiplies it too.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what m, v and the last gradient are stored in; the parameters' dtype
        when None.
      nu_dtype: what n is stored in; real and at least float32 when None.
      rounding: how what is stored in bfloat16 is rounded, "stochastic" or "nearest".

    The signature and the defaults up to `mask` are Optax's. The paper writes 1 − β for
    β, and divides by 1 + ηλ where we, Optax and the authors' `no_prox` subtract ηλθ.
    Deviation: Optax has 1 − β₂ = .08 in the place of both factors β₂ = .92 (its pull
    request #1715).

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adan(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.882
    3.385

    Source: Xie et al. 2022, arXiv:2208.06677, algorithm 1.
    """
    b1, b2, b3, eps, eps_root = numbers(b1, b2, b3, eps, eps_root)
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        rules.scale_by_adan(b1, b2, b3, eps, eps_root, **dtypes),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def mars(
    learning_rate: Hyper,
    b1: Hyper = 0.95,
    b2: Hyper = 0.99,
    eps: Hyper = 1e-8,
    gamma: Hyper = 0.025,
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes MARS-AdamW: AdamW on gradients of less variance.

    c̃ₜ = cₜ / max(1, ‖cₜ‖),  cₜ = gₜ + γ β₁/(1 − β₁) (gₜ − gₜ₋₁),  c₁ = g₁,
    μₜ = μₜ₋₁ + (1 − β₁)(c̃ₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(|c̃ₜ|² − νₜ₋₁),
    θₜ = θₜ₋₁ − η (μ̂ₜ / (√ν̂ₜ + ε) + λθₜ₋₁). The norm is that of each array.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      gamma: γ ≥ 0; 0 is AdamW with clipped gradients.
      weight_decay: λ; η multiplies it too.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what μ and the last gradient are stored in; the parameters' dtype when
        None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how what is stored in bfloat16 is rounded, "stochastic" or "nearest".

    Optax has no such name; the defaults are the paper's. It is "MARS-approx", where
    gₜ₋₁ is the gradient of the last batch. Deviations from the authors' code, which
    takes g₀ = 0 and leaves arrays that are no matrices to AdamW: `scale_by_mars`.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.mars(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.880
    3.380

    Source: Yuan et al. 2024, arXiv:2411.10438, algorithm 2.
    """
    b1, b2, eps, gamma = numbers(b1, b2, eps, gamma)
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        rules.scale_by_mars(b1, b2, eps, gamma, **dtypes),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )
