# What a study found: its runs, what was chosen, and how that did, by seed.

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from optax_lab.studies.ledger import Record
from optax_lab.studies.plan import Tier


class Study(NamedTuple):
    """Holds what a study found.

    Attributes:
      tier: what was spent on each.
      records: every run.
      chosen: by optimizer, the number of the point that was chosen. An optimizer none
        of whose runs ended well is not there.
      beaten: by optimizer whose usual hyperparameters did better than those that were
        chosen, what chose was by default, and at the chosen point.
    """

    tier: Tier
    records: list[Record]
    chosen: dict[str, int]
    beaten: Mapping[str, tuple[float, float]] = {}

    def of(
        self, optimizer: str, role: str, schedule: str | None = None
    ) -> list[Record]:
        """Returns the runs of an optimizer that were for something, in order."""
        found = [
            record
            for record in self.records
            if (record.optimizer, record.role) == (optimizer, role)
            and schedule in (None, record.schedule)
        ]
        return sorted(found, key=lambda record: (record.point, record.seed))

    def hypers(self, optimizer: str) -> dict[str, float]:
        """Returns the hyperparameters that were chosen for an optimizer.

        Raises:
          ValueError: if nothing was chosen for it.
        """
        if optimizer not in self.chosen:
            known = ", ".join(self.chosen) or "nobody"
            raise ValueError(f"nothing was chosen for {optimizer!r}, but for {known}")
        point = self.chosen[optimizer]
        return next(r.hypers for r in self.of(optimizer, "tune") if r.point == point)

    def reported(self, schedule: str | None = None) -> dict[str, list[Record]]:
        """Returns the runs that report what was chosen, by optimizer, in order.

        Runs of two optimizers are paired: with one seed they began with the same
        parameters and saw the same batches. Where one failed, its seed is left out for
        all; an optimizer of which all failed is left out itself.

        Args:
          schedule: of the learning rate; the tier's first one if None.

        Raises:
          ValueError: if the tier has no such schedule.
        """
        schedule = schedule or self.tier.schedules[0]
        if schedule not in self.tier.schedules:
            known = ", ".join(self.tier.schedules)
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
        self, tag: str, schedule: str | None = None, *, lost: float = np.nan
    ) -> dict[str, np.ndarray]:
        """Returns what the reported runs measured last, by optimizer and seed.

        Args:
          tag: what was measured, such as "accuracy/test".
          schedule: of the learning rate; the tier's first one if None.
          lost: what a run is worth that diverged.

        Raises:
          ValueError: if the tier has no such schedule, or nothing has such a tag.
        """
        value = lambda run: last(run, tag) if run.status == "ok" else lost
        runs = self.reported(schedule)
        every = [run for each in runs.values() for run in each]
        tags = {tag for run in every for tag in (*run.finals, *run.curves)}
        if tags and tag not in tags:
            raise ValueError(f"tag is {tag!r}: there are {', '.join(sorted(tags))}")
        return {name: np.array([value(r) for r in each]) for name, each in runs.items()}


def last(record: Record, tag: str) -> float:
    """Returns what was measured at the end of a run, or else after its last epoch."""
    if tag in record.finals:
        return record.finals[tag]
    return float(record.curves[tag][-1])
