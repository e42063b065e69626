"""Runs one contender of sweep.py, a process of its own, and watches what it takes.

What is counted of memory is the proportional set size: a page that n processes share is
an n-th of a page in each, so that the sum is what the machine has given away.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sweep_work

EVERY = 0.2  # seconds between two looks at the memory


class Contender(NamedTuple):
    """Holds what sweep_worker.py calls, and what must be installed for it."""

    function: str
    settings: dict[str, Any]
    needs: tuple[str, ...] = ()


class Failed(RuntimeError):
    """Says that a contender's process has failed, and the last that it said."""


class Measured(NamedTuple):
    """Holds what one process took; seconds are from its start."""

    whole: float  # s, until it had ended
    ready: float  # s, until starting and compiling were over
    first: float  # s, until a first training was finished
    steady: float  # trainings per second after `ready`
    memory: float  # bytes
    accuracy: float  # %, the mean of all trainings


def run(
    contender: Contender, work: sweep_work.Work, on_failure: Callable[[str], None]
) -> Measured:
    """Runs a contender from start to end, and anew should it fail.

    Ray gives up when its own processes take half a minute to start, as they may where
    others keep the machine busy; that must not cost what was measured so far.

    Args:
      contender: what is run.
      work: what it trains.
      on_failure: is told why it is run anew.

    Raises:
      Failed: if it fails twice.
    """
    try:
        return _run(contender, work)
    except Failed as error:
        on_failure(str(error))
        return _run(contender, work)


def _run(contender: Contender, work: sweep_work.Work) -> Measured:
    told = (contender.function, json.dumps(work._asdict()))
    worker = Path(__file__).with_name("sweep_worker.py")
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, worker, *told, json.dumps(contender.settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
    )
    with Peak(process.pid) as peak:
        output, errors = process.communicate()
    ended = time.monotonic()
    if process.returncode:
        print(errors[-3000:], file=sys.stderr)
        last = (errors.strip().splitlines() or ["it said nothing"])[-1]
        raise Failed(f"ended with status {process.returncode}: {last}")
    return measured(began, sweep_work.said(output), ended, peak.bytes)


def measured(began: float, said: dict[str, Any], ended: float, memory: int) -> Measured:
    """Makes what a contender said, and what was seen of it, to measurements."""
    ready, end = said["ready"], said["end"]
    left = len(end["accuracies"]) - ready["done"]
    return Measured(
        whole=ended - began,
        ready=ready["time"] - began,
        first=said["first"]["time"] - began,
        steady=left / (end["time"] - ready["time"]),
        memory=memory,
        accuracy=float(np.mean(end["accuracies"])),
    )


# --- Memory ---------------------------------------------------------------------------


class Peak:
    """Looks at a process and its descendants now and then; `bytes` is the most seen."""

    def __init__(self, pid: int):
        self.bytes, self._known, self._over = 0, {pid}, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self._known = family(self._known, parents())
            self.bytes = max(self.bytes, sum(map(proportional, self._known)))


def parents() -> dict[int, int]:
    """Returns the parent of every process there is."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_its_name = path.read_text().rpartition(")")[2]
        except OSError:  # it has just ended
            continue
        found[int(path.parent.name)] = int(after_its_name.split()[1])
    return found


def family(known: set[int], parent_of: dict[int, int]) -> set[int]:
    """Returns those of the known processes that live, and all their descendants.

    What is known stays so when its parent ends and another process adopts it.
    """
    living = known & parent_of.keys()
    while True:
        more = {pid for pid, parent in parent_of.items() if parent in living}
        if more <= living:
            return living
        living |= more


def proportional(pid: int) -> int:
    """Returns a process's proportional set size in bytes; 0 if it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    lines = [line.split() for line in text.splitlines()]
    return next((1024 * int(line[1]) for line in lines if line[0] == "Pss:"), 0)
