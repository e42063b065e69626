"""What all benchmarks share: options, rows and claims, and what is written of them.

A benchmark adds *rows*, what each contender took for each case, and *claims*, one
number with its interval against a goal. `finish` prints both as Markdown and, with
`--out`, writes NAME.json, NAME.md and NAME.png; `summary.py` makes the README's table
of the claims.

Contenders take turns (`timing.interleave`), so that a machine that changes speed
changes all of them. Rows are told as medians and quartiles of all turns; a claim is the
median over turns, with its 95 % interval by the bootstrap.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import timing

SCHEMA = 1
SEED = 0  # of the bootstrap


class Row(NamedTuple):
    """Holds what was measured of one contender at one case, turn by turn."""

    case: str
    contender: str
    measure: str
    unit: str
    values: tuple[float, ...]

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """The lower quartile, the median and the upper quartile of all turns."""
        low, middle, high = np.percentile(self.values, [25, 50, 75])
        return float(low), float(middle), float(high)


class Claim(NamedTuple):
    """Holds a number that may be told, with its interval and its goal.

    Attributes:
      what: what was measured, as the README's table says it.
      median: over turns.
      low: the lower end of its 95 % interval.
      high: the upper end.
      unit: "×", "%", "s", …
      at_least: the goal, or None.
      at_most: the goal, or None.
    """

    what: str
    median: float
    low: float
    high: float
    unit: str = "×"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {self.unit}"
        return "–" if self.at_most is None else f"≤ {self.at_most:g} {self.unit}"

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the goal; None where there is none."""
        if self.at_least is not None:
            return self.median >= self.at_least
        return None if self.at_most is None else self.median <= self.at_most

    @property
    def told(self) -> str:
        """The number with its interval."""
        if self.low == self.median == self.high:
            return f"{short(self.median)} {self.unit}"
        ends = f"{short(self.low)} to {short(self.high)}"
        return f"{short(self.median)} {self.unit} ({ends})"


class Report:
    """Collects what a benchmark finds.

    Args:
      name: the benchmark's, and its files'.
      about: its module's docstring; the first line is the title.
    """

    def __init__(self, name: str, about: str | None):
        self.name, self.title = name, (about or "").partition("\n")[0]
        self.rows: list[Row] = []
        self.claims: list[Claim] = []
        self.facts: dict[str, Any] = {}
        self.notes: list[str] = []

    def add(
        self, case: str, contender: str, measure: str, unit: str, values: Sequence
    ) -> None:
        """Adds what a contender took, turn by turn, and says it on the terminal."""
        row = Row(case, contender, measure, unit, tuple(map(float, values)))
        self.rows.append(row)
        print(f"{case}: {contender}: {measure} {spread(row)} {unit}", file=sys.stderr)

    def claim(
        self, what: str, values: Sequence, unit: str = "×", **goal: float
    ) -> None:
        """Adds one number per turn as a claim; its goal is `at_least=`, `at_most=`."""
        self.claims.append(Claim(what, *interval(values), unit, **goal))

    def values(self, case: str, contender: str, measure: str) -> np.ndarray:
        """Returns what was added, as an array."""
        wanted = (case, contender, measure)
        return next(np.array(r.values) for r in self.rows if r[:3] == wanted)

    def ratios(self, case: str, measure: str, above: str, below: str) -> np.ndarray:
        """Returns one contender's values over another's, turn by turn."""
        return self.values(case, above, measure) / self.values(case, below, measure)


# --- Options --------------------------------------------------------------------------


def parser(about: str | None, *, repeats: int | None = None) -> argparse.ArgumentParser:
    """Makes the parser of the options that all benchmarks have.

    Args:
      about: the benchmark's docstring.
      repeats: how many turns are taken unless `--repeats` says; None has no turns.
    """
    made = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if repeats is not None:
        made.add_argument("--repeats", type=int, default=repeats, help="turns taken")
    made.add_argument("--quick", action="store_true", help="a try, in a minute or so")
    made.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    made.add_argument(
        "--out", type=Path, metavar="FOLDER", help="write NAME.json, .md and .png there"
    )
    return made


