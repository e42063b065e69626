"""Times a training with its progress bar on a terminal against one without.

Goal: the bar costs less than 2 % of the time.

    python benchmarks/progress_bar.py [--json benchmarks/results/progress_bar.json]
"""

import argparse
import contextlib
import os
import pty
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import timing

GOAL = 1.02


def terminal():
    """Opens a terminal that nobody looks at, and reads what is written to it."""
    master, slave = pty.openpty()

    def drain():
        with contextlib.suppress(OSError):  # the other end is closed
            while os.read(master, 65536):
                pass

    threading.Thread(target=drain, daemon=True).start()
    return os.fdopen(slave, "w", buffering=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    import lab_loop

    from optax_lab.cli import progress
    from optax_lab.runs import training

    problem, data = lab_loop.lab_problem()
    optimizer, key = lab_loop.lab_optimizer("adam"), jax.random.key(0)
    advance = jax.jit(
        lambda run, data: training.advance(problem, optimizer, run, data, epochs=10)
    )
    start = training.start(problem, optimizer, key)
    screen = terminal()

    def plain(on_block=lambda epochs: None):
        run = start
        for _ in range(options.epochs // 10):
            run, _ = jax.block_until_ready(advance(run, data))
            on_block(10)

    def with_bar():
        ours, sys.stderr = sys.stderr, screen
        try:
            with progress.bar("adam", options.epochs) as on_block:
                plain(on_block)
        finally:
            sys.stderr = ours

    seconds = timing.interleave(
        {"with a bar": with_bar, "without": plain}, options.repeats
    )
    against = timing.ratio(seconds["with a bar"], seconds["without"])
    print(
        f"with a bar / without: {against['median']:.3f} "
        f"(quartiles {against['low']:.3f} to {against['high']:.3f}; goal {GOAL})"
    )
    results = {
        "seconds": {name: float(np.median(s)) for name, s in seconds.items()},
        "ratio": against,
        "goal": GOAL,
        "epochs": options.epochs,
        "repeats": options.repeats,
        "machine": timing.machine("jax", "rich"),
    }
    timing.write(options.json, results)


if __name__ == "__main__":
    main()
