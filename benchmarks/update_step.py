"""Times one update of every optimizer against Optax's and PyTorch's of the same name.

All take the same gradients at equal hyperparameters, in one process and in turn; ours
and Optax's jitted, with their arguments donated: the update, and its sum with the
parameters. The lab's MLP is taken for every optimizer that both have, three larger
trees for five of them. On the two that are larger than any cache, a program that reads
every argument once and writes every result once says what the memory allows: the time
per byte is our time over its time, by our bytes over its bytes as XLA counts them.

PyTorch takes its steps in place, with `foreach=True` and, where it has it, with
`fused=True`; on a processor with all cores and with one thread. Before each call all
wait until its threads have let go of the cores.

Told besides: the time to trace a step (everything in front of XLA), to compile it, the
number of equations of its jaxpr, of instructions of its program, and of bytes that XLA
believes it to touch. Goals: the median of all ratios of time at most 1.02, none above
1.08 beyond its interval; compiling at most 1.1 times, tracing at most twice Optax's; on
the two large trees at most 1.05 times as long per byte.

    python benchmarks/update_step.py [--out benchmarks/results] [--quick]
                                     [--only adam] [--tree mlp] [--device gpu]
"""

import argparse
import gc
import sys
from typing import Any

import bench
import numpy as np
import timing

HIGHEST = 1.08
ON_LARGE_TREES = ("sgd", "adam", "adamw", "lion", "adafactor")
QUICK = ("sgd", "lion")
TREES = ("mlp", "gpt2", "leaf", "leaves")
UNITS = {"tracing": "ms", "compiling": "ms", "bytes touched": "MB"}  # others are counts


# --- What is measured -----------------------------------------------------------------


def compare(report: bench.Report, name: str, tree: str, options: Any) -> None:
    """Measures one optimizer of all libraries on one tree."""
    import jax
    import trees
    import update_programs as programs

    grads = jax.tree.map(lambda x: 0.1 * x, trees.TREES[tree]())
    compiles = options.compiles if tree == "mlp" else min(2, options.compiles)
    made = compiled(name, grads, compiles, copy=tree in trees.OUT_OF_CACHE)
    contenders = {who: programs_[-1].contender for who, programs_ in made.items()}
    torch = in_torch(name, grads, contenders[programs.OURS], options.device)
    pause = timing.PAUSE if torch else 0.0
    turns = programs.turns(contenders | torch, options.rounds, options.repeats, pause)

    case = f"`{name}` on {tree}"
    for who, seconds in turns.items():
        report.add(case, who, "time", "ms", 1e3 * np.array(seconds))
    for who, programs_ in made.items():
        add_facts(report, case, who, [program.facts for program in programs_])


def compiled(name: str, grads: Any, compiles: int, *, copy: bool) -> dict[str, list]:
    """Compiles both libraries' steps, and a program that copies, so many times."""
    import update_programs as programs

    made = {programs.OURS: [], programs.OPTAX: []}
    for _ in range(compiles + 1):
        for who, optimizer in programs.pair(name).items():
            start = programs.starting(optimizer, grads)
            step = programs.step_of(optimizer)
            made[who].append(programs.compiled(step, start, grads))
    made = {who: of[1:] for who, of in made.items()}  # the first makes what all share
    if copy:
        start = made[programs.OPTAX][-1].contender.start
        made[programs.COPY] = [programs.compiled(programs.touching, start, grads)]
    return made


def in_torch(name: str, grads: Any, ours: Any, device: str) -> dict[str, Any]:
    """Returns PyTorch's contenders, once they have been held against ours."""
    import update_torch

    import optax_lab

    if name not in update_torch.OPTIMIZERS:
        return {}
    rate = optax_lab.OPTIMIZERS[name].learning_rate
    found = update_torch.contenders(name, rate, grads, device)
    params, _ = ours.take(ours.start(), 3)
    for contender in found.values():
        update_torch.check(name, rate, contender, params)
    return found


def add_facts(report: bench.Report, case: str, who: str, facts: list[dict]) -> None:
    """Adds what is known of a program without running it."""
    for what in facts[0] if who != "a copy" else ["bytes touched"]:
        values = [of[what] for of in facts]
        # What is counted is the same every time.
        report.add(case, who, what, UNITS.get(what, "in all"), values)


# --- What is claimed ------------------------------------------------------------------


def claim(report: bench.Report) -> None:
    """Holds all ratios against the goals."""
    against_optax(report)
    per_byte(report)
    for tree in TREES:
        against_torch(report, tree)


