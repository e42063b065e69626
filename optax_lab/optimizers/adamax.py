# Adamax and AMSGrad: the average of gradients over a maximum.

from typing import Any

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from optax import ScaleByAdamState, ScaleByAmsgradState

from optax_lab import ewma, precision
from optax_lab.optimizers import common, numerics
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers, scheduled


def scale_by_amsgrad(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides the average of gradients by the largest root mean square so far.

    With μ and ν as in `scale_by_adam`, ν⁺ₜ = max(ν⁺ₜ₋₁, ν̂ₜ), and the update is
    μ̂ₜ / (√(ν⁺ₜ + ε_root) + ε).

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      bias_correction_mu: reads μ̂ₜ = μₜ/wₜ; the paper has μₜ itself.
      bias_correction_nu: compares ν̂ₜ = νₜ/wₜ; the paper has νₜ itself.
      nu_dtype: what ν and ν⁺ are stored in; real and at least float32 when None. ν⁺
        keeps the peaks of a bfloat16 ν that is rounded at random.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν⁺, with the weight of ν, that replaces the one above.

    Source: Reddi, Kale & Kumar 2018, arXiv:1904.09237, algorithm 2.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_rounding(rounding)
    own = numerics.outside(eps, eps_root, average=ewma.raw)
    denominator = denominator or own
    mean_of = ewma.read if bias_correction_mu else ewma.raw
    square_of = ewma.read if bias_correction_nu else ewma.raw

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        squares = lambda: ewma.init(params, dtype=numerics.statistic_dtype(nu_dtype))
        count = jnp.zeros([], jnp.int32)
        return ScaleByAmsgradState(count, mu, squares(), squares().average)

    def update_fn(updates, state, params=None):
        del params
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        mu = ewma.update(state.mu, updates, b1, key=keys[0])
        nu = ewma.update(state.nu, numerics.abs_sq(updates), b2, key=keys[1])
        largest = precision.each(jnp.maximum, state.nu_max, square_of(nu))
        # To nearest: rounded at random, a maximum would climb step by step.
        nu_max = precision.store(largest, state.nu_max)
        step = numerics.divide(mean_of(mu), denominator(nu._replace(average=nu_max)))
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), ScaleByAmsgradState(count, mu, nu, nu_max)

    return optax.GradientTransformation(init_fn, update_fn)


def scale_by_adamax(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides the average of gradients by their exponentially weighted maximum.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = max(β₂νₜ₋₁, |gₜ| + ε), and the update is
    μ̂ₜ / νₜ. ν is no average: a maximum has no bias toward the zero it starts from.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, which keeps ν away from 0; the paper has none.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".
      denominator: a function of ν, as an average of weight 1, that replaces ν.

    Source: Kingma & Ba 2014, arXiv:1412.6980, algorithm 2.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_at_least_0("eps", eps)
    numerics.check_rounding(rounding)

    denominator = denominator or ewma.raw

    # Not over tiny: XLA makes m/(wn) of (m/w)/n, and a weight times tiny is 0.
    over_0 = lambda n: jnp.maximum(n, numerics.root(jnp.zeros_like(n)))

    def larger(n, g):
        if g is None:
            return n
        return jnp.maximum(b2 * n, precision.saturate(jnp.abs(g)) + eps)

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        nu = ewma.init(params, dtype=numerics.statistic_dtype()).average
        return ScaleByAdamState(jnp.zeros([], jnp.int32), mu, nu)

    def update_fn(updates, state, params=None):
        del params
        key = numerics.rounding_key(rounding, state.count, 0, state.mu)
        mu = ewma.update(state.mu, updates, b1, key=key)
        nu = precision.store(precision.each(larger, state.nu, updates), state.nu)
        below = denominator(ewma.Ewma(nu, jnp.ones([], jnp.float32)))
        step = numerics.divide(ewma.read(mu), precision.each(over_0, below))
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


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
        scale_by_amsgrad(
            number(b1),
            number(b2),
            number(eps),
            number(eps_root),
            bias_correction_mu=bias_correction_mu,
            bias_correction_nu=bias_correction_nu,
            **dtypes,
        ),
        common.scale_by_learning_rate(learning_rate),
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
        scale_by_adamax(b1, b2, eps, mu_dtype=mu_dtype, rounding=rounding),
        common.scale_by_learning_rate(learning_rate),
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
        scale_by_adamax(b1, b2, eps, mu_dtype=mu_dtype, rounding=rounding),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
    )
