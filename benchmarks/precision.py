"""Compares errors of averages with those of Optax, PyTorch and Keras.

Averages: what each takes for the mean of what it has seen, without the bias toward
zero, against the same in float64, over several inputs: constants between 1 and 2, and
noise of mean 1 and deviation 1. PyTorch and Keras are asked through their Adam (β₁ =
β₂ = β), whose inputs are rounded to the average's dtype, the only one it has. Optax is
asked through `optax.ema`, and ours are `ewma.update` and `ewma.read`: inputs float32.

Trainings: the lab's network with Adam, its averages in bfloat16, against float32. What
is rounded is μ, as in Optax, or μ and ν, which Optax does not offer. Seeds are paired.

    python benchmarks/precision.py [--out benchmarks/results] [--quick]
"""

import argparse
import itertools
import sys
from typing import NamedTuple

import bench
import bench_rows
import numpy as np
import precision_means
import precision_trainings

from optax_lab.reporting import style

PEERS = ("Optax", "PyTorch", "Keras")


class Size(NamedTuple):
    """How much is compared."""

    dtypes: tuple[str, ...] = ("float32", "bfloat16", "float16")
    decays: tuple[float, ...] = (0.9, 0.99, 0.999, 0.9999)
    steps: tuple[int, ...] = (10, 1000, 20_000)
    b1s: tuple[float, ...] = (0.9, 0.999)
    rounded: tuple[str, ...] = ("nothing", "μ", "μ and ν")
    depth: int = 5
    seeds: int = 8
    epochs: int = 20


QUICK = Size(
    ("float32", "bfloat16"),
    (0.9, 0.999),
    (10, 1000),
    (0.999,),
    ("nothing", "μ"),
    2,
    2,
    1,
)


# --- Averages -------------------------------------------------------------------------


def case_of(decay: float, steps: int) -> str:
    return f"β = {decay}, {steps:,} steps"


def measure_of(dtype: str, kind: str) -> str:
    return f"error in {dtype} of {kind}"


def averages(report: bench.Report, size: Size) -> None:
    """Adds the errors of all means; those that are not finite are notes."""
    for dtype, decay in itertools.product(size.dtypes, size.decays):
        for name, errors in precision_means.errors(dtype, decay, size.steps):
            if not np.isfinite(errors).all():
                why = "some means are not finite, and are left out"
                report.notes.append(f"{name}, {dtype}, β = {decay}: {why}.")
            places = itertools.product(size.steps, precision_means.KINDS)
            cells = errors.reshape(-1, precision_means.INPUTS)
            for (steps, kind), of in zip(places, cells, strict=True):
                if np.isfinite(of).all():
                    case, measure = case_of(decay, steps), measure_of(dtype, kind)
                    report.add(case, name, measure, "of the mean", of)


def claim_averages(report: bench.Report, size: Size) -> None:
    """Claims the bound that the tests hold, and how near others come."""
    places = list(itertools.product(size.decays, size.steps))
    constant, shares = measure_of("float32", "constants"), []
    for decay, steps in places:
        found = report.values(case_of(decay, steps), "optax_lab", constant)
        shares.append(max(found) / precision_means.bound(decay))
    what = "largest error of a constant's mean in float32, in parts of its bound"
    report.claim(what, [max(shares)], at_most=1)
    mean = {row[:3]: np.mean(row.values) for row in report.rows}
    for dtype, kind in itertools.product(size.dtypes[:2], precision_means.KINDS):
        ratios, measure = [], measure_of(dtype, kind)
        for case in itertools.starmap(case_of, places):
            others = [mean.get((case, peer, measure), np.inf) for peer in PEERS]
            ratios.append(mean[case, "optax_lab", measure] / min(others))
        what = f"{measure}, over the smallest of Optax's, PyTorch's and Keras's"
        report.claim(f"{what}, median of {len(places)} cases", ratios)


def note_weight(report: bench.Report, size: Size) -> None:
    """Says what a weight in float32 costs where the average itself is right."""
    measure = measure_of("float32", "noise")
    for case in (case_of(decay, size.steps[-1]) for decay in size.decays):
        ours = np.median(report.values(case, "optax_lab", measure))
        theirs = np.median(report.values(case, "PyTorch", measure))
        if ours > 10 * theirs:
            report.notes.append(
                f"{case}, {measure}: ours is {bench.short(ours)}, PyTorch's "
                f"{bench.short(theirs)}. Our weight, itself an average in float32, "
                "stops short of 1; PyTorch has 1 − βᵗ in float64."
            )


# --- Trainings ------------------------------------------------------------------------


def trainings(report: bench.Report, size: Size) -> None:
    """Adds where trainings end."""
    for b1 in size.b1s:
        for (what, who), optimizer in precision_trainings.optimizers(b1).items():
            if what in size.rounded:
                ends = (size.seeds, size.epochs, size.depth)
                found = precision_trainings.ends(optimizer, *ends)
                for measure, values in found.items():
                    unit = precision_trainings.UNITS[measure]
                    report.add(end_of(what, b1), who, measure, unit, values)


def end_of(what: str, b1: float) -> str:
    return f"{what} in bfloat16, b1 = {b1}"


