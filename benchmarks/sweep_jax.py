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
    import lab_scan
    import sweep_plain

    rates, keys = _start(work)
    chunk = chunk or len(keys)
    every = jax.jit(jax.vmap(sweep_plain.training(work.epochs), (0, 0, None)))
    data = lab_scan.data()
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
