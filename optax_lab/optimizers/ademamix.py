# AdEMAMix and AggMo: several averages of gradients at once.

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Int, PyTree
from optax.contrib import ScaleByAdemamixState

from optax_lab import ewma, precision
from optax_lab.optimizers import common, numerics
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers, scheduled


class ScaleByAggmoState(NamedTuple):
    """Holds a step count, and for each decay a sum of gradients."""

    count: Int[Array, ""]
    traces: tuple[PyTree, ...]


def scale_by_ademamix(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    b3: ArrayLike = 0.9999,
    alpha: ArrayLike = 6.0,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
    mu_dtype: Any = None,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Adds a slow average of gradients to the fast one of Adam.

    mₜ = mₜ₋₁ + (1 − β₁)(gₜ − mₜ₋₁),  sₜ = sₜ₋₁ + (1 − β₃)(gₜ − sₜ₋₁),
    νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁), and the update is
    (m̂ₜ + α sₜ) / (√(ν̂ₜ + ε_root) + ε). s is not debiased, so that it fills slowly.

    Args:
      b1: β₁ in [0, 1), of the fast average (`m1` in the state).
      b2: β₂ in [0, 1).
      b3: β₃ in [0, 1), of the slow average (`m2` in the state).
      alpha: α ≥ 0, the weight of the slow average.
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what m and s are stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √(ν̂ₜ + ε_root) + ε.

    Deviation from Optax: `mu_dtype` is not that of ν, and all dtypes stay.

    Source: Pagliardini, Ablin & Grangier 2024, arXiv:2409.03137, algorithm 1.
    """
    for name, decay in (("b1", b1), ("b2", b2), ("b3", b3)):
        ewma.check_decay(name, decay)
    numerics.check_at_least_0("alpha", alpha)
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps, eps_root)

    def init_fn(params):
        m1, m2 = (ewma.init(params, dtype=mu_dtype) for _ in range(2))
        nu = ewma.init(params, dtype=numerics.statistic_dtype(nu_dtype))
        count, count_m2 = (jnp.zeros([], jnp.int32) for _ in range(2))
        return ScaleByAdemamixState(count, count_m2, m1, m2, nu)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, *state[2:])
        m1 = ewma.update(state.m1, updates, b1, key=keys[0])
        m2 = ewma.update(state.m2, updates, b3, key=keys[1])
        nu = ewma.update(state.nu, numerics.abs_sq(updates), b2, key=keys[2])
        mean = numerics.add(ewma.read(m1), ewma.raw(m2), alpha)
        step = numerics.divide(mean, denominator(nu))
        count, count_m2 = (optax.safe_increment(count) for count in state[:2])
        after = ScaleByAdemamixState(count, count_m2, m1, m2, nu)
        return numerics.like(step, updates), after

    return optax.GradientTransformation(init_fn, update_fn)


def scale_by_aggmo(
    betas: ArrayLike | Sequence[ArrayLike] = (0.0, 0.9, 0.99),
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformation:
    """Sums gradients with several decays at once: aggregated momentum.

    tᵢ,ₜ = βᵢ tᵢ,ₜ₋₁ + gₜ for each of K decays, and the update is the mean of the tᵢ,ₜ.

    Args:
      betas: β₁ … β_K in [0, 1): a sequence, a vector, or one number.
      mu_dtype: what the sums are stored in; the parameters' dtype when None.
      rounding: how bfloat16 sums are rounded, "stochastic" or "nearest".

    Source: Lucas, Sun, Zemel & Grosse 2018, arXiv:1804.00325.
    """
    decays = _decays(betas)
    numerics.check_rounding(rounding)
    # Each is cut first: a sum that has overflowed is infinite, and ∞ − ∞ is NaN.
    mean = lambda *sums: sum(precision.saturate(x) / len(sums) for x in sums)

    def init_fn(params):
        zeros = lambda: ewma.init(params, dtype=mu_dtype).average
        traces = tuple(zeros() for _ in decays)
        return ScaleByAggmoState(jnp.zeros([], jnp.int32), traces)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, *state.traces)
        traces = tuple(
            ewma.accumulate(trace, updates, decay, key=key)
            for trace, decay, key in zip(state.traces, decays, keys, strict=True)
        )
        step = precision.each(mean, *traces)
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), state._replace(count=count, traces=traces)

    return optax.GradientTransformation(init_fn, update_fn)


def _decays(betas: ArrayLike | Sequence[ArrayLike]) -> tuple[ArrayLike, ...]:
    """Returns the decays one by one, each of which may be traced."""
    if not isinstance(betas, Sequence):
        betas = list(jnp.asarray(betas)) if jnp.ndim(betas) else [betas]
    if not betas:
        raise ValueError("betas must hold one decay or more, got none")
    for decay in betas:
        ewma.check_decay("betas", decay)
    return tuple(betas)


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
        scale_by_ademamix(b1, b2, b3, alpha, eps, eps_root, mu_dtype, **dtypes),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
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
        scale_by_aggmo(number(betas), mu_dtype=mu_dtype, rounding=rounding),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
    )
