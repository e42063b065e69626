# LAMB, LARS, NovoGrad: steps whose length belongs to a whole tensor.

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from optax import ScaleByNovogradState

from optax_lab import ewma, precision
from optax_lab.optimizers import adam, common, numerics, sgd
from optax_lab.optimizers.hyperparameters import Hyper, numbers, scheduled


def scale_by_trust_ratio(
    min_norm: ArrayLike = 0.0,
    trust_coefficient: ArrayLike = 1.0,
    eps: ArrayLike = 0.0,
) -> optax.GradientTransformation:
    """Makes a tensor's step as long as a part of the tensor itself.

    The update is c‖θ‖/(‖u‖ + ε) · u, norms taken tensor by tensor, and u itself where
    one of the two norms is 0: a tensor of zeros could not leave zero otherwise.

    Args:
      min_norm: what a smaller norm is replaced by.
      trust_coefficient: c.
      eps: ε.

    Sources: You et al. 2017, arXiv:1708.03888; You et al. 2019, arXiv:1904.00962.

    Raises:
      ValueError: if `update` is called without `params`.
    """
    numerics.check_at_least_0("min_norm", min_norm)
    numerics.check_at_least_0("trust_coefficient", trust_coefficient)
    numerics.check_at_least_0("eps", eps)

    def scale(update, param):
        param_norm = jnp.maximum(numerics.norm(param), min_norm)
        update_norm = jnp.maximum(numerics.norm(update), min_norm)
        is_zero = jnp.minimum(param_norm, update_norm) == 0
        below = jnp.where(is_zero, 1, update_norm + eps)
        ratio = jnp.where(is_zero, 1, trust_coefficient * param_norm / below)
        return precision.saturate(ratio) * update

    def update_fn(updates, params):
        numerics.check_params(params, "a trust ratio")
        return numerics.like(precision.each(scale, updates, params), updates)

    return optax.stateless(update_fn)


def scale_by_novograd(
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.25,
    eps: ArrayLike = 1e-8,
    eps_root: ArrayLike = 0.0,
    weight_decay: ArrayLike = 0.0,
    mu_dtype: Any = None,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Sums gradients over the root of an average of their tensor's squared norm.

    νₜ = νₜ₋₁ + (1 − β₂)(‖gₜ‖² − νₜ₋₁), one number per tensor, which starts at its first
    value; μₜ = β₁μₜ₋₁ + gₜ/(√(νₜ + ε_root) + ε) + λθₜ₋₁, and the update is μₜ, a sum.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      weight_decay: λ.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 μ and ν are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √(νₜ + ε_root) + ε.

    Source: Ginsburg et al. 2019, arXiv:1905.11286, algorithm 1, with an ε in the first
    step too.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_rounding(rounding)
    denominator = denominator or numerics.outside(eps, eps_root)
    decay = common.weight_decay(weight_decay)

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype).average
        norms = jax.tree.map(
            lambda p: jax.ShapeDtypeStruct((), jnp.result_type(p)), params
        )
        nu = ewma.init(norms, dtype=numerics.statistic_dtype(nu_dtype))
        return ScaleByNovogradState(jnp.zeros([], jnp.int32), mu, nu)

    def update_fn(updates, state, params=None):
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        b2_now = ewma.first(state.nu, b2)
        nu = ewma.update(state.nu, numerics.norm_sq(updates), b2_now, key=keys[1])
        step = numerics.divide(updates, denominator(nu))
        step, _ = decay.update(step, optax.EmptyState(), params)
        mu = ewma.accumulate(state.mu, step, b1, key=keys[0])
        count = optax.safe_increment(state.count)
        return numerics.like(mu, updates), ScaleByNovogradState(count, mu, nu)

    return optax.GradientTransformation(init_fn, update_fn)


