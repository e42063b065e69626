"""Times the lab's training loop in PyTorch, Flax, Optax and here, at equal work.

Equal work is what the lab does: MNIST-1D's frozen set in its own order, batches of 100,
training loss and accuracy of every epoch while it trains, and a pass over the 1000 test
examples after it. Contenders are processes of their own that take turns.

*Steady*: seconds of a training of 100 epochs, from shorter ones whose first epoch, or
block of ten epochs, is left out. *Whole*: from the start of a process to its end, with
nothing compiled before (cold) and once more with the programs that it kept (warm); of
several trainings in a process, or several processes at once, the time is divided by
their number. Goals: a single training three times as fast as PyTorch's loop at its
better number of threads, one of a study six times, in the steady state.

    python benchmarks/lab_loop.py [--out benchmarks/results] [--quick]
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import bench
import lab_task
import lab_workers
import numpy as np
from lab_workers import CONTENDERS, EACH, LAB, ONE, SINGLE, STUDY

GOALS = {SINGLE: 3.0, STUDY: 6.0}
STEADY, FIRST, WHOLE = "steady", "first block or epoch", "whole process"


# --- In the steady state --------------------------------------------------------------


class Server:
    """Holds the processes of one contender, which train when they are asked.

    Args:
      contender: its name.
      options: what the processes are given.
    """

    def __init__(self, contender: str, options: argparse.Namespace):
        spawn = multiprocessing.get_context("spawn")
        copies = processes(contender)
        self.lines, self.workers = [], []
        for _ in range(copies):
            line, end = spawn.Pipe()
            arguments = (end, options, contender)
            worker = spawn.Process(
                target=lab_workers.serve, args=arguments, daemon=True
            )
            worker.start()
            self.lines.append(line)
            self.workers.append(worker)

    def train(self, name: str, epochs: int) -> dict[str, float]:
        """Returns what one training took; of several at once, divided among them."""
        for line in self.lines:
            line.send((name, epochs))
        found = [line.recv() for line in self.lines]
        return {
            "seconds": 1 / sum(1 / of["seconds"] for of in found),
            "first": max(of["first"] for of in found),
            "accuracy": float(np.mean([of["accuracy"] for of in found])),
        }

    def stop(self) -> None:
        """Ends the processes."""
        for line, worker in zip(self.lines, self.workers, strict=True):
            line.send(None)
            worker.join()


def processes(contender: str) -> int:
    """Returns how many processes of a contender train at the same time."""
    return bench.available_cores() if CONTENDERS[contender].once_per_core else 1


def steady(report: bench.Report, options: argparse.Namespace) -> None:
    """Lets everyone train with every optimizer, in turn, and adds what it took."""
    servers = {who: Server(who, options) for who in options.contenders}
    found: dict[tuple[str, str], list[dict]] = {}
    for turn in range(options.repeats + 1):  # the first is not counted
        for name in options.optimizers:
            for who, server in servers.items():
                took = server.train(name, options.epochs)
                found.setdefault((name, who), []).append(took)
                shown = f"{took['seconds']:6.2f} s, {took['accuracy']:.1f} %"
                print(f"{turn} {name:9s} {who:25s} {shown}", file=sys.stderr)
    for server in servers.values():
        server.stop()
    for (name, who), turns in found.items():
        column = lambda what, turns=turns: [of[what] for of in turns]
        report.add(name, who, STEADY, "s", column("seconds")[1:])
        report.add(name, who, FIRST, "s", column("first")[:1])
        report.add(name, who, "test accuracy", "%", column("accuracy")[-1:])


# --- From start to end ----------------------------------------------------------------


def whole(report: bench.Report, options: argparse.Namespace) -> None:
    """Runs everyone as a process, cold and then warm, and adds what it took."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.whole_repeats):
        for who in options.contenders:
            with tempfile.TemporaryDirectory() as cache:
                for state in ("cold", "warm"):
                    took = process(who, options, Path(cache))
                    seconds.setdefault((state, who), []).append(took)
                    print(f"{state} {who:25s} {took:.2f} s", file=sys.stderr)
    for (state, who), taken in seconds.items():
        report.add(f"adam, {state}", who, WHOLE, "s", taken)


