# What is learned, from which arrays, and how it is measured.

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from optax_lab import limits, precision

Split = tuple[Any, Any]  # inputs (n, ...) and labels (n, ...)

CHUNK = 2000  # examples that are evaluated at once, so that memory stays bounded


def cross_entropy(
    outputs: Float[Array, "batch classes"], labels: Int[Array, " batch"]
) -> Float[Array, " batch"]:
    """Returns −log softmax(outputs)[label] of each example, in nats.

    It is NaN where a label is none of 0 to classes − 1.
    """
    outputs = precision.widen(outputs)
    log_p = jax.nn.log_softmax(outputs)
    labels = _widened(labels)
    classes = jnp.arange(outputs.shape[-1], dtype=labels.dtype)
    classes = jnp.expand_dims(classes, tuple(range(labels.ndim)))
    picked = (labels[..., None] == classes).astype(outputs.dtype)
    loss = -jnp.sum(log_p * picked, axis=-1)
    return jnp.where(jnp.any(picked, axis=-1), loss, jnp.nan)


def accuracy(
    outputs: Float[Array, "batch classes"], labels: Int[Array, " batch"]
) -> Float[Array, " batch"]:
    """Returns 1 for each example whose largest output is its label, else 0."""
    labels = _widened(labels)
    guess = jnp.argmax(outputs, axis=-1).astype(labels.dtype)
    return precision.widen(guess == labels)


def _widened(labels: Array) -> Array:
    """Returns labels in a dtype that every class has: 256 is 0 among bytes."""
    labels = jnp.asarray(labels)
    if jnp.issubdtype(labels.dtype, jnp.inexact):
        return precision.widen(labels)
    is_narrow = labels.dtype.itemsize < 4 or labels.dtype == jnp.uint32
    return labels.astype(jnp.int32) if is_narrow else labels


def _accuracy() -> dict[str, Callable]:
    return {"accuracy": accuracy}


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is learned and how it is measured: functions, which a program closes over.

    Attributes:
      network: anything with `init(key) → params` and `apply(params, inputs) → outputs`.
      loss: (outputs, labels) → the loss of each example, (batch,); its mean is
        minimised. Outputs and labels may have any shape.
      metrics: more functions of that kind, by name; their means are recorded.
      batch_size: examples per step. A last, shorter batch is taken as it is.
      shuffle: draws a new order for every epoch; False keeps the data's order.
      augment: (key, inputs) → inputs, applied to every training batch.
    """

    network: Any
    loss: Callable = cross_entropy
    metrics: Mapping[str, Callable] = dataclasses.field(default_factory=_accuracy)
    batch_size: int = 100
    shuffle: bool = True
    augment: Callable | None = None


class Data(NamedTuple):
    """The arrays of a problem: what is trained on, and what is measured when.

    Attributes:
      train: inputs and labels.
      every_epoch: splits that are measured after every epoch, by name.
      at_end: splits that are measured once, after the last.
    """

    train: Split
    every_epoch: Mapping[str, Split] = {}
    at_end: Mapping[str, Split] = {}


def evaluate(
    problem: Problem, params: PyTree[Array], split: Split, name: str
) -> dict[str, Float[Array, ""]]:
    """Returns "loss/<name>" and "<metric>/<name>": means over a split's examples."""
    size = len(split[1])
    chunk = min(size, CHUNK)

    def sums(part):
        outputs = problem.network.apply(params, part[0])
        return jax.tree.map(jnp.sum, per_example(problem, outputs, part[1]))

    whole = size // chunk * chunk
    split = jax.tree.map(precision.array, tuple(split))
    chunks = [x[:whole].reshape(-1, chunk, *x.shape[1:]) for x in split]
    total = jax.tree.map(jnp.sum, jax.lax.map(sums, tuple(chunks)))
    if whole < size:
        rest = sums(tuple(x[whole:] for x in split))
        total = jax.tree.map(jnp.add, total, rest)
    return {f"{m}/{name}": value / size for m, value in total.items()}


