"""Trains the lab's network in one of the ways that are compared, as a process.

    python benchmarks/lab_workers.py 'optax_lab, one run' --seeds 0 1 --epochs 100

`lab_processes.py` starts it: for a whole process, or (`--serve`) to be asked again and
again, by lines of JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import lab_contenders
import lab_task
from lab_contenders import CONTENDERS

MARK = "measured: "  # before an answer, among what else a process prints


def block_of(epochs: int) -> int:
    """Returns how many epochs come first, in which programs are compiled."""
    return min(lab_contenders.BLOCK, max(1, epochs // 2))


def measured(
    train: lab_contenders.Train, name: str, epochs: int, seeds: Sequence[int]
) -> dict[str, Any]:
    """Trains; returns seconds per 100 epochs of one training, without the first ten.

    The first ten epochs hold the compiling when they are the first of all; what they
    took is told as `first`. Of several trainings at once they are the first ten of each
    of these.
    """
    marks = [(time.perf_counter(), 0)]
    note = lambda n: marks.append((time.perf_counter(), marks[-1][1] + n))
    accuracies = train(name, epochs, seeds, note)
    first, before = next(mark for mark in marks if mark[1] >= block_of(epochs))
    last, after = marks[-1]
    seconds = 100 * (last - first) / (after - before)
    return {
        "seconds": seconds,
        "first": first - marks[0][0],
        "accuracy": sum(accuracies) / len(accuracies),
    }


def serve(train: lab_contenders.Train) -> None:
    """Says that it is ready; answers [optimizer, epochs, seeds] with measurements."""
    print(MARK + "{}", flush=True)
    for line in sys.stdin:
        print(MARK + json.dumps(measured(train, *json.loads(line))), flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("--optimizer", choices=lab_task.NAMES, default="adam")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--serve", action="store_true", help="read what to do")
    options = parser.parse_args(arguments)
    train = CONTENDERS[options.contender].make(options)
    if options.serve:
        serve(train)
    else:
        told = lambda n: None
        print(train(options.optimizer, options.epochs, options.seeds, told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
