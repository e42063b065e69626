# One network trained by one optimizer: a pure function of its inputs and a key.

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, Shaped

from optax_lab import limits, measures, precision
from optax_lab.runs.problem import (
    CHUNK,
    Data,
    Problem,
    Split,
    accuracy,
    augmented,
    check,
    cross_entropy,
    evaluate,
    loss_and_metrics,
    per_example,
)

__all__ = [
    "CHUNK",
    "Data",
    "History",
    "Problem",
    "Recorded",
    "Result",
    "Run",
    "accuracy",
    "advance",
    "at_params",
    "block_length",
    "check",
    "cross_entropy",
    "evaluate",
    "finish",
    "joined",
    "observed",
    "start",
    "train",
]

# "loss/train", "accuracy/test", …: one value per epoch
History = dict[str, Array]
Recorded = dict[str, np.ndarray]  # a history on the host
Params = PyTree[Array]

_LONGEST_BLOCK = 10  # epochs between two looks at the keyboard and the progress bar


class Run(NamedTuple):
    """A training between two epochs: arrays only, so that it can be saved or mapped."""

    params: Params
    state: PyTree
    key: PRNGKeyArray  # of the batches' order and augmentation
    epoch: Int[Array, ""]


class Result(NamedTuple):
    """A finished training: where it ended, its curves, and the measures of its end."""

    run: Run
    history: Recorded
    final: dict[str, float]


def at_params(state: PyTree, params: Params) -> Params:
    """Judges a network at the parameters that it is trained at: the usual case."""
    del state
    return params


def start(problem: Problem, optimizer: optax.GradientTransformation, key) -> Run:
    """Makes the run before its first epoch.

    Parameters and batches depend on the problem and the key only, so that runs of
    different optimizers with the same key are paired.

    Raises:
      ValueError: if the key is none, such as a seed.
    """
    limits.key(key)
    params_key, batches_key = jax.random.split(key)
    params = problem.network.init(params_key)
    return Run(params, optimizer.init(params), batches_key, jnp.zeros([], jnp.int32))


def advance(
    problem: Problem,
    optimizer: optax.GradientTransformation,
    run: Run,
    data: Data,
    *,
    epochs: int,
    evaluate_at: Callable[[PyTree, Params], Params] = at_params,
) -> tuple[Run, History]:
    """Trains for some epochs; pure, and made to be jitted with `epochs` static.

    An epoch's order and augmentation come from `fold_in(run.key, run.epoch)`, so a run
    that is cut into blocks of any length is the same to the bit.

    Args:
      problem: the network, its loss and its metrics.
      optimizer: any Optax transformation; it is given `value`, `grad`, `value_fn`
        and `obj_fn`.
      run: what `start` or an earlier call returned.
      data: what is trained on and measured.
      epochs: how many.
      evaluate_at: (state, params) → the parameters that are judged, for optimizers
        that step at others (averages, schedule-free, lookahead).

    Returns:
      The run afterwards, and its history: "loss/train" and "<metric>/train" (means over
      the epoch while the parameters change), "loss/<split>" and "<metric>/<split>" of
      each split in `data.every_epoch` (after the epoch), and of the epoch's last step
      "optimizer/gradient_norm", "optimizer/update_norm", and "optimizer/<name>" of all
      that an observed optimizer keeps in its state (see `observed`).

    Raises:
      ValueError: if a setting is out of range or the data do not fit.
    """
    check(problem, data, epochs)
    data = jax.tree.map(precision.array, data)
    step = _step(problem, optax.with_extra_args_support(optimizer))

    def epoch(run):
        key = jax.random.fold_in(run.key, run.epoch)
        # The last step is apart, so that only it pays for its norms.
        batches = _batches(problem, data.train, key)
        early = jax.tree.map(lambda x: x[:-1], batches)
        quiet = lambda carry, batch: step(carry, batch)[:2]
        carry, sums = jax.lax.scan(quiet, (run.params, run.state), early)
        carry, last, norms = step(carry, jax.tree.map(lambda x: x[-1], batches))
        total = jax.tree.map(lambda s, x: s.sum() + x, sums, last)
        means = lambda m: total[m] / total["examples"].astype(total[m].dtype)
        history = {f"{m}/train": means(m) for m in loss_and_metrics(problem)}
        params, state = carry
        judged = evaluate_at(state, params)
        for name, split in data.every_epoch.items():
            history |= evaluate(problem, judged, split, name)
        history |= norms | observed(state)
        return Run(params, state, run.key, run.epoch + 1), history

    return _repeat(epoch, run, epochs)


def finish(
    problem: Problem, params: Params, splits: Mapping[str, Split]
) -> dict[str, Float[Array, ""]]:
    """Measures finished parameters on every split, such as those of `data.at_end`."""
    measured = {}
    for name, split in splits.items():
        measured |= evaluate(problem, params, split, name)
    return measured


def observed(state: PyTree) -> dict[str, Float[Array, ""]]:
    """Returns what an optimizer's state says of its last step, as "optimizer/<name>".

    It is found in fields named `observed`, dictionaries of scalars such as those of
    `optax_lab.observe`. From the second such field on, its number follows the name.
    """

    def is_ours(path, value):
        is_field = isinstance(path[-1], optax.tree_utils.NamedTupleKey)
        return is_field and isinstance(value, Mapping)

    found = optax.tree.get_all_with_path(state, "observed", is_ours)
    return {
        f"optimizer/{name}{f'_{n}' if n > 1 else ''}": value
        for n, (_, values) in enumerate(found, start=1)
        for name, value in values.items()
    }


