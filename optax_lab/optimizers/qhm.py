# QHM and QHAdam: an average of gradients, mixed with the gradient itself.

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import PyTree
from optax import EmaState, ScaleByAdamState

from optax_lab import ewma, precision
from optax_lab.optimizers import adam, common, numerics
from optax_lab.optimizers.hyperparameters import Hyper, numbers, scheduled


def scale_by_qhm(
    decay: ArrayLike = 0.999,
    nu: ArrayLike = 0.7,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformation:
    """Mixes the gradient with the average of gradients: quasi-hyperbolic momentum.

    mₜ = mₜ₋₁ + (1 − β)(gₜ − mₜ₋₁), and the update is (1 − ν)gₜ + ν mₜ: the average,
    with the gradient taken in once more, by another decay. m is not debiased.

    Args:
      decay: β in [0, 1).
      nu: ν ≥ 0: 0 is plain descent, 1 is `ema` with its bias, β is Nesterov's step.
      mu_dtype: what m is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 m is rounded, "stochastic" or "nearest".

    Source: Ma & Yarats 2018, arXiv:1810.06801.
    """
    ewma.check_decay("decay", decay)
    numerics.check_at_least_0("nu", nu)
    numerics.check_rounding(rounding)

    def init_fn(params):
        return EmaState(jnp.zeros([], jnp.int32), ewma.init(params, dtype=mu_dtype))

    def update_fn(updates, state, params=None):
        del params
        key = numerics.rounding_key(rounding, state.count, 0, state.ema)
        average = ewma.update(state.ema, updates, decay, key=key)
        step = _once_more(average, updates, nu, read=ewma.raw).average
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), EmaState(count, average)

    return optax.GradientTransformation(init_fn, update_fn)


def scale_by_qhadam(
    b1: ArrayLike = 0.995,
    b2: ArrayLike = 0.999,
    nu1: ArrayLike = 0.7,
    nu2: ArrayLike = 1.0,
    eps: ArrayLike = 1e-8,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Mixes both averages of Adam with what they average.

    mₜ = mₜ₋₁ + (1 − β₁)(gₜ − mₜ₋₁),  sₜ = sₜ₋₁ + (1 − β₂)(|gₜ|² − sₜ₋₁), and the update
    is ((1 − ν₁)gₜ + ν₁m̂ₜ) / (√((1 − ν₂)|gₜ|² + ν₂ŝₜ) + ε).

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      nu1: ν₁ ≥ 0.
      nu2: ν₂ in [0, 1]; ν₁ = ν₂ = 1 is Adam.
      eps: ε, outside the root.
      mu_dtype: what m (`mu`) is stored in; the parameters' dtype when None.
      nu_dtype: what s (`nu`) is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of an average that replaces its root plus ε.

    Source: Ma & Yarats 2018, arXiv:1810.06801.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_at_least_0("nu1", nu1)
    if isinstance(nu2, int | float) and not 0 <= nu2 <= 1:
        raise ValueError(f"nu2 must lie in [0, 1], got {nu2}")
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps)

    def init_fn(params):
        return adam.zero_moments(params, mu_dtype, nu_dtype)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        squares = numerics.abs_sq(updates)
        mu = ewma.update(state.mu, updates, b1, key=keys[0])
        nu = ewma.update(state.nu, squares, b2, key=keys[1])
        mean = _once_more(mu, updates, nu1).average
        spread = _once_more(nu, squares, nu2)
        step = numerics.divide(mean, denominator(spread))
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


def _once_more(
    average: ewma.Ewma,
    x: PyTree,
    decay: ArrayLike,
    *,
    read: Callable[[ewma.Ewma], PyTree] = ewma.read,
) -> ewma.Ewma:
    """Takes x once more into what is read from an average: (1 − ν)x + ν â."""
    # What is read may have overflowed by its last bit, and ∞ − ∞ is NaN.
    mean = precision.each(precision.saturate, read(average))
    return ewma.update(ewma.Ewma(mean, jnp.ones_like(average.weight)), x, decay)


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
        scale_by_qhm(decay, nu, mu_dtype=mu_dtype, rounding=rounding),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
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
        scale_by_qhadam(b1, b2, nu1, nu2, eps, **dtypes),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
    )
