"""The trainings of sweep.py in plain JAX and Optax: one program for a whole training.

In a pool, every process takes one training at a time, without `vmap`.
"""

import argparse
import functools
from collections.abc import Callable

import lab_task
import sweep_work


def training(epochs: int) -> Callable:
    """Makes a training as one writes it in JAX and Optax: a pure function.

    It returns ((train loss, train accuracy), (test loss, test accuracy)) of each epoch.
    """
    import jax
    import lab_scan
    import optax

    from optax_lab.problems import networks

    network = networks.residual_mlp()

    def train(rate, key, data):
        optimizer = optax.adam(rate)
        epoch = lab_scan.epoch_of(network.apply, optimizer)
        # The key is split as the study does it, so that both start where they start.
        params = network.init(jax.random.split(key)[0])
        carry = params, optimizer.init(params)
        return jax.lax.scan(lambda c, _: epoch(c, *data), carry, length=epochs)[1]

    return train


# --- In a pool ------------------------------------------------------------------------


def prepare(work: sweep_work.Work) -> None:
    """Does what a process does once: loads the data, and compiles."""
    lab_task.one_thread(work.device)
    _program(work.epochs, work.device)


def train(work: sweep_work.Work, rate: float, seed: int) -> float:
    """Trains once; returns the test accuracy of the last epoch in percent."""
    import jax
    import numpy as np

    program, data = _program(work.epochs, work.device)
    _, (_, accuracy) = program(np.float32(rate), jax.random.key(seed), data)
    return 100 * float(accuracy[-1])


@functools.cache
def _program(epochs: int, device: str):
    """Returns the compiled training and its data, made once a process."""
    import bench
    import jax
    import lab_scan
    import numpy as np

    bench.start(argparse.Namespace(device=device))
    data = lab_scan.data()
    lowered = jax.jit(training(epochs)).lower(np.float32(0), jax.random.key(0), data)
    return lowered.compile(), data
