"""Counts how many descents a second go down the lab's quadratic, beside plain loops.

A thousand learning rates at once, in float32, without a stop rule; what is counted is
lanes × steps. Ours is `optax_lab.studies.grids.descents` on all cores, recording every
100th step or all of them. Beside it, on the same lanes and with the same rules:

- a plain `vmap` of a `while_loop` that carries its record, as one writes it first;
- a NumPy loop over steps, vectorised over lanes;
- a PyTorch loop over steps, vectorised over lanes (the extra `peers`).

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

LANES = 1000
GOALS = {  # million lanes × steps a second, recording every 100th step and all
    "sgd": {100: 300, 1: 80},
    "adam": {100: 120, 1: 60},
}
STEPS = {100: 20_000, 1: 2000}  # ours
PEER_STEPS = {"NumPy": 1000, "PyTorch": 500}  # the others take as many as ours
SPEED = "million lanes × steps a second"
RATES = np.geomspace(1e-3, 3, LANES).astype(np.float32)
START = np.array([-2, -2], np.float32)
CURVATURE = np.array([0.02, 0.2], np.float32)
B1, B2, EPS = 0.9, 0.999, 1e-8


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


def while_loop(name: str, every: int, steps: int, device: str) -> Callable:
    """A loop that writes its points into an array that it carries."""
    import jax
    import jax.numpy as jnp
    import optax

    from optax_lab.problems import surfaces

    make, value = getattr(optax, name), surfaces.quadratic().value
    rows = steps // every + 1

    def descend(rate):
        optimizer = make(rate)

        def take_step(carry):
            k, point, state, record = carry
            updates, state = optimizer.update(jax.grad(value)(point), state, point)
            point = optax.apply_updates(point, updates)
            record = jax.lax.cond(
                (k + 1) % every == 0,
                lambda r: r.at[(k + 1) // every].set(point),
                lambda r: r,
                record,
            )
            return k + 1, point, state, record

        start = jnp.asarray(START)
        record = jnp.zeros((rows, 2), jnp.float32).at[0].set(start)
        going = lambda c: (c[0] < steps) & jnp.isfinite(c[1]).all()
        return jax.lax.while_loop(
            going, take_step, (0, start, optimizer.init(start), record)
        )[3]

    lanes = jax.jit(jax.vmap(descend))
    return lambda: np.asarray(lanes(RATES))


def numpy_loop(name: str, every: int, steps: int, device: str) -> Callable:
    def run():
        point, record = np.tile(START, (LANES, 1)), []
        mu, nu, rate = np.zeros_like(point), np.zeros_like(point), RATES[:, None]
        for k in range(1, steps + 1):
            grad = CURVATURE * point
            if name == "sgd":
                point = point - rate * grad
            else:
                mu = B1 * mu + (1 - B1) * grad
                nu = B2 * nu + (1 - B2) * grad**2
                mean, square = mu / (1 - B1**k), nu / (1 - B2**k)
                point = point - rate * mean / (np.sqrt(square) + EPS)
            if k % every == 0:
                record.append(point)
        return np.stack(record)

    return run


def torch_loop(name: str, every: int, steps: int, device: str) -> Callable:
    torch = bench.peer("torch")
    torch.set_num_threads(bench.available_cores())
    place = {"device": "cuda" if device == "gpu" else "cpu"}
    curvature, rate = (torch.tensor(x, **place) for x in (CURVATURE, RATES[:, None]))

    def run():
        start = np.tile(START, (LANES, 1))
        point = torch.tensor(start, requires_grad=True, **place)
        mu, nu = (torch.zeros(LANES, 2, **place) for _ in range(2))
        record = []
        for k in range(1, steps + 1):
            (0.5 * curvature * point**2).sum().backward()
            with torch.no_grad():
                grad = point.grad
                if name == "sgd":
                    point -= rate * grad
                else:
                    mu.lerp_(grad, 1 - B1)
                    nu.mul_(B2).addcmul_(grad, grad, value=1 - B2)
                    root = (nu / (1 - B2**k)).sqrt_().add_(EPS)
                    point -= rate * (mu / (1 - B1**k)) / root
                point.grad = None
                if k % every == 0:
                    record.append(point.clone())
        return torch.stack(record).cpu().numpy()

    return run


OURS, WHILE_LOOP = "optax_lab", "vmap of while_loop"
PEERS = {WHILE_LOOP: while_loop, "NumPy": numpy_loop, "PyTorch": torch_loop}


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
        told = f"the same over that of {fastest.contender}, the fastest plain loop"
        report.claim(told, ours / np.array(fastest.values))


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
