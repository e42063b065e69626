# What is learned, from which arrays, and how it is measured.

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

Split = tuple[Any, Any]  # inputs (n, ...) and labels (n, ...)

_CHUNK = 2000  # examples that are evaluated at once, so that memory stays bounded


def cross_entropy(
    outputs: Float[Array, "batch classes"], labels: Int[Array, " batch"]
) -> Float[Array, " batch"]:
    """Returns −log softmax(outputs)[label] of each example, in nats."""
    log_p = jax.nn.log_softmax(outputs)
    picked = jax.nn.one_hot(labels, outputs.shape[-1], dtype=outputs.dtype)
    return -jnp.sum(log_p * picked, axis=-1)


def accuracy(
    outputs: Float[Array, "batch classes"], labels: Int[Array, " batch"]
) -> Float[Array, " batch"]:
    """Returns 1 for each example whose largest output is its label, else 0."""
    guess = jnp.argmax(outputs, axis=-1).astype(labels.dtype)
    return (guess == labels).astype(outputs.dtype)


def _accuracy() -> dict[str, Callable]:
    return {"accuracy": accuracy}


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is learned and how it is measured: functions, which a program closes over.

    Attributes:
      network: anything with `init(key) → params` and `apply(params, inputs) → outputs`.
      loss: (outputs, labels) → the loss of each example, (batch,); its mean is
        minimised.
      metrics: more functions of that kind, by name; they are recorded.
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
    functions = loss_and_metrics(problem)
    size = len(split[1])
    chunk = min(size, _CHUNK)

    def sums(part):
        outputs = problem.network.apply(params, part[0])
        return {m: jnp.sum(f(outputs, part[1])) for m, f in functions.items()}

    whole = size // chunk * chunk
    chunks = [jnp.asarray(x)[:whole].reshape(-1, chunk, *x.shape[1:]) for x in split]
    total = jax.tree.map(jnp.sum, jax.lax.map(sums, tuple(chunks)))
    if whole < size:
        rest = sums(tuple(jnp.asarray(x)[whole:] for x in split))
        total = jax.tree.map(jnp.add, total, rest)
    return {f"{m}/{name}": value / size for m, value in total.items()}


def loss_and_metrics(problem: Problem) -> dict[str, Callable]:
    """Lists the loss and the metrics by name."""
    return {"loss": problem.loss, **problem.metrics}


def check(problem: Problem, data: Data, epochs: int) -> None:
    """Refuses settings that are out of range and data that do not fit.

    Raises:
      ValueError: with the value and what is allowed.
    """
    size = len(data.train[1])
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if not 1 <= problem.batch_size <= size:
        allowed = f"from 1 to the {size} examples of the training set"
        raise ValueError(f"batch_size must be {allowed}, got {problem.batch_size}")
    if "loss" in problem.metrics:
        raise ValueError("metrics must not be named 'loss', which is recorded anyway")
    for name, split in {**data.every_epoch, **data.at_end, "train": data.train}.items():
        inputs, labels = split
        if not 0 < len(inputs) == len(labels):
            lengths = f"{len(inputs)} inputs and {len(labels)} labels"
            raise ValueError(f"the split {name!r} must have as many, got {lengths}")
    if "train" in {*data.every_epoch, *data.at_end}:
        raise ValueError("a split that is measured must not be named 'train'")