def train(
    problem: Problem,
    optimizer: optax.GradientTransformation,
    data: Data,
    key: PRNGKeyArray,
    *,
    epochs: int = 100,
    block: int | None = None,
    on_block: Callable[[int, Recorded], None] | None = None,
    evaluate_at: Callable[[PyTree, Params], Params] = at_params,
) -> Result:
    """Trains a network, a compiled block of epochs at a time.

    Args:
      problem: the network, its loss and its metrics.
      optimizer: any Optax transformation.
      data: what is trained on, and what is measured when.
      key: decides the initial parameters and the batches, whatever the optimizer.
      epochs: how often the training set is gone through.
      block: epochs per compiled call; the largest divisor of `epochs` up to 10 when
        None. It changes nothing but how often `on_block` is called.
      on_block: (epochs done, history of the block), called after every block.
      evaluate_at: as in `advance`.

    Returns:
      The run, its history as NumPy arrays, and "loss/<split>" and "<metric>/<split>" of
      the splits in `data.at_end`.

    Raises:
      ValueError: if a setting is out of range or the data do not fit.
    """
    check(problem, data, epochs)
    limits.key(key)
    data = jax.tree.map(precision.array, data)
    size = block_length(epochs, block)

    @jax.jit
    def advance_block(run, data):
        settings = {"epochs": size, "evaluate_at": evaluate_at}
        return advance(problem, optimizer, run, data, **settings)

    run, blocks = jax.jit(lambda key: start(problem, optimizer, key))(key), []
    for done in range(size, epochs + 1, size):
        run, history = jax.block_until_ready(advance_block(run, data))
        blocks.append(jax.device_get(history))
        if on_block is not None:
            on_block(done, blocks[-1])
    at = jax.jit(lambda state, params: evaluate_at(state, params))  # as it is now
    judged = at(run.state, run.params)
    measure = jax.jit(lambda params, splits: finish(problem, params, splits))
    final = measure(judged, data.at_end)
    return Result(run, joined(blocks), {k: float(v) for k, v in final.items()})


def block_length(epochs: int, block: int | None = None) -> int:
    """Returns how many epochs a block has: `block`, or the largest divisor up to 10."""
    if block is None:
        return max(n for n in range(1, _LONGEST_BLOCK + 1) if epochs % n == 0)
    limits.whole(block=block)
    if block < 1 or epochs % block:
        raise ValueError(f"block must divide the {epochs} epochs, got {block}")
    return block


def joined(blocks: Sequence[Mapping[str, np.ndarray]]) -> Recorded:
    """Joins the histories of consecutive blocks along their last axis, the epochs."""
    return {k: np.concatenate([b[k] for b in blocks], axis=-1) for k in blocks[0]}


def _repeat(function: Callable, carry: PyTree, times: int) -> tuple[PyTree, PyTree]:
    """Is `scan(function, carry, length=times)`, whose loop stays a loop when times = 1.

    XLA would dissolve that one into its surroundings and round the last bit otherwise.
    """
    shapes = jax.eval_shape(function, carry)[1]
    rows = jax.tree.map(lambda x: jnp.zeros((times, *x.shape), x.dtype), shapes)

    def body(i, both):
        carry, row = function(both[0])
        return carry, jax.tree.map(lambda all, x: all.at[i].set(x), both[1], row)

    unknown_times = jax.lax.optimization_barrier(jnp.int32(times))
    return jax.lax.fori_loop(0, unknown_times, body, (carry, rows))


# --- Inside an epoch ------------------------------------------------------------------


class _Batch(NamedTuple):
    inputs: Shaped[Array, "batch ..."]
    labels: Shaped[Array, "batch ..."]
    present: Bool[Array, " batch"]  # False where a last batch has run out of examples
    key: PRNGKeyArray  # of the augmentation


def _batches(problem: Problem, split: Split, key: PRNGKeyArray) -> _Batch:
    """Cuts a split into batches, in this epoch's order; leading axis: the step."""
    inputs, labels = split
    size, batch = len(labels), problem.batch_size
    steps = -(-size // batch)
    order_key, augment_key = jax.random.split(key)
    order = jnp.arange(size)
    if problem.shuffle:
        order = jax.random.permutation(order_key, order)
    # A short last batch is filled with its last example, which is left out.
    order = jnp.concatenate([order, jnp.broadcast_to(order[-1:], steps * batch - size)])
    present = jnp.arange(steps * batch) < size
    cut = lambda x: x.reshape(steps, batch, *x.shape[1:])
    keys = jax.random.split(augment_key, steps)
    return _Batch(cut(inputs[order]), cut(labels[order]), cut(present), keys)


def _step(problem: Problem, optimizer: optax.GradientTransformationExtraArgs):
    def step(carry, batch):
        params, state = carry
        inputs = augmented(problem, batch.key, batch.inputs)

        def losses(params):
            outputs = problem.network.apply(params, inputs)
            each = per_example(problem, outputs, batch.labels)
            sums = {m: jnp.sum(x, where=batch.present) for m, x in each.items()}
            examples = batch.present.sum().astype(sums["loss"].dtype)
            return sums["loss"] / examples, sums | {"examples": examples}

        (value, sums), grad = jax.value_and_grad(losses, has_aux=True)(params)
        objective = lambda params, obj_fn=None: losses(params)[0]
        extra = {"value": value, "grad": grad, "obj_fn": objective}
        # Optax's line searches refuse an argument that value_fn does not name.
        extra["value_fn"] = objective
        updates, state = optimizer.update(grad, state, params, **extra)
        carry = optax.apply_updates(params, updates), state
        return carry, sums, _norms(grad, updates)

    return step


def _norms(grad: PyTree, updates: PyTree) -> dict[str, Float[Array, ""]]:
    named = {"gradient_norm": grad, "update_norm": updates}
    return {f"optimizer/{name}": measures.norm(x) for name, x in named.items()}
