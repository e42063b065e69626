# Schedule-free SGD and AdamW: iterates are averaged in the place of a schedule.

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree
from optax.contrib import ScheduleFreeState

from optax_lab import ewma, precision
from optax_lab.optimizers import common, numerics, parameter_averaging, rmsprop
from optax_lab.optimizers.hyperparameters import Hyper, moving, numbers, scheduled


@scheduled
def schedule_free(
    base_optimizer: optax.GradientTransformation,
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    weight_lr_power: Hyper = 2.0,
    state_dtype: Any = None,
    *,
    warmup_steps: numerics.Count | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Puts an average of the iterates in the place of a schedule.

    zₜ = zₜ₋₁ + uₜ,  xₜ = xₜ₋₁ + cₜ(zₜ − xₜ₋₁),  yₜ = (1 − β₁)zₜ + β₁xₜ, where uₜ is the
    base optimizer's step from the gradient at yₜ₋₁, cₜ = wₜ/(w₁ + … + wₜ) and wₜ is the
    largest learning rate so far to a power. The parameters are y. Judge the network at
    the average x: `evaluation_params(state, params)`.

    Deviation from Optax: the weight wₜ is that of the learning rate the base optimizer
    steps with. Optax takes the schedule's next value for it (its pull request 1744).

    Args:
      base_optimizer: any transformation, best one without momentum.
      learning_rate: the base optimizer's, which weighs its steps; number or schedule.
      b1: β₁ in (0, 1), how far y lies from z toward x.
      weight_lr_power: the power of the learning rate that is a step's weight.
      state_dtype: what z is stored in; the parameters' dtype when None. 16 bits lose
        small steps, and x is read from the difference of y and z.
      warmup_steps: multiplies the base optimizer's step t, and the learning rate in its
        weight, by min(1, t/warmup_steps), t from 1. None for none.

    The signature and the defaults up to `state_dtype` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> y = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.schedule_free(optax_lab.sgd(0.3), 0.3)
    >>> state = optimizer.init(y)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(y), state, y)
    ...     y = optax.apply_updates(y, updates)
    ...     print(f"{f(optax_lab.evaluation_params(state, y)):.3f}")
    0.800
    0.392
    0.174

    Source: Defazio et al. 2024, arXiv:2405.15682, equations 7 to 9.

    Raises:
      ValueError: if `learning_rate`, `b1`, `weight_lr_power` or `warmup_steps` is a
        number out of range, or if `update` is called without `params`.
    """
    learning_rate, b1, weight_lr_power = numbers(learning_rate, b1, weight_lr_power)
    numerics.check_at_least_0("learning_rate", learning_rate)
    if isinstance(b1, int | float) and not 0 < b1 < 1:  # x is (y − z)/β₁ from z
        raise ValueError(f"b1 must lie in (0, 1), got {b1}")
    numerics.check_at_least_0("weight_lr_power", weight_lr_power)
    if warmup_steps is not None:
        warmup_steps = numerics.as_count("warmup_steps", warmup_steps)
    base_optimizer = optax.with_extra_args_support(base_optimizer)

    def init_fn(params):
        z = parameter_averaging.start(params, dtype=state_dtype)
        zero = lambda: jnp.zeros_like(z.weight)  # two, or neither can be donated
        return ScheduleFreeState(
            b1=jnp.full_like(z.weight, b1),
            weight_sum=zero(),
            step_count=jnp.ones([], jnp.int32),
            max_lr=zero(),
            base_optimizer_state=base_optimizer.init(params),
            z=z.average,
        )

    def update_fn(updates, state, params=None, **extra_args):
        numerics.check_params(params, "schedule_free")
        steps, base = base_optimizer.update(
            updates, state.base_optimizer_state, params, **extra_args
        )
        ramp = _ramp(state, warmup_steps)
        steps = precision.each(lambda u: ramp * u, steps)
        after = _weighed(state, ramp, learning_rate, weight_lr_power)
        z = _stepped(state.z, steps)
        # Seen from the old z, everything is exactly 0 as long as nothing moves.
        step = precision.each(lambda new, old: new - old, z, state.z)
        gap = _gap(state, params)
        x = ewma.Ewma(gap, jnp.ones_like(state.b1))
        x = ewma.update(x, step, _kept(state.weight_sum, jnp.asarray(after.weight_sum)))
        y = ewma.update(x, step, b1)
        moves = precision.each(lambda y, g: y - state.b1 * g, y.average, gap)
        after = after._replace(
            b1=jnp.full_like(state.b1, b1),
            base_optimizer_state=base,
            z=z,
        )
        return numerics.like(moves, updates), after

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def schedule_free_eval_params(state: PyTree, params: PyTree) -> PyTree:
    """Returns the average x of a schedule-free optimizer, at which it is judged.

    Args:
      state: the state of a schedule-free optimizer, or of what is built around it.
      params: the parameters, y.

    Raises:
      ValueError: if there is no such state in `state`.
    """
    if not parameter_averaging.instances(state, ScheduleFreeState):
        raise ValueError("state must hold a ScheduleFreeState, and does not")
    return evaluation_params(state, params)


def evaluation_params(state: PyTree, params: PyTree) -> PyTree:
    """Returns where an optimizer's parameters are judged, which its state says.

    That is x for schedule-free optimizers, the slow weights for lookahead, and `params`
    for all others. States may lie in chains, masks and any other wrapper.

    Args:
      state: any optimizer's state.
      params: the parameters that it steps at.

    Returns:
      A tree like `params`, in its dtypes.

    Raises:
      ValueError: if a state is of other parameters, as within `optax.flatten`.
    """
    for found in parameter_averaging.instances(state, tuple(_JUDGED)):
        try:
            judged = _JUDGED[type(found)](found, moving(params))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{type(found).__name__} is not of such parameters: within "
                "optax.flatten, give what jax.flatten_util.ravel_pytree makes of them"
            ) from error
        kept = lambda there, p: p if there is None else there  # a counter rests
        params = jax.tree.map(kept, judged, params, is_leaf=lambda x: x is None)
    return params


def _ramp(state: ScheduleFreeState, warmup_steps: ArrayLike | None) -> ArrayLike:
    """Returns min(1, t/warmup_steps), the share of a step that the warm-up lets by."""
    if warmup_steps is None:
        return 1.0
    share = lambda t, steps: jnp.minimum(t / steps, 1)
    return precision.each(share, state.step_count.astype(state.b1.dtype), warmup_steps)


def _weighed(
    state: ScheduleFreeState,
    ramp: ArrayLike,
    learning_rate: ArrayLike,
    power: ArrayLike,
) -> ScheduleFreeState:
    """Counts a step, and adds its weight to those before it."""
    grow = lambda m, lr: jnp.maximum(m, ramp * lr)
    largest = precision.each(grow, state.max_lr, learning_rate)
    weight = precision.each(jnp.power, largest, power)
    return state._replace(
        weight_sum=ewma.accumulate(state.weight_sum, weight, 1.0),
        step_count=optax.safe_increment(state.step_count),
        max_lr=precision.store(largest, state.max_lr),
    )


def _stepped(z: PyTree, steps: PyTree) -> PyTree:
    # Not cut at the largest number, which would cost XLA another pass over z.
    add = lambda z, u: z if u is None else z + u
    return precision.store(precision.each(add, z, steps), z)


def _kept(before: Array, after: Array) -> Array:
    """Returns 1 − cₜ, the decay of x: all of x stays while nothing has weight."""
    return jnp.where(after > 0, before / numerics.positive(after), jnp.ones_like(after))


def _gap(state: ScheduleFreeState, params: PyTree) -> PyTree:
    """Returns x − z, with the β₁ that made y of them."""
    stretch = 1 / state.b1  # one division, not one for every element
    apart = lambda z, y: precision.saturate((y - z) * stretch)
    return precision.each(apart, state.z, params)


# --- Where an optimizer is judged, by the class of its state --------------------------


def _average_iterate(state: ScheduleFreeState, params: PyTree) -> PyTree:
    y = _shown(state.z, params)
    return _in_place(numerics.add(state.z, _gap(state, y)), params)


def _slow_weights(state: parameter_averaging.LookaheadState, params: PyTree) -> PyTree:
    return _in_place(state.slow.average, params)


def _shown(tree: PyTree, params: PyTree) -> PyTree:
    """Hides the parameters that `optax.masked` hides in the tree."""
    hide = lambda x, p: x if _is_hidden(x) else p
    return jax.tree.map(hide, tree, params, is_leaf=_is_hidden)


def _in_place(tree: PyTree, params: PyTree) -> PyTree:
    """Casts a tree as the parameters are, and puts these where it hides something."""

    def put(x, p):
        if _is_hidden(x):
            return p
        ours, theirs = (getattr(leaf, "shape", ()) for leaf in (x, p))
        if ours != theirs:
            raise ValueError(f"shapes {ours} and {theirs} differ")
        return numerics.like(x, p)

    return jax.tree.map(put, tree, params, is_leaf=_is_hidden)


def _is_hidden(x: Any) -> bool:
    return isinstance(x, optax.MaskedNode)


_JUDGED = {
    ScheduleFreeState: _average_iterate,
    parameter_averaging.LookaheadState: _slow_weights,
}


@scheduled
def schedule_free_sgd(
    learning_rate: Hyper = 1.0,
    warmup_steps: numerics.Count | None = None,
    b1: Hyper = 0.9,
    weight_decay: Hyper | None = None,
    weight_lr_power: Hyper = 2.0,
    state_dtype: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes schedule-free gradient descent: an average of iterates for a schedule.

    zₜ = zₜ₋₁ − ηₜ(gₜ + λyₜ₋₁),  xₜ = xₜ₋₁ + cₜ(zₜ − xₜ₋₁),  yₜ = (1 − β₁)zₜ + β₁xₜ,
    where gₜ is the gradient at yₜ₋₁ and cₜ = η²/Ση² with the largest η so far. The
    parameters are y. Judge the network at x: `evaluation_params(state, params)`.

    Args:
      learning_rate: η after the warm-up. There is nothing to decay.
      warmup_steps: ηₜ = η min(1, t/warmup_steps), t from 1. None for no warm-up.
      b1: β₁ in (0, 1), how far y lies from z toward x.
      weight_decay: λ, at y. None for none.
      weight_lr_power: the power of η in cₜ.
      state_dtype: what z is stored in; the parameters' dtype when None.

    The signature and the defaults are Optax's. Deviation: Optax starts the warm-up with
    a step of length 0, and weighs every step of it with the next one's η (its pull
    request 1744). Here, as in the authors' code, both take the same ηₜ.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> y = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.schedule_free_sgd(0.3)
    >>> state = optimizer.init(y)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(y), state, y)
    ...     y = optax.apply_updates(y, updates)
    ...     print(f"{f(optax_lab.evaluation_params(state, y)):.3f}")
    0.800
    0.392
    0.174

    Source: Defazio et al. 2024, arXiv:2405.15682, equations 7 to 9.
    """
    base = optax.chain(
        common.weight_decay(weight_decay),
        common.scale_by_learning_rate(learning_rate),
    )
    return schedule_free(
        base,
        learning_rate,
        b1,
        weight_lr_power,
        state_dtype,
        warmup_steps=warmup_steps,
    )


