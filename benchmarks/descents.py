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

    python benchmarks/descents.py [--json benchmarks/results/descents.json] [--quick]
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import timing

import optax_lab
from optax_lab.problems import surfaces
from optax_lab.studies import grids

LANES = 1000
GOALS = {  # million lanes × steps a second, recording every 100th step and all
    "sgd": {100: 300, 1: 80},
    "adam": {100: 120, 1: 60},
}
STEPS = {100: 20_000, 1: 2000}  # ours
PEER_STEPS = {"NumPy": 1000, "PyTorch": 500}  # the others take as many as ours
RATES = np.geomspace(1e-3, 3, LANES).astype(np.float32)
START = np.array([-2, -2], np.float32)
CURVATURE = np.array([0.02, 0.2], np.float32)
B1, B2, EPS = 0.9, 0.999, 1e-8


def ours(name: str, every: int, steps: int) -> Callable:
    surface, make = surfaces.quadratic(), getattr(optax_lab, name)
    start, hypers = jnp.asarray(START)[None], {"learning_rate": RATES}

    def run():
        settings = {"steps": steps, "record_every": every}
        return grids.descents(surface.value, make, start, hypers=hypers, **settings)

    return run


def while_loop(name: str, every: int, steps: int) -> Callable:
    """A loop that writes its points into an array that it carries."""
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


def numpy_loop(name: str, every: int, steps: int) -> Callable:
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


def torch_loop(name: str, every: int, steps: int) -> Callable:
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    curvature, rate = torch.tensor(CURVATURE), torch.tensor(RATES)[:, None]

    def run():
        point = torch.tensor(np.tile(START, (LANES, 1)), requires_grad=True)
        mu, nu, record = torch.zeros(LANES, 2), torch.zeros(LANES, 2), []
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
        return torch.stack(record).numpy()

    return run


PEERS = {
    "vmap of while_loop": while_loop,
    "NumPy": numpy_loop,
    "PyTorch": torch_loop,
}


def measure(name: str, every: int, options: argparse.Namespace) -> dict[str, dict]:
    """Returns million lanes × steps a second of everyone: median and quartiles."""
    steps = {"optax_lab": STEPS[every] // options.shorter}
    functions = {"optax_lab": ours(name, every, steps["optax_lab"])}
    for peer in options.peers:
        count = PEER_STEPS.get(peer, STEPS[every]) // options.shorter
        steps[peer] = max(every, count)
        functions[peer] = PEERS[peer](name, every, steps[peer])
    _agree(functions, steps, every)
    rates = {}
    for who, seconds in timing.interleave(functions, options.repeats).items():
        speed = LANES * steps[who] / np.array(seconds) / 1e6
        low, middle, high = np.percentile(speed, [25, 50, 75])
        rates[who] = {"median": float(middle), "low": float(low), "high": float(high)}
    return rates


def _agree(functions: dict[str, Callable], steps: dict[str, int], every: int) -> None:
    """Holds the points of everyone against ours, at a step that all have recorded."""
    row = min(steps.values()) // every
    if row < 1:
        return
    expected = functions["optax_lab"]().trajectory.points[:, 0, row]
    for who, run in functions.items():
        if who == "optax_lab":
            continue
        record = np.asarray(run())
        found = record[:, row] if who == "vmap of while_loop" else record[row - 1]
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3, err_msg=who)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--quick", action="store_true", help="a tenth, twice")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.shorter, options.repeats = (
        (10, 2) if options.quick else (1, options.repeats)
    )
    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)

    measured: dict[str, dict[str, dict]] = {}
    for name, goals in GOALS.items():
        measured[name] = {}
        for every, goal in goals.items():
            rates = measure(name, every, options)
            measured[name][str(every)] = rates
            what = "all steps" if every == 1 else f"every {every}th step"
            print(f"{name}, recording {what} (goal {goal}):")
            for who, rate in rates.items():
                print(
                    f"  {who:20s} {rate['median']:9.2f} million lanes × steps a second"
                    f" (quartiles {rate['low']:.2f} to {rate['high']:.2f})"
                )
    results = {
        "goals": {name: {str(k): v for k, v in g.items()} for name, g in GOALS.items()},
        "million_lane_steps_per_second": measured,
        "lanes": LANES,
        "steps": {"optax_lab": {str(k): v for k, v in STEPS.items()}, **PEER_STEPS},
        "repeats": options.repeats,
        "machine": timing.machine("jax", "optax", "numpy"),
    }
    timing.write(options.json, results)


if __name__ == "__main__":
    main()
