"""Times importing optax_lab and touching `adam` against importing Optax alone.

Each import is a process of its own, in turn. Goal: at most 1.05 times.

    python benchmarks/import_time.py [--json benchmarks/results/import_time.json]
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import timing

STATEMENTS = {
    "import optax_lab; optax_lab.adam": "import optax_lab; optax_lab.adam",
    "import optax": "import optax",
    "import optax_lab": "import optax_lab",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    functions = {
        name: lambda code=code: subprocess.run([sys.executable, "-c", code], check=True)
        for name, code in STATEMENTS.items()
    }
    seconds = timing.interleave(functions, options.repeats)
    medians = {name: float(np.median(s)) for name, s in seconds.items()}
    ours, theirs = list(STATEMENTS)[:2]
    against = timing.ratio(seconds[ours], seconds[theirs])
    for name, middle in medians.items():
        print(f"{name:34s} {middle:6.3f} s")
    print(
        f"{ours} / {theirs}: {against['median']:.3f} "
        f"(quartiles {against['low']:.3f} to {against['high']:.3f}; goal at most 1.05)"
    )
    results = {
        "seconds": medians,
        "ratio": against,
        "goal": 1.05,
        "repeats": options.repeats,
        "machine": timing.machine("jax", "optax"),
    }
    timing.write(options.json, results)


if __name__ == "__main__":
    main()
