# What came out of a study, as tables: the search, the results, the pairs, the checks.

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from optax_lab.reporting import tables
from optax_lab.reporting.tables import Table
from optax_lab.studies import (
    inclusions,
    letters,
    plan,
    resolution,
    scores,
    selfchecks,
    targets,
    verdicts,
)
from optax_lab.studies import results as studies_results
from optax_lab.studies.ledger import Record
from optax_lab.studies.results import Study
from optax_lab.studies.spaces import RATE
from optax_lab.studies.tasks import Target, Task

_PARTS = (0.05, 0.1, 0.25, 0.5, 1.0)  # of the epochs
_ENOUGH = 12  # runs, of which two halves can be told apart at 5 %
Values = dict[str, np.ndarray]


def all_of(study: Study) -> list[Table]:
    """Makes every table of a study: what was chosen, how it did, and its checks."""
    made = [searched(study)] if is_searched(study) else []
    for schedule in study.budget.schedules:
        if study.reported(schedule):
            compared = pairs(study, schedule)  # which takes a while
            made.append(_results(study, schedule, compared))
            made.append(_pairs(study, schedule, compared))
            made.append(_anytime(study, schedule))
    return [*made, checks(study)]


def of(study: Study, schedule: str) -> Table:
    """Makes the table of results at a schedule."""
    return _results(study, schedule, pairs(study, schedule))


def is_searched(study: Study) -> bool:
    """Says whether a study searches for the hyperparameters of any optimizer."""
    return any(plan.is_searched(each, study.budget) for each in study.candidates)


def searched(study: Study) -> Table:
    """Makes the table of the search: what every optimizer's best configuration is."""
    rows = []
    for candidate in study.candidates:
        runs = study.of(candidate.name, "tune")
        points = values_of_points(study, runs)
        row: dict[str, Any] = {"optimizer": candidate.name, "points": len(points)}
        row |= {"diverged": _share(runs, "diverged"), "failed": _share(runs, "failed")}
        usual = study.of(candidate.name, "default")
        row["by default"] = _mean([_end(study.task, run) for run in usual])
        if candidate.name in study.chosen:
            row["chosen by"] = points.get(study.chosen[candidate.name])
            values = study.hyperparameters(candidate.name)
            row["chosen"] = ", ".join(f"{k}={v:.3g}" for k, v in values.items())
        rows.append(row)
    title = f"The search: {study.task.choose_by} of the best configuration of each"
    return tables.of("search", title, rows)


def _results(study: Study, schedule: str, compared: Sequence[verdicts.Pair]) -> Table:
    """Makes the table of what was reported, each optimizer with its letters."""
    runs, task = study.reported(schedule), study.task
    ends = {tag: study.ends(tag, schedule) for tag in task.columns}
    values = ends[task.report_by]
    ranked = verdicts.ranked(values, best=task.metric(task.report_by).best)
    apart = [(pair.first, pair.second) for pair in compared if pair.separable]
    same = letters.letters(ranked, apart)
    rows, shown = [], []
    for name in ranked:
        rate = study.hyperparameters(name).get(RATE, math.nan)
        row: dict[str, Any] = {"optimizer": name, "like": same[name]}
        text = dict(row)
        row["learning rate"] = rate
        text["learning rate"] = "-" if math.isnan(rate) else f"{rate:.3g}"
        for tag, heading in task.columns.items():
            mean, low, high = scores.mean_interval(ends[tag][name])
            unit = ", %" if task.metric(tag).is_share else ""
            row[heading] = mean
            text[heading + unit] = number(task, tag, mean)
            if tag == task.report_by:
                row |= {"low": low, "high": high}
                text["95 % interval"] = _interval(task, tag, low, high)
        for target in task.targets:
            median, rate = time_to(runs[name], target)
            heading = time_heading(target)
            row |= {heading: median, f"reached {100 * target.value:g} %": rate}
            text[heading] = _time(median, rate)
        row["diverged"] = _share(runs[name], "diverged")
        row["seconds"] = float(np.median([run.run_seconds for run in runs[name]]))
        text["diverged"] = f"{100 * row['diverged']:.0f} %"
        text["s / run"] = f"{row['seconds']:.2f}"
        rows.append(row)
        shown.append(text)
    seeds = max(map(len, values.values()), default=0)  # as many for all
    title = f"Reported, {schedule}: means over {seeds} seeds"
    if seeds == 1:
        title = f"Reported, {schedule}: a single seed, so there is no interval"
    title += "; who shares a letter under 'like' cannot be told apart"
    return Table(f"results_{schedule}", title, rows, shown)


