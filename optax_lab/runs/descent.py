# One optimizer going down one function, recorded; pure, so whole grids can be vmapped.
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float, Int, Int8, PRNGKeyArray, PyTree, Scalar

from optax_lab import limits, precision

STATUS = ("converged", "max_steps", "diverged")
CONVERGED, MAX_STEPS, DIVERGED = range(3)
STOPS = (None, "step", "gradient")

# Whether any lane still runs is asked once in so many steps: seldom enough to cost
# nothing, often enough that a grid ends soon after its last lane.
STRIDE = 128


class Trajectory(NamedTuple):
    """Where a descent went.

    Row k holds the point after k · record_every steps and the value there; the last row
    holds the end. After a stop the last point repeats.
    """

    points: PyTree[Array]  # every leaf (rows, *shape of the start's leaf)
    values: Float[Array, " rows"]
    status: Int8[Array, ""]  # an index into STATUS
    steps_taken: Int[Array, ""]  # of a diverged run: the step that broke it
    first_hit: Any = -1  # the first step at the target or below it; -1 if never


class _Lane(NamedTuple):
    """One descent between two steps; `value` and `grad` are those at `point`."""

    step: Int[Array, ""]  # the loop's count, the same in all lanes
    point: PyTree[Array]
    state: optax.OptState
    value: Scalar
    grad: PyTree[Array]
    status: Int8[Array, ""]  # MAX_STEPS until something else is known
    steps_taken: Int[Array, ""]
    first_hit: Int[Array, ""]


