"""Times the lab's four toy descents, with its stop rule, against its loops in NumPy.

The NumPy loop records points by `np.append`, as the lab's does; one with a list is
timed too. Ours is `optax_lab.descend`, compiled. All take the same number of steps.
Goal: 50 times as fast per step as the lab's loop, over the four together.

    python benchmarks/lab_toys.py [--out benchmarks/results] [--quick]
"""

import argparse
import sys
from collections.abc import Callable

import bench
import lab_numpy
import numpy as np
import timing

GOAL = 50.0


def ours(name: str) -> Callable[[], int]:
    """Returns what descends once and returns the number of steps."""
    import jax
    import jax.numpy as jnp

    import optax_lab
    from optax_lab.problems import surfaces

    surface, rate = surfaces.quadratic(), lab_numpy.RATE
    optimizer = {
        "gradient descent": optax_lab.sgd(rate),
        "momentum": optax_lab.momentum(rate, decay=0.9),
        "rmsprop": optax_lab.rmsprop(rate, decay=0.999, eps=1e-5),
        "adam": optax_lab.adam(rate, eps=0.0, eps_root=1e-5),
    }[name]
    rule = {"stop": "step", "tolerance": lab_numpy.TOLERANCE}
    settings = {"steps": lab_numpy.STEPS, **rule}
    go = jax.jit(lambda x: optax_lab.descend(surface.value, optimizer, x, **settings))
    start = jnp.asarray(surface.start, jnp.float32)
    return lambda: int(jax.block_until_ready(go(start)).steps_taken)


def contenders(name: str) -> dict[str, Callable[[], int]]:
    """Returns what descends, by name, and checks that all take as many steps."""
    functions = {
        "optax_lab": ours(name),
        "NumPy, np.append": lambda: lab_numpy.descend(name)[0],
        "NumPy, a list": lambda: lab_numpy.descend(name, [])[0],
    }
    steps = {who: go() for who, go in functions.items()}
    assert len(set(steps.values())) == 1, (name, steps)
    return functions


def measure(options: argparse.Namespace) -> bench.Report:
    """Times all four descents of all contenders in turn."""
    report, steps = bench.Report("lab_toys", __doc__), 0
    names = ("gradient descent", "momentum", "rmsprop", "adam")
    total: dict[str, np.ndarray] = {}
    for name in names:
        functions = contenders(name)
        steps += functions["optax_lab"]()
        for who, taken in timing.interleave(functions, options.repeats).items():
            report.add(name, who, "time", "ms", 1e3 * np.array(taken))
            total[who] = total.get(who, 0) + np.array(taken)
    for who, goal in (("NumPy, np.append", GOAL), ("NumPy, a list", None)):
        kept = {"at_least": goal} if goal else {}
        what = f"the lab's four descents, {steps:,} steps: speed over {who}"
        report.claim(what, total[who] / total["optax_lab"], **kept)
    report.facts |= {"turns": options.repeats}
    return report


def main(arguments: list[str] | None = None) -> int:
    options = bench.parser(__doc__, repeats=21).parse_args(arguments)
    options.repeats = 3 if options.quick else options.repeats
    bench.start(options)
    bench.finish(measure(options), options, "optax", "numpy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