def claim_trainings(report: bench.Report, size: Size) -> None:
    """Claims how far trainings end from those with float32 averages, seed by seed."""
    differ = {}
    for row in report.rows:
        if row.measure in precision_trainings.ENDS and "nothing" not in row.case:
            b1 = row.case.rpartition(" = ")[2]
            truth = end_of("nothing", b1), precision_trainings.TRUTH, row.measure
            differ[row[:3]] = np.array(row.values) - report.values(*truth)
    for (case, who, measure), values in differ.items():
        if case.startswith("μ in") and measure == "validation accuracy":
            what = f"{measure}, {case}, {who}, less that of float32"
            report.claim(f"{what}, median of {size.seeds} seeds", values, "points")
    if size.seeds >= bench_rows.FEWEST:
        note_differences(report, differ)


def note_differences(report: bench.Report, differ: dict[tuple, np.ndarray]) -> None:
    """Says where a difference from float32 is seen, and where none is."""
    found = {key: bench.interval(values) for key, values in differ.items()}
    seen = {key: ends for key, ends in found.items() if not ends[1] <= 0 <= ends[2]}
    report.notes.append(
        f"Of {len(found)} comparisons with float32 averages, {len(found) - len(seen)} "
        "show no difference: their 95 % intervals hold 0, as they do where it is "
        "smaller than what the seeds differ by. Where there is none, at most one "
        "interval in 20 misses 0 by chance."
    )
    for (case, who, measure), ends in seen.items():
        middle, low, high = map(bench.short, ends)
        unit = precision_trainings.UNITS[measure].replace("%", "points")
        told = f"{middle} {unit} ({low} to {high})"
        report.notes.append(f"Different: {measure}, {case}, {who}: {told}.")


# --- The figure -----------------------------------------------------------------------


def draw(report: bench.Report):
    """Returns a figure: errors over β after the last step, and where trainings end."""
    dtypes, decays, steps = (report.facts[k] for k in ("dtypes", "decays", "steps"))
    names = list(dict.fromkeys(row.contender for row in report.rows))
    with style.new_figure(13, 13) as figure:
        grid = figure.add_gridspec(3, 2 * len(dtypes))
        for i, kind in enumerate(precision_means.KINDS):
            for j, dtype in enumerate(dtypes):
                ax = figure.add_subplot(grid[i, 2 * j : 2 * j + 2])
                ax.set_title(f"{kind}, {dtype}")
                cases = [case_of(decay, steps[-1]) for decay in decays]
                _lines(ax, report, cases, measure_of(dtype, kind), names)
                ax.set_xticks(range(len(decays)), [f"{decay:g}" for decay in decays])
                ax.set_xlabel(f"β, {steps[-1]:,} steps")
                ax.set_ylabel("" if j else "relative error")
        for j, measure in enumerate(precision_trainings.ENDS):
            columns = slice(len(dtypes) * j, len(dtypes) * (j + 1))
            ax = figure.add_subplot(grid[2, columns])
            _dots(ax, report, measure, names)
            ax.tick_params(axis="y", labelleft=j == 0)
        style.title(figure, report.title)
        of = {}
        for ax in reversed(figure.axes):  # those with lines win
            of |= dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
        style.legend_below(figure, [of[name] for name in names])
    return figure


def _lines(ax, report: bench.Report, cases: list[str], measure: str, names) -> None:
    for i, name in enumerate(names):
        found = {r.case: r for r in report.rows if r[1:3] == (name, measure)}
        points = [(x, found[c].quartiles[1]) for x, c in enumerate(cases) if c in found]
        color, marker, line = style.mark(i)
        if points:
            xs, ys = zip(*points, strict=True)
            ax.plot(xs, ys, color=color, marker=marker, ls=line, label=name)
    ax.set_yscale("log")


def _dots(ax, report: bench.Report, measure: str, names: list[str]) -> None:
    rows = [row for row in report.rows if row.measure == measure]
    places, cases = [], list(dict.fromkeys(row.case for row in rows))
    for row in rows:
        low, middle, high = row.quartiles
        color, marker, _ = style.mark(names.index(row.contender))
        y = len(places) + cases.index(row.case)  # a line is free between cases
        ax.plot([low, high], [y, y], color=color, lw=2)
        ax.plot(middle, y, marker, color=color, label=row.contender)
        places.append((row.case, y))
    middles = [np.mean([y for of, y in places if of == case]) for case in cases]
    ax.set_yticks(middles, [case.replace(", ", "\n") for case in cases])
    ax.invert_yaxis()
    ax.set_xlabel(f"{measure}, {rows[0].unit}")


def measure(options: argparse.Namespace) -> bench.Report:
    """Compares averages, then trainings."""
    report = bench.Report("precision", __doc__)
    size = QUICK if options.quick else Size()
    averages(report, size)
    claim_averages(report, size)
    note_weight(report, size)
    trainings(report, size)
    claim_trainings(report, size)
    report.facts |= size._asdict() | {"learning rate": precision_trainings.RATE}
    return report


def main(arguments: list[str] | None = None) -> int:
    options = bench.parser(__doc__).parse_args(arguments)
    bench.start(options, cores=bench.available_cores())
    bench.peer("torch")
    precision_means.in_keras()
    packages = ("numpy", "optax", "torch", "keras", "flax")
    bench.finish(measure(options), options, *packages, draw=draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