def per_example(
    problem: Problem, outputs: PyTree[Array], labels: Any
) -> dict[str, Float[Array, " batch"]]:
    """Returns the loss and the metrics of each example, in float32 or wider.

    Raises:
      ValueError: if one of them is not one number per example; it is named.
    """
    functions = loss_and_metrics(problem)
    return {m: _of_each(m, f, outputs, labels) for m, f in functions.items()}


def augmented(problem: Problem, key: PRNGKeyArray, inputs: Array) -> Array:
    """Returns a batch's inputs as they are trained on.

    Raises:
      ValueError: if the augmentation does not keep the number of examples.
    """
    if problem.augment is None:
        return inputs
    changed = problem.augment(key, inputs)
    if jnp.shape(changed)[:1] != (len(inputs),):
        shapes = f"shape {jnp.shape(changed)} for inputs of shape {inputs.shape}"
        raise ValueError(
            f"augment returned {shapes}: it must keep the {len(inputs)} examples"
        )
    return changed


def loss_and_metrics(problem: Problem) -> dict[str, Callable]:
    """Lists the loss and the metrics by name, in whatever order they were given."""
    return {"loss": problem.loss, **dict(sorted(problem.metrics.items()))}


def check(problem: Problem, data: Data, epochs: int) -> None:
    """Refuses settings that are out of range and data that do not fit.

    Raises:
      ValueError: with the value and what is allowed.
    """
    limits.whole(epochs=epochs, batch_size=problem.batch_size)
    size = len(data.train[1])
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if not 1 <= problem.batch_size <= size:
        allowed = f"from 1 to the {size} examples of the training set"
        raise ValueError(f"batch_size must be {allowed}, got {problem.batch_size}")
    if "loss" in problem.metrics:
        raise ValueError("metrics must not be named 'loss', which is recorded anyway")
    for name, (inputs, labels) in _splits(data).items():
        if not 0 < len(inputs) == len(labels):
            lengths = f"{len(inputs)} inputs and {len(labels)} labels"
            raise ValueError(f"the split {name!r} must have as many, got {lengths}")
    if "train" in {*data.every_epoch, *data.at_end}:
        raise ValueError("a split that is measured must not be named 'train'")
    _check_classes(problem, data)


def _of_each(name: str, f: Callable, outputs: PyTree[Array], labels: Any) -> Array:
    values, examples = jnp.asarray(f(outputs, labels)), len(labels)
    if values.shape != (examples,):
        of = f"outputs {_shapes(outputs)} and labels {jnp.shape(labels)}"
        raise ValueError(
            f"{name} returned shape {values.shape} for {examples} examples ({of}): it "
            f"must be one number per example, of shape ({examples},), such as "
            "jnp.mean((outputs - labels) ** 2, axis=-1) where both have shape "
            "(batch, features)"
        )
    return precision.widen(values)


def _shapes(outputs: PyTree[Array]) -> str:
    return ", ".join(str(jnp.shape(x)) for x in jax.tree.leaves(outputs))


def _check_classes(problem: Problem, data: Data) -> None:
    """Refuses labels that are no class, where the data are known and the loss asks."""
    if cross_entropy not in loss_and_metrics(problem).values():
        return
    params = jax.eval_shape(problem.network.init, jax.random.key(0))
    outputs = jax.eval_shape(
        problem.network.apply, params, data.train[0][: problem.batch_size]
    )
    classes = outputs.shape[-1]
    for name, (_, labels) in _splits(data).items():
        if isinstance(labels, jax.core.Tracer) or np.ndim(labels) != 1:
            continue  # another shape is refused where the loss is taken
        labels = np.asarray(labels)
        known = np.isin(labels, np.arange(classes))
        if not known.all():
            place = int(np.argmin(known))
            what = f"label {place} of the split {name!r} is {labels[place]}"
            raise ValueError(f"{what}: it must be a class, from 0 to {classes - 1}")


def _splits(data: Data) -> dict[str, Split]:
    return {**data.every_epoch, **data.at_end, "train": data.train}
