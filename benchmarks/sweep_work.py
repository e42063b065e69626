"""What the contenders of sweep.py share: the work, and what they say of it.

Nothing heavy is imported here: a process that only starts others need not wait for it.
"""

import itertools
import json
import time
from typing import Any, NamedTuple


class Work(NamedTuple):
    """Holds what is to be trained: every learning rate with every seed.

    Attributes:
      rates: learning rates.
      seeds: of the initial parameters.
      epochs: of every training.
      device: "cpu" or "gpu".
      cores: how many may be used.
    """

    rates: tuple[float, ...]
    seeds: tuple[int, ...]
    epochs: int
    device: str
    cores: int

    @property
    def points(self) -> list[tuple[float, int]]:
        """Every rate with every seed, a rate's seeds side by side."""
        return list(itertools.product(self.rates, self.seeds))

    @property
    def at_once(self) -> int:
        """How many processes or devices share the work.

        At most half the trainings, so that there are some after the first ones, which
        compile.
        """
        most = 1 if self.device == "gpu" else self.cores
        return max(1, min(most, len(self.points) // 2))


def say(phase: str, **more: Any) -> None:
    """Tells the process that measures this one what has just happened, and when.

    Phases, each said once: "first", a first training is finished; "ready", starting and
    compiling are over and `done` trainings finished; "end", all are finished, with the
    test `accuracies` of their last epochs in percent. The clock is the machine's, the
    same in all processes.
    """
    print(json.dumps({"phase": phase, "time": time.monotonic()} | more), flush=True)


def said(output: str) -> dict[str, dict[str, Any]]:
    """Returns what a process said, by phase, out of all that it printed."""
    lines = [line for line in output.splitlines() if line.startswith('{"phase"')]
    return {event["phase"]: event for event in map(json.loads, lines)}
