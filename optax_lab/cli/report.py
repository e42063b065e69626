# A study's report: what the data say, the figures and tables, and what repeats it.

import shlex
from collections.abc import Sequence
from pathlib import Path

from optax_lab.cli import findings, illustrations, manifest, output
from optax_lab.studies import scores, verdicts
from optax_lab.studies.plan import Contender
from optax_lab.studies.results import Study
from optax_lab.studies.study import Task
from optax_lab.views import figures

_LONG = 20  # rows of a table that are folded away


def write(
    folder: output.Folder,
    everyone: Sequence[Contender],
    task: Task,
    found: Study,
    tables: Sequence[output.Table],
) -> None:
    """Writes the figures of a study, and a report with all that repeats it."""
    told = {table.name: table for table in tables}
    parts = ["# A comparison of optimizers", _setting(task, found)]
    parts += ["## What the data say", *conclusions(found), "## The search"]
    parts.append(_table(told.pop("search")))
    parts += [f"**{line}.**" for line in findings.beaten(task, found)]
    parts += _drawn(folder.path, illustrations.of_search(everyone, task, found))
    for schedule in found.tier.schedules:
        names = [f"{kind}_{schedule}" for kind in ("results", "pairs", "anytime")]
        of_it = [told.pop(name) for name in names if name in told]
        if of_it:
            parts.append(f"## Reported: {schedule.replace('_', ' ')}")
            parts += map(_table, of_it)
            parts += _drawn(folder.path, illustrations.of_schedule(found, schedule))
    parts.append("## Checks")
    parts += map(_table, told.values())
    parts += ["## Repeat it", _repeated(folder, task)]
    (folder.path / "report.md").write_text("\n\n".join(parts) + "\n", "utf-8")


def _setting(task: Task, found: Study) -> str:
    tier = found.tier
    return (
        f"Every optimizer was tried at the same {tier.points} Sobol points of its "
        f"space with {_counted(tier.tuning_seeds, 'seed')} each, for "
        f"{_counted(tier.epochs, 'epoch')}, at the schedule {tier.schedules[0]}. The "
        f"point with the best mean {task.choose_by} was then reported with "
        f"{_counted(tier.reporting_seeds, 'other seed')} at the "
        f"{'schedules' if len(tier.schedules) > 1 else 'schedule'} "
        f"{', '.join(tier.schedules)}. Runs with one seed begin with the same "
        "parameters and see the same batches. Who shares a letter under 'like' cannot "
        "be told apart by a paired sign-flip test at 5 %, Holm-corrected."
    )


def conclusions(found: Study) -> list[str]:
    """Says of each schedule who is best, and who cannot be told from that one."""
    told = []
    for schedule in found.tier.schedules:
        tests = findings.tests_of(found, schedule)
        if not tests:
            continue
        best = verdicts.ranked(tests)[0]
        mean, low, high = (100 * x for x in scores.mean_interval(tests[best]))
        line = f"- {schedule}: `{best}` has the best mean on the fresh test set, "
        line += f"{mean:.1f} % ({low:.1f} to {high:.1f}). "
        told.append(line + _rivals(best, findings.pairs(tests), len(tests[best])))
    return told or ["Nothing: no run of what was chosen ended well."]


def _rivals(best: str, pairs: Sequence[verdicts.Pair], seeds: int) -> str:
    mine = [pair for pair in pairs if pair.first == best]
    near = [f"`{pair.second}`" for pair in mine if not pair.separable]
    if not mine:
        return "Nobody was compared with it: that takes two runs each."
    if not verdicts.decidable(seeds, len(pairs)):
        return (
            f"{_counted(seeds, 'seed')} cannot tell anyone from it: not even if all of "
            f"them agreed would one of {_counted(len(pairs), 'pair')} be separable."
        )
    if not near:
        return "It can be told from everyone else."
    if len(near) == len(mine):
        return "Nobody can be told from it."
    return f"It cannot be told from {', '.join(near)}; from everyone else it can."


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _drawn(folder: Path, drawn: dict) -> list[str]:
    """Saves figures, and returns how they are shown."""
    for name, figure in drawn.items():
        figures.save(figure, folder / f"{name}.png")
    return [f"![{figures.alt_text(f)}]({name}.png)" for name, f in drawn.items()]


def _table(table: output.Table) -> str:
    text = _markdown(table)
    if len(table.shown) > _LONG:
        return f"<details><summary>{table.title}</summary>\n\n{text}\n\n</details>"
    return f"{table.title}:\n\n{text}"


def _markdown(table: output.Table) -> str:
    if not table.shown:
        return "none"
    heads = list(table.shown[0])
    rows = [heads, ["---"] * len(heads), *(list(row.values()) for row in table.shown)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _repeated(folder: output.Folder, task: Task) -> str:
    """Writes the command, and what a result depends on."""
    told = folder.manifest
    command = shlex.join(["optax-lab", *told["argv"]])
    facts = {"versions": told["versions"], "device": told["device"]}
    facts |= {"settings": told["settings"], "task": dict(task.facts)}
    return f"```console\n{command}\n```\n\n```json\n{manifest.to_json(facts)}```"
