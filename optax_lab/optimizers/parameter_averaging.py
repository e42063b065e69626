# Averages of the parameters, which any optimizer can carry along.

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, PyTree

from optax_lab import ewma, precision
from optax_lab.optimizers import numerics
from optax_lab.optimizers.hyperparameters import Hyper, number, scheduled


class LookaheadState(NamedTuple):
    """Optax's state of that name, and the slow weights."""

    fast_state: PyTree
    steps_since_sync: Int[Array, ""]
    slow: ewma.Ewma


class ParamEmaState(NamedTuple):
    """Holds the inner state, a step count, and an average of the parameters a decay."""

    inner_state: PyTree
    count: Int[Array, ""]
    averages: PyTree


@scheduled
def lookahead(
    fast_optimizer: optax.GradientTransformation,
    sync_period: numerics.Count,
    slow_step_size: Hyper,
    reset_state: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Pulls an optimizer back, every few steps, to an average of where it has been.

    φ ← φ + α(θₜ − φ) and θₜ ← φ at every k-th step; between them θ are the parameters
    of the fast optimizer alone, and the slow weights φ rest. Judge the network at φ:
    `evaluation_params(state, params)`.

    Deviation from Optax: it is a plain transformation. φ is in its state, starts at the
    first parameters, and takes no place in the tree of parameters.

    Args:
      fast_optimizer: any transformation whose updates are added to the parameters.
      sync_period: k ≥ 1.
      slow_step_size: α in (0, 1].
      reset_state: begins the fast optimizer's state anew at every k-th step, schedules
        included.

    The signature is Optax's; the paper uses k = 5 or 10 and α = 0.5 or 0.8.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.lookahead(optax_lab.sgd(0.3), 2, 0.5)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    0.800
    1.682
    0.269

    Source: Zhang et al. 2019, arXiv:1907.08610, algorithm 1.

    Raises:
      ValueError: if `sync_period` or `slow_step_size` is a number out of range, if
        `update` is called without `params`, or if `init` gets Optax's pair of them.
    """
    slow_step_size = number(slow_step_size)
    sync_period = numerics.as_count("sync_period", sync_period)
    numerics.check_share("slow_step_size", slow_step_size)
    fast_optimizer = optax.with_extra_args_support(fast_optimizer)

    def init_fn(params):
        if isinstance(params, optax.LookaheadParams):
            raise ValueError(
                "params must be the parameters themselves, got optax.LookaheadParams: "
                "here the slow ones are in the state (evaluation_params reads them)"
            )
        count = jnp.zeros([], jnp.int32)
        return LookaheadState(fast_optimizer.init(params), count, start(params))

    def update_fn(updates, state, params=None, **extra_args):
        numerics.check_params(params, "lookahead")
        steps, fast = fast_optimizer.update(
            updates, state.fast_state, params, **extra_args
        )
        count = (state.steps_since_sync + 1) % sync_period
        syncs = count == 0
        keep = lambda a: jnp.where(syncs, 1 - a, 1.0)  # at rest, all of φ stays
        rests = precision.each(keep, slow_step_size)
        slow = ewma.update(state.slow, moved(params, steps), rests)
        leap = lambda u, s, p: jnp.where(syncs, s - p, u)
        steps = precision.each(leap, steps, slow.average, params)
        if reset_state:
            anew = lambda new, old: jnp.where(syncs, new, old)
            fast = jax.tree.map(anew, fast_optimizer.init(slow.average), fast)
        return numerics.like(steps, updates), LookaheadState(fast, count, slow)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


@scheduled
def with_param_ema(
    inner: optax.GradientTransformation,
    decays: Hyper | tuple[Any, ...] | dict[Any, Any],
    *,
    dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Carries averages of the parameters, one for each decay, beside an optimizer.

    aₜ = aₜ₋₁ + (1 − β)(θₜ − aₜ₋₁), read without its bias: âₜ is the weighted mean of
    θ₀, …, θₜ. The optimizer's own steps are as they were. `param_ema(state)` reads the
    averages at any time, the first one, θ₀ itself, before the first step.

    Args:
      inner: any transformation whose updates are added to the parameters.
      decays: β in [0, 1), or a tuple or dict of several; one alone may be a schedule.
      dtype: what the averages are stored in; the parameters' dtype when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    Optax has no such name.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.with_param_ema(optax_lab.sgd(0.3), (0.5, 0.9))
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(*[f"{f(a):.3f}" for a in optax_lab.param_ema(state)])
    1.800 2.341
    0.608 1.204
    0.194 0.672

    Source: Polyak & Juditsky 1992, doi:10.1137/0330046, of which it is the form that
    forgets.

    Raises:
      ValueError: if a decay is a number out of range, or one of several a schedule, or
        if `update` is called without `params`.
    """
    for decay in jax.tree.leaves(decays):
        if callable(decay):
            raise ValueError("decays may be a schedule, and not a tree of schedules")
        ewma.check_decay("decays", decay)
    numerics.check_rounding(rounding)
    inner = optax.with_extra_args_support(inner)

    def init_fn(params):
        averages = jax.tree.map(lambda b: start(params, b, dtype), decays)
        return ParamEmaState(inner.init(params), jnp.zeros([], jnp.int32), averages)

    def update_fn(updates, state, params=None, **extra_args):
        numerics.check_params(params, "with_param_ema")
        updates, inner_state = inner.update(
            updates, state.inner_state, params, **extra_args
        )
        now = moved(params, updates)
        key = numerics.rounding_key(rounding, state.count, 0, state.averages)
        take = lambda b, a: ewma.update(a, now, b, key=key)
        averages = jax.tree.map(take, decays, state.averages)
        count = jnp.asarray(optax.safe_increment(state.count))
        return updates, ParamEmaState(inner_state, count, averages)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def param_ema(state: PyTree) -> PyTree:
    """Reads the averages that `with_param_ema` carries: one, or a tuple or dict.

    Args:
      state: the state of `with_param_ema`, or of what is built around it.

    Returns:
      For each decay a tree like the parameters, float32 or wider. The groups of
      `optax.partition` make one tree, with Optax's `MaskedNode` where no group carries
      an average.

    Raises:
      ValueError: if there is no such state in `state`, or groups have other decays than
        each other, so that they make no tree.
    """
    found = [group.averages for group in instances(state, ParamEmaState)]
    if not found:
        raise ValueError("state must hold what with_param_ema keeps, and does not")
    is_ewma = lambda x: isinstance(x, ewma.Ewma)
    kinds = {jax.tree.structure(each, is_leaf=is_ewma) for each in found}
    if len(kinds) > 1:
        told = " and ".join(sorted(map(str, kinds)))
        raise ValueError(f"groups must have decays alike, and not {told}")
    read = [jax.tree.map(ewma.read, each, is_leaf=is_ewma) for each in found]
    return functools.reduce(_merged, read)


def _merged(a: PyTree, b: PyTree) -> PyTree:
    """Returns a tree with what another has where `optax.masked` hid leaves or parts."""
    if isinstance(a, optax.MaskedNode) or isinstance(b, optax.MaskedNode):
        return b if isinstance(a, optax.MaskedNode) else a
    children, node = jax.tree.flatten(a, is_leaf=lambda x: x is not a)
    if any(child is a for child in children):  # a leaf; the first average counts
        return a
    others = jax.tree.leaves(b, is_leaf=lambda x: x is not b)
    return jax.tree.unflatten(node, map(_merged, children, others))


def start(params: PyTree, decay: Any = 0.0, dtype: Any = None) -> ewma.Ewma:
    """Returns the average that has seen the parameters once: read, it is them."""
    return ewma.update(ewma.init(params, dtype=dtype), params, decay)


def moved(params: PyTree, updates: PyTree) -> PyTree:
    """Returns the parameters after the updates; those with a None stay as they are."""
    add = lambda p, u: p if u is None else precision.saturate(p + u)
    like = jax.tree.map(jnp.asarray, params)
    return precision.store(precision.each(add, params, updates), like)


def instances(state: PyTree, kinds: type | tuple[type, ...]) -> list[Any]:
    """Lists the outermost states of some kinds in an optimizer's state."""
    is_one = lambda x: isinstance(x, kinds)
    return [x for x in jax.tree.leaves(state, is_leaf=is_one) if is_one(x)]
