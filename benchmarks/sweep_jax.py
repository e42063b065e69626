"""The trainings of sweep.py in JAX: a study of optax_lab, and `vmap` of plain JAX."""

import argparse
from typing import Any

import bench
import numpy as np
import sweep_work

GPU_WIDTH = 32  # trainings that the study has on a GPU at once


def study(work: sweep_work.Work) -> None:
    """Trains as a study does: one at a time on every core, or 32 at once on a GPU."""
    import lab_task

    import optax_lab
    from optax_lab.studies import execute

    rates, keys = _start(work, cores=work.at_once)
    problem, data = lab_task.problem()
    chunk, width = work.at_once, None
    if work.device == "gpu":
        chunk = width = min(GPU_WIDTH, len(keys) // 2)
    accuracies = []
    for one in execute.trainings(
        *(problem, optax_lab.adam, data, keys),
        epochs=work.epochs,
        hypers={"learning_rate": rates},
        width=width,
    ):
        accuracies.append(100 * float(one.history["accuracy/test"][-1]))
        if len(accuracies) == 1:
            sweep_work.say("first")
        if len(accuracies) == chunk:
            sweep_work.say("ready", done=chunk)
    sweep_work.say("end", accuracies=accuracies)


def vmapped(work: sweep_work.Work, chunk: int | None = None) -> None:
    """Trains all at once, or a chunk at a time, by one `jit(vmap(train))`."""
    import jax

    rates, keys = _start(work)
    chunk = chunk or len(keys)
    every = jax.jit(jax.vmap(_plain_training(work.epochs), (0, 0, None)))
    data = _data()
    program = every.lower(rates[:chunk], keys[:chunk], data).compile()
    sweep_work.say("ready", done=0)
    accuracies: list[float] = []
    for first in range(0, len(keys), chunk):
        part = slice(first, first + chunk)
        history = jax.device_get(program(rates[part], keys[part], data))
        _, (_, accuracy) = history
        accuracies += (100 * accuracy[:, -1]).tolist()
        if first == 0:
            sweep_work.say("first")
    sweep_work.say("end", accuracies=accuracies)


def _start(work: sweep_work.Work, cores: int = 1) -> tuple[np.ndarray, Any]:
    """Chooses the device; returns the learning rate and the key of every training."""
    import jax

    bench.start(argparse.Namespace(device=work.device), cores=cores)
    rates, seeds = zip(*work.points, strict=True)
    keys = jax.vmap(jax.random.key)(np.array(seeds, np.uint32))
    return np.array(rates, np.float32), keys


def _data() -> Any:
    """Returns the training set in batches of 100, and the test set."""
    import jax
    import jax.numpy as jnp

    from optax_lab.problems import digits

    train, test = (tuple(map(jnp.asarray, split)) for split in digits.frozen())
    return jax.tree.map(lambda x: x.reshape(-1, 100, *x.shape[1:]), train), test


def _plain_training(epochs: int):
    """Makes a training as one writes it in JAX and Optax: a function to be vmapped.

    It returns ((train loss, train accuracy), (test loss, test accuracy)) of each epoch.
    """
    import jax
    import jax.numpy as jnp
    import optax

    from optax_lab.problems import networks

    network = networks.residual_mlp()

    def loss_and_hits(params, batch):
        inputs, labels = batch
        outputs = network.apply(params, inputs)
        losses = optax.softmax_cross_entropy_with_integer_labels(outputs, labels)
        return losses.mean(), (outputs.argmax(-1) == labels).mean()

    def train(rate, key, data):
        batches, test = data
        optimizer = optax.adam(rate)

        def step(carry, batch):
            params, state = carry
            measured, grad = jax.value_and_grad(loss_and_hits, has_aux=True)(
                params, batch
            )
            updates, state = optimizer.update(grad, state, params)
            return (optax.apply_updates(params, updates), state), measured

        def epoch(carry, _):
            carry, trained = jax.lax.scan(step, carry, batches)
            means = jax.tree.map(jnp.mean, trained)
            return carry, (means, loss_and_hits(carry[0], test))

        # The key is split as the study does it, so that both start where they start.
        params = network.init(jax.random.split(key)[0])
        carry = params, optimizer.init(params)
        return jax.lax.scan(epoch, carry, length=epochs)[1]

    return train