def _pairs(study: Study, schedule: str, compared: Sequence[verdicts.Pair]) -> Table:
    """Makes the table of how every two differ, and whether that may mean nothing."""
    seeds = max(map(len, study.reported(schedule).values()))
    is_share = study.task.metric(study.task.report_by).is_share
    rows, shown = [], []
    for pair in compared:
        row = pair._asdict() | {"verdict": _verdict(pair)}
        rows.append({k: v for k, v in row.items() if k not in _VERDICT})
        shown.append(_pair_shown(rows[-1], is_share))
    what = study.task.columns[study.task.report_by]
    points = " in points" if is_share else ""
    title = f"{what.capitalize()}{points}, first − second, {schedule}: "
    if compared:
        title += "BCa intervals of each pair alone, verdicts of all by the sign-flip "
        title += f"test, {_smallest_p(len(compared), seeds)}"
    else:
        title += "comparing takes two optimizers with two runs each"
    return Table(f"pairs_{schedule}", title, rows, shown)


def _pair_shown(row: dict[str, Any], is_share: bool) -> dict[str, str]:
    """Writes what two optimizers differ by: shares of the examples in points."""
    written = (lambda v: f"{100 * v:+.2f}") if is_share else (lambda v: f"{v:+.4g}")
    interval = f"{written(row['low'])} to {written(row['high'])}"
    return {
        "first": row["first"],
        "second": row["second"],
        "difference": written(row["difference"]),
        "95 % interval": "-" if math.isnan(row["low"]) else interval,
        "p": f"{row['p']:.3g}",
        "p_holm": f"{row['p_holm']:.3g}",
        "verdict": row["verdict"],
    }


def _smallest_p(pairs: int, seeds: int) -> str:
    least = min(1.0, 2 * pairs / 2**seeds)
    text = f"whose p_holm is at least {least:.2g} with {seeds} seeds"
    if pairs and not verdicts.decidable(seeds, pairs):
        enough = next(n for n in range(100) if verdicts.decidable(n, pairs))
        text += ": none can be separable, whatever its interval; "
        text += f"that takes {enough} seeds"
    return text


_VERDICT = ("separable", "identical")


def _verdict(pair: verdicts.Pair) -> str:
    if pair.identical:
        return "identical"
    return "separable" if pair.separable else "not separable"


def _anytime(study: Study, schedule: str) -> Table:
    """Makes the table of what was reached when a part of the epochs were done."""
    rows, shown, task = [], [], study.task
    best = task.metric(task.curve).best
    for name, runs in study.reported(schedule).items():
        curves = curves_of(runs)[task.curve]
        parts = [part for part in _PARTS if part * curves.shape[1] >= 1]
        values = targets.anytime(curves, parts, best=best).values
        reached = {f"{k:.0%}": float(v) for k, v in zip(parts, values, strict=True)}
        rows.append({"optimizer": name} | reached)
    rows.sort(key=lambda row: row["100%"], reverse=best == "highest")
    for row in rows:
        values = {k: number(task, task.curve, row[k]) for k in row if k != "optimizer"}
        shown.append({"optimizer": row["optimizer"]} | values)
    unit = " in %" if task.metric(task.curve).is_share else ""
    title = f"Anytime, {schedule}: the best {task.curve}{unit} so far, medians, at "
    return Table(f"anytime_{schedule}", title + "parts of the epochs", rows, shown)


def beaten(study: Study) -> list[str]:
    """Says whose defaults did better than the best configuration of the search."""
    task = study.task
    better = "above" if task.metric(task.choose_by).best == "highest" else "below"
    return [
        f"{name}: {task.choose_by} is {default:.4g} by default, {better} the "
        f"{chosen:.4g} of the best of its {study.budget.configurations} points, which "
        "is reported"
        for name, (default, chosen) in study.beaten.items()
    ]


def pairs(study: Study, schedule: str) -> list[verdicts.Pair]:
    """Compares every two optimizers; none where one has a single run."""
    values = study.ends(study.task.report_by, schedule)
    if len(values) < 2 or any(len(each) < 2 for each in values.values()):
        return []
    best = study.task.metric(study.task.report_by).best
    return verdicts.compare_all(values, best=best)


