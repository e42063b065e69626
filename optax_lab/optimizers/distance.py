# Adam without a rate of one's own: it is estimated from the distance gone.

from typing import Any

import optax
from jax.typing import ArrayLike

from optax_lab import ewma
from optax_lab.transforms import distance, numerics
from optax_lab.transforms.scheduling import Hyper, number, scheduled


@scheduled
def prodigy(
    learning_rate: Hyper = 1.0,
    betas: tuple[ArrayLike, ArrayLike] = (0.9, 0.999),
    beta3: Hyper | None = None,
    eps: Hyper = 1e-8,
    estim_lr0: Hyper = 1e-6,
    estim_lr_coef: Hyper = 1.0,
    weight_decay: Hyper = 0.0,
    safeguard_warmup: bool = False,
    *,
    bias_correction: bool = True,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Prodigy: AdamW with an estimate of the distance to go for its rate.

    θₜ = θₜ₋₁ − γₜ(μₜ/(√νₜ + dₜ₊₁ε) + λθₜ₋₁),  γₜ = ηdₜ√(1 − β₂ᵗ)/(1 − β₁ᵗ),
    dₜ₊₁ = max(dₜ, c rₜ/‖sₜ‖₁), where μ and ν average dₜgₜ and |dₜgₜ|² as Adam does, and
    r and s average dₜγₜ⟨gₜ, θ₀ − θₜ₋₁⟩ and dₜγₜgₜ with the decay β₃.

    Args:
      learning_rate: η, a factor of the estimated rate; 1, or a schedule that ends at 0.
      betas: β₁ and β₂ in [0, 1); numbers or arrays, not schedules.
      beta3: β₃ in [0, 1); √β₂ when None.
      eps: ε, outside the root; it has no unit.
      estim_lr0: d₁ > 0, smaller than the distance to the solution, and large enough for
        a step to move the parameters, which those of 16 bits ask about 1e-2 for.
      estim_lr_coef: c: above 1 for longer steps, below for shorter ones.
      weight_decay: λ; γ multiplies it too.
      safeguard_warmup: puts dₜ for γₜ in s, so that a warm-up of η does not raise d.
      bias_correction: the factor √(1 − β₂ᵗ)/(1 − β₁ᵗ) of γ, 1 when False.
      mu_dtype: what μ and s are stored in; the parameters' dtype when None, or float32
        where that is float16, which dₜgₜ is too small for.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `safeguard_warmup` are Optax's. Like Optax and
    an option of the authors' code it corrects γ for the bias of μ and ν, which the
    paper's algorithm 4 does not, and multiplies ε by the new d, not the old one.
    Deviations from Optax: r and s are averages, as in the paper, and not sums, which
    is the same ratio; r and d have at least 32 bits; and as long as every gradient is 0
    d stays as it is, where Optax divides 0 by 0.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.prodigy(estim_lr0=0.01)
    >>> state = optimizer.init(x)
    >>> for step in range(1, 16):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     if step % 5 == 0:
    ...         print(f"{f(x):.3f} {state.estim_lr:.3f}")
    4.690 0.019
    3.284 0.169
    0.313 0.693

    Source: Mishchenko & Defazio 2023, arXiv:2306.06101, algorithm 4.
    """
    for place, decay in enumerate(betas):
        ewma.check_decay(f"betas[{place}]", decay)
    b1, b2 = betas
    rule = distance.scale_by_prodigy(
        number(learning_rate),
        b1,
        b2,
        number(beta3),
        number(eps),
        number(estim_lr0),
        number(estim_lr_coef),
        number(weight_decay),
        safeguard_warmup,
        bias_correction=bias_correction,
        mu_dtype=mu_dtype,
        nu_dtype=nu_dtype,
        rounding=rounding,
    )
    return optax.with_extra_args_support(rule)