def start(options: argparse.Namespace, *, cores: int = 1) -> str:
    """Chooses the device before anything is computed, and returns its name.

    Args:
      options: with `device`.
      cores: as how many devices a processor shows itself.

    Raises:
      SystemExit: with status 2, if there is no such device.
    """
    import jax

    if options.device == "gpu":
        jax.config.update("jax_platforms", "cuda,cpu")
        jax.config.update("jax_default_matmul_precision", "float32")
    else:
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_num_cpu_devices", cores)
    try:
        return jax.devices("cuda" if options.device == "gpu" else "cpu")[0].device_kind
    except RuntimeError as error:
        raise SystemExit(f"--device gpu: JAX finds none here ({error})") from error


def available_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0))


# --- Numbers --------------------------------------------------------------------------


def interval(values: Sequence) -> tuple[float, float, float]:
    """Returns the median and the ends of its 95 % interval, by the bootstrap."""
    values = np.asarray(values, float)
    drawn = np.random.default_rng(SEED).choice(values, (2000, len(values)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return float(np.median(values)), float(low), float(high)


def short(x: float) -> str:
    """Says a number with three digits that count."""
    if x == 0 or not np.isfinite(x):
        return f"{x:g}"
    if abs(x) >= 1000:
        return f"{x:,.0f}" if abs(x) < 1e6 else f"{x:.2e}"
    return f"{x:.2e}" if abs(x) < 1e-3 else f"{x:#.3g}".rstrip(".")


def spread(row: Row) -> str:
    """Says a row's median and quartiles."""
    low, middle, high = row.quartiles
    if len(set(row.values)) == 1:
        return short(middle)
    return f"{short(middle)} ({short(low)} to {short(high)})"


# --- What is written ------------------------------------------------------------------


def finish(
    report: Report,
    options: argparse.Namespace,
    *packages: str,
    draw: Any = None,
) -> None:
    """Prints a report as Markdown and, where a folder is given, writes its files.

    Args:
      report: what was found.
      options: with `out`, `quick` and `device`.
      packages: whose versions are told, besides JAX's.
      draw: a function from the report to a figure; `bench_figure.draw` unless given.
    """
    whole = as_json(report, options, packages)
    text = as_markdown(report, whole)
    print(text)
    if options.out is None:
        return
    import bench_figure

    options.out.mkdir(parents=True, exist_ok=True)
    name = report.name + ("-gpu" if options.device == "gpu" else "")
    figure = (draw or bench_figure.draw)(report)
    figure.savefig(options.out / f"{name}.png", dpi=100)
    (options.out / f"{name}.md").write_text(text + f"\n![{report.title}]({name}.png)\n")
    # Last, so that a report that is there is whole.
    (options.out / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n")
    print(f"wrote {options.out / name}.json, .md and .png", file=sys.stderr)


def as_json(
    report: Report, options: argparse.Namespace, packages: Sequence[str]
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
        "rows": [row._asdict() for row in report.rows],
        "claims": [claim._asdict() | {"met": claim.met} for claim in report.claims],
        "notes": report.notes,
    }


def as_markdown(report: Report, whole: dict[str, Any]) -> str:
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
            *table(("claimed", "goal", "median (95 % interval)", "met"), rows),
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


def _measured(report: Report, measure: str) -> list[str]:
    """Returns the table of one measure: a line for each case, a column a contender."""
    rows = [row for row in report.rows if row.measure == measure]
    contenders = list(dict.fromkeys(row.contender for row in rows))
    cells = {(row.case, row.contender): spread(row) for row in rows}
    cases = dict.fromkeys(row.case for row in rows)
    head = (f"{measure}, {rows[0].unit}", *contenders)
    body = [(case, *(cells.get((case, c), "–") for c in contenders)) for case in cases]
    return table(head, body)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table in Markdown."""
    every = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(row)} |" for row in every]
