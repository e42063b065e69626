# What a study found, for people: tables, figures, and a report that holds both.

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from optax_lab.cli import cells, output
from optax_lab.cli import verdicts as told_pairs
from optax_lab.studies import (
    letters,
    results,
    scores,
    targets,
    verdicts,
)
from optax_lab.studies.ledger import Record
from optax_lab.studies.plan import Contender
from optax_lab.studies.results import Study
from optax_lab.studies.study import Task

TEST, FROZEN = "accuracy/test", "accuracy/frozen_test"
TRAIN_LOSS, TRAIN = "loss/full_train", "accuracy/train"
VALIDATION = "accuracy/validation"
CHANCE = 0.1  # what a diverged run of ten classes is worth
FAST = 0.9  # of the training set, while training
_PARTS = (0.05, 0.1, 0.25, 0.5, 1.0)  # of the epochs
Values = dict[str, np.ndarray]


def tables(
    everyone: Sequence[Contender], task: Task, found: Study
) -> list[output.Table]:
    """Makes the tables of a study: what was chosen, and how it did."""
    made = [_searched(everyone, task, found)]
    for schedule in found.tier.schedules:
        if found.reported(schedule):
            compared = pairs(tests_of(found, schedule))  # which takes a while
            seeds = max(map(len, found.reported(schedule).values()))
            made.append(_results(found, schedule, compared))
            made.append(_pairs(schedule, compared, seeds))
            made.append(_anytime(found, schedule))
    return made


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
            hypers = found.hypers(contender.name)
            row["validation"] = points[best]
            row["chosen"] = ", ".join(f"{k}={v:.3g}" for k, v in hypers.items())
        rows.append(row)
    title = f"The search: {task.choose_by} of the best of the points, for everyone"
    return cells.table("search", title, rows)


def _results(
    found: Study, schedule: str, compared: Sequence[verdicts.Pair]
) -> output.Table:
    """Says how what was chosen did, each with the letters of its likes."""
    runs = found.reported(schedule)
    tests = tests_of(found, schedule)
    frozen = tests_of(found, schedule, FROZEN)
    losses = found.ends(TRAIN_LOSS, schedule, lost=math.inf)
    apart = [(pair.first, pair.second) for pair in compared if pair.separable]
    same = letters.letters(verdicts.ranked(tests), apart)
    rows = []
    for name in verdicts.ranked(tests):
        mean, low, high = scores.mean_interval(tests[name])
        fast = targets.survival(times_of(runs[name]))
        rows.append(
            {
                "optimizer": name,
                "like": same[name],
                "fresh test": mean,
                "low": low,
                "high": high,
                "frozen test": _mean(frozen[name]),
                "train loss": _mean(losses[name]),
                "epochs to 90 %": fast.median,
                "reached": fast.rate,
                "diverged": _share(runs[name], "diverged"),
            }
        )
    seeds = max(map(len, tests.values()))  # as many for all
    title = f"Reported, {schedule}: means over {seeds} seeds; who shares a letter under"
    return cells.table(
        f"results_{schedule}", f"{title} 'like' cannot be told apart", rows
    )


def _pairs(
    schedule: str, compared: Sequence[verdicts.Pair], seeds: int
) -> output.Table:
    """Says of every two how they differ, and why that may mean nothing."""
    rows = []
    for pair in compared:
        row = pair._asdict() | {"verdict": _verdict(pair)}
        rows.append({k: v for k, v in row.items() if k not in _VERDICT})
    title = (
        f"{told_pairs.PAIRS} {schedule}: BCa intervals of each pair alone, verdicts "
    )
    title += f"of all by the sign-flip test, {_smallest_p(len(compared), seeds)}"
    shown = [told_pairs.pair_shown(row) for row in rows]
    return output.Table(f"pairs_{schedule}", title, rows, shown)


def _smallest_p(pairs: int, seeds: int) -> str:
    least = min(1.0, 2 * pairs / 2**seeds)
    told = f"whose p_holm is at least {least:.2g} with {seeds} seeds"
    if pairs and not verdicts.decidable(seeds, pairs):
        told += ": none can be separable, whatever its interval"
    return told


_VERDICT = ("separable", "identical")


def _verdict(pair: verdicts.Pair) -> str:
    if pair.identical:
        return "identical"
    return "separable" if pair.separable else "not separable"


def _anytime(found: Study, schedule: str) -> output.Table:
    """Says what each had reached when a part of the epochs were done."""
    rows = []
    for name, runs in found.reported(schedule).items():
        curves = curves_of(runs)[VALIDATION]
        parts = [part for part in _PARTS if part * curves.shape[1] >= 1]
        reached = targets.anytime(curves, parts, best="highest")
        told = {f"{part:.0%}": v for part, v in zip(parts, reached.values, strict=True)}
        rows.append({"optimizer": name} | {k: float(v) for k, v in told.items()})
    rows.sort(key=lambda row: -row["100%"])
    title = "the best validation accuracy so far, medians, at parts of the epochs"
    return cells.table(f"anytime_{schedule}", f"Anytime, {schedule}: {title}", rows)


def beaten(task: Task, found: Study) -> list[str]:
    """Says whose defaults did better than the best point of the search."""
    better = "above" if task.highest else "below"
    return [
        f"{name}: {task.choose_by} is {default:.4g} by default, {better} the "
        f"{chosen:.4g} of the best of its {found.tier.points} points, which is reported"
        for name, (default, chosen) in found.beaten.items()
    ]


def tests_of(found: Study, schedule: str, tag: str = TEST) -> Values:
    """Returns the accuracies at the end by optimizer; chance where it diverged."""
    return found.ends(tag, schedule, lost=CHANCE)


def _end(run: Record, tag: str) -> float:
    if run.status != "ok":
        return CHANCE
    return results.last(run, tag)


def pairs(values: Values) -> list[verdicts.Pair]:
    """Compares every two; nobody where one run is all that someone has."""
    if len(values) < 2 or any(len(each) < 2 for each in values.values()):
        return []
    return verdicts.compare_all(values)


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
        value = results.last(run, task.choose_by) if run.status == "ok" else math.nan
        points.setdefault(run.point, []).append(value)
    return {point: float(np.mean(values)) for point, values in points.items()}


def _share(runs: Sequence[Record], status: str) -> float:
    return float(np.mean([run.status == status for run in runs])) if runs else math.nan


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else math.nan
