# What a study found, for people: tables, figures, and a report that holds both.

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optax_lab.cli import cells, output
from optax_lab.studies import (
    letters,
    scores,
    selfchecks,
    study,
    targets,
    verdicts,
)
from optax_lab.studies.ledger import Record
from optax_lab.studies.plan import Contender
from optax_lab.studies.study import Study, Task

TEST, FROZEN = "accuracy/test", "accuracy/frozen_test"
TRAIN_LOSS, TRAIN = "loss/full_train", "accuracy/train"
CHANCE = 0.1  # what a diverged run of ten classes is worth
FAST = 0.9  # of the training set, while training
Values = dict[str, np.ndarray]


def tables(
    everyone: Sequence[Contender], task: Task, found: Study
) -> list[output.Table]:
    """Makes the tables of a study: what was chosen, how it did, and the checks."""
    made = [_searched(everyone, task, found)]
    for schedule in found.tier.schedules:
        runs = reported_of(found, schedule)
        if runs:
            made += [_results(runs, schedule, found), _pairs(runs, schedule)]
    return [*made, _checks(everyone, task, found)]


def _searched(everyone: Sequence[Contender], task: Task, found: Study) -> output.Table:
    rows = []
    for contender in everyone:
        runs = found.of(contender.name, "tune")
        points = values_of_points(runs, task)
        row: dict[str, Any] = {"optimizer": contender.name, "points": len(points)}
        row |= {"diverged": _share(runs, "diverged"), "failed": _share(runs, "failed")}
        usual = found.of(contender.name, "default")
        row["by default"] = _mean([_end(run, task.choose_by) for run in usual])
        if contender.name in found.chosen:
            best = found.chosen[contender.name]
            hypers = next(run.hypers for run in runs if run.point == best)
            row["validation"] = points[best]
            row["chosen"] = ", ".join(f"{k}={v:.3g}" for k, v in hypers.items())
            edges = selfchecks.at_boundary(hypers, dict(contender.space))
            row["at the edge"] = ", ".join(edges)
        rows.append(row)
    title = f"The search: {task.choose_by} of the best of the points, for everyone"
    return cells.table("search", title, rows)


def _results(
    runs: dict[str, list[Record]], schedule: str, found: Study
) -> output.Table:
    """Says how what was chosen did, each with the letters of its likes."""
    tests = ends_of(runs, TEST)
    same = letters.letters(verdicts.ranked(tests), _separable(tests))
    rows = []
    for name in verdicts.ranked(tests):
        mean, low, high = scores.mean_interval(tests[name])
        fast = targets.survival(times_of(runs[name]))
        frozen = np.mean(ends_of(runs, FROZEN)[name])
        rows.append(
            {
                "optimizer": name,
                "like": same[name],
                "fresh test": mean,
                "low": low,
                "high": high,
                "frozen test": float(frozen),
                "train loss": _mean([_end(run, TRAIN_LOSS) for run in runs[name]]),
                "epochs to 90 %": fast.median,
                "reached": fast.rate,
                "diverged": _share(runs[name], "diverged"),
            }
        )
    seeds = found.tier.reporting_seeds
    title = f"Reported, {schedule}: means over {seeds} seeds; who shares a letter under"
    return cells.table(
        f"results_{schedule}", f"{title} 'like' cannot be told apart", rows
    )


def _pairs(runs: dict[str, list[Record]], schedule: str) -> output.Table:
    rows = []
    if _comparable(ends_of(runs, TEST)):
        for pair in verdicts.compare_all(ends_of(runs, TEST)):
            row = pair._asdict() | {"verdict": _verdict(pair)}
            rows.append({k: v for k, v in row.items() if k not in _VERDICT})
    title = (
        f"Fresh test accuracy, {schedule}: paired differences, BCa intervals of 95 %"
    )
    return cells.table(f"pairs_{schedule}", title, rows)


_VERDICT = ("separable", "identical")


def _verdict(pair: verdicts.Pair) -> str:
    if pair.identical:
        return "identical"
    return "separable" if pair.separable else "not separable"


def _checks(everyone: Sequence[Contender], task: Task, found: Study) -> output.Table:
    """Says what the study says of itself."""
    rows = []
    runs = reported_of(found, found.tier.schedules[0])
    for name, values in ends_of(runs, TEST).items():
        if len(values) >= 4:
            rate, low, high = selfchecks.aa_rate(values)
            told = f"{100 * rate:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
            check = f"A/A: {name} against itself, separable"
            rows.append({"check": check, "found": told})
    histories = {name: each[0].curves for name, each in runs.items()}
    twins = selfchecks.identical(histories) if len(histories) > 1 else []
    told = "; ".join(" = ".join(pair) for pair in twins) or "none"
    rows.append({"check": "identical runs under different names", "found": told})
    lost = [r for r in found.records if r.status == "diverged"]
    share = f"{len(lost)} of {len(found.records)}"
    rows.append({"check": "runs that diverged", "found": share})
    for name, digest in task.facts.get("data", {}).items():
        rows.append({"check": f"data: {name}", "found": str(digest)[:16]})
    return cells.table("checks", "What the study says of itself", rows)


def reported_of(found: Study, schedule: str) -> dict[str, list[Record]]:
    """Returns the reporting runs of a schedule by optimizer, of those that have any."""
    every = {name: found.of(name, "report", schedule) for name in found.chosen}
    runs = {n: [r for r in each if r.status != "failed"] for n, each in every.items()}
    return {name: each for name, each in runs.items() if each}


def ends_of(runs: Mapping[str, Sequence[Record]], tag: str) -> Values:
    """Returns what was measured at the end, by optimizer; chance where it diverged."""
    return {
        name: np.array([_end(run, tag) for run in each]) for name, each in runs.items()
    }


def _end(run: Record, tag: str) -> float:
    if run.status != "ok":
        return CHANCE if tag.startswith("accuracy") else math.inf
    return study.last(run, tag)


def _comparable(values: Values) -> bool:
    return len(values) > 1 and all(len(each) > 1 for each in values.values())


def _separable(values: Values) -> list[tuple[str, str]]:
    if not _comparable(values):
        return []
    pairs = verdicts.compare_all(values)
    return [(pair.first, pair.second) for pair in pairs if pair.separable]


def times_of(runs: Sequence[Record]) -> targets.Times:
    """Returns the epochs until 90 % of the training examples are right."""
    curves = np.stack([run.curves[TRAIN] for run in runs]).astype(float)
    return targets.times_to_target(curves, FAST, reached="at_least")


def curves_of(runs: Sequence[Record]) -> Values:
    """Returns the curves as (runs, epochs), by tag."""
    tags = runs[0].curves
    return {tag: np.stack([run.curves[tag] for run in runs]) for tag in tags}


def values_of_points(runs: Sequence[Record], task: Task) -> dict[int, float]:
    """Returns each point's mean value; nan where a run did not end well."""
    points: dict[int, list[float]] = {}
    for run in runs:
        value = study.last(run, task.choose_by) if run.status == "ok" else math.nan
        points.setdefault(run.point, []).append(value)
    return {point: float(np.mean(values)) for point, values in points.items()}


def _share(runs: Sequence[Record], status: str) -> float:
    return float(np.mean([run.status == status for run in runs])) if runs else math.nan


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan
