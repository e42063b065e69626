# optax-lab export: a study's file, written out as plain CSV and JSON.

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from optax_lab.cli import devices, manifest, output
from optax_lab.cli.settings import Export
from optax_lab.reporting import tables
from optax_lab.studies import ledger
from optax_lab.studies.ledger import Record


def run(settings: Export, argv: list[str]) -> int:
    """Writes runs.csv, finals.csv, curves.csv and study.json."""
    output.check(settings)
    devices.start("cpu")
    path = settings.study or Path()  # which `check` has refused
    if path.is_dir():
        path = path / output.STUDY
    with ledger.reading(path) as book:
        plan, records = book.plan, book.records()
    with output.opened(settings, argv) as folder:
        counts = _write(folder.path, plan, records)
    rows = [{"file": name, "rows": count} for name, count in counts.items()]
    table = tables.of("files", f"{path}: {len(records)} runs", rows)
    return output.report(settings, [table], folder)


def _write(
    folder: Path, plan: dict[str, Any], records: Sequence[Record]
) -> dict[str, int]:
    """Writes every table, and counts its rows."""
    manifest.write(folder / "study.json", plan)
    counts = {}
    for name, rows in (
        ("runs.csv", _runs(records)),
        ("finals.csv", _finals(records)),
        ("curves.csv", _curves(records)),
    ):
        told = list(rows)
        output.append(folder / name, told)
        counts[name] = len(told)
    return counts


def _runs(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    """Yields a row for every run; what it does not search is empty."""
    searched = sorted({name for record in records for name in record.hypers})
    for record in records:
        row = record._asdict()
        hypers = {name: record.hypers.get(name, "") for name in searched}
        dropped = ("hypers", "finals", "curves")
        yield {k: v for k, v in row.items() if k not in dropped} | hypers


def _finals(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    for record in records:
        for tag, value in record.finals.items():
            yield {"key": record.key, "tag": tag, "value": value}


def _curves(records: Sequence[Record]) -> Iterator[dict[str, Any]]:
    for record in records:
        for tag, values in record.curves.items():
            for epoch, value in enumerate(values.tolist(), start=1):
                yield {"key": record.key, "tag": tag, "epoch": epoch, "value": value}
