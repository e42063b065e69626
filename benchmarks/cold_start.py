"""Times commands from the shell prompt to their first printed result, and to their end.

Each runs as a process in a folder of its own, three times: *new*, with nothing kept
from before; *cold*, with the data that the new one made but no program; *warm*, with
what the cold one compiled. What is printed on the way (progress, on the standard
error) is not a result. For comparison: a Python that only imports JAX and Optax. Goals,
cold, to the end: `descend` under 3 s, `train` of 100 epochs under 8 s, `--help` under
0.3 s.

    python benchmarks/cold_start.py [--out benchmarks/results] [--quick]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench
import timing

COMMANDS = {
    "--help": 0.3,
    "info": None,
    "ewma": None,
    "descend": 3.0,
    "descend --lab": None,
    "train --epochs 100": 8.0,
    "compare adam sgd --seeds 2 --epochs 5": None,
    "explain rmsprop pytorch optax": None,
    "anatomy adam": None,
    "check adam": None,
}
QUICK = ("--help", "descend")
IMPORTS = "import jax, optax"
FIRST, END = "to the first result", "to the end"


def timed(command: list[str], folder: Path, kept: dict[str, str]) -> dict[str, float]:
    """Runs a command and returns the seconds to its first output, and to its end."""
    folder.mkdir()
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        process.stdout.read(1)
        first = time.perf_counter() - start
        process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return {FIRST: first, END: time.perf_counter() - start}


def thrice(command: list[str]) -> dict[str, dict[str, float]]:
    """Runs a command new, cold and warm."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        for state in ("new", "cold", "warm"):
            if state == "cold":
                for programs in Path(place).glob("cache/programs-*"):
                    shutil.rmtree(programs)
            kept = {"OPTAX_LAB_CACHE": f"{place}/cache"}
            found[state] = timed(command, Path(place) / state, kept)
    return found


def command_of(text: str, device: str) -> list[str]:
    """Returns what starts a command of ours, on a device where it takes one."""
    command = [sys.executable, "-m", "optax_lab", *text.split()]
    if text.split()[0] in ("descend", "train", "compare"):
        command += ["--device", device]
    return command


def measure(options: argparse.Namespace) -> bench.Report:
    """Times all commands, turn by turn."""
    report = bench.Report("cold_start", __doc__)
    texts = QUICK if options.quick else tuple(COMMANDS)
    commands = {f"optax-lab {t}": command_of(t, options.device) for t in texts}
    commands[f"python -c '{IMPORTS}; print()'"] = [
        *(sys.executable, "-c", f"{IMPORTS}; print()")
    ]
    seconds: dict[tuple[str, str, str], list[float]] = {}
    for name in timing.in_turn(commands, options.repeats):
        for state, found in thrice(commands[name]).items():
            for measured, took in found.items():
                seconds.setdefault((name, state, measured), []).append(took)
    for (name, state, measured), taken in seconds.items():
        report.add(name, state, measured, "s", taken)
    for text in texts:
        goal = COMMANDS.get(text)
        if goal is not None:
            name = f"optax-lab {text}"
            what = f"`{name}`, cold, from the prompt to its end"
            report.claim(what, report.values(name, "cold", END), "s", at_most=goal)
    report.facts |= {"turns": options.repeats}
    return report


def main(arguments: list[str] | None = None) -> int:
    options = bench.parser(__doc__, repeats=5).parse_args(arguments)
    options.repeats = 1 if options.quick else options.repeats
    bench.start(options)
    bench.finish(measure(options), options, "optax", "flax", "numpy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
