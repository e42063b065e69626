"""Times a sweep of Adam's learning rate, in whole processes: trainings per minute.

64 trainings, 8 learning rates with 8 seeds each, of the lab's residual network on
MNIST-1D, as the lab trains it: batches of 100 in the data's order, and after every
epoch a pass over the 1000 test examples. They have 10 epochs; the steady rate per epoch
is the same for any number, so only the share of starting and compiling depends on it
(`--epochs`).

Every contender is one process, with what it starts, from its start to its end:
optax_lab's study on all cores; plain JAX and Optax under one `jit(vmap)`, all at once
and 16 at a time; the same without `vmap`, one training at a time, in a pool of as many
one-thread processes as there are cores; PyTorch in such a pool, with the lab's
DataLoader and in the fastest loop found; Ray Tune over the latter, a core per trial,
which reports once, at the trial's end. On a GPU: the same without Ray Tune; the study
takes 32 at once, and a pool has one process.

They take turns, every other one backwards, after a small try of each that is not
counted. A float32 product of 3000 × 3000 on every core is timed before and after each;
a share is of the mean of both rates. Steady: without what comes before a contender says
that starting and compiling are over. Memory is the most that was seen of the host's,
all its processes together.

    python benchmarks/sweep.py [--out benchmarks/results] [--quick] [--epochs 100]
"""

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable

import bench
import lab_devices
import lab_flops
import numpy as np
import sweep_process
import sweep_work
import timing

RATES = tuple(float(f"{rate:.3g}") for rate in np.geomspace(1e-4, 1e-2, 8))
SEEDS = tuple(range(8))
CHUNK = 16
LOOK = 1.0  # seconds, at least, in which products are timed at a time
SHARE = 85  # per cent of the product's rate: the goal
OURS, LAB = "optax_lab, a study", "PyTorch pool, the lab's DataLoader"
STEADY, WHOLE = "steady rate", "rate of the whole process"
TORCH = {"module": "sweep_torch"}

CONTENDERS = {
    OURS: sweep_process.Contender("sweep_jax:study", {}),
    "JAX, vmap of everything": sweep_process.Contender("sweep_jax:vmapped", {}),
    f"JAX, vmap of {CHUNK}": sweep_process.Contender(
        "sweep_jax:vmapped", {"chunk": CHUNK}
    ),
    "JAX, a process per core": sweep_process.Contender(
        "sweep_pools:pool", {"module": "sweep_plain"}
    ),
    LAB: sweep_process.Contender(
        "sweep_pools:pool", TORCH | {"way": "loader"}, ("torch",)
    ),
    "PyTorch pool, tensors": sweep_process.Contender(
        "sweep_pools:pool", TORCH | {"way": "tensors"}, ("torch",)
    ),
    "Ray Tune, PyTorch, tensors": sweep_process.Contender(
        "sweep_pools:ray_tune", {"way": "tensors"}, ("torch", "ray")
    ),
}
EXTRAS = {"torch": "peers", "ray": "ray"}  # of this package, with which a peer comes


# --- All in turn ----------------------------------------------------------------------


def turns(
    contenders: dict[str, sweep_process.Contender],
    work: sweep_work.Work,
    repeats: int,
    product: Callable[[], float],
    notes: list[str],
) -> tuple[dict[str, list[sweep_process.Measured]], dict[str, list[float]]]:
    """Runs all in turn; returns measurements, and the product's rate around each.

    Args:
      contenders: what is run, by name.
      work: what all of them train.
      repeats: how many turns; every other one goes backwards.
      product: returns the rate of products; called before and after each contender.
      notes: take what failed and was run anew.
    """
    found, rates = ({name: [] for name in contenders} for _ in range(2))
    for turn in range(repeats):
        before = product()
        for name in timing.ordered(contenders, turn):
            told = noting(notes, f"{name}, in turn {turn + 1},")
            found[name].append(sweep_process.run(contenders[name], work, told))
            after = product()
            rates[name].append((before + after) / 2)
            print(f"{name}: {found[name][-1].whole:.1f} s", file=sys.stderr, flush=True)
            before = after
    return found, rates


def noting(notes: list[str], who: str) -> Callable[[str], None]:
    """Makes what notes, and says, that someone was run anew after a failure."""

    def failed(why: str) -> None:
        notes.append(f"{who} was run anew: its process {why}.")
        print(notes[-1], file=sys.stderr, flush=True)

    return failed


def product_rate(quick: bool) -> Callable[[], float]:
    """Returns a function that times products on every core: FLOPs in a second."""
    import lab_roofline

    multiply, flops = lab_roofline.matmul_everywhere(side_of(quick))
    multiply()

    def rate() -> float:
        seconds: list[float] = []
        while sum(seconds) < (LOOK / 10 if quick else LOOK):
            began = time.perf_counter()
            multiply()
            seconds.append(time.perf_counter() - began)
        return flops / float(np.median(seconds))

    return rate


def side_of(quick: bool) -> int:
    """Returns the side of the matrices whose product is timed."""
    import lab_roofline

    return lab_roofline.QUICK_SIDE if quick else lab_roofline.SIDE


