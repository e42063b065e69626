"""Measures what a study costs per training, and how much of the cores it uses.

Growth: the CPU time of one training among 8, 64 and 512, taken in turn, without the
first chunk, which compiles. Goal: the same within 10 %.

Rate: a study with its ledger, a float32 product of 3000 × 3000 on every device after
each of its chunks. Goal: 80 % of the product's rate. Only products with the network's
kernels are counted, of training and of evaluation.

    python benchmarks/study_cost.py [--json benchmarks/results/study_cost.json]
    python benchmarks/study_cost.py --quick
"""

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import timing

SIZES = (8, 64, 512)
KERNELS = 40 * 200 + 4 * 200 * 200 + 200 * 10
FIRST = 40 * 200  # the first layer's kernels, whose inputs need no gradient
EXAMPLES, EACH_EPOCH, AT_END = 4000, 2000, 14_000
GROWTH, SHARE = 0.1, 0.8  # the goals


def cost(size: int, epochs: int) -> float:
    """Returns the CPU seconds of each of `size` trainings, the first chunk excepted."""
    from optax_lab import adam
    from optax_lab.comparison import tasks
    from optax_lab.studies import execute

    task = tasks.mnist1d()
    keys = jax.vmap(jax.random.key)(np.arange(size, dtype=np.uint32))
    rates = np.geomspace(1e-4, 1e-2, size).astype(np.float32)
    marks = []  # after each training
    for _ in execute.trainings(
        *(task.problem, adam, task.tuning, keys),
        epochs=epochs,
        hypers={"learning_rate": rates},
    ):
        marks.append(time.process_time())
    width = jax.device_count()
    return (marks[-1] - marks[width - 1]) / (size - width)


def growth(sizes: tuple[int, ...], epochs: int, repeats: int) -> dict[str, Any]:
    """Measures each size in turn, and the ratio of each to the smallest."""
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(repeats):
        for size in sizes:
            seconds[size].append(cost(size, epochs))
    told: dict[str, Any] = {"epochs": epochs, "cpu_seconds": seconds, "ratios": {}}
    for size in sizes:
        ratio = timing.ratio(seconds[size], seconds[sizes[0]])
        told["ratios"][size] = ratio
        middle = statistics.median(seconds[size])
        print(
            f"{size} trainings: {middle:.3f} CPU seconds each, "
            f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f}) of "
            f"{sizes[0]}",
            flush=True,
        )
    ratios = [ratio["median"] for ratio in told["ratios"].values()]
    return told | {"reached": max(abs(ratio - 1) for ratio in ratios) <= GROWTH}


def rate(points: int, epochs: int) -> dict[str, Any]:
    """Measures a study's rate against a product's, chunk by chunk."""
    import lab_roofline

    from optax_lab import adam, comparison
    from optax_lab.comparison import tasks
    from optax_lab.studies import plan, study

    multiply, product = lab_roofline.matmul_everywhere()
    multiply()
    width = jax.device_count()
    forward = 2 * KERNELS * (EACH_EPOCH * epochs + AT_END)
    flops = EXAMPLES * epochs * (6 * KERNELS - 2 * FIRST) + forward
    marks, shares, rates = [], [], []

    def on_run(record: Any) -> None:
        marks.append(time.perf_counter())
        if len(marks) < width:
            return
        began = time.perf_counter()
        multiply()
        ended = time.perf_counter()
        if len(marks) == width and rates:  # not the chunk that compiled
            trained = width * flops / (began - rates[-1][0])
            multiplied = product / (ended - began)
            shares.append(trained / multiplied)
            rates[-1] = (rates[-1][0], trained, multiplied)
        rates.append((ended, 0.0, 0.0))
        marks.clear()

    made = comparison.contender("adam", adam)
    tier = plan.Tier(points, 1, width, epochs)
    study.conduct([made], tasks.mnist1d(), tier, on_run=on_run)
    shares = shares[: points // width - 1]  # of the search: the report is larger
    low, middle, high = np.percentile(shares, [25, 50, 75])
    share = {"median": float(middle), "low": float(low), "high": float(high)}
    found = np.array(rates[: len(shares)])[:, 1:] / 1e9
    training, matmul = np.median(found, axis=0)
    print(
        f"a study: {training:.0f} GFLOP/s, a product: {matmul:.0f}, share "
        f"{100 * middle:.0f} % (quartiles {100 * low:.0f} to {100 * high:.0f})",
        flush=True,
    )
    per_second = {"study": float(training), "matmul": float(matmul)}
    told = {"epochs": epochs, "chunks": len(shares), "share": share}
    reached = share["median"] >= SHARE
    return told | {"gflops_per_second": per_second, "reached": reached}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small, to see it run")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)))
    sizes = (4, 8) if options.quick else SIZES
    repeats = 1 if options.quick else options.repeats
    results = {
        "rate": rate(8, 2) if options.quick else rate(32, 20),
        "growth": growth(sizes, 1 if options.quick else 2, repeats),
        "machine": timing.machine("jax", "optax", "flax"),
    }
    timing.write(options.json, results)


if __name__ == "__main__":
    main()
