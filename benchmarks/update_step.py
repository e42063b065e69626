"""Times one update of every optimizer against Optax's of the same name.

Both take the same gradients at equal hyperparameters, in one process and in turn,
jitted and with their arguments donated: the update, and its sum with the parameters.
The lab's MLP is taken for every optimizer that both have, three larger trees for five
of them. On the two that are larger than any cache, a program that reads every argument
once and writes every result once says what the memory allows: `least` is our time over
its time, `traffic` our bytes over its bytes as XLA counts them, and their quotient the
time per byte over its own.

Told besides: the time to trace a step (everything in front of XLA), to compile it, the
number of equations of its jaxpr, of instructions of its program, and of bytes that XLA
believes it to touch. Goals: the median of all ratios of time at most 1.02, none above
1.08 beyond its interval; compiling at most 1.1 times, tracing at most twice Optax's; on
the two large trees at most 1.05 times as long per byte.

    python benchmarks/update_step.py [--json benchmarks/results/update_step.json]
                                     [--only adam] [--tree mlp] [--quick]
"""

import argparse
import functools
import gc
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import timing
import trees
from jax.extend import core

import optax_lab

GOALS = {
    "median": 1.02,
    "highest": 1.08,
    "compiling": 1.1,
    "tracing": 2.0,
    "bytes": 1.05,
}
ON_LARGE_TREES = ("sgd", "adam", "adamw", "lion", "adafactor")
SECONDS = 0.004  # that a measurement of several steps lasts at least
SEED = 0


# --- The contenders -------------------------------------------------------------------


def pair(name: str) -> dict[str, optax.GradientTransformationExtraArgs]:
    """Makes ours and Optax's optimizer, at the same rate and the same defaults."""
    entry = optax_lab.OPTIMIZERS[name]
    makes = {"optax_lab": entry.make, "optax": in_optax(name)}
    return {
        who: optax.with_extra_args_support(make(entry.learning_rate))
        for who, make in makes.items()
    }


def in_optax(name: str) -> Callable | None:
    return getattr(optax, name, None) or getattr(optax.contrib, name, None)


def in_both() -> list[str]:
    return [name for name in optax_lab.OPTIMIZERS if in_optax(name)]


class Program(NamedTuple):
    """Holds a compiled step, what makes it a start, and what making it took."""

    step: Callable
    start: Callable[[], Any]
    facts: dict[str, float]


def step_of(optimizer: optax.GradientTransformationExtraArgs) -> Callable:
    """Returns (parameters, state), gradients → (parameters, state)."""
    loss = lambda params: optax.tree.norm(params, squared=True)  # asked for by sophia

    def step(carry, grads):
        params, state = carry
        updates, state = optimizer.update(grads, state, params, obj_fn=loss)
        return optax.apply_updates(params, updates), state

    return step


def touching(carry: Any, grads: Any) -> Any:
    """Reads what a step reads and writes what it writes, with one operation each."""
    params, state = carry
    change = lambda x: x * 0.999 if jnp.issubdtype(x.dtype, jnp.floating) else x + 1
    return jax.tree.map(jnp.add, params, grads), jax.tree.map(change, state)


def compiled(step: Callable, start: Callable[[], Any], grads: Any) -> Program:
    """Compiles a step that nobody has traced before, and times it."""
    fresh = jax.jit(lambda carry, grads: step(carry, grads), donate_argnums=0)
    carry = jax.eval_shape(start)
    began = time.perf_counter()
    traced = fresh.trace(carry, grads)
    lowered = traced.lower()
    told = time.perf_counter()
    program = lowered.compile()
    done = time.perf_counter()
    facts = {
        "tracing": told - began,
        "compiling": done - told,
        "equations": equations(traced.jaxpr.jaxpr),
        "instructions": program.as_text().count(" = "),
        "bytes": program.cost_analysis().get("bytes accessed", math.nan),
    }
    return Program(program, start, facts)


def equations(jaxpr: Any) -> int:
    """Counts the equations of a jaxpr and of all inside it."""
    inner = core.jaxprs_in_params
    return sum(1 + sum(equations(j) for j in inner(eqn.params)) for eqn in jaxpr.eqns)


# --- Taking turns ---------------------------------------------------------------------


