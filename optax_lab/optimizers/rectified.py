# Adam, shortened while the average of the squares is too young to be relied on.

from typing import Any

import optax

from optax_lab.transforms import numerics, scaling
from optax_lab.transforms import rectified as rules
from optax_lab.transforms.scheduling import Hyper, numbers, scheduled


@scheduled
def radam(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    eps_root: Hyper = 0.0,
    threshold: Hyper = 5.0,
    *,
    nesterov: bool = False,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes RAdam: Adam, rectified by the variance of its denominator.

    θₜ = θₜ₋₁ − η rₜμ̂ₜ/(√(ν̂ₜ + ε_root) + ε) once ρₜ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ) has reached
    the threshold, and θₜ = θₜ₋₁ − η μ̂ₜ until then, with μ and ν of `adam`,
    ρ∞ = 2/(1 − β₂) − 1 and rₜ² = (ρₜ − 4)(ρₜ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₜ). It warms
    itself up: rₜ rises from about 0 to 1 in some 1/(1 − β₂) steps.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1); the weight of ν is what 1 − β₂ᵗ is taken from.
      eps: ε, outside the root; PyTorch adds it to √νₜ before the bias is corrected.
      eps_root: ε_root, inside the root.
      threshold: the least ρₜ that ν̂ is relied on. The paper has 4, the authors' code 5;
        a threshold under 4 acts like 4.
      nesterov: Nesterov's direction in Dozat's form.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `nesterov` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.radam(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.200
    1.929
    1.069

    Source: Liu et al. 2019, arXiv:1908.03265.
    """
    b1, b2, eps, eps_root, threshold = numbers(b1, b2, eps, eps_root, threshold)
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        rules.scale_by_radam(
            b1, b2, eps, eps_root, threshold, nesterov=nesterov, **dtypes
        ),
        scaling.scale_by_learning_rate(learning_rate),
    )
