# Sophia: steps divided by a running estimate of the Hessian's diagonal.

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree
from optax.contrib import HutchinsonState, SophiaState

from optax_lab import ewma, precision
from optax_lab.optimizers import common, numerics
from optax_lab.optimizers.hyperparameters import Hyper, number, scheduled


def hutchinson_estimator_diag_hessian(
    random_seed: Array | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Estimates the diagonal of the Hessian with one product, and random signs.

    ĥ = r ⊙ Hr, where every rᵢ is −1 or 1: its mean is the diagonal, and where H is
    diagonal it is exact. The signs come from a key in the state, so a run repeats
    itself. `update` needs `params`, and the objective of them alone as `obj_fn`.

    Deviation from Optax: parameters may have several dtypes. Of a complex one, the
    curvature along the real axis is estimated.

    Args:
      random_seed: a key; `jax.random.PRNGKey(0)` when None.

    Source: Hutchinson 1990, doi:10.1080/03610919008812866; Bekas et al. 2007,
    doi:10.1016/j.apnum.2007.01.003.

    Raises:
      ValueError: if `update` is called without `params` or without `obj_fn`.
    """

    def init_fn(params):
        del params
        first = jax.random.PRNGKey(0) if random_seed is None else random_seed
        return HutchinsonState(jnp.array(first))  # a copy, since a state may be donated

    def update_fn(updates, state, params: Any = None, obj_fn=None, **extra_args):
        del updates, extra_args
        numerics.check_params(params, "the Hessian's diagonal")
        if obj_fn is None:
            raise ValueError(
                "the Hessian's diagonal needs obj_fn, the objective of params: "
                "update(grads, state, params, obj_fn=...)"
            )
        params = jax.tree.map(jnp.asarray, params)
        key, used = jax.random.split(state.key)
        draw = jax.random.rademacher
        signs: Any = optax.tree.random_like(used, params, draw, jnp.float32)
        signs = jax.tree.map(lambda r, p: r.astype(p.dtype), signs, params)
        _, product = jax.jvp(jax.grad(obj_fn), (params,), (signs,))
        diagonal = precision.each(lambda h, r: jnp.real(h * r), product, signs)
        return diagonal, HutchinsonState(key)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


HUTCHINSON = hutchinson_estimator_diag_hessian()


def scale_by_sophia(
    b1: ArrayLike = 0.965,
    b2: ArrayLike = 0.99,
    eps: ArrayLike = 1e-8,
    gamma: ArrayLike = 0.01,
    clip_threshold: ArrayLike | None = 1.0,
    update_interval: numerics.Count = 10,
    hessian_diagonal_fn: optax.GradientTransformation = HUTCHINSON,
    mu_dtype: Any = None,
    verbose: bool = False,
    print_win_rate_every_n_steps: int = 0,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Divides the average of gradients by that of the curvature, and clips.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(ĥₜ − νₜ₋₁), and the update is
    clip(μ̂ₜ / max(γνₜ₋₁, ε), −c, c), where ĥ is an estimate of the Hessian's diagonal. ν
    is renewed at every k-th step, from the first on, and serves from the next one on.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε; what has less curvature, or a negative one, is divided by it.
      gamma: γ ≥ 0.
      clip_threshold: c > 0; None clips nothing. Complex numbers keep their angle.
      update_interval: k ≥ 1.
      hessian_diagonal_fn: a transformation whose updates are ĥ. It is given all that
        `update` is given.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      verbose: prints the share of elements that are not clipped.
      print_win_rate_every_n_steps: how often it does so; never when 0.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces max(γν, ε).

    Source: Liu et al. 2023, arXiv:2305.14342, algorithm 3.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_at_least_0("eps", eps)
    numerics.check_at_least_0("gamma", gamma)
    numerics.check_above_0("clip_threshold", clip_threshold)
    update_interval = numerics.as_count("update_interval", update_interval)
    numerics.check_rounding(rounding)
    estimator = optax.with_extra_args_support(hessian_diagonal_fn)
    at_least = lambda h: numerics.positive(jnp.maximum(gamma * h, eps))
    denominator = denominator or (lambda nu: precision.each(at_least, ewma.raw(nu)))

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        nu = ewma.init(params, dtype=numerics.statistic_dtype(nu_dtype))
        count = jnp.zeros([], jnp.int32)
        return SophiaState(count, mu, nu, estimator.init(params))

    def update_fn(updates, state, params=None, **extra_args):
        numerics.check_params(params, "sophia")
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        mu = ewma.update(state.mu, updates, b1, key=keys[0])
        mean, divisor = ewma.read(mu), denominator(state.nu)
        step = _clipped(mean, divisor, clip_threshold)

        def renew(nu, inner):
            found, inner = estimator.update(updates, inner, params, **extra_args)
            real = lambda g, h: precision.saturate(jnp.real(h))
            found = precision.each(real, updates, found)
            return ewma.update(nu, found, b2, key=keys[1]), inner

        keep = lambda nu, inner: (nu, inner)
        due = state.count % update_interval == 0
        nu, inner = jax.lax.cond(due, renew, keep, state.nu, state.hessian_fn_state)
        count = jnp.asarray(optax.safe_increment(state.count))
        if verbose and clip_threshold is not None and print_win_rate_every_n_steps:
            prints = count % print_win_rate_every_n_steps == 0
            _print_win_rate(prints, mean, divisor, clip_threshold)
        return numerics.like(step, updates), SophiaState(count, mu, nu, inner)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def _clipped(mean: PyTree, denominator: PyTree, threshold: ArrayLike | None) -> PyTree:
    """Returns the quotient, with absolute values up to the threshold.

    The denominator is raised to where the quotient is the threshold, which is the same
    and never infinite.
    """
    if threshold is None:
        return numerics.divide(mean, denominator)
    clip = lambda m, d: m / jnp.maximum(d, jnp.abs(m) / threshold)
    return precision.each(clip, mean, denominator)


def _print_win_rate(
    prints: Array, mean: PyTree, denominator: PyTree, threshold: ArrayLike
) -> None:
    free = precision.each(lambda m, d: jnp.abs(m) < threshold * d, mean, denominator)
    free = jnp.concatenate([x.ravel() for x in jax.tree.leaves(free)])
    show = lambda: jax.debug.print("Sophia optimizer win rate: {}", free.mean())
    jax.lax.cond(prints, show, lambda: None)


@scheduled
def sophia(
    learning_rate: Hyper,
    b1: Hyper = 0.965,
    b2: Hyper = 0.99,
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 1e-4,
    weight_decay_mask: Any = None,
    gamma: Hyper = 0.01,
    clip_threshold: Hyper | None = 1.0,
    update_interval: numerics.Count = 10,
    hessian_diagonal_fn: optax.GradientTransformation = HUTCHINSON,
    mu_dtype: Any = None,
    verbose: bool = False,
    print_win_rate_every_n_steps: int = 0,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Sophia: the average of gradients over that of the curvature, clipped.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(ĥₜ − νₜ₋₁),
    θₜ = θₜ₋₁ − η(clip(μ̂ₜ/max(γνₜ₋₁, ε), −c, c) + λθₜ₋₁), where ĥ is an estimate of the
    Hessian's diagonal. ν is renewed at every k-th step, from the first on; before that
    it is 0, and everything is clipped.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1), which counts estimates and not steps.
      eps: ε; what has less curvature, or a negative one, is divided by it.
      weight_decay: λ.
      weight_decay_mask: the parameters that decay, as in `optax.masked`; all when None.
      gamma: γ; where it is too small, everything is clipped.
      clip_threshold: c; None clips nothing. Complex numbers keep their angle.
      update_interval: k ≥ 1.
      hessian_diagonal_fn: a transformation whose updates are ĥ; it is given all that
        `update` is given. The default one needs the objective as `obj_fn`.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      verbose: prints the share of elements that are not clipped.
      print_win_rate_every_n_steps: how often it does so; never when 0.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `print_win_rate_every_n_steps` are Optax's, and
    so is what differs from the paper's algorithm 3: μ is read without its bias, ĥₜ
    serves from the next step on, and the signs of the estimate are −1 and 1.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.sophia(0.1, gamma=100.0)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x, obj_fn=f)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.888
    3.401

    Source: Liu et al. 2023, arXiv:2305.14342.
    """
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        scale_by_sophia(
            number(b1),
            number(b2),
            number(eps),
            number(gamma),
            number(clip_threshold),
            update_interval,
            hessian_diagonal_fn,
            mu_dtype,
            verbose,
            print_win_rate_every_n_steps,
            **dtypes,
        ),
        common.weight_decay(weight_decay, weight_decay_mask),
        common.scale_by_learning_rate(learning_rate),
    )
