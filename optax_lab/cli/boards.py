# A study in TensorBoard: a few runs that stand for all, and the means of the reported.

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optax_lab.cli import findings
from optax_lab.studies import scores
from optax_lab.studies.ledger import Record
from optax_lab.studies.plan import Contender
from optax_lab.studies.results import Study
from optax_lab.studies.study import Task
from optax_lab.views import events


def write(
    folder: Path, everyone: Sequence[Contender], task: Task, found: Study
) -> None:
    """Writes the best, the median and the default run of each, and what is reported.

    What an earlier call wrote is replaced: a study that goes on has other runs.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for contender in everyone:
        for which, run in _typical(contender.name, task, found).items():
            _write_run(folder, which, run)
        for schedule in found.tier.schedules:
            runs = found.reported(schedule).get(contender.name)
            if runs:
                _write_means(folder, schedule, runs)


def _typical(name: str, task: Task, found: Study) -> dict[str, Record]:
    """Finds the runs that stand for a search, each with the first of its seeds."""
    runs, usual = found.of(name, "tune"), found.of(name, "default")
    points = findings.values_of_points(runs, task)
    worth = {k: np.nan_to_num(v, nan=-np.inf) for k, v in points.items()}
    order = sorted(worth, key=lambda k: worth[k], reverse=True)
    first = lambda point: next(run for run in runs if run.point == point)
    typical = {}
    if name in found.chosen:
        typical["best"] = first(found.chosen[name])
        typical["median"] = first(order[len(order) // 2])
    if usual:
        typical["default"] = usual[0]
    return {which: run for which, run in typical.items() if run.curves}


def _write_run(folder: Path, which: str, run: Record) -> None:
    place = folder / events.folder_name(f"{run.optimizer}_{which}")
    told = _told(run, which) | {"seed": run.seed}
    with events.open_run(place, told, [*run.curves, *run.finals]) as writer:
        writer.write(run.curves)
        writer.finish(run.finals)


def _write_means(folder: Path, schedule: str, runs: Sequence[Record]) -> None:
    """Writes the mean of every curve and its 95 % interval, epoch by epoch.

    A run that diverged counts while it is finite.
    """
    columns = {f"reported/{tag}": v for tag, v in findings.curves_of(runs).items()}
    history: dict[str, np.ndarray] = {}
    for tag, values in columns.items():
        intervals = [_interval(column) for column in values.T]
        means, lows, highs = np.array(intervals).T
        history |= {tag: means, f"{tag}/low": lows, f"{tag}/high": highs}
    place = folder / events.folder_name(f"{runs[0].optimizer}_{schedule}")
    told = _told(runs[0], "reported") | {"seeds": len(runs)}
    with events.open_run(place, told, (), margins=list(columns)) as writer:
        writer.write(history)


def _interval(values: np.ndarray) -> scores.Interval:
    """Returns the mean of the runs that are finite, and its interval."""
    finite = values[np.isfinite(values)]
    nothing = scores.Interval(np.nan, np.nan, np.nan)
    return scores.mean_interval(finite) if len(finite) else nothing


def _told(run: Record, which: str) -> dict[str, Any]:
    head = {"optimizer": run.optimizer, "which": which, "schedule": run.schedule}
    return head | dict(run.hypers)
