"""What all benchmarks share: options, rows and claims, and what is written of them.

A benchmark adds *rows*, what each contender took for each case, and *claims*, one
number with its interval against a goal. `finish` prints both as Markdown and, with
`--out`, writes NAME.json, NAME.md and NAME.png, or NAME-gpu of each; those of a try are
called NAME-quick, and those of a run of some parts NAME-part, so that neither takes the
place of a whole result. `summary.py` makes the README's table of the claims;
`redraw.py` makes pages and figures anew from what is written.

Contenders take turns (`timing.interleave`), so that a machine that changes speed
changes all of them. Rows are told as medians and quartiles of all turns. A claim is the
median over turns, with its 95 % interval, which is exact whatever the distribution: two
of the values themselves. Fewer than six turns have no such interval: their lowest and
highest are told instead, as "all of 5". A goal is met or missed "within its spread" if
not all of that says so.
"""

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import timing
from bench_rows import Claim, Row, claimed, interval, short, spread

__all__ = ["Claim", "Report", "Row", "interval", "short", "spread"]


class Report:
    """Collects what a benchmark finds.

    Args:
      name: the benchmark's, and its files'.
      about: its module's docstring; the first line is the title.

    Attributes:
      part: whether only some of what the benchmark measures was asked for.
      source: the day, and the commit that is measured.
    """

    def __init__(self, name: str, about: str | None):
        self.name, self.title = name, (about or "").partition("\n")[0]
        self.rows: list[Row] = []
        self.claims: list[Claim] = []
        self.facts: dict[str, Any] = {}
        self.notes: list[str] = []
        self.part = False
        self.source = timing.source()

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
        self._claim(claimed(what, values, unit, **goal))

    def estimate(
        self, what: str, found: Sequence[float], unit: str = "×", **goal: float | None
    ) -> None:
        """Adds a claim whose value and interval are known: (value, low, high)."""
        self._claim(Claim(what, *found, unit, **goal))

    def _claim(self, claim: Claim) -> None:
        self.claims.append(claim)
        print(f"{claim.what}: {claim.told}, goal {claim.goal}", file=sys.stderr)

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
        made.set_defaults(usual_repeats=repeats)
        made.add_argument(
            "--repeats", type=positive, default=repeats, help="turns taken"
        )
    made.add_argument("--quick", action="store_true", help="a try, in a minute or so")
    made.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    made.add_argument(
        "--out",
        type=folder,
        metavar="FOLDER",
        help="write NAME.json, .md and .png there",
    )
    return made


def at_least(fewest: int) -> Callable[[str], int]:
    """Returns an option's type: a whole number that is no smaller."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < fewest:
            why = f"must be a whole number ≥ {fewest}, got {text!r}"
            raise argparse.ArgumentTypeError(why)
        return int(text)

    return read


positive = at_least(1)


def folder(text: str) -> Path:
    """Reads an option that names a folder, and makes it before anything is measured."""
    try:
        Path(text).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=text).close()
    except OSError as error:
        why = f"cannot write to a folder {text!r}: {error.strerror}"
        raise argparse.ArgumentTypeError(why) from error
    return Path(text)


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
    print(bench_page.as_markdown(report, whole))
    if options.out is not None:
        name = file_name(report, options)
        write(options.out, name, report, whole, draw)
        print(f"wrote {options.out / name}.json, .md and .png", file=sys.stderr)


def file_name(report: Report, options: argparse.Namespace) -> str:
    """Returns what the files of a run are called: one that is not whole says so."""
    part = "-quick" if options.quick else "-part" if report.part else ""
    return report.name + ("-gpu" if options.device == "gpu" else "") + part


def write(
    where: Path, name: str, report: Report, whole: dict[str, Any], draw: Any = None
) -> None:
    """Writes the three files of a report, and only then gives them their names.

    The JSON is the first to have its name: the others can be made of it (`redraw.py`).
    """
    import bench_figure
    import bench_page

    text = bench_page.as_markdown(report, whole)
    with tempfile.TemporaryDirectory(dir=where, prefix=".writing-") as made:
        page, figure = Path(made, f"{name}.md"), Path(made, f"{name}.png")
        Path(made, f"{name}.json").write_text(bench_page.dumps(whole))
        (draw or bench_figure.draw)(report).savefig(figure, dpi=100)
        page.write_text(f"{text}\n![{report.title}]({name}.png)\n")
        for ending in ("json", "png", "md"):
            Path(made, f"{name}.{ending}").replace(where / f"{name}.{ending}")