def chosen(options: argparse.Namespace, count: int) -> tuple[dict, list[str]]:
    """Returns the contenders that can run, and what to note of those that cannot.

    Raises:
      SystemExit: with status 2, if a peer is missing.
    """
    kept, notes = {}, []
    for name, contender in CONTENDERS.items():
        missing = [p for p in contender.needs if not importlib.util.find_spec(p)]
        if options.device == "gpu" and "ray" in contender.needs:
            notes.append(f"Left out on a GPU: {name}.")
        elif contender.settings.get("chunk", 1) > count:
            notes.append(f"Left out, for there are only {count} trainings: {name}.")
        elif options.quick and "ray" in contender.needs:
            notes.append(f"Left out, for starting it is no quick try: {name}.")
        elif missing:
            extra = EXTRAS[missing[0]]
            bench.refuse(f"{missing[0]} is missing; pip install '.[{extra}]' brings it")
        else:
            kept[name] = contender
    return kept, notes


def measure(options: argparse.Namespace) -> bench.Report:
    """Runs all contenders in turn."""
    report, cores = bench.Report("sweep", __doc__), bench.available_cores()
    work = sweep_work.Work(RATES, SEEDS, options.epochs, options.device, cores)
    small = work._replace(rates=RATES[3:5], seeds=SEEDS[:2], epochs=1)
    work = small if options.quick else work
    contenders, notes = chosen(options, len(work.points))
    if not options.quick:
        for name, contender in contenders.items():
            sweep_process.run(contender, small, noting(notes, f"{name}, in its try,"))
    product = product_rate(options.quick)
    found, rates = turns(contenders, work, options.repeats, product, notes)
    tell(report, work, found, rates, side_of(options.quick))
    report.notes += notes
    return report


def tell(
    report: bench.Report,
    work: sweep_work.Work,
    found: dict[str, list[sweep_process.Measured]],
    rates: dict[str, list[float]],
    side: int,
) -> None:
    """Adds all rows and claims; `side` is that of the matrices in the product."""
    size = len(work.points)
    case = f"{size} trainings of {work.epochs} epochs"
    training = lab_flops.of_epochs(work.epochs)
    for name, of in found.items():
        whole, ready, first, steady, memory, accuracy = np.array(of).T
        share = 100 * training * steady / np.array(rates[name])
        for what, unit, values in (
            ("whole process", "s", whole),
            ("start-up and compiling", "s", ready),
            ("first training finished after", "s", first),
            (WHOLE, "trainings/min", 60 * size / whole),
            (STEADY, "trainings/min", 60 * steady),
            ("share of the matmul rate", "%", share),
            ("peak memory", "MB", memory / 1e6),
            ("test accuracy, mean", "%", accuracy),
        ):
            report.add(case, name, what, unit, values)
    claim(report, case, side)
    products = np.concatenate([*rates.values()]) / 1e9
    report.facts |= {
        "matmul, GFLOP/s": bench.short(float(np.median(products))),
        "MFLOP of a training": round(training / 1e6),
        "learning rates": list(work.rates),
        "seeds": list(work.seeds),
        "turns": len(products) // len(found),
    }


def claim(report: bench.Report, case: str, side: int) -> None:
    """Claims the study's rates over those of its peers, and its share of a product's.

    The peers are the fastest of all, and the fastest of each kind.
    """
    told = list(dict.fromkeys(row.contender for row in report.rows))
    for rate in (STEADY, WHOLE):
        middle = lambda name, rate=rate: np.median(report.values(case, name, rate))
        for peer, roles in peers(told, middle).items():
            what = f"{case}: a study's {rate} over that of {peer} ({', '.join(roles)})"
            report.claim(what, report.ratios(case, rate, OURS, peer))
    share = report.values(case, OURS, "share of the matmul rate")
    what = f"{case}: a study's steady rate in FLOPs, of a float32 {side}² product's"
    report.claim(what, share, "%", at_least=SHARE)


def peers(told: list[str], rate: Callable[[str], float]) -> dict[str, list[str]]:
    """Returns the fastest of all and of each kind, and which of these it is."""
    others = [name for name in told if name != OURS]
    groups = {
        "the fastest peer": others,
        "the fastest PyTorch": [n for n in others if "PyTorch" in n],
        "the lab's loop": [n for n in others if n == LAB],
        "the fastest `vmap`": [n for n in others if "vmap" in n],
        "Ray Tune": [n for n in others if n.startswith("Ray")],
    }
    found: dict[str, list[str]] = {}
    for role, group in groups.items():
        if group:
            found.setdefault(max(group, key=rate), []).append(role)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = bench.parser(__doc__, repeats=3)
    parser.add_argument(
        "--epochs", type=bench.positive, default=10, help="of every training"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.epochs, options.repeats = 1, 1
    lab_devices.require(options)
    # This process has a GPU's context too; it must leave the memory to the contenders.
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    bench.start(options, cores=bench.available_cores())
    packages = [p for p in ("torch", "ray") if importlib.util.find_spec(p)]
    try:
        report = measure(options)
    except sweep_process.Failed as error:
        print(f"sweep.py: {error}", file=sys.stderr)
        return 1
    bench.finish(report, options, "optax", "flax", *packages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
