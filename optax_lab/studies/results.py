# What came out of a study: its runs, what was chosen, and how that did, by seed.

import importlib.util
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from optax_lab.studies.ledger import Record
from optax_lab.studies.plan import Budget, Candidate
from optax_lab.studies.spaces import RATE
from optax_lab.studies.tasks import Task


class Study(NamedTuple):
    """Holds what came out of a study.

    Attributes:
      budget: what was spent on each optimizer.
      task: what was trained, and what its numbers mean.
      candidates: the optimizers, in order.
      records: every run.
      chosen: by optimizer, the number of the configuration that was chosen: −1 where
        nothing was searched. An optimizer none of whose runs ended well is not there.
      beaten: by optimizer whose usual hyperparameters did better than those that were
        chosen, what chose was by default, and at the chosen configuration.
    """

    budget: Budget
    task: Task
    candidates: Sequence[Candidate]
    records: list[Record]
    chosen: Mapping[str, int]
    beaten: Mapping[str, tuple[float, float]] = {}

    def of(
        self, optimizer: str, role: str, schedule: str | None = None
    ) -> list[Record]:
        """Returns the runs of an optimizer that were for something, in order."""
        runs = [
            record
            for record in self.records
            if (record.optimizer, record.role) == (optimizer, role)
            and schedule in (None, record.schedule)
        ]
        return sorted(runs, key=lambda record: (record.point, record.seed))

    def hyperparameters(self, optimizer: str) -> dict[str, float]:
        """Returns an optimizer's hyperparameters: the learning rate, and the chosen.

        Raises:
          ValueError: if nothing was chosen for it.
        """
        if optimizer not in self.chosen:
            known = ", ".join(self.chosen) or "none"
            raise ValueError(f"nothing was chosen for {optimizer!r}, but for {known}")
        of_it = [run for run in self.records if run.optimizer == optimizer]
        best = (run for run in of_it if run.point == self.chosen[optimizer])
        return self.all_of(next(best))

    def all_of(self, run: Record) -> dict[str, float]:
        """Returns the hyperparameters of a run, a fixed learning rate among them."""
        usual = {c.name: c.defaults for c in self.candidates}.get(run.optimizer, {})
        return {k: v for k, v in usual.items() if k == RATE} | run.hypers

    def reported(self, schedule: str | None = None) -> dict[str, list[Record]]:
        """Returns the runs that report what was chosen, by optimizer, in order.

        Runs of two optimizers are paired: with one seed they began with the same
        parameters and saw the same batches. Where one failed, its seed is left out for
        all; an optimizer of which all failed is left out itself.

        Args:
          schedule: of the learning rate; the budget's first one if None.

        Raises:
          ValueError: if the budget has no such schedule.
        """
        schedule = schedule or self.budget.schedules[0]
        if schedule not in self.budget.schedules:
            known = ", ".join(self.budget.schedules)
            raise ValueError(f"schedule is {schedule!r}: the study has {known}")
        every = {name: self.of(name, "report", schedule) for name in self.chosen}
        kept = {
            n: [r for r in each if r.status != "failed"] for n, each in every.items()
        }
        kept = {name: each for name, each in kept.items() if each}
        seeds = [{run.seed for run in each} for each in kept.values()]
        shared = set.intersection(*seeds) if seeds else set()
        if not shared:
            return {}
        return {n: [r for r in each if r.seed in shared] for n, each in kept.items()}

    def ends(
        self, tag: str, schedule: str | None = None, *, lost: float | None = None
    ) -> dict[str, np.ndarray]:
        """Returns what the reported runs measured last, by optimizer and seed.

        Args:
          tag: what was measured, such as "accuracy/test".
          schedule: of the learning rate; the budget's first one if None.
          lost: what a run that diverged is worth; what the task says if None: of a
            loss, the worst finite value of all reported runs.

        Raises:
          ValueError: if the budget has no such schedule, or nothing has such a tag.
        """
        runs = self.reported(schedule)
        every = [run for each in runs.values() for run in each]
        tags = {tag for run in every for tag in (*run.finals, *run.curves)}
        if tags and tag not in tags:
            raise ValueError(f"tag is {tag!r}: there are {', '.join(sorted(tags))}")
        # Runs measure in float32, which the resolution of what is compared rests on.
        worth = float(np.float32(self._lost(tag) if lost is None else lost))
        value = lambda run: last(run, tag) if run.status == "ok" else worth
        return {name: np.array([value(r) for r in each]) for name, each in runs.items()}

    def _lost(self, tag: str) -> float:
        """Returns what a run that diverged is worth."""
        metric = self.task.metric(tag)
        if metric.lost is not None:
            return metric.lost
        runs = [run for run in self.records if run.role == "report"]
        seen = [np.atleast_1d(run.curves.get(tag, np.nan)) for run in runs]
        seen.append(np.array([run.finals.get(tag, np.nan) for run in runs]))
        values = np.concatenate(seen)
        values = values[np.isfinite(values)]
        is_lowest = metric.best == "lowest"
        if not values.size:
            largest = float(np.finfo(np.float32).max)
            return largest if is_lowest else -largest
        return float(values.max() if is_lowest else values.min())

    def table(self, schedule: str | None = None) -> Any:
        """Returns the table of results: `print` writes it, `rows` are its numbers.

        Args:
          schedule: of the learning rate; the budget's first one if None.
        """
        from optax_lab.reporting import results

        return results.of(self, schedule or self.budget.schedules[0])

    def report(self, folder: str | os.PathLike) -> None:
        """Writes report.md, its figures, and runs.csv into a folder, made if need be.

        Raises:
          OSError: if it cannot be written.
        """
        from optax_lab.reporting import report

        report.write(self, folder)

    def tensorboard(self, folder: str | os.PathLike) -> None:
        """Writes event files: typical runs of each search, and the reported means.

        Runs of the same names are replaced; what else is in the folder stays.

        Raises:
          OSError: if they cannot be written.
        """
        from optax_lab.reporting import boards

        boards.write(self, folder)

    def frame(self) -> Any:
        """Returns a row for every run: a `pandas.DataFrame`, or a dict of columns.

        Columns are what describes a run, its hyperparameters, and what was measured at
        its end, by tag. What a run does not have is nan. It is a dict of lists where
        pandas is not installed.
        """
        rows = [self._row(record) for record in self.records]
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: [row.get(name, np.nan) for row in rows] for name in names}
        if importlib.util.find_spec("pandas") is None:
            return columns
        import pandas

        return pandas.DataFrame(columns)

    def _row(self, run: Record) -> dict[str, Any]:
        dropped = ("hypers", "finals", "curves")
        row = {k: v for k, v in run._asdict().items() if k not in dropped}
        ends = {tag: float(curve[-1]) for tag, curve in run.curves.items()}
        return row | self.all_of(run) | ends | run.finals


def last(record: Record, tag: str) -> float:
    """Returns what was measured at the end of a run, or else after its last epoch."""
    if tag in record.finals:
        return record.finals[tag]
    return float(record.curves[tag][-1])
