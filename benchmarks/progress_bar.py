"""Times a training with its progress bar on a terminal against one without.

Goal: the bar costs less than 2 % of the time.

    python benchmarks/progress_bar.py [--out benchmarks/results] [--quick]
"""

import argparse
import contextlib
import os
import pty
import sys
import threading
from collections.abc import Callable

import bench
import timing

BLOCK = 10  # epochs
WITH, WITHOUT = "with a bar", "without"


def terminal():
    """Opens a terminal that nobody looks at, and reads what is written to it."""
    master, slave = pty.openpty()

    def drain():
        with contextlib.suppress(OSError):  # the other end is closed
            while os.read(master, 65536):
                pass

    threading.Thread(target=drain, daemon=True).start()
    return os.fdopen(slave, "w", buffering=1)


def training(epochs: int) -> Callable:
    """Returns a function that trains the lab's network by blocks of epochs."""
    import jax
    import lab_task

    from optax_lab.runs import training

    problem, data = lab_task.problem()
    optimizer = lab_task.optimizer("adam")
    advance = jax.jit(
        lambda run, data: training.advance(problem, optimizer, run, data, epochs=BLOCK)
    )
    start = training.start(problem, optimizer, jax.random.key(0))

    def train(on_block=lambda epochs: None):
        run = start
        for _ in range(epochs // BLOCK):
            run, _ = jax.block_until_ready(advance(run, data))
            on_block(BLOCK)

    return train


def contenders(epochs: int) -> dict[str, Callable]:
    """Returns a training with a bar, whose terminal is one of its own, and without."""
    from optax_lab.cli import progress

    train, screen = training(epochs), terminal()

    def with_bar():
        with (
            contextlib.redirect_stderr(screen),
            progress.bar("adam", epochs) as on_block,
        ):
            train(on_block)

    return {WITH: with_bar, WITHOUT: train}


def measure(options: argparse.Namespace) -> bench.Report:
    """Times both in turn."""
    report = bench.Report("progress_bar", __doc__)
    case = f"{options.epochs} epochs"
    turns = timing.interleave(contenders(options.epochs), options.repeats)
    for who, seconds in turns.items():
        report.add(case, who, "time", "s", seconds)
    report.claim(
        "`train` with a progress bar, time over that without",
        report.ratios(case, "time", WITH, WITHOUT),
        at_most=1.02,
    )
    report.facts |= {"turns": options.repeats}
    return report


def main(arguments: list[str] | None = None) -> int:
    parser = bench.parser(__doc__, repeats=15)
    parser.add_argument("--epochs", type=bench.positive, default=40)
    options = parser.parse_args(arguments)
    if options.epochs % BLOCK:
        parser.error(f"--epochs must be a multiple of {BLOCK}")
    if options.quick:
        options.epochs, options.repeats = BLOCK, 2
    bench.start(options)
    bench.finish(measure(options), options, "rich")
    return 0


if __name__ == "__main__":
    sys.exit(main())
