# What compare says: a row for each optimizer, and its differences from the best.
import dataclasses
import math
import statistics
from typing import Any

import numpy as np

from optax_lab.cli import output, tasks
from optax_lab.studies import scores

# What is told of a training, and where it is found; shares of examples.
_ACCURACIES = {
    "frozen_test": "accuracy/frozen_test",
    "test": "accuracy/test",
    "train": "accuracy/full_train",
}
_TARGETS = (0.9, 0.99)  # of the training examples, while training
NOT_SEPARABLE = "not separable"


@dataclasses.dataclass
class Outcome:
    """Holds the finished trainings of one optimizer.

    Attributes:
        optimizer: its expression.
        histories: the curves of each seed.
        finals: what was measured at the end, of each seed.
        seconds: per chunk of trainings, the time that one of them took.
    """

    optimizer: str
    histories: dict[int, dict[str, np.ndarray]] = dataclasses.field(
        default_factory=dict
    )
    finals: dict[int, dict[str, float]] = dataclasses.field(default_factory=dict)
    seconds: list[float] = dataclasses.field(default_factory=list)

    def add(
        self, seed: int, history: dict[str, np.ndarray], final: dict[str, float]
    ) -> bool:
        """Takes a finished training in, and says whether it diverged."""
        self.histories[seed] = history
        last = {tag: float(values[-1]) for tag, values in history.items()}
        self.finals[seed] = last | final
        return tasks.diverged(history | final)

    def end(self, tag: str) -> dict[int, float]:
        """Returns a value at the end, by seed."""
        return {seed: final[tag] for seed, final in self.finals.items()}

    def curves(self) -> dict[str, np.ndarray]:
        """Returns the curves as (runs, epochs)."""
        histories = list(self.histories.values())
        tags = histories[0] if histories else ()
        return {tag: np.stack([h[tag] for h in histories]) for tag in tags}


def tables(outcomes: list[Outcome]) -> list[output.Table]:
    """Makes the table of optimizers and that of their differences."""
    outcomes = [outcome for outcome in outcomes if outcome.finals]
    return [_results(outcomes), _pairs(outcomes)] if outcomes else [_results([])]


def _results(outcomes: list[Outcome]) -> output.Table:
    rows = [_row(outcome) for outcome in outcomes]
    runs = max((row["runs"] for row in rows), default=0)
    title = f"Accuracy in %, mean ± 95 % interval over {runs} seeds"
    if runs == 1:
        title = "Accuracy in % of a single seed: no interval"
    return output.Table("results", title, rows, [_shown(row) for row in rows])


def _row(outcome: Outcome) -> dict[str, Any]:
    histories = outcome.histories.values()
    ends = outcome.finals.values()
    bad = [tasks.diverged(h | end) for h, end in zip(histories, ends, strict=True)]
    row: dict[str, Any] = {"optimizer": outcome.optimizer, "runs": len(bad)}
    row |= {"status": "diverged" if any(bad) else "ok", "diverged": sum(bad)}
    for name, tag in _ACCURACIES.items():
        interval = scores.mean_interval(list(outcome.end(tag).values()))
        row |= {f"{name}_{k}": v for k, v in interval._asdict().items()}
    for target in _TARGETS:
        found = [scores.epochs_to(h["accuracy/train"], target) for h in histories]
        times = [math.inf if epoch is None else epoch for epoch in found]
        name = f"epochs_to_{100 * target:.0f}"
        reached = int(np.isfinite(times).sum())
        row |= {name: statistics.median(times), f"{name}_runs": reached}
    # The first chunk compiles the program.
    seconds = outcome.seconds[1:] or outcome.seconds
    return row | {"seconds_per_training": statistics.median(seconds or [math.nan])}


def _shown(row: dict[str, Any]) -> dict[str, str]:
    def accuracy(name: str) -> str:
        reach = row[f"{name}_high"] - row[f"{name}_mean"]
        mean = tasks.percent(row[f"{name}_mean"])
        return mean if math.isnan(reach) else f"{mean} ± {tasks.percent(reach)}"

    def epochs(name: str) -> str:
        median, runs = row[name], row[f"{name}_runs"]
        return f"{median:g} ({runs}/{row['runs']})" if math.isfinite(median) else "-"

    return {
        "optimizer": row["optimizer"],
        "frozen test": accuracy("frozen_test"),
        "fresh test": accuracy("test"),
        "train": accuracy("train"),
        "epochs to 90 %": epochs("epochs_to_90"),
        "to 99 %": epochs("epochs_to_99"),
        "s / training": f"{row['seconds_per_training']:.2f}",
        "diverged": str(row["diverged"]),
    }


def _pairs(outcomes: list[Outcome]) -> output.Table:
    """Compares every optimizer with the one of the best mean on the fresh test."""
    tag = _ACCURACIES["test"]
    ends = {outcome.optimizer: outcome.end(tag) for outcome in outcomes}
    best = max(ends, key=lambda name: np.mean(list(ends[name].values())))
    rows, shown = [], []
    for name, values in ends.items():
        seeds = sorted(ends[best].keys() & values.keys())
        if name == best or not seeds:
            continue
        gap = scores.paired_difference(
            [ends[best][seed] for seed in seeds], [values[seed] for seed in seeds]
        )
        row = {"first": best, "second": name, "seeds": len(seeds)}
        row |= {"difference": gap.mean, "low": gap.low, "high": gap.high}
        rows.append(row | {"verdict": _verdict(gap)})
        shown.append(pair_shown(rows[-1]))
    return output.Table("pairs", f"{PAIRS} over paired seeds", rows, shown)


PAIRS = "Fresh test accuracy in points, first − second,"


def pair_shown(row: dict[str, Any]) -> dict[str, str]:
    """Writes what two optimizers differ by, a share of the examples, in points."""
    interval = f"{100 * row['low']:+.2f} to {100 * row['high']:+.2f}"
    tests = {key: f"{row[key]:.3g}" for key in ("p", "p_holm") if key in row}
    return {
        "first": row["first"],
        "second": row["second"],
        "difference": f"{100 * row['difference']:+.2f}",
        "95 % interval": "-" if math.isnan(row["low"]) else interval,
        **tests,
        "verdict": row["verdict"],
    }


def _verdict(gap: scores.Difference) -> str:
    if gap.low == gap.high == 0:
        return f"identical: {NOT_SEPARABLE}"
    if math.isnan(gap.low):
        return f"{NOT_SEPARABLE}: one seed has no interval"
    return "separable" if gap.separable else NOT_SEPARABLE
