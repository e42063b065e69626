"""What all benchmarks share: options, rows and claims, and what is written of them.

A benchmark adds *rows*, what each contender took for each case, and *claims*, one
number with its interval against a goal. `finish` prints both as Markdown and, with
`--out`, writes NAME.json, NAME.md and NAME.png, or NAME-gpu of each; `summary.py` makes
the README's table of the claims.

Contenders take turns (`timing.interleave`), so that a machine that changes speed
changes all of them. Rows are told as medians and quartiles of all turns; a claim is the
median over turns, with its 95 % interval by the bootstrap.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from bench_rows import Claim, Row, interval, short, spread

__all__ = ["Claim", "Report", "Row", "interval", "short", "spread"]


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
        self, what: str, values: Sequence, unit: str = "×", **goal: float | None
    ) -> None:
        """Adds one number per turn as a claim; its goal is `at_least=`, `at_most=`."""
        self.estimate(what, interval(values), unit, **goal)

    def estimate(
        self, what: str, found: Sequence[float], unit: str = "×", **goal: float | None
    ) -> None:
        """Adds a claim whose value and interval are known: (value, low, high)."""
        self.claims.append(Claim(what, *found, unit, **goal))
        told, of = self.claims[-1].told, self.claims[-1].goal
        print(f"{what}: {told}, goal {of}", file=sys.stderr)

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
    platform = "cuda" if options.device == "gpu" else "cpu"
    try:
        return jax.devices(platform)[0].device_kind
    except RuntimeError as error:
        refuse(f"--device {options.device}: JAX finds none here ({error})")


def available_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def peer(name: str) -> Any:
    """Imports what is compared with; ends with status 2 where it is missing."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        refuse(f"{name} is not installed; pip install '.[peers]' brings it")


def refuse(why: str) -> NoReturn:
    """Says why there is nothing to measure, and ends with status 2."""
    print(f"{Path(sys.argv[0]).name}: {why}", file=sys.stderr)
    raise SystemExit(2)


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
    import bench_page

    whole = bench_page.as_json(report, options, packages)
    text = bench_page.as_markdown(report, whole)
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
    (options.out / f"{name}.json").write_text(bench_page.dumps(whole))
    print(f"wrote {options.out / name}.json, .md and .png", file=sys.stderr)
