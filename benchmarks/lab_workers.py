"""Trains the lab's network in one of the ways that are compared, as a process.

    python benchmarks/lab_workers.py 'optax_lab, one run' --optimizer adam --epochs 100

`lab_loop.py` starts it: for a whole process, or to be asked again and again.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import bench
import lab_task

BLOCK = 10  # epochs in a block of ours, as `train` chooses for 100
Train = Callable[[str, int, Callable[[int], None]], float]


class Contender(NamedTuple):
    """Holds a way to train.

    Attributes:
      make: from the options to a function of an optimizer's name, a number of epochs
        and what is told of every epoch that is done; it returns the test accuracy in
        percent, of several trainings their mean.
      once_per_core: whether as many processes train at once as there are cores.
    """

    make: Callable[[argparse.Namespace], Train]
    once_per_core: bool = False


# --- PyTorch --------------------------------------------------------------------------


def pytorch(options, *, threads: int | None = None, compiled: bool = False) -> Train:
    """The lab's loop, with PyTorch's own choice of threads or a given one."""
    torch = bench.peer("torch")
    import lab_torch

    from optax_lab.problems import digits

    if threads is not None:
        torch.set_num_threads(threads)
    sets = digits.frozen()
    device = "cuda" if options.device == "gpu" else "cpu"

    def train(name, epochs, on_epoch):
        settings = {"compiled": compiled, "device": device}
        tell = lambda _: on_epoch(1)
        return lab_torch.train(name, 0, epochs, *sets, on_epoch=tell, **settings)[1]

    return train


# --- JAX ------------------------------------------------------------------------------


def documented(options, *, loop: str) -> Train:
    """A jitted step that is called from Python, of Flax or of Optax."""
    bench.start(options)
    import lab_jax

    made = getattr(lab_jax, loop)
    return lambda name, epochs, told: made(name, epochs, lambda _: told(1))


def one_run(options) -> Train:
    """`train`, one training at a time."""
    bench.start(options)
    import jax

    from optax_lab.runs import training

    problem, data = lab_task.problem()

    def train(name, epochs, on_epoch):
        optimizer, key = lab_task.optimizer(name), jax.random.key(0)
        settings = {"epochs": epochs, "block": min(BLOCK, max(1, epochs // 2))}
        tell = lambda done, history: on_epoch(settings["block"])
        result = training.train(
            problem, optimizer, data, key, on_block=tell, **settings
        )
        return 100 * float(result.history["accuracy/test"][-1])

    return train


def study(options) -> Train:
    """`trainings`, several seeds on all cores; on a GPU, all at once."""
    bench.start(options, cores=bench.available_cores())
    import jax
    import numpy as np

    from optax_lab.studies import execute

    problem, data = lab_task.problem()
    keys = jax.vmap(jax.random.key)(np.arange(options.seeds, dtype=np.uint32))

    def train(name, epochs, on_epoch):
        before = {}

        def tell(indices, done):
            on_epoch(sum(done - before.get(i, 0) for i in indices))
            before.update(dict.fromkeys(indices, done))

        optimizer = lab_task.optimizer(name)
        work = execute.trainings(
            problem, optimizer, data, keys, epochs=epochs, on_block=tell
        )
        return 100 * float(np.mean([r.history["accuracy/test"][-1] for r in work]))

    return train


LAB, ONE, EACH = "PyTorch", "PyTorch, one thread", "PyTorch, a process per core"
SINGLE, STUDY = "optax_lab, one run", "optax_lab, a study"
CONTENDERS = {
    LAB: Contender(pytorch),
    ONE: Contender(functools.partial(pytorch, threads=1)),
    EACH: Contender(functools.partial(pytorch, threads=1), True),
    "PyTorch, torch.compile": Contender(functools.partial(pytorch, compiled=True)),
    "Flax, nnx.jit": Contender(functools.partial(documented, loop="with_nnx")),
    "Optax, a jitted step": Contender(functools.partial(documented, loop="with_optax")),
    SINGLE: Contender(one_run),
    STUDY: Contender(study),
}


# --- As a process ---------------------------------------------------------------------


def measured(train: Train, name: str, epochs: int) -> dict[str, float]:
    """Trains, and returns seconds per 100 epochs of one training, without the start.

    The time until something is first told, an epoch or a block of them, is not counted:
    it holds the compiling. It is told as `first`.
    """
    marks = [(time.perf_counter(), 0)]
    note = lambda n: marks.append((time.perf_counter(), marks[-1][1] + n))
    accuracy = train(name, epochs, note)
    (begun, _), (first, before), (last, after) = marks[0], marks[1], marks[-1]
    seconds = 100 * (last - first) / (after - before)
    return {"seconds": seconds, "first": first - begun, "accuracy": accuracy}


def serve(connection, options: argparse.Namespace, contender: str) -> None:
    """Answers (optimizer, epochs) with measurements until it is told to stop."""
    train = CONTENDERS[contender].make(options)
    for name, epochs in iter(connection.recv, None):
        connection.send(measured(train, name, epochs))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--optimizer", choices=lab_task.NAMES, default="adam")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=8, help="of a study")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    options = parser.parse_args(arguments)
    train = CONTENDERS[options.contender].make(options)
    print(f"{train(options.optimizer, options.epochs, lambda n: None):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
