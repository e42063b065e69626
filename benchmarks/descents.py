"""Counts how many descents a second go down the lab's quadratic, beside plain loops.

A thousand learning rates at once, in float32, without a stop rule; what is counted is
lanes × steps. Ours is `optax_lab.studies.grids.descents` on all cores, recording every
100th step or all of them. Beside it, on the same lanes and with the same rules:

- a plain `vmap` of a `while_loop` that carries its record, as one writes it first;
- a `vmap` of a `scan` that stacks its points, the fastest that plain JAX knows;
- a NumPy loop over steps, vectorised over lanes, on one core;
- a PyTorch loop over steps, vectorised over lanes (the extra `peers`).

The `while_loop` ends a lane whose point is not finite; the three others take every step
whatever comes. Ours records values besides points, tests both at every step, freezes
the lanes that end, says how each ended, and ends soon after its last lane.

NumPy and PyTorch take fewer steps, because a step costs them the same however many
there are; the `while_loop` takes as many as ours, because `vmap` makes every step
select over the whole record.

On a GPU all but NumPy's run there, and there are no goals, which are for two cores.

    python benchmarks/descents.py [--out benchmarks/results] [--quick] [--device gpu]
"""

import argparse
import sys
from collections.abc import Callable

import bench
import numpy as np
import timing
from descents_peers import LANES, PEERS, RATES, START, WHILE_LOOP

GOALS = {  # million lanes × steps a second, recording every 100th step and all
    "sgd": {100: 300, 1: 80},
    "adam": {100: 120, 1: 60},
}
STEPS = {100: 20_000, 1: 2000}  # ours
PEER_STEPS = {"NumPy": 1000, "PyTorch": 500}  # the others take as many as ours
OURS, SPEED = "optax_lab", "million lanes × steps a second"


def ours(name: str, every: int, steps: int, device: str) -> Callable:
    import jax.numpy as jnp

    import optax_lab
    from optax_lab.problems import surfaces
    from optax_lab.studies import grids

    surface, make = surfaces.quadratic(), getattr(optax_lab, name)
    start, hypers = jnp.asarray(START)[None], {"learning_rate": RATES}

    def run():
        settings = {"steps": steps, "record_every": every}
        return grids.descents(surface.value, make, start, hypers=hypers, **settings)

    return run


# --- Taking turns ---------------------------------------------------------------------


def compare(
    report: bench.Report, name: str, every: int, options: argparse.Namespace
) -> None:
    """Times everyone at one optimizer and one record."""
    shorter = 10 if options.quick else 1
    steps = {who: PEER_STEPS.get(who, STEPS[every]) for who in (OURS, *options.peers)}
    steps = {who: max(every, count // shorter) for who, count in steps.items()}
    made = {OURS: ours} | PEERS
    functions = {
        who: made[who](name, every, count, options.device)
        for who, count in steps.items()
    }
    agree(functions, steps, every)
    case = (
        f"`{name}`, {'all steps' if every == 1 else f'every {every}th step'} recorded"
    )
    turns = timing.interleave(functions, options.repeats, timing.PAUSE)
    for who, seconds in turns.items():
        speed = LANES * steps[who] / np.array(seconds) / 1e6
        report.add(case, who, "speed", SPEED, speed)
    claim(report, case, GOALS[name][every] if options.device == "cpu" else None)


def claim(report: bench.Report, case: str, goal: float | None) -> None:
    """Claims our speed, and how often it is that of the fastest of the others."""
    ours = report.values(case, OURS, "speed")
    report.claim(f"descents, {case}, {SPEED}", ours, "million", at_least=goal)
    others = [row for row in report.rows if row.case == case and row.contender != OURS]
    if others:
        fastest = max(others, key=lambda row: row.quartiles[1])
        told = f"descents, {case}, speed over that of the fastest other way"
        report.claim(f"{told}, {fastest.contender}", ours / np.array(fastest.values))


def agree(functions: dict[str, Callable], steps: dict[str, int], every: int) -> None:
    """Holds the points of everyone against ours, at a step that all have recorded."""
    row = min(steps.values()) // every
    expected = functions[OURS]().trajectory.points[:, 0, row]
    for who, run in functions.items():
        if who == OURS:
            continue
        record = np.asarray(run())
        found = record[:, row] if who == WHILE_LOOP else record[row - 1]
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3, err_msg=who)


def measure(options: argparse.Namespace) -> bench.Report:
    """Compares everyone at every optimizer and record."""
    report = bench.Report("descents", __doc__)
    for name in ["adam"] if options.quick else GOALS:
        for every in GOALS[name]:
            compare(report, name, every, options)
    report.facts |= {"lanes": LANES, "turns": options.repeats}
    report.part = set(options.peers) != set(PEERS)
    return report


def main(arguments: list[str] | None = None) -> int:
    parser = bench.parser(__doc__, repeats=7)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    options = parser.parse_args(arguments)
    options.repeats = 2 if options.quick else options.repeats
    bench.start(options, cores=bench.available_cores())
    packages = ["torch"] if "PyTorch" in options.peers else []
    bench.finish(measure(options), options, "optax", "numpy", *packages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
