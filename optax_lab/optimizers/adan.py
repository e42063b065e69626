# Adan and MARS: the average of gradients, corrected by how the gradient has changed.

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import PRNGKeyArray, PyTree
from optax import ScaleByAdanState

from optax_lab import ewma, precision
from optax_lab.optimizers import adam, common, numerics
from optax_lab.optimizers.hyperparameters import Hyper, numbers, scheduled


class ScaleByMarsState(NamedTuple):
    """Holds the state of Adam, which averages c and |c|², and the last gradient."""

    adam: PyTree
    g: PyTree


def scale_by_adan(
    b1: ArrayLike = 0.98,
    b2: ArrayLike = 0.92,
    b3: ArrayLike = 0.99,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Averages gradients and their changes: Nesterov's direction without a look ahead.

    With dₜ = gₜ − gₜ₋₁ (0 at the first step), mₜ = mₜ₋₁ + (1 − β₁)(gₜ − mₜ₋₁),
    vₜ = vₜ₋₁ + (1 − β₂)(dₜ − vₜ₋₁),  nₜ = nₜ₋₁ + (1 − β₃)(|gₜ + β₂dₜ|² − nₜ₋₁), and
    the update is (m̂ₜ + β₂v̂ₜ) / (√(n̂ₜ + ε_root) + ε).

    The paper writes 1 − β where Optax and this rule write β. Deviation from Optax: it
    has 1 − β₂ in the place of the two factors β₂ (its pull request #1715).

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      b3: β₃ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what m, v and the last gradient are stored in; the parameters' dtype
        when None.
      nu_dtype: what n is stored in; real and at least float32 when None.
      rounding: how what is stored in bfloat16 is rounded, "stochastic" or "nearest".
      denominator: a function of n that replaces √(n̂ₜ + ε_root) + ε.

    Source: Xie et al. 2022, arXiv:2208.06677, algorithm 1, with its authors' start from
    zeros and bias correction.
    """
    for name, decay in (("b1", b1), ("b2", b2), ("b3", b3)):
        ewma.check_decay(name, decay)
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps, eps_root)

    def init_fn(params):
        m, v = (ewma.init(params, dtype=mu_dtype) for _ in range(2))
        n = ewma.init(params, dtype=numerics.statistic_dtype(nu_dtype))
        g = ewma.init(params, dtype=mu_dtype).average
        return ScaleByAdanState(m, v, n, g, jnp.zeros([], jnp.int32))

    def update_fn(updates, state, params=None):
        del params
        kept = (state.m, state.v, state.n, state.g)
        keys = numerics.rounding_keys(rounding, state.t, *kept)
        change = _change(updates, state.g, state.m)
        ahead = numerics.add(updates, change, b2)
        m = ewma.update(state.m, updates, b1, key=keys[0])
        v = ewma.update(state.v, change, b2, key=keys[1])
        n = ewma.update(state.n, numerics.abs_sq(ahead), b3, key=keys[2])
        mean = numerics.add(ewma.read(m), ewma.read(v), b2)
        step = numerics.divide(mean, denominator(n))
        g = _stored(updates, state.g, key=keys[3])
        count = optax.safe_increment(state.t)
        return numerics.like(step, updates), ScaleByAdanState(m, v, n, g, count)

    return optax.GradientTransformation(init_fn, update_fn)


def scale_by_mars(
    b1: ArrayLike = 0.95,
    b2: ArrayLike = 0.99,
    eps: ArrayLike = 1e-8,
    gamma: ArrayLike = 0.025,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Gives Adam gradients of less variance: each corrected by the one before it.

    cₜ = gₜ + γ β₁/(1 − β₁) (gₜ − gₜ₋₁) over max(1, ‖cₜ‖) stands for the gradient in
    `scale_by_adam`. At the first step c₁ is g₁. gₜ₋₁ is the gradient of the last batch
    ("MARS-approx"); the exact method takes this batch's at the last parameters.

    The norm is that of each array, as in the authors' code. Deviations from that code:
    it takes g₀ = 0, where the paper has x₀ = x₁ and so no correction, and it leaves
    arrays that are no matrices to AdamW.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      gamma: γ ≥ 0; 0 is Adam with clipped gradients.
      mu_dtype: what μ and the last gradient are stored in; the parameters' dtype when
        None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how what is stored in bfloat16 is rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √ν̂ₜ + ε.

    Source: Yuan et al. 2024, arXiv:2411.10438, algorithm 2 (MARS-AdamW).
    """
    numerics.check_at_least_0("gamma", gamma)
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding, "denominator": denominator}
    rule = adam.scale_by_adam(b1, b2, eps, 0.0, mu_dtype, **dtypes)

    def init_fn(params):
        g = ewma.init(params, dtype=mu_dtype).average
        return ScaleByMarsState(rule.init(params), g)

    def update_fn(updates, state, params=None):
        del params
        key = numerics.rounding_key(rounding, state.adam.count, 2, state.g)
        change = _change(updates, state.g, state.adam.mu)
        c = numerics.add(updates, change, gamma * b1 / (1 - b1))
        c = precision.each(lambda c: c / jnp.maximum(numerics.norm(c), 1), c)
        step, after = rule.update(c, state.adam)
        g = _stored(updates, state.g, key=key)
        return numerics.like(step, updates), ScaleByMarsState(after, g)

    return optax.GradientTransformation(init_fn, update_fn)


def _change(updates: PyTree, last: PyTree, average: ewma.Ewma) -> PyTree:
    """Returns gₜ − gₜ₋₁, and 0 while the average of gradients has seen none."""
    factor = ewma.first(average, 1)
    change = lambda g, before: precision.saturate(factor * (g - before))
    return precision.each(change, updates, last)


def _stored(updates: PyTree, last: PyTree, *, key: PRNGKeyArray | None) -> PyTree:
    """Returns gₜ in the dtypes of gₜ₋₁, which stays where the gradient is None."""
    newest = lambda before, g: before if g is None else g
    return precision.store(precision.each(newest, last, updates), last, key=key)


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
        scale_by_adan(b1, b2, b3, eps, eps_root, **dtypes),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
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
        scale_by_mars(b1, b2, eps, gamma, **dtypes),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
    )