def timed(
    programs: dict[str, Program], grads: Any, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Returns each round's seconds of a step of every program, in turn.

    Where in memory the arrays lie makes a program faster or slower by up to a fifth,
    and it keeps them, because they are donated: each round places them anew.
    """
    rounds = {who: [] for who in programs}
    for turn in range(options.rounds):
        order = list(programs)[:: 1 if turn % 2 else -1]
        carries = {who: programs[who].start() for who in order}

        def steps(who, number, carries=carries):
            carry = carries.pop(who)
            for _ in range(number):
                carry = programs[who].step(carry, grads)
            carries[who] = jax.block_until_ready(carry)

        first = timing.interleave(
            {who: lambda who=who: steps(who, 1) for who in order}, repeats=1
        )
        number = math.ceil(SECONDS / min(s[0] for s in first.values()))
        functions = {who: lambda w=who, n=number: steps(w, n) for who in order}
        for who, s in timing.interleave(functions, options.repeats).items():
            rounds[who].append(float(np.median(s)) / number)
    return rounds


def interval(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """Returns the median of the ratios and its 95 % interval, by the bootstrap."""
    ratios = np.array(ours) / np.array(theirs)
    drawn = np.random.default_rng(SEED).choice(ratios, (2000, len(ratios)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return {"median": float(np.median(ratios)), "low": float(low), "high": float(high)}


def compare(name: str, tree: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measures one optimizer of both on one tree."""
    grads = jax.tree.map(lambda x: 0.1 * x, trees.TREES[tree]())
    made, programs = {"optax_lab": [], "optax": []}, {}
    compiles = options.compiles if tree == "mlp" else min(2, options.compiles)
    for _ in range(compiles + 1):  # the first makes what all share, and is not counted
        for who, optimizer in pair(name).items():
            begin = jax.jit(lambda g, o=optimizer: (_copied(g), o.init(g)))
            start = functools.partial(begin, grads)
            programs[who] = compiled(step_of(optimizer), start, grads)
            made[who].append(programs[who].facts)
    if tree in trees.OUT_OF_CACHE:
        programs["least"] = compiled(touching, programs["optax"].start, grads)
    seconds = timed(programs, grads, options)

    counted = {who: of[1:] for who, of in made.items()}
    column = lambda who, what: [facts[what] for facts in counted[who]]
    both = lambda what: interval(column("optax_lab", what), column("optax", what))
    result = {
        "seconds": {who: float(np.median(s)) for who, s in seconds.items()},
        "time": interval(seconds["optax_lab"], seconds["optax"]),
        "tracing": both("tracing"),
        "compiling": both("compiling"),
    }
    for what in ("equations", "instructions", "bytes"):
        result[what] = {who: facts[-1][what] for who, facts in counted.items()}
    if tree in trees.OUT_OF_CACHE:
        least = programs["least"].facts["bytes"]
        result["over_least"] = {
            who: interval(seconds[who], seconds["least"]) for who in counted
        }
        result["traffic"] = {who: n / least for who, n in result["bytes"].items()}
    return result


def _copied(tree: Any) -> Any:
    return jax.tree.map(jnp.copy, tree)


# --- What is told ---------------------------------------------------------------------


def show(name: str, tree: str, of: dict[str, Any]) -> None:
    ours, theirs = of["bytes"]["optax_lab"], of["bytes"]["optax"]
    counts = [
        f"{what} {of[what]['optax_lab']}/{of[what]['optax']}"
        for what in ("equations", "instructions")
    ]
    told = [
        f"{tree:7s}{name:20s}{1e3 * of['seconds']['optax_lab']:9.3f} ms",
        f"time {_with_interval(of['time'])}",
        f"compiling {of['compiling']['median']:.2f}",
        f"tracing {of['tracing']['median']:.2f}",
        *counts,
        f"bytes {ours / theirs:.3f}",
    ]
    for who, ratio in of.get("over_least", {}).items():
        traffic = of["traffic"][who]
        told.append(f"{who}: least {_with_interval(ratio)}, traffic {traffic:.3f}")
    print("  ".join(told), flush=True)


def _with_interval(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f})"


def summary(measured: dict[str, dict[str, dict]]) -> dict[str, Any]:
    """Holds all ratios against the goals."""
    rows = {
        f"{name} on {tree}": of
        for tree, by_name in measured.items()
        for name, of in by_name.items()
    }
    every = lambda what: [of[what]["median"] for of in rows.values()]
    per_byte = {
        row: of["over_least"]["optax_lab"]["median"] / of["traffic"]["optax_lab"]
        for row, of in rows.items()
        if "traffic" in of
    }
    return {
        "median": float(np.median(every("time"))),
        "highest": max(every("time")),
        "beyond": [r for r, of in rows.items() if of["time"]["low"] > GOALS["highest"]],
        "compiling": float(np.median(every("compiling"))),
        "tracing": float(np.median(every("tracing"))),
        "bytes": max(per_byte.values(), default=None),
        "per_byte": per_byte,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="OPTIMIZER", default=in_both())
    parser.add_argument(
        "--tree", nargs="+", choices=trees.TREES, default=list(trees.TREES)
    )
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--repeats", type=int, default=5, help="in a round")
    parser.add_argument("--compiles", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="the MLP, three rounds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if unknown := set(options.only) - set(in_both()):
        parser.error(f"not in both libraries: {', '.join(sorted(unknown))}")
    if options.quick:
        options.tree, options.rounds, options.compiles = ["mlp"], 3, 1

    load = os.getloadavg()
    measured = {tree: {} for tree in options.tree}
    for tree in options.tree:
        for name in options.only:
            if tree == "mlp" or name in ON_LARGE_TREES:
                measured[tree][name] = compare(name, tree, options)
                show(name, tree, measured[tree][name])
                gc.collect()
    held = summary(measured)
    for what, goal in GOALS.items():
        print(f"{what}: {held[what]} (goal at most {goal})")
    print(f"beyond {GOALS['highest']}: {', '.join(held['beyond']) or 'none'}")
    results = {
        "goals": GOALS,
        "summary": held,
        "trees": measured,
        "rounds": options.rounds,
        "repeats": options.repeats,
        "compiles": options.compiles,
        "seed": SEED,
        "load_average_before": load,
        "machine": timing.machine("jax", "optax", "numpy"),
    }
    timing.write(options.json, results)


if __name__ == "__main__":
    main()
