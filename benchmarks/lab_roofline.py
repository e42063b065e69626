"""Measures how much of the cores' matmul rate the lab's trainings reach.

In one process, in turn: a float32 product of 3000 × 3000 on every device at once, and a
block of 10 epochs of the lab's Adam training on every device. What is left between the
two is all that another program for the same trainings could gain. A GPU takes 32
trainings at once, as in a study.

    python benchmarks/lab_roofline.py [--out benchmarks/results] [--quick]
"""

import argparse
import sys
from collections.abc import Callable

import bench
import lab_flops
import numpy as np
import timing

SIDE, QUICK_SIDE, EPOCHS = 3000, 500, 10


def matmul_everywhere(side: int) -> tuple[Callable, int]:
    """Returns a function that multiplies matrices on all devices, and its FLOPs."""
    import jax
    import jax.numpy as jnp

    ones = np.ones((side, side), np.float32)
    matrices = [jax.device_put(ones, device) for device in jax.devices()]
    multiply = jax.jit(jnp.matmul)
    run = lambda: jax.block_until_ready([multiply(m, m) for m in matrices])
    return run, 2 * side**3 * len(matrices)


def train_everywhere() -> tuple[Callable, int]:
    """Returns a function that trains a block on all devices, and its FLOPs."""
    import jax
    import jax.numpy as jnp
    import lab_task

    from optax_lab.runs import training
    from optax_lab.studies import execute

    problem, data = lab_task.problem()
    data = jax.tree.map(jnp.asarray, data)
    optimizer, devices = lab_task.optimizer("adam"), jax.devices()
    on_cpu = devices[0].platform == "cpu"
    over_runs = execute.spread(devices, on_cpu)
    begin = over_runs(lambda key, data: training.start(problem, optimizer, key))
    advance = over_runs(
        lambda run, data: training.advance(problem, optimizer, run, data, epochs=EPOCHS)
    )
    count = len(devices) * (1 if on_cpu else execute.GPU_WIDTH)
    seeds = np.arange(count, dtype=np.uint32)
    runs = begin(jax.vmap(jax.random.key)(seeds), data)
    run = lambda: jax.block_until_ready(advance(runs, data))
    return run, count * lab_flops.of_epochs(EPOCHS)


def measure(options: argparse.Namespace) -> bench.Report:
    """Times products and trainings in turn."""
    report = bench.Report("lab_roofline", __doc__)
    side = QUICK_SIDE if options.quick else SIDE
    work = {"a product": matmul_everywhere(side), "trainings": train_everywhere()}
    functions = {name: run for name, (run, _) in work.items()}
    for name, seconds in timing.interleave(functions, options.repeats).items():
        rates = work[name][1] / np.array(seconds) / 1e9
        report.add("all devices", name, "rate", "GFLOP a second", rates)
    shares = report.ratios("all devices", "rate", "trainings", "a product")
    where = "a GPU" if options.device == "gpu" else "all cores"
    told = f"rate of trainings on {where}, in one float32 {side}² product's"
    report.claim(told, 100 * shares, "%")
    report.facts |= {"turns": options.repeats}
    return report


def main(arguments: list[str] | None = None) -> int:
    options = bench.parser(__doc__, repeats=15).parse_args(arguments)
    options.repeats = 2 if options.quick else options.repeats
    bench.start(options, cores=bench.available_cores())
    bench.finish(measure(options), options, "flax")
    return 0


if __name__ == "__main__":
    sys.exit(main())
