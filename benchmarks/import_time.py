"""Times importing optax_lab and touching `adam` against importing Optax alone.

Each import is a process of its own, in turn, and in reverse in every second turn;
`import torch` and `import keras` are told beside them. Goal: at most 1.05 times.

    python benchmarks/import_time.py [--out benchmarks/results] [--quick]
"""

import argparse
import importlib.util
import os
import subprocess
import sys

import bench
import timing

OURS, OPTAX = "import optax_lab; optax_lab.adam", "import optax"
STATEMENTS = (OURS, OPTAX, "import optax_lab")
PEERS = ("torch", "keras")
CASE = "a fresh process"


def importing(statement: str) -> None:
    """Imports in a process of its own; Keras over JAX."""
    surroundings = os.environ | {"KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", statement], check=True, env=surroundings)


def installed() -> list[str]:
    return [name for name in PEERS if importlib.util.find_spec(name)]


def measure(options: argparse.Namespace) -> bench.Report:
    """Times all statements in turn."""
    report = bench.Report("import_time", __doc__)
    peers = [] if options.quick else installed()
    statements = [*STATEMENTS, *(f"import {name}" for name in peers)]
    functions = {of: lambda of=of: importing(of) for of in statements}
    for statement, seconds in timing.interleave(functions, options.repeats).items():
        report.add(CASE, statement, "time", "s", seconds)
    report.claim(
        "import and first touch of `adam`, time over that of `import optax`",
        report.ratios(CASE, "time", OURS, OPTAX),
        at_most=1.05,
    )
    report.facts |= {"turns": options.repeats}
    return report


def main(arguments: list[str] | None = None) -> int:
    options = bench.parser(__doc__, repeats=21).parse_args(arguments)
    options.repeats = 1 if options.quick else options.repeats
    bench.start(options)
    bench.finish(measure(options), options, "optax", *installed())
    return 0


if __name__ == "__main__":
    sys.exit(main())
