# AdaBelief and Yogi: squares of surprises only, or changed one small step at a time.

from typing import Any

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from optax import ScaleByAdamState, ScaleByBeliefState

from optax_lab import ewma, precision
from optax_lab.optimizers import common, numerics, sgd
from optax_lab.optimizers.hyperparameters import Hyper, numbers, scheduled


def scale_by_belief(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-16,
    eps_root: ArrayLike = 1e-16,
    *,
    nesterov: bool = False,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides the average of gradients by how far gradients lie from it.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(|gₜ − μₜ|² − νₜ₋₁) + ε_root,
    and the update is μ̂ₜ / (√ν̂ₜ + ε). ε_root stays in ν, so that ν̂ₜ holds
    ε_root/(1 − β₂) of it: it is averaged as a part of the squares.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root. The paper's is 1e-8, for both.
      eps_root: ε_root, which every step adds to ν.
      nesterov: puts β₁μₜ/wₜ₊₁ + (1 − β₁)gₜ/wₜ in the place of μ̂ₜ.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √ν̂ₜ + ε.

    Source: Zhuang et al. 2020, arXiv:2010.07468, algorithm 2.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_at_least_0("eps_root", eps_root)
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps)
    raised = lambda x: x + eps_root / (1 - b2)

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        nu = ewma.init(params, dtype=numerics.statistic_dtype(nu_dtype))
        return ScaleByBeliefState(jnp.zeros([], jnp.int32), mu, nu)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        mu = ewma.update(state.mu, updates, b1, key=keys[0])
        surprise = precision.each(lambda g, m: g - m, updates, mu.average)
        squares = precision.each(raised, numerics.abs_sq(surprise))
        nu = ewma.update(state.nu, squares, b2, key=keys[1])
        mean = sgd.look_ahead(mu, updates, b1) if nesterov else ewma.read(mu)
        step = numerics.divide(mean, denominator(nu))
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), ScaleByBeliefState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


def scale_by_yogi(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-3,
    eps_root: ArrayLike = 0.0,
    initial_accumulator_value: ArrayLike = 1e-6,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides the average of gradients by squares that change by one square at most.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂) sign(|gₜ|² − νₜ₋₁)|gₜ|², and
    the update is μₜ / (√(νₜ + ε_root) + ε). ν is no average but a sum of signed steps,
    whose size does not depend on how large ν is.

    Deviations from Optax: μ starts at 0, so that a gradient of 0 moves nothing, and
    nothing is debiased, as in the paper. Optax starts μ at ν₀ too, and divides ν₀ by
    1 − β₂ in the first step.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      initial_accumulator_value: ν₀.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √(νₜ + ε_root) + ε.

    Source: Zaheer et al. 2018, "Adaptive methods for nonconvex optimization"
    (NeurIPS), algorithm 2.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    name = "initial_accumulator_value"
    numerics.check_at_least_0(name, initial_accumulator_value)
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps, eps_root)
    toward = lambda x, n: (1 - b2) * jnp.sign(x - n) * x

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        dtype = numerics.statistic_dtype(nu_dtype)
        nu = ewma.init(params, start=initial_accumulator_value, dtype=dtype)
        return ScaleByAdamState(jnp.zeros([], jnp.int32), mu, nu)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        mu = ewma.update(state.mu, updates, b1, key=keys[0])
        signed = precision.each(toward, numerics.abs_sq(updates), state.nu.average)
        total = ewma.accumulate(state.nu.average, signed, 1, key=keys[1])
        nu = state.nu._replace(average=total)
        step = numerics.divide(ewma.raw(mu), denominator(nu))
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


@scheduled
def adabelief(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-16,
    eps_root: Hyper = 1e-16,
    *,
    nesterov: bool = False,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes AdaBelief: Adam over the distance of gradients from their average.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(|gₜ − μₜ|² − νₜ₋₁) + ε_root,
    θₜ = θₜ₋₁ − η μ̂ₜ/(√ν̂ₜ + ε), where a hat divides by the weight 1 − βᵗ. Where
    gradients are as expected, steps are long.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root. The paper's is 1e-8 in both places.
      eps_root: ε_root, which every step adds to ν; it stays there.
      nesterov: Nesterov's direction in Dozat's form.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `nesterov` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adabelief(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.358
    3.738
    3.150

    Source: Zhuang et al. 2020, arXiv:2010.07468.
    """
    b1, b2, eps, eps_root = numbers(b1, b2, eps, eps_root)
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        scale_by_belief(b1, b2, eps, eps_root, nesterov=nesterov, **dtypes),
        common.scale_by_learning_rate(learning_rate),
    )


@scheduled
def yogi(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-3,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Yogi: Adam over squares that change by one square at most.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂) sign(|gₜ|² − νₜ₋₁)|gₜ|²,
    θₜ = θₜ₋₁ − η μₜ/(√νₜ + ε). After large gradients ν falls slowly where Adam's would
    fall fast. μ starts at 0 and ν at 1e-6.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `eps` are Optax's. Deviations: Optax starts μ
    at 1e-6 too, and debiases both although neither starts at 0. Here a gradient of 0
    moves nothing, and nothing is debiased, as in the paper.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.yogi(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.318
    1.685
    0.647

    Source: Zaheer et al. 2018, "Adaptive methods for nonconvex optimization" (NeurIPS).
    """
    b1, b2, eps = numbers(b1, b2, eps)
    dtypes = {"mu_dtype": mu_dtype, "nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        scale_by_yogi(b1, b2, eps, **dtypes),
        common.scale_by_learning_rate(learning_rate),
    )
