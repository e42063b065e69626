# RAdam: Adam, shortened while the average of the squares is young.

from typing import Any

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float
from optax import ScaleByAdamState

from optax_lab import ewma, precision
from optax_lab.optimizers import adam, common, numerics, sgd
from optax_lab.optimizers.hyperparameters import Hyper, numbers, scheduled


def scale_by_radam(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
    threshold: ArrayLike = 5.0,
    *,
    nesterov: bool = False,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Takes Adam's direction as far as the variance of its denominator allows.

    With μ and ν as in `scale_by_adam`, ν̂ₜ is worth ρₜ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ) squares
    (ρ∞ = 2/(1 − β₂) − 1). While ρₜ is under the threshold the update is μ̂ₜ, and then
    rₜ μ̂ₜ / (√(ν̂ₜ + ε_root) + ε), rₜ² = (ρₜ − 4)(ρₜ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₜ).

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      threshold: the least ρₜ that ν̂ is relied on. The paper has 4, under which rₜ is
        not real: a lower threshold acts like 4.
      nesterov: puts β₁μₜ/wₜ₊₁ + (1 − β₁)gₜ/wₜ in the place of μ̂ₜ.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √(ν̂ₜ + ε_root) + ε.

    Source: Liu et al. 2019, arXiv:1908.03265, algorithm 2.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_at_least_0("threshold", threshold)
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps, eps_root)

    def init_fn(params):
        return adam.zero_moments(params, mu_dtype, nu_dtype)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        mu = ewma.update(state.mu, updates, b1, key=keys[0])
        nu = ewma.update(state.nu, numerics.abs_sq(updates), b2, key=keys[1])
        mean = sgd.look_ahead(mu, updates, b1) if nesterov else ewma.read(mu)
        count = jnp.asarray(optax.safe_increment(state.count))
        r, relied = rectification(nu.weight, count, b2, threshold)
        rectify = lambda m, d: r * m / jnp.where(relied, d, 1.0)
        step = precision.each(rectify, mean, denominator(nu))
        return numerics.like(step, updates), ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


def rectification(
    weight: Array, count: Array, decay: ArrayLike, threshold: ArrayLike
) -> tuple[Float[Array, ""], Bool[Array, ""]]:
    """Returns rₜ and whether ρₜ reaches the threshold, from the weight 1 − βᵗ.

    Below the threshold rₜ is 1.
    """

    def rectify(w, t):
        most = 2 / (1 - decay) - 1
        # A weight comes to rest where its steps are rounding errors, below 1: what is
        # left of βᵗ there is none of it, and times t it would grow for ever.
        at_rest = (1 - w) * (1 - decay) < jnp.finfo(w.dtype).eps
        length = most - jnp.where(at_rest, 0, 2 * t * (1 - w) / w)
        relied = (length >= threshold) & (length > 4)
        # Below, ρ = ρ∞ = 5 keeps the root and its slope finite.
        n, m = jnp.where(relied, length, 5.0), jnp.where(relied, most, 5.0)
        square = (n - 4) * (n - 2) * m / ((m - 4) * (m - 2) * n)
        return numerics.root(square), relied

    return precision.each(rectify, weight, count)


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
        scale_by_radam(b1, b2, eps, eps_root, threshold, nesterov=nesterov, **dtypes),
        common.scale_by_learning_rate(learning_rate),
    )
