# Prodigy: the rate is estimated from the distance gone.

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PyTree

from optax_lab import ewma, precision
from optax_lab.optimizers import numerics
from optax_lab.optimizers.hyperparameters import Hyper, number, scheduled


class ProdigyState(NamedTuple):
    """Optax's state of that name; its averages are `Ewma`s."""

    exp_avg: ewma.Ewma
    exp_avg_sq: ewma.Ewma
    grad_sum: ewma.Ewma
    params0: PyTree
    estim_lr: Float[Array, ""]
    numerator_weighted: ewma.Ewma
    count: Int[Array, ""]


def scale_by_prodigy(
    learning_rate: ArrayLike = 1.0,
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    beta3: ArrayLike | None = None,
    eps: ArrayLike = 1e-8,
    estim_lr0: ArrayLike = 1e-6,
    estim_lr_coef: ArrayLike = 1.0,
    weight_decay: ArrayLike = 0.0,
    safeguard_warmup: bool = False,
    *,
    bias_correction: bool = True,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Steps as far as Adam with a rate that is estimated from the distance gone.

    μₜ = μₜ₋₁ + (1 − β₁)(dₜgₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(|dₜgₜ|² − νₜ₋₁),
    rₜ = rₜ₋₁ + (1 − β₃)(dₜγₜ⟨gₜ, θ₀ − θₜ₋₁⟩ − rₜ₋₁),
    sₜ = sₜ₋₁ + (1 − β₃)(dₜγₜgₜ − sₜ₋₁),  dₜ₊₁ = max(dₜ, c rₜ/‖sₜ‖₁), where
    γₜ = ηdₜ√w(ν)/w(μ) is the rate. The update is −γₜ(μₜ/(√νₜ + dₜ₊₁ε) + λθₜ₋₁). The
    norm and the product are over all leaves.

    Args:
      learning_rate: η, a factor of the estimated rate.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      beta3: β₃ in [0, 1); √β₂ when None.
      eps: ε, outside the root; it has no unit.
      estim_lr0: d₁ > 0, smaller than the distance to the solution.
      estim_lr_coef: c ≥ 0.
      weight_decay: λ.
      safeguard_warmup: puts dₜ for γₜ in s, so that a warm-up of η does not raise d.
      bias_correction: the weights √w(ν)/w(μ) in γ; 1 when False.
      mu_dtype: what μ and s are stored in; the parameters' dtype when None, or float32
        where that is float16, which dₜgₜ is too small for.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √νₜ + dₜ₊₁ε.

    Source: Mishchenko & Defazio 2023, arXiv:2306.06101, algorithm 4.
    """
    b3 = b2**0.5 if beta3 is None else beta3
    for name, decay in {"b1": b1, "b2": b2, "beta3": b3}.items():
        ewma.check_decay(name, decay)
    numerics.check_at_least_0("learning_rate", learning_rate)
    numerics.check_above_0("estim_lr0", estim_lr0)
    numerics.check_at_least_0("estim_lr_coef", estim_lr_coef)
    numerics.check_at_least_0("eps", eps)
    numerics.check_at_least_0("weight_decay", weight_decay)
    numerics.check_rounding(rounding)

    def init_fn(params):
        average = lambda dtype: ewma.init(params, dtype=dtype)
        nu = average(numerics.statistic_dtype(nu_dtype))
        return ProdigyState(
            exp_avg=average(mu_dtype or _with_range),
            exp_avg_sq=nu,
            grad_sum=average(mu_dtype or _with_range),
            params0=jax.tree.map(jnp.array, params),
            estim_lr=jnp.full_like(nu.weight, estim_lr0),
            numerator_weighted=ewma.init(nu.weight),
            count=jnp.zeros([], jnp.int32),
        )

    def update_fn(updates, state, params=None):
        numerics.check_params(params, "prodigy")
        d, averages = state.estim_lr, (state.exp_avg, state.exp_avg_sq, state.grad_sum)
        keys = numerics.rounding_keys(rounding, state.count, *averages)
        scaled = _times(updates, d)
        mu = ewma.update(state.exp_avg, scaled, b1, key=keys[0])
        nu = ewma.update(state.exp_avg_sq, numerics.abs_sq(scaled), b2, key=keys[1])
        rate = _times(d, learning_rate)
        if bias_correction:
            bias = precision.each(lambda n, m: jnp.sqrt(n) / m, nu.weight, mu.weight)
            rate = _times(rate, bias)
        total = _times(scaled, d if safeguard_warmup else rate)
        total = ewma.update(state.grad_sum, total, b3, key=keys[2])
        product = _times(_product(updates, state.params0, params, d), d)
        product = _times(product, rate)
        product = ewma.update(state.numerator_weighted, product, b3)
        longer = _times(_estimate(product, total, d), estim_lr_coef)
        longer = precision.store(precision.each(jnp.maximum, d, longer), d)
        own = numerics.outside(_times(longer, eps), average=ewma.raw)
        step = numerics.divide(mu.average, (denominator or own)(nu))
        pull = lambda u, p: -rate * (u + weight_decay * p)
        step = numerics.like(precision.each(pull, step, params), updates)
        count = optax.safe_increment(state.count)
        state = state._replace(exp_avg=mu, exp_avg_sq=nu, grad_sum=total)
        state = state._replace(estim_lr=longer, numerator_weighted=product, count=count)
        return step, state

    return optax.GradientTransformation(init_fn, update_fn)


def _with_range(dtype: Any) -> Any:
    return jnp.float32 if dtype == jnp.float16 else dtype


def _times(tree: PyTree, factor: ArrayLike) -> PyTree:
    """Returns the product of every leaf, cut at the largest number."""
    return precision.each(lambda x: precision.saturate(x * factor), tree)


def _product(
    grads: PyTree, start: PyTree, params: PyTree, like: Array
) -> Float[Array, ""]:
    """Returns ⟨g, θ₀ − θ⟩ over all leaves; 0 where it is too large to be known."""
    dot = lambda g, p0, p: jnp.sum(jnp.real(jnp.conj(g) * (p0 - p)))
    total = _sum(precision.each(dot, grads, start, params), like)
    return jnp.where(jnp.isfinite(total), total, jnp.zeros_like(total))


def _estimate(product: ewma.Ewma, total: ewma.Ewma, like: Array) -> Float[Array, ""]:
    """Returns r/‖s‖₁, and 0 before there is a gradient. Their weights are the same."""
    norm = _sum(precision.each(lambda s: jnp.sum(jnp.abs(s)), total.average), like)
    return product.average / jnp.where(norm > 0, norm, jnp.ones_like(norm))


def _sum(tree: PyTree, like: Array) -> Float[Array, ""]:
    leaves = [x.astype(like.dtype) for x in jax.tree.leaves(tree)]
    return sum(leaves, jnp.zeros_like(like))


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
    rule = scale_by_prodigy(
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