def descend(
    value: Callable[..., Scalar],
    optimizer: optax.GradientTransformation,
    start: PyTree,
    *,
    key: PRNGKeyArray | None = None,
    steps: int = 10_000,
    stop: str | None = None,
    tolerance: float | int = 1e-6,
    record_every: int = 1,
    target: float | int | None = None,
    judge: Callable[[PyTree], Scalar] | None = None,
) -> Trajectory:
    """Runs an optimizer down a function and records where it went.

    A run is *converged* once the stop rule holds, *diverged* at the first point that is
    not finite or has no finite value (it stays in the record), else *max_steps*. The
    stop rules:

    - ``"step"``: ‖xₜ − xₜ₋₁‖ ≤ tolerance; the lab's rule, with tolerance 1e-4. Beware:
      small learning rates and turning points make small steps anywhere.
    - ``"gradient"``: ‖∇f(xₜ)‖ ≤ tolerance, at the start too.

    The function is pure. `jax.jit` it where it is called often; `jax.vmap` it over
    starts, keys and hyperparameters, with the optimizer made inside. A lane that ends
    is frozen, touches no other, and the program ends soon after its last lane.

    Args:
      value: What is minimised: ``value(point)``, or ``value(point, key)`` if a key is
        given, with a key of its own for every step.
      optimizer: Any Optax transformation; it may ask for the extra arguments ``value``,
        ``grad``, ``value_fn`` and ``obj_fn``.
      start: The first point, any pytree. Integers become floats.
      key: For a noisy ``value``.
      steps: The most steps taken.
      stop: A stop rule, or None.
      tolerance: What the stop rule compares with.
      record_every: Steps from one row of the record to the next; bounds the memory.
      target: A value that is waited for: `first_hit` is the step that reaches it,
        whatever is recorded.
      judge: What the target is compared with: ``value`` unless it is noisy, when its
        mean can be given here.

    Returns:
      The trajectory: ⌈steps / record_every⌉ + 1 rows, the first of them the start.

    Raises:
      ValueError: If a setting is out of range, or ``value`` cannot take the start.

    >>> run = descend(lambda x: (x**2).sum(), optax.sgd(0.25), jnp.array([3, 4]),
    ...               steps=100, stop="gradient", tolerance=1e-3)
    >>> STATUS[run.status], int(run.steps_taken), float(run.values[0])
    ('converged', 14, 25.0)
    """
    _check_settings(steps, stop, tolerance, record_every)
    start = jax.tree.map(as_float, start)
    _check_value(value, start, key)
    optimizer = optax.with_extra_args_support(optimizer)

    def running(lane: _Lane) -> Bool[Array, ""]:
        return (lane.status == MAX_STEPS) & (lane.step < steps)

    def settled(grad: PyTree, moved: PyTree = None) -> Bool[Array, ""] | bool:
        compared = {None: None, "step": moved, "gradient": grad}[stop]
        wide = jax.tree.map(precision.widen, compared)  # float16 squares 1e-4 to 0
        return compared is not None and optax.tree.norm(wide) <= tolerance

    def reached(point: PyTree, v: Scalar) -> Bool[Array, ""] | bool:
        if target is None:
            return False
        seen = jnp.asarray(v if judge is None else judge(point))
        return precision.widen(seen) <= precision.widen(as_seen(seen))

    def as_seen(seen: Scalar) -> Scalar:
        return jnp.asarray(target).astype(seen.dtype)  # .3 is another number in 16 bits

    def take_step(lane: _Lane) -> _Lane:
        extra = extra_args(objective(value, key, lane.step), lane.value, lane.grad)
        updates, state = optimizer.update(lane.grad, lane.state, lane.point, **extra)
        point = optax.apply_updates(lane.point, updates)
        step = lane.step + 1
        v, grad = jax.value_and_grad(objective(value, key, step))(point)
        status = _status(point, v, settled(grad, optax.tree.sub(point, lane.point)))
        hit = jnp.where((lane.first_hit < 0) & reached(point, v), step, lane.first_hit)
        # Only what is returned is frozen; nobody reads the rest of an ended lane.
        live = running(lane)
        point, v, status, taken, hit = jax.tree.map(
            lambda new, old: jnp.where(live, new, old),
            (point, v, status, step, hit),
            (lane.point, lane.value, lane.status, lane.steps_taken, lane.first_hit),
        )
        return _Lane(step, point, state, v, grad, status, taken, hit)

    zero = jnp.int32(0)
    v, grad = jax.value_and_grad(objective(value, key, zero))(start)
    status = _status(start, v, settled(grad))
    hit = jnp.where(reached(start, v), zero, jnp.int32(-1))
    lane = _Lane(zero, start, optimizer.init(start), v, grad, status, zero, hit)
    rows = -(-steps // record_every) + 1
    return _record(take_step, running, lane, rows, record_every)


def objective(
    value: Callable[..., Scalar], key: PRNGKeyArray | None, step: Int[Array, ""]
) -> Callable[[PyTree], Scalar]:
    """Returns what is minimised at a step: with a key of its own where there is one."""
    if key is None:
        return value
    step_key = jax.random.fold_in(key, step)
    return lambda point: value(point, step_key)


def extra_args(f: Callable, value: Scalar, grad: PyTree) -> dict[str, Any]:
    """Returns what an optimizer may ask for besides gradient, state and parameters."""
    # Optax's line searches refuse an argument that value_fn does not name.
    value_fn = lambda point, obj_fn=None: f(point)
    return {"value": value, "grad": grad, "value_fn": value_fn, "obj_fn": f}


def _record(take_step, running, lane: _Lane, rows: int, every: int) -> Trajectory:
    """Runs a lane to its end, noting point and value before every `every` steps.

    The rows are stacked by a scan over blocks of them, and a block is skipped when no
    lane runs: so no `select` over a whole record is ever made, which is what `vmap`
    makes of a `while_loop` that carries one (1000 lanes: 49 s instead of 0.06 s).
    """
    block = min(rows, max(1, STRIDE // every))

    def row(lane, _):
        return _advance(take_step, running, lane, every), (lane.point, lane.value)

    def run(lane):
        return lax.scan(row, lane, None, length=block)

    def skip(lane):
        repeat = lambda leaf: jnp.broadcast_to(leaf, (block, *leaf.shape))
        return lane, jax.tree.map(repeat, (lane.point, lane.value))

    def run_or_skip(lane, _):
        return lax.cond(_any_lane(running(lane)), run, skip, lane)

    blocks = -(-rows // block)
    lane, record = lax.scan(run_or_skip, lane, None, length=blocks)
    unblock = lambda leaf: leaf.reshape(blocks * block, *leaf.shape[2:])[:rows]
    points, values = jax.tree.map(unblock, record)
    return Trajectory(points, values, lane.status, lane.steps_taken, lane.first_hit)


def _advance(take_step, running, lane: _Lane, steps: int) -> _Lane:
    """Takes `steps` steps, fewer when no lane runs any more."""

    def some(lane, n):
        return lax.fori_loop(0, n, lambda _, lane: take_step(lane), lane)

    strides, rest = divmod(steps, STRIDE)
    lane = some(lane, rest)
    if not strides:
        return lane
    _, lane = lax.while_loop(
        lambda loop: (loop[0] < strides) & _any_lane(running(loop[1])),
        lambda loop: (loop[0] + 1, some(loop[1], STRIDE)),
        (jnp.int32(0), lane),
    )
    return lane


@custom_vmap
def _any_lane(running: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether any lane runs: under `vmap` still one answer for all, so loops stay."""
    return running


@_any_lane.def_vmap
def _(axis_size, in_batched, running):
    return _any_lane(jnp.any(running, axis=0)), False


def _status(point: PyTree, value: Scalar, settled: Any) -> Int8[Array, ""]:
    # A value can be inf at a finite point, and the other way round: test both.
    finite = jax.tree.map(lambda leaf: jnp.isfinite(leaf).all(), (point, value))
    finite = jax.tree.reduce(jnp.logical_and, finite)
    status = jnp.where(settled, CONVERGED, MAX_STEPS)
    return jnp.where(finite, status, DIVERGED).astype(jnp.int8)


def as_float(leaf: Any) -> Array:
    """Returns an array that can be descended: integers become floats."""
    dtype = jnp.result_type(leaf)
    return jnp.asarray(leaf, dtype if jnp.issubdtype(dtype, jnp.inexact) else float)


def _check_settings(steps, stop, tolerance, record_every) -> None:
    limits.whole(steps=steps, record_every=record_every)
    if steps < 1:
        raise ValueError(f"steps is {steps}, but must be at least 1")
    if stop not in STOPS:
        raise ValueError(f"stop is {stop!r}, but must be one of {STOPS}")
    if not tolerance >= 0:
        raise ValueError(f"tolerance is {tolerance}, but must be 0 or more")
    if record_every < 1:
        raise ValueError(f"record_every is {record_every}, but must be at least 1")


def _check_value(value, start: PyTree, key: PRNGKeyArray | None) -> None:
    if key is not None:
        limits.key(key)
    shapes = jax.tree.map(jnp.shape, start)
    try:
        out = jax.eval_shape(value, start, *([] if key is None else [key]))
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(f"value cannot take a start of {shapes=}: {error}") from error
    if getattr(out, "shape", None) != () or not jnp.issubdtype(out.dtype, jnp.floating):
        kind = f"shape {out.shape} of {out.dtype}" if hasattr(out, "dtype") else out
        raise ValueError(f"value must return one float, but returned {kind}")
