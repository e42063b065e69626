"""Tells what a benchmark found, as JSON and as a page of Markdown."""

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any

import bench
import timing

SCHEMA = 1


def as_json(
    report: bench.Report, options: argparse.Namespace, packages: Sequence[str]
) -> dict[str, Any]:
    """Returns a report as what JSON can hold; rows have one value per turn."""
    import jax

    return {
        "schema": SCHEMA,
        "benchmark": report.name,
        "title": report.title,
        "quick": options.quick,
        "device": jax.devices()[0].device_kind if options.device == "gpu" else "cpu",
        "machine": timing.machine("jax", "jaxlib", *packages),
        "load_average": [round(x, 2) for x in os.getloadavg()],
        "facts": report.facts,
        "rows": [row._asdict() | {"values": _rounded(row)} for row in report.rows],
        "claims": [claim._asdict() | {"met": claim.met} for claim in report.claims],
        "notes": report.notes,
    }


def _rounded(row: bench.Row) -> list[float]:
    return [float(f"{value:.6g}") for value in row.values]


def dumps(whole: dict[str, Any]) -> str:
    """Returns the text of a JSON file in which a row and a claim take a line each."""
    told = lambda x: json.dumps(x, ensure_ascii=False)
    texts = {
        key: "[\n  " + ",\n  ".join(map(told, value)) + "\n ]"
        for key, value in whole.items()
        if key in ("rows", "claims") and value
    }
    lines = [f" {told(k)}: {texts.get(k) or told(v)}" for k, v in whole.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def as_markdown(report: bench.Report, whole: dict[str, Any]) -> str:
    """Returns a report as a page: what is claimed, what was measured, on what."""
    lines = [f"# {report.name}", "", report.title, ""]
    if whole["quick"]:
        lines += ["*A quick try: these numbers mean little.*", ""]
    if report.claims:
        rows = [
            (c.what, c.goal, c.told, {None: "", True: "yes", False: "no"}[c.met])
            for c in report.claims
        ]
        lines += [
            *table(("claimed", "goal", "found (95 % interval)", "met"), rows),
            "",
        ]
    for measure in dict.fromkeys(row.measure for row in report.rows):
        lines += [*_measured(report, measure), ""]
    lines += [f"* {note}" for note in report.notes] + [""] * bool(report.notes)
    packages = ", ".join(f"{k} {v}" for k, v in whole["machine"]["packages"].items())
    facts = "; ".join(f"{k}: {v}" for k, v in report.facts.items())
    cores, load = whole["machine"]["cores"], whole["load_average"][0]
    lines += [f"Device: {whole['device']}, {cores} cores, load {load}."]
    lines += [f"Python {whole['machine']['python']}, {packages}."]
    lines += [f"{facts}."] if facts else []
    return "\n".join(lines) + "\n"


def _measured(report: bench.Report, measure: str) -> list[str]:
    """Returns the table of one measure: a line for each case, a column a contender."""
    rows = [row for row in report.rows if row.measure == measure]
    contenders = list(dict.fromkeys(row.contender for row in rows))
    cells = {(row.case, row.contender): bench.spread(row) for row in rows}
    cases = dict.fromkeys(row.case for row in rows)
    head = (f"{measure}, {rows[0].unit}", *contenders)
    body = [(case, *(cells.get((case, c), "–") for c in contenders)) for case in cases]
    return table(head, body)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table in Markdown."""
    every = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(row)} |" for row in every]