def against_optax(report: bench.Report) -> None:
    cases = list(dict.fromkeys(row.case for row in report.rows))
    ratios = lambda what: [
        report.ratios(case, what, "optax_lab", "Optax") for case in cases
    ]
    trees = list(dict.fromkeys(case.rpartition(" ")[2] for case in cases))
    of_all = f"median of {len(cases)} cases, on {', '.join(trees)}"
    for what, words, goal in (
        ("time", "time", 1.02),
        ("compiling", "compiling in XLA", 1.1),
        ("tracing", "tracing", 2.0),
    ):
        medians = [np.median(found) for found in ratios(what)]
        told = f"one update, {words} over Optax's, {of_all}"
        report.claim(told, medians, at_most=goal)
    slow = [
        f"{case}: {bench.short(found[0])} × ({bench.short(found[1])} to "
        f"{bench.short(found[2])})"
        for case, found in zip(cases, map(bench.interval, ratios("time")), strict=True)
        if found[1] > HIGHEST
    ]
    told = f"updates slower than {HIGHEST} × Optax's beyond the interval of their turns"
    report.claim(told, [len(slow)], f"of {len(cases)}", at_most=0)
    report.notes += [f"Slower than {HIGHEST} × Optax's: {of}." for of in slow]


def per_byte(report: bench.Report) -> None:
    """Claims the time per byte over a copy's where it is highest."""
    found = {}
    for case in [row.case for row in report.rows if row.contender == "a copy"]:
        against = {"above": "optax_lab", "below": "a copy"}
        traffic = report.ratios(case, "bytes touched", **against)[-1]
        found[case] = report.ratios(case, "time", **against) / traffic
    if found:
        case = max(found, key=lambda case: np.median(found[case]))
        told = f"time per byte over a program that only copies, highest: {case}"
        report.claim(told, found[case], at_most=1.05)


def against_torch(report: bench.Report, tree: str) -> None:
    """Claims our time over that of PyTorch's fastest way, on one tree."""
    from optax_lab.reporting import style

    theirs: dict[str, list[np.ndarray]] = {}
    for row in report.rows:
        if row.contender.startswith("PyTorch") and row.case.endswith(f" on {tree}"):
            theirs.setdefault(row.case, []).append(np.array(row.values))
    fastest = {case: min(of, key=np.median) for case, of in theirs.items()}
    ratios = [
        float(np.median(report.values(case, "optax_lab", "time") / seconds))
        for case, seconds in fastest.items()
    ]
    if ratios:
        told = f"one update on {tree}, time over PyTorch's fastest way to take it"
        report.claim(
            f"{told}, median of {style.count(len(ratios), 'optimizer')}", ratios
        )


def draw(report: bench.Report) -> Any:
    """Draws everyone's time over Optax's."""
    import bench_figure

    drawn = bench.Report(report.name, __doc__)
    for row in report.rows:
        if row.measure == "time" and row.contender != "Optax":
            ratios = report.ratios(row.case, "time", row.contender, "Optax")
            told = {"measure": "time over Optax's", "unit": "×"}
            drawn.rows.append(row._replace(values=tuple(ratios), **told))
    figure = bench_figure.draw(drawn)
    figure.axes[0].axvline(1, color="#D9D9D9", lw=1)
    return figure


def measure(options: argparse.Namespace) -> bench.Report:
    """Compares every optimizer that is asked for on every tree that is."""
    report = bench.Report("update_step", __doc__)
    for tree in options.tree:
        for name in options.only:
            if tree == "mlp" or name in ON_LARGE_TREES:
                compare(report, name, tree, options)
                gc.collect()
    claim(report)
    report.facts |= {"rounds": options.rounds, "calls in a round": options.repeats}
    report.facts |= {"compiled": options.compiles, "seed": 0}
    report.notes += ["Intervals of a median of cases are over the cases."]
    return report


def asked(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the options; a quick run takes fewer of all."""
    parser = bench.parser(__doc__)
    parser.add_argument("--only", nargs="+", metavar="OPTIMIZER", default=[])
    parser.add_argument("--tree", nargs="+", choices=TREES, default=list(TREES))
    parser.add_argument("--rounds", type=bench.positive, default=11)
    parser.add_argument("--repeats", type=bench.positive, default=5, help="in a round")
    parser.add_argument("--compiles", type=bench.positive, default=5)
    options = parser.parse_args(arguments)
    if options.quick:
        options.tree, options.rounds, options.compiles = ["mlp"], 2, 1
        options.only = options.only or list(QUICK)
    return options


def main(arguments: list[str] | None = None) -> int:
    options = asked(arguments)
    bench.start(options)
    bench.peer("torch")
    import update_programs

    every = update_programs.in_both()
    options.only = options.only or every
    if unknown := set(options.only) - set(every):
        bench.refuse(f"not in both libraries: {', '.join(sorted(unknown))}")
    report = measure(options)
    report.part = set(options.only + options.tree) != {*every, *TREES}
    bench.finish(report, options, "optax", "torch", "numpy", draw=draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
