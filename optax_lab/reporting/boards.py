# A study in TensorBoard: a few runs that stand for all, and the means of the reported.

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optax_lab.reporting import events, results
from optax_lab.studies import scores
from optax_lab.studies.ledger import Record
from optax_lab.studies.results import Study


def write(study: Study, folder: str | os.PathLike) -> None:
    """Writes the best, the median and the default run of each, and what is reported.

    Of an optimizer that is not searched, the first reported run is its default one.
    Runs of the same names are replaced, since a study that goes on has other ones; what
    else is in the folder stays.
    """
    folder = Path(folder)
    for candidate in study.candidates:
        for which, run in _typical(study, candidate.name).items():
            _write_run(study, folder, which, run)
        for schedule in study.budget.schedules:
            runs = study.reported(schedule).get(candidate.name)
            if runs:
                _write_means(study, folder, schedule, runs)


def _typical(study: Study, name: str) -> dict[str, Record]:
    """Finds the runs that stand for a search, each with the first of its seeds."""
    runs, usual = study.of(name, "tune"), study.of(name, "default")
    points = results.values_of_points(study, runs)
    sign = 1 if study.task.metric(study.task.choose_by).best == "highest" else -1
    worth = {k: np.nan_to_num(sign * v, nan=-np.inf) for k, v in points.items()}
    order = sorted(worth, key=lambda k: worth[k], reverse=True)
    first = lambda point: next(run for run in runs if run.point == point)
    typical = {}
    if name in study.chosen and runs:
        typical["best"] = first(study.chosen[name])
        typical["median"] = first(order[len(order) // 2])
    if usual := usual or ([] if runs else study.of(name, "report")):
        typical["default"] = usual[0]
    return {which: run for which, run in typical.items() if run.curves}


def _write_run(study: Study, folder: Path, which: str, run: Record) -> None:
    place = _place(folder, f"{run.optimizer}_{which}")
    settings = _settings(study, run, which) | {"seed": run.seed}
    with events.open_run(place, settings, [*run.curves, *run.finals]) as writer:
        writer.write(run.curves)
        writer.finish(run.finals)


def _write_means(
    study: Study, folder: Path, schedule: str, runs: Sequence[Record]
) -> None:
    """Writes the mean of every curve and its 95 % interval, epoch by epoch.

    A run that diverged counts while it is finite.
    """
    columns = {f"reported/{tag}": v for tag, v in results.curves_of(runs).items()}
    history: dict[str, np.ndarray] = {}
    for tag, values in columns.items():
        intervals = [_interval(column) for column in values.T]
        means, lows, highs = np.array(intervals).T
        history |= {tag: means, f"{tag}/low": lows, f"{tag}/high": highs}
    place = _place(folder, f"{runs[0].optimizer}_{schedule}")
    settings = _settings(study, runs[0], "reported") | {"seeds": len(runs)}
    with events.open_run(place, settings, (), margins=list(columns)) as writer:
        writer.write(history)


def _place(folder: Path, name: str) -> Path:
    """Returns a run's folder, without what an earlier call wrote there."""
    place = folder / events.folder_name(name)
    shutil.rmtree(place, ignore_errors=True)
    return place


def _interval(values: np.ndarray) -> scores.Interval:
    """Returns the mean of the runs that are finite, and its interval."""
    finite = values[np.isfinite(values)]
    nothing = scores.Interval(np.nan, np.nan, np.nan)
    return scores.mean_interval(finite) if len(finite) else nothing


def _settings(study: Study, run: Record, which: str) -> dict[str, Any]:
    head = {"optimizer": run.optimizer, "which": which, "schedule": run.schedule}
    return head | study.all_of(run)