def process(contender: str, options: argparse.Namespace, cache: Path) -> float:
    """Returns the seconds of a process from start to end, per training."""
    command = [sys.executable, lab_workers.__file__, contender]
    command += ["--epochs", str(options.whole_epochs), "--seeds", str(options.seeds)]
    command += ["--device", options.device]
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "torch"),
        "OPTAX_LAB_CACHE": str(cache / "data"),
    }
    copies = processes(contender)
    start = time.perf_counter()
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        for _ in range(copies)
    ]
    if any(one.wait() for one in running):
        raise RuntimeError(f"{contender} failed: {command}")
    trainings = options.seeds if contender == STUDY else copies
    return (time.perf_counter() - start) / trainings


# --- What may be told -----------------------------------------------------------------


def claims(report: bench.Report, options: argparse.Namespace) -> None:
    """Adds how many times as fast ours are, over all optimizers, turn by turn."""
    settings = [who for who in (LAB, ONE) if who in options.contenders]
    took = lambda who: np.median(over_optimizers(report, options, who))
    better = min(settings, key=took)
    others = [EACH] + [c for c in options.contenders if c.startswith(("Flax", "Optax"))]
    for ours, goal in GOALS.items():
        for peer in (better, *others):
            ratio = over_optimizers(report, options, peer)
            ratio = ratio / over_optimizers(report, options, ours)
            kept = {"at_least": goal} if peer == better else {}
            what = f"{ours}: trainings in the time of one of {peer}"
            report.claim(f"{what}, steady, geometric mean", ratio, **kept)
    for state in ("cold", "warm"):
        for ours in GOALS:
            ratio = report.ratios(f"adam, {state}", WHOLE, better, ours)
            report.claim(f"{ours}: the same, whole process, {state}, `adam`", ratio)


def over_optimizers(report: bench.Report, options: Any, who: str) -> np.ndarray:
    """Returns the geometric mean over optimizers of the steady seconds, by turn."""
    logs = [np.log(report.values(name, who, STEADY)) for name in options.optimizers]
    return np.exp(np.mean(logs, axis=0))


def measure(options: argparse.Namespace) -> bench.Report:
    """Measures both, and claims."""
    report = bench.Report("lab_loop", __doc__)
    steady(report, options)
    whole(report, options)
    claims(report, options)
    report.facts |= {
        "epochs, steady": options.epochs,
        "epochs, whole": options.whole_epochs,
        "seeds": f"0; of a study 0 to {options.seeds - 1}",
        "turns": f"{options.repeats}, whole {options.whole_repeats}",
    }
    return report


def main(arguments: list[str] | None = None) -> int:
    parser = bench.parser(__doc__, repeats=5)
    parser.add_argument("--epochs", type=int, default=20, help="a multiple of 10, > 10")
    parser.add_argument("--whole-epochs", type=int, default=100)
    parser.add_argument("--whole-repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=8, help="of a study")
    options = parser.parse_args(arguments)
    if options.epochs % lab_workers.BLOCK or options.epochs <= lab_workers.BLOCK:
        parser.error(f"--epochs must be a multiple of {lab_workers.BLOCK} above it")
    bench.peer("torch")
    options.contenders, options.optimizers = list(CONTENDERS), lab_task.NAMES
    if options.quick:
        options.contenders = [ONE, EACH, SINGLE, STUDY]
        options.optimizers, options.repeats, options.epochs = ("adam",), 1, 2
        options.whole_epochs, options.whole_repeats = 1, 1
        options.seeds = 2 * bench.available_cores()
    bench.finish(measure(options), options, "optax", "flax", "torch", "numpy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
