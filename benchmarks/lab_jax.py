"""The lab's loop in Flax and Optax: a jitted step as documented, or a scanned epoch."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import lab_scan
import lab_task
import optax
from flax import nnx

Told = Callable[[int], None]


def with_nnx(name: str, epochs: int, seed: int, on_epoch: Told) -> float:
    """Trains with `nnx.jit` and `nnx.Optimizer`; returns the accuracy in percent."""
    problem, data = lab_task.problem()
    model = problem.network.make(nnx.Rngs(seed))
    optimizer = nnx.Optimizer(model, lab_task.in_optax(name), wrt=nnx.Param)
    metrics = nnx.MultiMetric(
        accuracy=nnx.metrics.Accuracy(), loss=nnx.metrics.Average("loss")
    )
    train, test = _batches(data)
    for done in range(1, epochs + 1):
        for batch in train:
            _nnx_step(model, optimizer, metrics, *batch)
        metrics.compute(), metrics.reset()
        for batch in test:
            _nnx_evaluate(model, metrics, *batch)
        found = {k: float(v) for k, v in metrics.compute().items()}
        metrics.reset()
        on_epoch(done)
    return 100 * found["accuracy"]


def _nnx_loss(model, inputs, labels):
    logits = model(inputs)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return losses.mean(), logits


@nnx.jit
def _nnx_step(model, optimizer, metrics, inputs, labels):
    slope = nnx.value_and_grad(_nnx_loss, has_aux=True)
    (loss, logits), grads = slope(model, inputs, labels)
    metrics.update(loss=loss, logits=logits, labels=labels)
    optimizer.update(model, grads)


@nnx.jit
def _nnx_evaluate(model, metrics, inputs, labels):
    loss, logits = _nnx_loss(model, inputs, labels)
    metrics.update(loss=loss, logits=logits, labels=labels)


def with_optax(name: str, epochs: int, seed: int, on_epoch: Told) -> float:
    """Trains with a jitted step over plain parameters; returns the test accuracy."""
    problem, data = lab_task.problem()
    params = problem.network.init(jax.random.key(seed))
    optimizer = lab_task.in_optax(name)
    step, evaluate = _optax_steps(problem.network.apply, optimizer)
    state = optimizer.init(params)
    train, test = _batches(data)
    for done in range(1, epochs + 1):
        seen = []
        for batch in train:
            params, state, measured = step(params, state, *batch)
            seen.append(measured)
        trained = _means(seen)
        tested = _means([evaluate(params, *batch) for batch in test])
        on_epoch(done)
    assert trained[0] == trained[0], "the training diverged"
    return 100 * tested[1]


def with_scan(name: str, epochs: int, seed: int, on_epoch: Told) -> float:
    """Trains with a jitted epoch, a scan over its steps; returns the test accuracy."""
    network, optimizer, epoch, data = _scanned(name)
    params = network.init(jax.random.key(seed))
    carry, history = (params, optimizer.init(params)), []
    for done in range(1, epochs + 1):
        carry, measured = epoch(carry, *data)
        history.append(jax.device_get(measured))
        on_epoch(done)
    return 100 * float(history[-1][1][1])


@functools.cache
def _scanned(name: str) -> tuple:
    """Makes network, optimizer, jitted epoch and data, once a process."""
    problem, optimizer = lab_task.problem()[0], lab_task.in_optax(name)
    epoch = lab_scan.epoch_of(problem.network.apply, optimizer)
    epoch = jax.jit(epoch, donate_argnums=0)
    return problem.network, optimizer, epoch, lab_scan.data()


def _optax_steps(apply: Callable, optimizer) -> tuple[Callable, Callable]:
    """Makes the jitted step and the jitted evaluation."""

    def loss_of(params, inputs, labels):
        logits = apply(params, inputs)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean(), jnp.mean(logits.argmax(-1) == labels)

    def step(params, state, inputs, labels):
        slope = jax.value_and_grad(loss_of, has_aux=True)
        measured, grads = slope(params, inputs, labels)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, measured

    return jax.jit(step, donate_argnums=(0, 1)), jax.jit(loss_of)


def _means(measured: list) -> tuple[float, float]:
    """Fetches losses and accuracies of an epoch at once, and averages them."""
    losses, accuracies = zip(*jax.device_get(measured), strict=True)
    return float(sum(losses) / len(losses)), float(sum(accuracies) / len(accuracies))


def _batches(data):
    """Puts all batches on the device once: they are the same in every epoch."""
    splits = (data.train, data.every_epoch["test"])
    return [jax.device_put(lab_task.batches(split)) for split in splits]