@scheduled
def lamb(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-6,
    eps_root: Hyper = 0.0,
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes LAMB: AdamW's direction, in every tensor as long as the tensor itself.

    uₜ = μ̂ₜ / (√(ν̂ₜ + ε_root) + ε) + λθₜ₋₁,  θₜ = θₜ₋₁ − η (‖θₜ₋₁‖/‖uₜ‖) uₜ, where μ̂
    and ν̂ are Adam's averages and the norms are of one tensor; where one of them is 0,
    their ratio is taken as 1.

    Args:
      learning_rate: η, the part of its length that a tensor moves.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      weight_decay: λ, inside of ‖u‖, as in the paper; outside of it in Keras.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `mask` are Optax's. The paper's φ, which may
    bound ‖θ‖, is left out, as there.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.lamb(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.101
    3.373
    2.782

    Source: You et al. 2019, arXiv:1904.00962, algorithm 2.
    """
    b1, b2, eps, eps_root = numbers(b1, b2, eps, eps_root)
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        adam.scale_by_adam(b1, b2, eps, eps_root, mu_dtype, **dtypes),
        common.weight_decay(weight_decay, mask),
        scale_by_trust_ratio(),
        common.scale_by_learning_rate(learning_rate),
    )


@scheduled
def lars(
    learning_rate: Hyper,
    weight_decay: Hyper = 0.0,
    weight_decay_mask: Any = True,
    trust_coefficient: Hyper = 0.001,
    eps: Hyper = 0.0,
    trust_ratio_mask: Any = True,
    momentum: Hyper = 0.9,
    nesterov: bool = False,
    *,
    accumulator_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes LARS: the heavy ball, pushed in every tensor by a part of its length.

    uₜ = gₜ + λθₜ₋₁,  tₜ = βtₜ₋₁ + η c ‖θₜ₋₁‖/(‖uₜ‖ + ε) uₜ,  θₜ = θₜ₋₁ − tₜ, norms of
    one tensor; where one of them is 0, uₜ keeps its own length. The learning rate is
    inside the sum, so a drop of η is felt as slowly as the sum forgets.

    Args:
      learning_rate: η.
      weight_decay: λ.
      weight_decay_mask: the parameters that decay, as in `optax.masked`.
      trust_coefficient: c.
      eps: ε.
      trust_ratio_mask: the parameters whose length counts, as in `optax.masked`.
      momentum: β of the heavy ball.
      nesterov: lets the heavy ball look one step ahead.
      accumulator_dtype: what t is stored in; the parameters' dtype when None, in which
        one of 16 bits stalls.
      rounding: how a t is rounded whose `accumulator_dtype` is bfloat16, "stochastic"
        or "nearest".

    The signature and the defaults up to `nesterov` are Optax's. Deviation from the
    paper, as there: ‖g + λθ‖ stands where algorithm 1 has ‖g‖ + λ‖θ‖.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.lars(100.0)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.050
    2.592
    1.181

    Source: You et al. 2017, arXiv:1708.03888, algorithm 1.
    """
    trust_coefficient, eps = numbers(trust_coefficient, eps)
    trust_ratio = scale_by_trust_ratio(0.0, trust_coefficient, eps)
    return optax.chain(
        common.weight_decay(weight_decay, weight_decay_mask),
        common.masked(trust_ratio, trust_ratio_mask),
        common.scale_by_learning_rate(learning_rate),
        sgd.heavy_ball(momentum, nesterov, accumulator_dtype, rounding),
    )


@scheduled
def novograd(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.25,
    eps: Hyper = 1e-6,
    eps_root: Hyper = 0.0,
    weight_decay: Hyper = 0.0,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes NovoGrad: a sum of gradients over the root of their tensor's average norm.

    νₜ = νₜ₋₁ + (1 − β₂)(‖gₜ‖² − νₜ₋₁), one number per tensor, starting at ‖g₁‖²;
    μₜ = β₁μₜ₋₁ + gₜ/(√(νₜ + ε_root) + ε) + λθₜ₋₁,  θₜ = θₜ₋₁ − η μₜ.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1); μ is a sum and has 1/(1 − β₁) times the gain of an average.
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      weight_decay: λ, summed in μ too.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 μ and ν are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `weight_decay` are Optax's; the paper has
    β₁ = 0.95 and β₂ = 0.98. An ε counts in the first step too.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.novograd(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.563
    3.792
    2.823

    Sharded: Flax's partitioned variables take no state of another shape than theirs, as
    the norms are.

    Source: Ginsburg et al. 2019, arXiv:1905.11286, algorithm 1.
    """
    b1, b2, eps, eps_root, weight_decay = numbers(b1, b2, eps, eps_root, weight_decay)
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        scale_by_novograd(b1, b2, eps, eps_root, weight_decay, mu_dtype, **dtypes),
        common.scale_by_learning_rate(learning_rate),
    )
