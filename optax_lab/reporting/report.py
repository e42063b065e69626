# A study's report: what the data say, the figures and tables, and what repeats it.

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optax_lab.reporting import figures, results
from optax_lab.reporting.tables import Table
from optax_lab.studies import plan, scores, targets, verdicts
from optax_lab.studies.results import Study

_LONG = 20  # rows of a table that are folded away


def write(
    study: Study,
    folder: str | os.PathLike,
    *,
    tables: Sequence[Table] | None = None,
    repeat: Sequence[str] = (),
) -> None:
    """Writes report.md, its figures, and runs.csv.

    Args:
      study: what is reported.
      folder: where to; made if need be.
      tables: `results.all_of(study)`, if they are made already.
      repeat: paragraphs on how it is repeated, instead of the task's facts.

    Raises:
      OSError: if the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    every = results.all_of(study) if tables is None else tables
    left = {table.name: table for table in every}
    parts = ["# A comparison of optimizers", setting(study)]
    parts += ["## What the data say", *conclusions(study)]
    if "search" in left:
        parts += ["## The search", _section(left.pop("search"))]
        parts += [f"**{line}.**" for line in results.beaten(study)]
        parts += _saved(folder, of_search(study))
    for schedule in study.budget.schedules:
        names = [f"{kind}_{schedule}" for kind in ("results", "pairs", "anytime")]
        of_it = [left.pop(name) for name in names if name in left]
        if of_it:
            parts.append(f"## Reported: {schedule.replace('_', ' ')}")
            parts += map(_section, of_it)
            parts += _saved(folder, of_schedule(study, schedule))
    parts.append("## Checks")
    parts += map(_section, left.values())
    parts += ["## Repeat it", *(repeat or [_facts(study)])]
    (folder / "report.md").write_text("\n\n".join(parts) + "\n", "utf-8")
    _write_runs(study, folder / "runs.csv")


def setting(study: Study) -> str:
    """Says what was run, and how optimizers are told apart."""
    budget, task = study.budget, study.task
    epochs = counted(budget.epochs, "epoch")
    seeds = counted(budget.reporting_seeds, "seed")
    schedules = f"the schedule{'s' * (len(budget.schedules) != 1)} "
    schedules += ", ".join(budget.schedules)
    if results.is_searched(study):
        text = (
            f"Every optimizer was tried at the same {budget.configurations} Sobol "
            f"points of its space with {counted(budget.tuning_seeds, 'seed')} each, "
            f"for {epochs}, at the schedule {budget.schedules[0]}. The point with the "
            f"best mean {task.choose_by} was then reported with {seeds} that are "
            f"others, at {schedules}. "
        )
    else:
        text = f"Every optimizer was trained as it is given, for {epochs}, with "
        text += f"{seeds}, at {schedules}. "
    return text + (
        "Runs with one seed begin with the same parameters and see the same batches. "
        "Who shares a letter under 'like' cannot be told apart by a paired sign-flip "
        "test at 5 %, Holm-corrected. A run that diverged is worth "
        f"{_lost(study)}."
    )


def _lost(study: Study) -> str:
    metric = study.task.metric(study.task.report_by)
    if metric.lost is None:
        return "the worst finite value that any reported run has had"
    return results.number(study.task, study.task.report_by, metric.lost) + (
        " %" if metric.is_share else ""
    )


def conclusions(study: Study) -> list[str]:
    """Says of each schedule which is best, and which cannot be told from that one."""
    text, task = [], study.task
    unit = " %" if task.metric(task.report_by).is_share else ""
    write = lambda value: results.number(task, task.report_by, value)
    for schedule in study.budget.schedules:
        values = study.ends(task.report_by, schedule)
        if not values:
            continue
        best = verdicts.ranked(values, best=task.metric(task.report_by).best)[0]
        mean, low, high = map(write, scores.mean_interval(values[best]))
        line = (
            f"- {schedule}: `{best}` has the best mean {task.columns[task.report_by]}"
        )
        line += f", {mean}{unit} ({low} to {high}). "
        pairs = results.pairs(study, schedule)
        text.append(line + _rivals(best, pairs, len(values[best])))
    return text or ["Nothing: no run of what was chosen ended well."]


def _rivals(best: str, pairs: Sequence[verdicts.Pair], seeds: int) -> str:
    mine = [pair for pair in pairs if pair.first == best]
    near = [f"`{pair.second}`" for pair in mine if not pair.separable]
    if not mine:
        return "Nobody was compared with it: that takes two runs each."
    if not verdicts.decidable(seeds, len(pairs)):
        return (
            f"{counted(seeds, 'seed')} cannot tell anyone from it: not even if all of "
            f"them agreed would one of {counted(len(pairs), 'pair')} be separable."
        )
    if not near:
        return "It can be told from everyone else."
    if len(near) == len(mine):
        return "Nobody can be told from it."
    return f"It cannot be told from {', '.join(near)}; from everyone else it can."


def counted(number: int, what: str) -> str:
    """Writes how many there are of something."""
    return f"{number} {what}{'s' * (number != 1)}"


def of_search(study: Study) -> dict[str, Any]:
    """Draws how much the learning rate matters, and what more configurations bring."""
    rates, values, task = {}, {}, study.task
    for candidate in study.candidates:
        runs = study.of(candidate.name, "tune")
        points = results.values_of_points(study, runs)
        if points:
            values[candidate.name] = np.array(list(points.values()))
            if plan.spaces.RATE in candidate.space:
                first = {run.point: run.hypers[plan.spaces.RATE] for run in runs}
                rates[candidate.name] = np.array([first[k] for k in points])
    look: dict[str, Any] = {"label": task.choose_by.replace("/", ", ")}
    look["best"] = task.metric(task.choose_by).best
    drawn = {}
    of_rates = {name: values[name] for name in rates}
    if rates and all(_best(v, look["best"]) >= 0 for v in of_rates.values()):
        drawn["sensitivity"] = figures.sensitivity(rates, of_rates, **look)
    if values:
        drawn["tuning"] = figures.tuning_curve(values, **look)
    return drawn


def _best(values: np.ndarray, best: str) -> float:
    """Returns the best finite value; 0 without any."""
    finite = values[np.isfinite(values)]
    pick = np.min if best == "lowest" else np.max
    return float(pick(finite)) if finite.size else 0.0


def of_schedule(study: Study, schedule: str) -> dict[str, Any]:
    """Draws the curves of what is reported, its end and its speed."""
    runs, task = study.reported(schedule), study.task
    if not runs:
        return {}
    curves = {name: results.curves_of(each) for name, each in runs.items()}
    best = task.metric(task.curve).best
    metric, split = task.curve.split("/")
    so_far = {
        name: {
            f"best so far/{split} {metric}": targets.best_so_far(
                tags[task.curve], best=best
            )
        }
        for name, tags in curves.items()
    }
    drawn = {
        f"curves_{schedule}": figures.learning_curves(curves),
        f"anytime_{schedule}": figures.learning_curves(so_far),
    }
    return drawn | _of_speed(study, schedule)


def _of_speed(study: Study, schedule: str) -> dict[str, Any]:
    """Draws how soon the first target was reached, and how well that ended."""
    runs, task = study.reported(schedule), study.task
    if not task.targets:
        return {}
    target = task.targets[0]
    speed = {n: results.times_of(each, target).or_inf for n, each in runs.items()}
    share = task.metric(task.report_by).is_share
    ends = study.ends(task.report_by, schedule)
    ends = {name: values * (100 if share else 1) for name, values in ends.items()}
    metric = task.report_by.partition("/")[0]
    what = task.columns[task.report_by]
    what = what if metric in what else f"{metric}, {what}"
    reached = f"{results.time_heading(target)} {target.tag.replace('/', ', ')}"
    labels = reached, what + (", %" if share else "")
    name = f"{metric}_{schedule}"
    drawn = {name: figures.accuracy_against_speed(speed, ends, labels=labels)}
    if len(runs) > 1:
        profile = targets.performance_profile(speed, np.geomspace(1, 4, 41))
        drawn[f"profile_{schedule}"] = figures.profile(profile)
    return drawn


def _saved(folder: Path, drawn: Mapping[str, Any]) -> list[str]:
    """Saves figures, and returns how they are shown."""
    for name, figure in drawn.items():
        figures.save(figure, folder / f"{name}.png")
    return [f"![{figures.alt_text(f)}]({name}.png)" for name, f in drawn.items()]


def _section(table: Table) -> str:
    text = table.markdown
    if len(table.shown) > _LONG:
        return f"<details><summary>{table.title}</summary>\n\n{text}\n\n</details>"
    return f"{table.title}:\n\n{text}"


def _facts(study: Study) -> str:
    facts = {"budget": study.budget._asdict(), "task": dict(study.task.facts)}
    return f"```json\n{json.dumps(facts, indent=2, default=str)}\n```"


def _write_runs(study: Study, path: Path) -> None:
    """Writes a row for every run, as `Study.frame` has them."""
    import csv

    frame = study.frame()
    columns = {name: list(frame[name]) for name in frame}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
