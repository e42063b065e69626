"""Measures how much of the cores' matmul rate the lab's trainings reach.

In one process, in turn: a float32 product of 3000 × 3000 on every device at once, and a
block of 10 epochs of the lab's Adam training on every device. What is left between the
two is all that another program for the same trainings could gain.

    python benchmarks/lab_roofline.py [--json benchmarks/results/lab_roofline.json]
"""

import argparse
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import timing

SIDE, EPOCHS = 3000, 10


def matmul_everywhere():
    """Returns a function that multiplies matrices on all devices, and its FLOPs."""
    ones = np.ones((SIDE, SIDE), np.float32)
    matrices = [jax.device_put(ones, device) for device in jax.devices()]
    multiply = jax.jit(jnp.matmul)
    run = lambda: jax.block_until_ready([multiply(m, m) for m in matrices])
    return run, 2 * SIDE**3 * len(matrices)


def train_everywhere():
    """Returns a function that trains a block on all devices, and its FLOPs."""
    import lab_loop

    from optax_lab.runs import training
    from optax_lab.studies import execute

    problem, data = lab_loop.lab_problem()
    data = jax.tree.map(jnp.asarray, data)
    optimizer = lab_loop.lab_optimizer("adam")
    over_runs = execute.spread(jax.devices(), True)
    begin = over_runs(lambda key, data: training.start(problem, optimizer, key))
    advance = over_runs(
        lambda run, data: training.advance(problem, optimizer, run, data, epochs=EPOCHS)
    )
    seeds = np.arange(len(jax.devices()), dtype=np.uint32)
    runs = begin(jax.vmap(jax.random.key)(seeds), data)
    # Products with kernels: forward, and backward to kernels and to all layers' inputs
    # but the first's. Biases, activations and the optimizer are not counted.
    kernels = sum(x.size for x in jax.tree.leaves(runs.params) if x.ndim > 2)
    kernels //= len(seeds)
    first = 40 * 200
    per_epoch = 4000 * (6 * kernels - 2 * first) + 1000 * 2 * kernels
    run = lambda: jax.block_until_ready(advance(runs, data))
    return run, EPOCHS * per_epoch * len(seeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", len(os.sched_getaffinity(0)))

    work = {"matmul": matmul_everywhere(), "training": train_everywhere()}
    functions = {name: run for name, (run, _) in work.items()}
    seconds = timing.interleave(functions, options.repeats)
    rates = {n: [flops / s for s in seconds[n]] for n, (_, flops) in work.items()}
    share = timing.ratio(rates["training"], rates["matmul"])
    per_second = {name: float(np.median(of)) / 1e9 for name, of in rates.items()}
    print(", ".join(f"{name}: {rate:.0f} GFLOP/s" for name, rate in per_second.items()))
    print(
        f"training / matmul: {100 * share['median']:.0f} % "
        f"(quartiles {100 * share['low']:.0f} to {100 * share['high']:.0f} %)"
    )
    results = {
        "share": share,
        "gflops_per_second": per_second,
        "repeats": options.repeats,
        "machine": timing.machine("jax", "flax"),
    }
    timing.write(options.json, results)


if __name__ == "__main__":
    main()
