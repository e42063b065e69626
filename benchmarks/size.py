"""Measures how cost grows with runs, epochs, width, depth and parameters.

Trainings: the time of a study's runs (`studies.execute.trainings`) of the lab's network
on 1000 examples, apart from its compiling: the first run on every device compiles, and
is not counted. One of runs, epochs, width and depth grows, the others stay. Update: one
step of Adam on an array, and of Optax's.

Time is that of all cores together (CPU s), since others may use the machine too; on a
GPU, by the clock. An exponent is the slope of log time over log size, by least squares
over the three largest sizes. Where the growth is no power law the slope changes with
the size: that between the two largest is told beside it. Goal: a training costs the
same whatever their number (exponent at most 1.05), and so does an epoch.

Memory: the highest that a process of its own reaches, with a study of 512 points with
its ledger. Goal: below 2 GB. Two epochs are enough, for epochs leave only their curves.
That of a study of 32 points is told beside it, to show whether points matter.

    python benchmarks/size.py [--out benchmarks/results] [--quick]
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence

import bench
import numpy as np
import size_memory
import timing
from matplotlib import ticker

from optax_lab.reporting import style

SIZES = {
    "runs": (32, 128, 512),
    "epochs": (10, 40, 160),
    "width": (100, 200, 400, 800),
    "depth": (2, 4, 8, 16),
    "parameters": (10_000, 100_000, 1_000_000, 10_000_000),
}
QUICK_SIZES = {"runs": (2, 4), "depth": (1, 2), "parameters": (10_000, 100_000)}
USUAL = {"runs": 0, "epochs": 1, "width": 200, "depth": 5}  # 0: one for every device
QUICK_USUAL = {"runs": 0, "epochs": 1, "width": 20, "depth": 1}
FITTED, EXAMPLES, RATE, SECONDS = 3, 1000, 1e-3, 0.2
POINTS, EPOCHS, MEMORY_TURNS, EXPONENT, GIGABYTES = 512, 2, 3, 1.05, 2
RUN, COMPILE = "run time", "compile time"
SLOPE, ALL, LAST = "exponent", "three largest sizes", "two largest sizes"


def clock() -> float:
    """Returns seconds: of all this process's cores, or by the clock on a GPU."""
    import jax

    on_cpu = jax.default_backend() == "cpu"
    return time.process_time() if on_cpu else time.perf_counter()


# --- Trainings ------------------------------------------------------------------------


def trainings(*, runs: int, epochs: int, width: int, depth: int) -> dict[str, float]:
    """Returns the seconds of some runs and, apart, of compiling them."""
    import jax

    import optax_lab
    from optax_lab.problems import digits, networks
    from optax_lab.runs import training
    from optax_lab.studies import execute

    on_cpu = jax.default_backend() == "cpu"
    first = jax.device_count() * (1 if on_cpu else execute.GPU_WIDTH)
    runs = runs or first
    problem = training.Problem(networks.residual_mlp(width=width, depth=depth))
    data = training.Data(tuple(x[:EXAMPLES] for x in digits.frozen()[0]))
    keys = jax.vmap(jax.random.key)(np.arange(first + runs, dtype=np.uint32))
    marks, settings = [clock()], {"epochs": epochs, "width": execute.GPU_WIDTH}
    adam = optax_lab.adam(RATE)
    for _ in execute.trainings(problem, adam, data, keys, **settings):
        marks.append(clock())
    run = marks[-1] - marks[first]
    return {RUN: run, COMPILE: marks[first] - marks[0] - run * first / runs}


# --- One update -----------------------------------------------------------------------


def update(make: Callable, size: int) -> dict[str, float]:
    """Returns the seconds of a step of Adam on an array, and of compiling it."""
    import jax
    import jax.numpy as jnp
    import optax

    adam, ones = make(RATE), jnp.ones(size, jnp.float32)

    def step(carry, grads):
        updates, state = adam.update(grads, carry[1], carry[0])
        return optax.apply_updates(carry[0], updates), state

    carry, grads = (ones, adam.init(ones)), 0.1 * ones
    began = clock()
    program = jax.jit(step, donate_argnums=0).lower(carry, grads).compile()
    compiling = clock() - began

    def seconds(steps):
        nonlocal carry
        began = clock()
        for _ in range(steps):
            carry = program(carry, grads)
        jax.block_until_ready(carry)
        return (clock() - began) / steps

    seconds(1)
    return {RUN: seconds(math.ceil(SECONDS / seconds(1))), COMPILE: compiling}


# --- What grows -----------------------------------------------------------------------


def contenders(what: str, quick: bool) -> dict[str, Callable[[int], dict[str, float]]]:
    """Returns what is measured at each size, by name."""
    import optax

    import optax_lab

    if what == "parameters":
        makes = {"optax_lab": optax_lab.adam, "Optax": optax.adam}
        return {who: lambda n, m=make: update(m, n) for who, make in makes.items()}
    usual = QUICK_USUAL if quick else USUAL
    return {"optax_lab": lambda n: trainings(**usual | {what: n})}


def case_of(what: str, size: int) -> str:
    return f"{what} {size:,}"


