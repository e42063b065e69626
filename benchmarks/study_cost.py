"""Measures what a study costs per training, and how much of the cores it uses.

Growth: the CPU time of one training among 8, 64 and 512, taken in turn, without the
first chunk, which compiles. Goal: the same within 10 %. On a GPU, whose work takes no
CPU time, the time that passes, among 64 and 512.

Rate: a study with its ledger, a float32 product of 3000 × 3000 on every device after
each of its chunks. Goal: 80 % of the product's rate. Only products with the network's
kernels are counted, of training and of evaluation.

    python benchmarks/study_cost.py [--out benchmarks/results] [--quick]
"""

import argparse
import functools
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import bench
import lab_flops
import numpy as np

SIZES = {"cpu": (8, 64, 512), "gpu": (64, 512)}
CHUNKS = 16  # of a study's search


def chunk_of(device: str) -> int:
    """Returns how many runs are trained at once."""
    import jax

    from optax_lab.studies import execute

    return jax.device_count() * (execute.GPU_WIDTH if device == "gpu" else 1)


@functools.cache
def task() -> Any:
    from optax_lab.studies import tasks

    return tasks.mnist1d()


# --- Growth ---------------------------------------------------------------------------


def cost(size: int, epochs: int, device: str) -> float:
    """Returns the seconds of each of `size` trainings, the first chunk excepted."""
    import jax

    from optax_lab import adam
    from optax_lab.studies import execute

    clock = time.perf_counter if device == "gpu" else time.process_time
    problem, data = task().problem, task().tuning
    keys = jax.vmap(jax.random.key)(np.arange(size, dtype=np.uint32))
    rates = np.geomspace(1e-4, 1e-2, size).astype(np.float32)
    work = execute.trainings(
        *(problem, adam, data, keys),
        epochs=epochs,
        hypers={"learning_rate": rates},
    )
    marks = [clock() for _ in work]  # after each training
    chunk = chunk_of(device)
    return (marks[-1] - marks[chunk - 1]) / (size - chunk)


def growth(report: bench.Report, options: argparse.Namespace) -> None:
    """Measures each size in turn, and claims the ratio of each to the smallest."""
    told = "time" if options.device == "gpu" else "CPU time"
    sizes, epochs = SIZES[options.device], 2
    if options.quick:
        chunk = chunk_of(options.device)
        sizes, epochs = (2 * chunk, 4 * chunk), 1
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(options.repeats):
        for size in sizes:
            taken[size].append(cost(size, epochs, options.device))
    for size in sizes:
        report.add("a training", f"among {size}", told, "s", taken[size])
    for size in sizes[1:]:
        what = f"{told} of a training among {size}, over that among {sizes[0]}"
        ratios = np.divide(taken[size], taken[sizes[0]])
        report.claim(what, ratios, at_least=0.9, at_most=1.1)


# --- Rate -----------------------------------------------------------------------------


class Pace:
    """Multiplies after every chunk of runs, and notes how long each of both took.

    Attributes:
      taken: the seconds of a chunk and of a product, chunk by chunk. The first chunk
        compiles.
    """

    def __init__(self, chunk: int, multiply: Callable):
        self.chunk, self.multiply, self.runs = chunk, multiply, 0
        self.taken: list[tuple[float, float]] = []
        self.began = time.perf_counter()

    def on_run(self, record: Any) -> None:
        """Is told every run that has ended."""
        self.runs += 1
        if self.runs % self.chunk:
            return
        trained = time.perf_counter()
        self.multiply()
        multiplied = time.perf_counter()
        self.taken.append((trained - self.began, multiplied - trained))
        self.began = multiplied


def rate(report: bench.Report, options: argparse.Namespace) -> None:
    """Measures a study's rate against a product's, chunk by chunk of its search."""
    import lab_roofline

    from optax_lab import adam
    from optax_lab.studies import compare, plan, study

    epochs, chunks = (1, 2) if options.quick else (20, CHUNKS)
    side = lab_roofline.QUICK_SIDE if options.quick else lab_roofline.SIDE
    multiply, product = lab_roofline.matmul_everywhere(side)
    multiply()
    chunk = chunk_of(options.device)
    points = 1 << (chunks * chunk - 1).bit_length()  # a power of two
    pace = Pace(chunk, multiply)
    made = compare.candidate("adam", adam)
    budget = plan.Budget(points, 1, chunk, epochs)
    study.conduct([made], task(), budget, on_run=pace.on_run)
    taken = np.array(pace.taken[1 : points // chunk])  # the report is larger
    flops = np.array([chunk * flops_of_a_training(epochs), product])
    case = f"chunks of {chunk} trainings"
    for who, found in zip(
        ("a study", "a product"), (flops / taken / 1e9).T, strict=True
    ):
        report.add(case, who, "rate", "GFLOP a second", found)
    shares = report.ratios(case, "rate", "a study", "a product")
    what = f"rate of a study with its ledger, in one float32 {side}² product's"
    report.claim(what, 100 * shares, "%", at_least=80)


def flops_of_a_training(epochs: int) -> int:
    """Counts the FLOPs of products with kernels, in training and in evaluation."""
    data = task().tuning
    size = lambda splits: sum(len(labels) for _, labels in splits.values())
    tested = size(data.every_epoch) * epochs + size(data.at_end)
    return lab_flops.flops(len(data.train[1]) * epochs, tested)


def compile_once(folder: str) -> None:
    """Keeps programs, because most of a try's time goes into compiling them again."""
    import jax

    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def measure(options: argparse.Namespace) -> bench.Report:
    """Measures both."""
    report = bench.Report("study_cost", __doc__)
    growth(report, options)
    rate(report, options)
    report.facts |= {"turns of growth": options.repeats}
    return report


def main(arguments: list[str] | None = None) -> int:
    options = bench.parser(__doc__, repeats=3).parse_args(arguments)
    options.repeats = 1 if options.quick else options.repeats
    bench.start(options, cores=bench.available_cores())
    with tempfile.TemporaryDirectory() as folder:
        if options.quick:
            compile_once(folder)
        bench.finish(measure(options), options, "optax", "flax")
    return 0


if __name__ == "__main__":
    sys.exit(main())
