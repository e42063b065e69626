# A study's figures, and a report that holds them, its tables and what repeats it.

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optax_lab.cli import findings, manifest, output
from optax_lab.studies import targets
from optax_lab.studies.plan import Contender
from optax_lab.studies.study import Study, Task
from optax_lab.views import figures


def write(
    folder: Path,
    everyone: Sequence[Contender],
    task: Task,
    found: Study,
    told: Sequence[output.Table],
) -> None:
    """Writes the figures of a study, and a report with all that repeats it."""
    drawn = _figures(everyone, task, found)
    for name, figure in drawn.items():
        figures.save(figure, folder / f"{name}.png")
    alts = {name: figures.alt_text(figure) for name, figure in drawn.items()}
    (folder / "report.md").write_text(_report(told, alts, task, found), "utf-8")


def _figures(everyone: Sequence[Contender], task: Task, found: Study) -> dict[str, Any]:
    rates, values = {}, {}
    for contender in everyone:
        runs = found.of(contender.name, "tune")
        points = findings.values_of_points(runs, task)
        if points:
            first = {run.point: run.hypers["learning_rate"] for run in runs}
            rates[contender.name] = np.array([first[k] for k in points])
            values[contender.name] = np.array(list(points.values()))
    drawn: dict[str, Any] = {}
    if rates:
        label = "validation accuracy"
        drawn["sensitivity"] = figures.sensitivity(rates, values, label=label)
        drawn["tuning"] = figures.tuning_curve(values, label=label)
    for schedule in found.tier.schedules:
        runs = findings.reported_of(found, schedule)
        if not runs:
            continue
        curves = {name: findings.curves_of(each) for name, each in runs.items()}
        drawn[f"curves_{schedule}"] = figures.learning_curves(curves)
        speed = {name: findings.times_of(each).or_inf for name, each in runs.items()}
        accuracy = {
            n: 100 * v for n, v in findings.ends_of(runs, findings.TEST).items()
        }
        drawn[f"accuracy_{schedule}"] = figures.accuracy_against_speed(speed, accuracy)
        if len(runs) > 1:
            taus = np.geomspace(1, 4, 41)
            profile = targets.performance_profile(speed, taus)
            drawn[f"profile_{schedule}"] = figures.profile(profile)
    return drawn


def _report(
    told: Sequence[output.Table], alts: Mapping[str, str], task: Task, found: Study
) -> str:
    """Writes the report in Markdown."""
    parts = ["# A comparison of optimizers", _setting(task, found)]
    parts += [f"## {table.title}\n\n{_markdown(table)}" for table in told]
    parts += [f"![{alt}]({name}.png)" for name, alt in alts.items()]
    facts = manifest.to_json(dict(task.facts))
    parts.append(
        f"## Repeat it\n\n```json\n{facts}```\n\nThe command is in manifest.json."
    )
    return "\n\n".join(parts) + "\n"


def _setting(task: Task, found: Study) -> str:
    tier = found.tier
    return (
        f"Every optimizer was tried at the same {tier.points} points of its space with "
        f"{tier.tuning_seeds} seeds each, for {tier.epochs} epochs; the point with the "
        f"best mean {task.choose_by} was reported with {tier.reporting_seeds} other "
        f"seeds, at the schedules {', '.join(tier.schedules)}."
    )


def _markdown(table: output.Table) -> str:
    if not table.shown:
        return "none"
    heads = list(table.shown[0])
    rows = [heads, ["---"] * len(heads), *(list(row.values()) for row in table.shown)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
