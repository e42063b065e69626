"""Times functions in turn, so that a machine that changes speed changes all of them."""

import datetime
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TypeVar

Name = TypeVar("Name")

# PyTorch's threads go on waiting for the next step: they have the cores that long.
PAUSE = 0.015


def ordered(names: Iterable[Name], turn: int) -> list[Name]:
    """Returns all names in their order, and in reverse in every second turn.

    So none always follows the same one, which may have left the machine warm or busy.
    """
    return list(names)[:: -1 if turn % 2 else 1]


def in_turn(names: Iterable[Name], repeats: int) -> Iterator[Name]:
    """Yields all names once a turn, `ordered`."""
    names = list(names)
    for turn in range(repeats):
        yield from ordered(names, turn)


def interleave(
    functions: dict[str, Callable], repeats: int, pause: float = 0.0
) -> dict[str, list[float]]:
    """Returns the seconds of every call, after one call of each that is not counted.

    Args:
      functions: what is called, by name.
      repeats: how many turns are counted.
      pause: seconds of rest before each call, for what the call before left running.
    """
    seconds = {name: [] for name in functions}
    for function in functions.values():
        function()
    for name in in_turn(functions, repeats):
        time.sleep(pause)
        start = time.perf_counter()
        functions[name]()
        seconds[name].append(time.perf_counter() - start)
    return seconds


def machine(*packages: str) -> dict:
    """Describes what was measured on: processor, cores, Python and packages."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
    }


def _processor() -> str:
    """Returns the processor's name, where the system tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.processor() or platform.machine()


def source() -> dict[str, str]:
    """Tells the day, in UTC, and the commit of what is measured, where git knows it.

    A commit is "-dirty" if Python files that it holds have changed since.
    """
    day = {"date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"}
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", ":/*.py")
    except (OSError, subprocess.CalledProcessError):
        return day
    return day | {"commit": commit + ("-dirty" if changed else "")}


def _git(*arguments: str) -> str:
    command = ["git", "-C", Path(__file__).parent, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()