def number(task: Task, tag: str, value: float) -> str:
    """Writes a value of a metric: a share in percent."""
    is_share = task.metric(tag).is_share
    return tables.percent(value) if is_share else f"{value:.4g}"


def _interval(task: Task, tag: str, low: float, high: float) -> str:
    if math.isnan(low):
        return "-"
    return f"{number(task, tag, low)} to {number(task, tag, high)}"


def time_heading(target: Target) -> str:
    """Writes what is counted until a target."""
    return f"epochs to {100 * target.value:g} %"


def times_of(runs: Sequence[Record], target: Target) -> targets.Times:
    """Returns the epochs of runs until a target."""
    curves = np.stack([run.curves[target.tag] for run in runs]).astype(float)
    return targets.times_to_target(curves, target.value, reached="at_least")


def time_to(runs: Sequence[Record], target: Target) -> tuple[float, float]:
    """Returns the median epochs until a target, and the share of runs that reach it."""
    fast = targets.survival(times_of(runs, target))
    return fast.median, fast.rate


def _time(median: float, rate: float) -> str:
    text = "never" if math.isinf(median) else f"{median:g}"
    return text if rate in (0.0, 1.0) else f"{text} ({100 * rate:.0f} %)"


def curves_of(runs: Sequence[Record]) -> Values:
    """Returns the curves as (runs, epochs), by tag."""
    tags = runs[0].curves
    return {tag: np.stack([run.curves[tag] for run in runs]) for tag in tags}


def values_of_points(study: Study, runs: Sequence[Record]) -> dict[int, float]:
    """Returns each configuration's mean value; nan where a run did not end well."""
    points: dict[int, list[float]] = {}
    for run in runs:
        points.setdefault(run.point, []).append(_end(study.task, run))
    return {point: resolution.mean(values) for point, values in points.items()}


def _end(task: Task, run: Record) -> float:
    return studies_results.last(run, task.choose_by) if run.status == "ok" else math.nan


def _share(runs: Sequence[Record], status: str) -> float:
    return float(np.mean([run.status == status for run in runs])) if runs else math.nan


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else math.nan


# --- What a study says of itself ------------------------------------------------------


def checks(study: Study) -> Table:
    """Makes the table of what a study says of itself."""
    said = [
        *_against_itself(study),
        *_inclusions(study),
        ("identical runs under different names", _twins(study)),
        ("chosen at an edge of its space", _edges(study)),
        ("runs that diverged", _count(study, "diverged")),
        ("runs that failed", _count(study, "failed")),
        *_data(study.task),
    ]
    rows = [{"check": check, "found": text} for check, text in said]
    return tables.of("checks", "What the study says of itself", rows)


def _against_itself(study: Study) -> Iterator[tuple[str, str]]:
    for name, values in study.ends(study.task.report_by).items():
        text = f"needs {_ENOUGH} seeds, has {len(values)}"
        if len(values) >= _ENOUGH:
            rate, low, high = selfchecks.aa_rate(values)
            text = f"{100 * rate:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        yield f"A/A: {name} called separable from itself, at 5 %", text


def _inclusions(study: Study) -> Iterator[tuple[str, str]]:
    for one in inclusions.check(study.candidates):
        general, at, special, _ = one.inclusion
        given = ", ".join(f"{name}={value:g}" for name, value in at.items())
        verdict = "holds" if one.holds else "DOES NOT HOLD"
        text = one.error or f"{one.apart:.1e} apart"
        yield f"{general} at {given} is {special}", f"{verdict}, {text}"


def _twins(study: Study) -> str:
    histories = {name: runs[0].curves for name, runs in study.reported().items()}
    twins = selfchecks.identical(histories) if len(histories) > 1 else []
    return "; ".join(" = ".join(pair) for pair in twins) or "none"


def _edges(study: Study) -> str:
    text = []
    for each in study.candidates:
        if each.name in study.chosen and plan.is_searched(each, study.budget):
            values = study.hyperparameters(each.name)
            edges = selfchecks.at_boundary(values, each.space)
            text += [f"{each.name}: {', '.join(edges)}"] if edges else []
    return "; ".join(text) or "none"


def _count(study: Study, status: str) -> str:
    runs = sum(record.status == status for record in study.records)
    return f"{runs} of {len(study.records)}"


def _data(task: Task) -> Iterator[tuple[str, str]]:
    for name, digest in task.facts.get("data", {}).items():
        yield f"data: {name}", str(digest)[:16]
