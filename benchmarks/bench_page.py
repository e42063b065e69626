"""Tells what a benchmark found, as JSON and as a page of Markdown."""

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any

import bench
import bench_rows
import timing

SCHEMA = 1
HEAD = ("claimed", "goal", "found (95 % interval)", "met")
RULE = """In brackets are the ends of a 95 % interval; those of a median are two of its
values. "All of 3" are the lowest and the highest of values that are too few for an
interval. "Within its spread": not all of what is in brackets says so."""


def as_json(
    report: bench.Report, options: argparse.Namespace, packages: Sequence[str]
) -> dict[str, Any]:
    """Returns a report as what JSON can hold; rows have one value per turn."""
    import jax

    usual = getattr(options, "usual_repeats", None)
    by_default = {} if usual is None else {"turns by default": usual}
    return {
        "schema": SCHEMA,
        "benchmark": report.name,
        "title": report.title,
        "quick": options.quick,
        "part": report.part,
        **report.source,
        "device": jax.devices()[0].device_kind if options.device == "gpu" else "cpu",
        "machine": timing.machine("jax", "jaxlib", *packages),
        "load_average": [round(x, 2) for x in os.getloadavg()],
        "facts": report.facts | by_default,
        **found(report),
    }


def found(report: bench.Report) -> dict[str, Any]:
    """Returns the rows, claims and notes of a report as JSON holds them."""
    claims = [
        claim._asdict()
        | {"met": claim.met, "sure": claim.sure, "values": _rounded(claim)}
        for claim in report.claims
    ]
    return {
        "rows": [row._asdict() | {"values": _rounded(row)} for row in report.rows],
        "claims": claims,
        "notes": report.notes,
    }


def read(whole: dict[str, Any]) -> bench.Report:
    """Returns the report that JSON holds, its intervals made anew of their values."""
    report = bench.Report(whole["benchmark"], whole["title"])
    report.facts, report.notes = whole["facts"], whole["notes"]
    report.part = whole.get("part", False)
    fields = bench.Row._fields
    report.rows = [bench.Row(*(row[k] for k in fields)) for row in whole["rows"]]
    report.claims = [claim_of(claim) for claim in whole["claims"]]
    return report


def claim_of(told: dict[str, Any]) -> bench.Claim:
    """Returns the claim that JSON holds; older ones do not have all fields."""
    kept = {k: told[k] for k in bench.Claim._fields if k in told}
    claim = bench.Claim(**kept | {"values": tuple(told.get("values", ()))})
    if not claim.values:
        return claim
    goal = {"at_least": claim.at_least, "at_most": claim.at_most}
    return bench_rows.claimed(claim.what, claim.values, claim.unit, **goal)


def _rounded(of: bench.Row | bench.Claim) -> list[float]:
    return [float(f"{value:.6g}") for value in of.values]


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
    if report.part:
        lines += ["*Only a part of what is measured was asked for.*", ""]
    if report.claims:
        rows = [(c.what, c.goal, c.told, verdict(c)) for c in report.claims]
        lines += [*table(HEAD, rows), "", RULE, ""]
    for measure in dict.fromkeys(row.measure for row in report.rows):
        lines += [*_measured(report, measure), ""]
    lines += [f"* {note}" for note in report.notes] + [""] * bool(report.notes)
    lines += _surroundings(whole)
    facts = "; ".join(f"{k}: {_said(v)}" for k, v in whole["facts"].items())
    lines += [f"{facts}."] if facts else []
    return "\n".join(lines) + "\n"


def verdict(claim: bench.Claim) -> str:
    """Says whether a goal is met, and whether all of the interval says so."""
    said = {None: "", True: "yes", False: "no"}[claim.met]
    return said if claim.sure else f"{said}, within its spread"


def _said(fact: Any) -> str:
    several = isinstance(fact, list | tuple)
    return ", ".join(map(str, fact)) if several else str(fact)


def _surroundings(whole: dict[str, Any]) -> list[str]:
    """Returns the lines that say when and on what was measured."""
    machine, load = whole["machine"], whole["load_average"][0]
    on = whole["device"] if whole["device"] != "cpu" else machine["processor"]
    commit = f"commit {whole['commit']}, " if "commit" in whole else ""
    day = f"{whole['date']}, {commit}" if "date" in whole else ""
    packages = ", ".join(f"{k} {v}" for k, v in machine["packages"].items())
    return [
        f"Measured {day}on {on}, {machine['cores']} cores, load {load}.",
        f"Python {machine['python']}, {packages}.",
    ]


def _measured(report: bench.Report, measure: str) -> list[str]:
    """Returns the table of one measure: a line for each case, a column a contender."""
    rows = [row for row in report.rows if row.measure == measure]
    contenders = list(dict.fromkeys(row.contender for row in rows))
    cells = {(row.case, row.contender): bench.spread(row) for row in rows}
    cases = dict.fromkeys(row.case for row in rows)
    head = (f"{measure}, {rows[0].unit}".removesuffix(", "), *contenders)
    body = [(case, *(cells.get((case, c), "–") for c in contenders)) for case in cases]
    return table(head, body)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table in Markdown."""
    every = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(row)} |" for row in every]
