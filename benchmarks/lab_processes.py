"""Starts the processes of lab_loop.py's contenders, asks them and waits for them."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import bench
import lab_workers
import numpy as np
from lab_contenders import CONTENDERS

# Several processes share a GPU's memory: none may take it all.
SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


class Failed(RuntimeError):
    """Says which contender's process has failed, and the last that it said."""


class Process:
    """Runs one process of a contender.

    Args:
      contender: its name.
      *arguments: what lab_workers.py is given besides.
      cache: where programs and data are kept; where they are anyway, if None.
    """

    def __init__(self, contender: str, *arguments: object, cache: Path | None = None):
        self.contender = contender
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed at the end
        self.process = subprocess.Popen(
            [sys.executable, lab_workers.__file__, contender, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=os.environ | SHARED | (caches(cache) if cache else {}),
        )

    def ask(self, *what: object) -> None:
        """Sends a line; that the process has ended is noticed when it should answer."""
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(what), file=self.process.stdin, flush=True)

    def answer(self) -> dict[str, float]:
        """Waits for what was measured.

        Raises:
          Failed: if the process has ended.
        """
        for line in self.process.stdout:
            if line.startswith(lab_workers.MARK):
                return json.loads(line.removeprefix(lab_workers.MARK))
        self.end()
        raise Failed(f"{self.contender} ended before its time")

    def end(self) -> None:
        """Waits for the end.

        Raises:
          Failed: if its status is not 0.
        """
        self.process.communicate()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines() or ["it said nothing"]
        self.errors.close()
        if status := self.process.returncode:
            raise Failed(f"{self.contender} ended with status {status}: {lines[-1]}")


def caches(folder: Path) -> dict[str, str]:
    """Returns the environment in which all that is kept is kept in a folder."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch"),
        "OPTAX_LAB_CACHE": str(folder / "data"),
    }


def shares(contender: str, seeds: Sequence[int]) -> list[list[int]]:
    """Divides the seeds of a study among the processes that train at once."""
    if not CONTENDERS[contender].once_per_core:
        return [list(seeds)]
    copies = min(bench.available_cores(), len(seeds))
    return [list(seeds[i::copies]) for i in range(copies)]


class Server:
    """Holds the processes of one contender, which train when they are asked.

    It is made once they are ready, so that their start does not disturb others.

    Args:
      contender: its name.
      options: the number of `seeds` of a study, and the `device`.
    """

    def __init__(self, contender: str, options: argparse.Namespace):
        self.contender = CONTENDERS[contender]
        copies = bench.available_cores() if self.contender.once_per_core else 1
        self.each = options.seeds if self.contender.together else 1
        arguments = (contender, "--serve", "--device", options.device)
        self.processes = [Process(*arguments) for _ in range(copies)]
        for process in self.processes:
            process.answer()

    def train(self, name: str, epochs: int, turn: int) -> dict[str, float]:
        """Returns what one training took; of several at once, divided among them.

        Every turn has other seeds.
        """
        for i, process in enumerate(self.processes, turn * len(self.processes)):
            seeds = range(i * self.each, (i + 1) * self.each)
            process.ask(name, epochs, list(seeds))
        found = [process.answer() for process in self.processes]
        return {
            "seconds": 1 / sum(1 / of["seconds"] for of in found),
            "first": max(of["first"] for of in found),
            "accuracy": float(np.mean([of["accuracy"] for of in found])),
        }

    def stop(self) -> None:
        """Ends the processes."""
        for process in self.processes:
            process.end()


def whole(contender: str, options: argparse.Namespace, cache: Path) -> float:
    """Returns the seconds from the start of processes to their end, per training."""
    seeds = range(options.seeds if CONTENDERS[contender].of_many else 1)
    arguments = ("--epochs", options.whole_epochs, "--device", options.device)
    start = time.perf_counter()
    running = [
        Process(contender, *arguments, "--seeds", *share, cache=cache)
        for share in shares(contender, seeds)
    ]
    for process in running:
        process.end()
    return (time.perf_counter() - start) / len(seeds)
