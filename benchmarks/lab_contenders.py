"""The ways to train the lab's network that are compared."""

import argparse
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import bench
import lab_task

BLOCK = 10  # epochs in a block of ours, as `train` chooses for 100
Train = Callable[[str, int, Sequence[int], Callable[[int], None]], list[float]]


class Contender(NamedTuple):
    """Holds a way to train.

    Attributes:
      make: from the options to a function of an optimizer's name, a number of epochs,
        seeds, and what is told how many epochs have been done since; it trains once
        with every seed and returns the test accuracies in percent.
      once_per_core: whether as many processes train at once as there are cores.
      together: whether all seeds of a study are trained by one call.
    """

    make: Callable[[argparse.Namespace], Train]
    once_per_core: bool = False
    together: bool = False

    @property
    def of_many(self) -> bool:
        """Whether several trainings are done at once."""
        return self.once_per_core or self.together


def one_by_one(train: Callable) -> Train:
    """Makes a function of one seed to one of several."""

    def every(name, epochs, seeds, told):
        return [train(name, epochs, seed, lambda _: told(1)) for seed in seeds]

    return every


# --- PyTorch --------------------------------------------------------------------------


def pytorch(
    options: argparse.Namespace,
    *,
    way: str = "loader",
    threads: int | None = None,
    compiled: bool = False,
) -> Train:
    """The lab's loop, with PyTorch's own choice of threads or a given one."""
    torch = bench.peer("torch")
    import lab_torch

    from optax_lab.problems import digits

    if threads is not None:
        torch.set_num_threads(threads)
    device = "cuda" if options.device == "gpu" else "cpu"
    batches = [lab_torch.WAYS[way].batches(split, device) for split in digits.frozen()]
    settings = {"way": way, "compiled": compiled, "device": device}

    def train(name, epochs, seed, on_epoch):
        make = lab_torch.OPTIMIZERS[name]
        return lab_torch.train(
            make, seed, epochs, *batches, on_epoch=on_epoch, **settings
        )

    return one_by_one(train)


# --- JAX ------------------------------------------------------------------------------


def plain(options: argparse.Namespace, *, loop: str, alone: bool = True) -> Train:
    """Flax or Optax as documented; not alone, with one thread."""
    if not alone:
        lab_task.one_thread(options.device)
    bench.start(options)
    import lab_jax

    return one_by_one(getattr(lab_jax, loop))


def one_run(options: argparse.Namespace) -> Train:
    """`train`, one training at a time."""
    bench.start(options)
    import jax

    from optax_lab.runs import training

    problem, data = lab_task.problem()

    def train(name, epochs, seeds, told):
        block = min(BLOCK, max(1, epochs // 2))
        settings = {"epochs": epochs, "block": block}
        settings["on_block"] = lambda done, history: told(block)
        optimizer, accuracies = lab_task.optimizer(name), []
        for seed in seeds:
            key = jax.random.key(seed)
            result = training.train(problem, optimizer, data, key, **settings)
            accuracies.append(100 * float(result.history["accuracy/test"][-1]))
        return accuracies

    return train


def study(options: argparse.Namespace) -> Train:
    """`trainings`, several seeds on all cores; on a GPU, all at once."""
    bench.start(options, cores=bench.available_cores())
    import jax
    import numpy as np

    from optax_lab.studies import execute

    problem, data = lab_task.problem()

    def train(name, epochs, seeds, told):
        before = {}

        def tell(indices, done):
            told(sum(done - before.get(i, 0) for i in indices))
            before.update(dict.fromkeys(indices, done))

        optimizer = lab_task.optimizer(name)
        keys = jax.vmap(jax.random.key)(np.array(seeds, np.uint32))
        work = execute.trainings(
            problem, optimizer, data, keys, epochs=epochs, on_block=tell
        )
        return [100 * float(run.history["accuracy/test"][-1]) for run in work]

    return train


# --- All ------------------------------------------------------------------------------


def _contender(make: Callable, **settings) -> Contender:
    return Contender(functools.partial(make, **settings))


def _per_core(make: Callable, **settings) -> Contender:
    return Contender(functools.partial(make, **settings), once_per_core=True)


LAB, ONE, EACH = "PyTorch", "PyTorch, one thread", "PyTorch, a process per core"
FAST, SCAN = "PyTorch, tensors, a process per core", "Optax, a scanned epoch"
SINGLE, STUDY = "optax_lab, one run", "optax_lab, a study"
CONTENDERS = {
    LAB: _contender(pytorch),
    ONE: _contender(pytorch, threads=1),
    EACH: _per_core(pytorch, threads=1),
    "PyTorch, torch.compile": _contender(pytorch, compiled=True),
    "PyTorch, tensors": _contender(pytorch, way="tensors"),
    "PyTorch, tensors, one thread": _contender(pytorch, way="tensors", threads=1),
    FAST: _per_core(pytorch, way="tensors", threads=1),
    "Flax, nnx.jit": _contender(plain, loop="with_nnx"),
    "Optax, a jitted step": _contender(plain, loop="with_optax"),
    SCAN: _contender(plain, loop="with_scan"),
    f"{SCAN}, a process per core": _per_core(plain, loop="with_scan", alone=False),
    SINGLE: Contender(one_run),
    STUDY: Contender(study, together=True),
}
