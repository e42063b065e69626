"""Times the lab's training loop in PyTorch, Flax, Optax and here, at equal work.

Equal work is what the lab does: MNIST-1D's frozen set in its own order, batches of 100,
training loss and accuracy of every epoch while it trains, and a pass over the 1000 test
examples after it. Contenders are processes of their own that take turns.

PyTorch trains in the lab's loop, and in the fastest loop found: batches cut once,
numbers asked for once an epoch, fused optimizers where there are some. Each takes
PyTorch's own number of threads, or one, or one in each of as many processes as there
are cores.

*Steady*: seconds of a training of 100 epochs, from shorter ones whose first ten epochs
are left out; what these took the first time, compiling included, is told beside it.
*Whole*: from the start of a process to its end, with nothing compiled before (cold) and
once more with the programs that it kept (warm). A study, and what has a process per
core, train the same number of seeds; the time is divided by it. All else trains once.

A single run is held against single runs, a study against all; in whole processes,
against those that train as many seeds. Goals: a single training three times as fast as
the lab's loop in PyTorch at its better number of threads, one of a study six times, in
the steady state.

    python benchmarks/lab_loop.py [--out benchmarks/results] [--quick]
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import bench
import lab_claims
import lab_devices
import lab_processes
import lab_task
import lab_workers
import timing
from lab_claims import STEADY, WHOLE
from lab_contenders import BLOCK, CONTENDERS, FAST, ONE, SCAN, SINGLE, STUDY

QUICK = (ONE, FAST, SCAN, SINGLE, STUDY)  # every way once: each starts processes


def steady(report: bench.Report, options: argparse.Namespace) -> None:
    """Lets everyone train with every optimizer, in turn, and adds what it took."""
    servers = {w: lab_processes.Server(w, options) for w in options.contenders}
    found: dict[tuple[str, str], list[dict]] = {}
    for turn in range(options.repeats + 1):  # the first is not counted
        for name in options.optimizers:
            for who in timing.ordered(options.contenders, turn):
                took = servers[who].train(name, options.epochs, turn)
                found.setdefault((name, who), []).append(took)
                shown = f"{took['seconds']:6.2f} s, {took['accuracy']:.1f} %"
                print(f"{turn} {name:9s} {who:25s} {shown}", file=sys.stderr)
    for server in servers.values():
        server.stop()
    first = f"first {lab_workers.block_of(options.epochs)} epochs, compiling included"
    for name in options.optimizers:
        for who in options.contenders:
            turns = found[name, who]
            column = lambda what, turns=turns: [of[what] for of in turns]
            report.add(name, who, STEADY, "s", column("seconds")[1:])
            report.add(name, who, first, "s", column("first")[:1])
            report.add(name, who, "test accuracy", "%", column("accuracy"))


def whole(report: bench.Report, options: argparse.Namespace) -> None:
    """Runs everyone as a process, cold and then warm, and adds what it took."""
    seconds: dict[tuple[str, str], list[float]] = {}
    for who in timing.in_turn(options.contenders, options.whole_repeats):
        with tempfile.TemporaryDirectory() as cache:
            for state in ("cold", "warm"):
                took = lab_processes.whole(who, options, Path(cache))
                seconds.setdefault((state, who), []).append(took)
                print(f"{state} {who:25s} {took:.2f} s", file=sys.stderr)
    for state in ("cold", "warm"):
        for who in options.contenders:
            report.add(f"adam, {state}", who, WHOLE, "s", seconds[state, who])


def measure(options: argparse.Namespace) -> bench.Report:
    """Measures both, and claims."""
    report = bench.Report("lab_loop", __doc__)
    steady(report, options)
    whole(report, options)
    lab_claims.claim(report, options.contenders, options.optimizers)
    report.facts |= {
        "epochs, steady": options.epochs,
        "epochs, whole": options.whole_epochs,
        "seeds": "others in every turn",
        "seeds of a study, and of a process per core in whole processes": options.seeds,
        "turns": f"{options.repeats}, whole {options.whole_repeats}",
    }
    return report


def chosen(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the options; all contenders and optimizers unless it is a quick try."""
    parser = bench.parser(__doc__, repeats=5)
    positive = bench.positive
    parser.add_argument(
        "--epochs", type=positive, default=20, help="a multiple of 10, > 10"
    )
    parser.add_argument("--whole-epochs", type=positive, default=100)
    parser.add_argument("--whole-repeats", type=positive, default=3)
    parser.add_argument("--seeds", type=positive, default=8, help="of a study")
    options = parser.parse_args(arguments)
    if options.epochs % BLOCK or options.epochs <= BLOCK:
        parser.error(f"--epochs must be a multiple of {BLOCK} above it")
    options.contenders, options.optimizers = list(CONTENDERS), lab_task.NAMES
    if options.quick:
        options.contenders, options.optimizers = list(QUICK), ("adam",)
        options.repeats, options.epochs = 1, 2
        options.whole_epochs, options.whole_repeats = 1, 1
        options.seeds = 2 * bench.available_cores()
    return options


def main(arguments: list[str] | None = None) -> int:
    options = chosen(arguments)
    bench.peer("torch")
    lab_devices.require(options)
    os.environ.update(lab_processes.SHARED)  # this process asks a GPU's name at the end
    try:
        report = measure(options)
    except lab_processes.Failed as error:
        print(f"lab_loop.py: {error}", file=sys.stderr)
        return 1
    bench.finish(report, options, "optax", "flax", "torch", "numpy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