@scheduled
def schedule_free_adamw(
    learning_rate: Hyper = 0.0025,
    warmup_steps: numerics.Count | None = None,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 0.0,
    weight_lr_power: Hyper = 2.0,
    state_dtype: Any = None,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes schedule-free AdamW: an average of iterates for momentum and schedule.

    νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁),  zₜ = zₜ₋₁ − ηₜ(gₜ/(√ν̂ₜ + ε) + λyₜ₋₁),
    xₜ = xₜ₋₁ + cₜ(zₜ − xₜ₋₁),  yₜ = (1 − β₁)zₜ + β₁xₜ, where gₜ is the gradient at yₜ₋₁
    and cₜ = η²/Ση² with the largest η so far. The parameters are y. Judge the network
    at x: `evaluation_params(state, params)`.

    Args:
      learning_rate: η after the warm-up. There is nothing to decay.
      warmup_steps: ηₜ = η min(1, t/warmup_steps), t from 1. None for no warm-up.
      b1: β₁ in (0, 1), how far y lies from z toward x.
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      weight_decay: λ, at y.
      weight_lr_power: the power of η in cₜ.
      state_dtype: what z is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how a bfloat16 ν is rounded, "stochastic" or "nearest".

    The signature and the defaults up to `state_dtype` are Optax's. Deviations: the
    paper's algorithm 1 has √(1 − β₂ᵗ) in ηₜ, and so in cₜ, where the authors' code and
    Optax debias ν; Optax's warm-up is one step late, as in `schedule_free_sgd`.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> y = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.schedule_free_adamw(0.3)
    >>> state = optimizer.init(y)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(y), state, y)
    ...     y = optax.apply_updates(y, updates)
    ...     print(f"{f(optax_lab.evaluation_params(state, y)):.3f}")
    3.380
    2.776
    2.258

    Source: Defazio et al. 2024, arXiv:2405.15682, algorithm 1.
    """
    b2, eps = numbers(b2, eps)
    ewma.check_decay("b2", b2)
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    base = optax.chain(
        rmsprop.scale_by_rms(b2, eps, 0.0, False, True, **dtypes),
        common.weight_decay(weight_decay),
        common.scale_by_learning_rate(learning_rate),
    )
    return schedule_free(
        base,
        learning_rate,
        b1,
        weight_lr_power,
        state_dtype,
        warmup_steps=warmup_steps,
    )