def growth(report: bench.Report, options: argparse.Namespace) -> None:
    """Adds the times of every size, in turn, and the exponents."""
    sizes = QUICK_SIZES if options.quick else SIZES
    works = {
        (what, size, who): work
        for what, of in sizes.items()
        for who, work in contenders(what, options.quick).items()
        for size in of
    }
    found = {key: [] for key in works}
    for key in timing.in_turn(works, options.repeats):
        found[key].append(works[key](key[1]))
    unit = "s" if options.device == "gpu" else "CPU s"
    for (what, size, who), turns in found.items():
        for measure in (RUN, COMPILE):
            values = [turn[measure] for turn in turns]
            report.add(case_of(what, size), who, measure, unit, values)
    for what, of in sizes.items():
        goal = {"at_most": EXPONENT} if what in ("runs", "epochs") else {}
        claim(report, what, of, RUN, **goal)
    claim(report, "depth", sizes["depth"], COMPILE)


def claim(report, what: str, sizes: Sequence[int], measure: str, **goal) -> None:
    """Claims an exponent, and says that between the two largest sizes beside it."""
    unit = next(row.unit for row in report.rows if row.measure == measure)
    told = f"{SLOPE} of {measure} ({unit}) over {what}"
    slopes = {ALL: exponents(report, what, sizes[-FITTED:], measure)}
    slopes[LAST] = exponents(report, what, sizes[-2:], measure)
    for which, values in slopes.items():
        report.add(f"{measure} over {what}", which, SLOPE, "", values)
    last = " to ".join(f"{size:,}" for size in sizes[-2:])
    middle = bench.short(np.median(slopes[LAST]))
    told += f", {sizes[-FITTED:][0]:,} to {sizes[-1]:,}; {middle} from {last}"
    report.claim(told, slopes[ALL], "", **goal)


def exponents(report, what: str, sizes: Sequence[int], measure: str) -> np.ndarray:
    """Returns the slope of log time over log size, turn by turn."""
    cases = [case_of(what, size) for size in sizes]
    seconds = [report.values(case, "optax_lab", measure) for case in cases]
    return np.polyfit(np.log(sizes), np.log(seconds), 1)[0]


def memory(report: bench.Report, options: argparse.Namespace) -> None:
    """Adds the memory of a small and of a large study, a process for each turn.

    A try has a small one only.
    """
    small, large = (2, 2) if options.quick else (32, POINTS)
    found: dict[int, list[float]] = {small: [], large: []}
    for points in timing.in_turn(found, 1 if options.quick else MEMORY_TURNS):
        found[points].append(size_memory.peak(options, points, EPOCHS) / 1e9)
    for points, gigabytes in found.items():
        case = f"study of {points} points"
        report.add(case, "optax_lab", "peak memory", "GB", gigabytes)
    what = f"peak memory of a {case}, {EPOCHS} epochs"
    what += f"; with {small} points {bench.short(np.median(found[small]))}"
    report.claim(what, found[large], "GB", at_most=GIGABYTES)


# --- The figure -----------------------------------------------------------------------


def draw(report: bench.Report):
    """Returns a figure: times over sizes, a column for each thing that grows."""
    drawn = {row.case.split()[0] for row in report.rows if row.measure == RUN}
    growing = [what for what in SIZES if what in drawn]
    with style.new_figure(17, 8) as figure:
        panels = figure.subplots(2, len(growing), sharey="row", sharex="col")
        for row, measure in zip(panels, (RUN, COMPILE), strict=True):
            for ax, what in zip(row, growing, strict=True):
                _lines(ax, report, what, measure)
            unit = next(of.unit for of in report.rows if of.measure == measure)
            row[0].set_ylabel(f"{measure}, {unit}")
        for ax, what in zip(panels[1], growing, strict=True):
            ax.set_xlabel(what)
        style.title(figure, report.title)
        style.legend_below(figure, panels[0, -1].get_lines())
    return figure


def _lines(ax, report: bench.Report, what: str, measure: str) -> None:
    for i, name in enumerate(("optax_lab", "Optax")):
        rows = [r for r in report.rows if r[1:3] == (name, measure)]
        rows = [row for row in rows if row.case.startswith(what)]
        sizes = [int(row.case.split()[1].replace(",", "")) for row in rows]
        if i == 0:
            largest = sizes[-FITTED:], sizes[-2:]
            slopes = [exponents(report, what, of, measure) for of in largest]
            ax.set_title(
                "our exponent {:z.2f}, last {:z.2f}".format(*map(np.median, slopes))
            )
            ax.set(xscale="log", yscale="log", xticks=sizes)
            ax.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
            ax.set_xticks([], minor=True)
        if rows:
            low, middle, high = np.transpose([row.quartiles for row in rows])
            color, marker, line = style.mark(i)
            ax.fill_between(sizes, low, high, color=color, alpha=0.2, lw=0)
            ax.plot(sizes, middle, color=color, marker=marker, ls=line, label=name)


def measure(options: argparse.Namespace) -> bench.Report:
    """Measures memory first, while this process is small, then how times grow."""
    report = bench.Report("size", __doc__)
    memory(report, options)
    bench.start(options, cores=bench.available_cores())
    growth(report, options)
    report.facts |= {"turns of memory": len(report.rows[0].values)}
    report.facts |= {"turns": options.repeats, "examples": EXAMPLES}
    return report


def main(arguments: list[str] | None = None) -> int:
    options = bench.parser(__doc__, repeats=5).parse_args(arguments)
    options.repeats = 1 if options.quick else options.repeats
    report = measure(options)
    bench.finish(report, options, "numpy", "optax", "flax", draw=draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
