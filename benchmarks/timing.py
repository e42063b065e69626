"""Times functions in turn, so that a machine that changes speed changes all of them."""

import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

# PyTorch's threads go on waiting for the next step: they have the cores that long.
PAUSE = 0.015


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
    for _ in range(repeats):
        for name, function in functions.items():
            time.sleep(pause)
            start = time.perf_counter()
            function()
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
