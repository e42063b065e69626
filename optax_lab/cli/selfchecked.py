# What a study says of itself: a table of checks, printed with every one.

from collections.abc import Iterator, Sequence

from optax_lab.cli import cells, findings, output
from optax_lab.comparison import inclusions
from optax_lab.studies import selfchecks
from optax_lab.studies.plan import Contender
from optax_lab.studies.results import Study
from optax_lab.studies.study import Task

_ENOUGH = 12  # runs, of which two halves can be told apart at 5 %


def table(everyone: Sequence[Contender], task: Task, found: Study) -> output.Table:
    """Makes the table of checks."""
    told = [
        *_against_itself(found),
        *_inclusions(everyone),
        ("identical runs under different names", _twins(found)),
        ("chosen at an edge of its space", _edges(everyone, found)),
        ("runs that diverged", _count(found, "diverged")),
        ("runs that failed", _count(found, "failed")),
        *_data(task),
    ]
    rows = [{"check": check, "found": text} for check, text in told]
    return cells.table("checks", "What the study says of itself", rows)


def _against_itself(found: Study) -> Iterator[tuple[str, str]]:
    for name, values in findings.tests_of(found, found.tier.schedules[0]).items():
        told = f"needs {_ENOUGH} seeds, has {len(values)}"
        if len(values) >= _ENOUGH:
            rate, low, high = selfchecks.aa_rate(values)
            told = f"{100 * rate:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        yield f"A/A: {name} called separable from itself, at 5 %", told


def _inclusions(everyone: Sequence[Contender]) -> Iterator[tuple[str, str]]:
    for one in inclusions.check(everyone):
        general, at, special, _ = one.inclusion
        given = ", ".join(f"{name}={value:g}" for name, value in at.items())
        verdict = "holds" if one.holds else "DOES NOT HOLD"
        told = one.error or f"{one.apart:.1e} apart"
        yield f"{general} at {given} is {special}", f"{verdict}, {told}"


def _twins(found: Study) -> str:
    histories = {name: runs[0].curves for name, runs in found.reported().items()}
    twins = selfchecks.identical(histories) if len(histories) > 1 else []
    return "; ".join(" = ".join(pair) for pair in twins) or "none"


def _edges(everyone: Sequence[Contender], found: Study) -> str:
    told = []
    for contender in everyone:
        if contender.name in found.chosen:
            edges = selfchecks.at_boundary(
                found.hypers(contender.name), contender.space
            )
            told += [f"{contender.name}: {', '.join(edges)}"] if edges else []
    return "; ".join(told) or "none"


def _count(found: Study, status: str) -> str:
    runs = sum(record.status == status for record in found.records)
    return f"{runs} of {len(found.records)}"


def _data(task: Task) -> Iterator[tuple[str, str]]:
    for name, digest in task.facts.get("data", {}).items():
        yield f"data: {name}", str(digest)[:16]
