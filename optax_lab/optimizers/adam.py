# Adam, AdamW, NAdam: the average of gradients over the root of that of their squares.

from typing import Any

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import PyTree
from optax import ScaleByAdamState

from optax_lab import ewma
from optax_lab.optimizers import common, numerics, sgd
from optax_lab.optimizers.hyperparameters import Hyper, numbers, scheduled


def scale_by_adam(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides the average of gradients by the root of the average of their squares.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁), and the
    update is μ̂ₜ / (√(ν̂ₜ + ε_root) + ε), where μ̂ₜ = μₜ/wₜ is read without its bias.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nesterov: puts β₁μₜ/wₜ₊₁ + (1 − β₁)gₜ/wₜ in the place of μ̂ₜ.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √(ν̂ₜ + ε_root) + ε.

    Sources: Kingma & Ba 2014, arXiv:1412.6980, algorithm 1; Dozat 2016,
    openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ (nesterov, without its extra β₂).
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps, eps_root)

    def init_fn(params):
        return zero_moments(params, mu_dtype, nu_dtype)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        mu = ewma.update(state.mu, updates, b1, key=keys[0])
        nu = ewma.update(state.nu, numerics.abs_sq(updates), b2, key=keys[1])
        mean = sgd.look_ahead(mu, updates, b1) if nesterov else ewma.read(mu)
        step = numerics.divide(mean, denominator(nu))
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


def zero_moments(params: PyTree, mu_dtype: Any, nu_dtype: Any) -> ScaleByAdamState:
    """Makes the state of a rule that averages gradients (μ) and their squares (ν)."""
    mu = ewma.init(params, dtype=mu_dtype)
    nu = ewma.init(params, dtype=numerics.statistic_dtype(nu_dtype))
    return ScaleByAdamState(jnp.zeros([], jnp.int32), mu, nu)


@scheduled
def adam(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    eps_root: Hyper = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Adam: the average of gradients over the root of that of their squares.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁),
    θₜ = θₜ₋₁ − η μ̂ₜ / (√(ν̂ₜ + ε_root) + ε), where a hat divides by the weight 1 − βᵗ.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root, as in the paper and in PyTorch.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nesterov: Nesterov's direction in Dozat's form (`optax.nadam`).
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `nesterov` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adam(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.881
    3.384

    Sources: Kingma & Ba 2014, arXiv:1412.6980; Dozat 2016,
    openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
    """
    b1, b2, eps, eps_root = numbers(b1, b2, eps, eps_root)
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov, **dtypes),
        common.scale_by_learning_rate(learning_rate),
    )


@scheduled
def adamw(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    eps_root: Hyper = 0.0,
    mu_dtype: Any = None,
    weight_decay: Hyper = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes AdamW: Adam with decoupled weight decay.

    θₜ = θₜ₋₁ − η (uₜ + λθₜ₋₁), where uₜ = μ̂ₜ / (√(ν̂ₜ + ε_root) + ε) is Adam's step.

    Args:
      learning_rate: η; it multiplies the decay too, as in PyTorch.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      weight_decay: λ. Optax's default is 1e-4, PyTorch's 1e-2, Keras' 4e-3.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      nesterov: Nesterov's direction in Dozat's form (`optax.nadamw`).
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `nesterov` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adamw(0.1, weight_decay=0.2)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.234
    3.551
    2.947

    Source: Loshchilov & Hutter 2017, arXiv:1711.05101.
    """
    b1, b2, eps, eps_root = numbers(b1, b2, eps, eps_root)
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov, **dtypes),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
    )


@scheduled
def nadam(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    eps_root: Hyper = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes NAdam: Adam along Nesterov's direction.

    θₜ = θₜ₋₁ − η nₜ/(√(ν̂ₜ + ε_root) + ε) with μ and ν of `adam`, where
    nₜ = β₁μₜ/(1 − β₁ᵗ⁺¹) + (1 − β₁)gₜ/(1 − β₁ᵗ) is what the next step would read of μ
    if its gradient were this one's.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1), the same in every step; Dozat, PyTorch and Keras raise it.
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nesterov: False makes it `adam`.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `nesterov` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.nadam(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.159
    3.575
    3.081

    Source: Dozat 2016, openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
    """
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return adam(
        learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov, **dtypes
    )


@scheduled
def nadamw(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    eps_root: Hyper = 0.0,
    mu_dtype: Any = None,
    weight_decay: Hyper = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = True,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes NAdamW: NAdam with decoupled weight decay.

    θₜ = θₜ₋₁ − η (uₜ + λθₜ₋₁), where uₜ = nₜ/(√(ν̂ₜ + ε_root) + ε) is NAdam's step.

    Args:
      learning_rate: η; it multiplies the decay too.
      b1: β₁ in [0, 1), the same in every step.
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      weight_decay: λ. Optax's default is 1e-4; PyTorch's NAdam has 0.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      nesterov: False makes it `adamw`.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `nesterov` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.nadamw(0.1, weight_decay=0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.069
    3.417
    2.875

    Sources: Dozat 2016, openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ; Loshchilov &
    Hutter 2017, arXiv:1711.05101.
    """
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    decay = {"weight_decay": weight_decay, "mask": mask}
    return adamw(
        learning_rate, b1, b2, eps, eps_root, nesterov=nesterov, **decay, **dtypes
    )
