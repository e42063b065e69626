"""Makes the steps that `update_step.py` times: ours, Optax's, and a plain copy."""

import functools
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import timing
from jax.extend import core

import optax_lab

OURS, OPTAX, COPY = "optax_lab", "Optax", "a copy"
SECONDS, AT_MOST = 0.004, 0.1  # that a call lasts, the fastest's and a slow one's


class Contender(NamedTuple):
    """Holds what takes steps from a place in memory.

    Attributes:
      start: makes a carry, in memory of its own.
      take: (carry, number) → carry, after so many steps that are done and not on
        their way.
    """

    start: Callable[[], Any]
    take: Callable[[Any, int], Any]


class Program(NamedTuple):
    """Holds a compiled step as a contender, and what making it took."""

    contender: Contender
    facts: dict[str, float]


# --- What is compiled -----------------------------------------------------------------


def in_optax(name: str) -> Callable | None:
    return getattr(optax, name, None) or getattr(optax.contrib, name, None)


def in_both() -> list[str]:
    return [name for name in optax_lab.OPTIMIZERS if in_optax(name)]


def pair(name: str) -> dict[str, optax.GradientTransformationExtraArgs]:
    """Makes ours and Optax's optimizer, at the same rate and the same defaults."""
    entry = optax_lab.OPTIMIZERS[name]
    makes = {OURS: entry.make, OPTAX: in_optax(name)}
    return {
        who: optax.with_extra_args_support(make(entry.learning_rate))
        for who, make in makes.items()
    }


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


def starting(optimizer: optax.GradientTransformation, grads: Any) -> Callable[[], Any]:
    """Returns what makes parameters, with the gradients' numbers, and a state."""
    begin = jax.jit(lambda g: (jax.tree.map(jnp.copy, g), optimizer.init(g)))
    return functools.partial(begin, grads)


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
        "tracing": 1e3 * (told - began),
        "compiling": 1e3 * (done - told),
        "equations": equations(traced.jaxpr.jaxpr),
        "instructions": program.as_text().count(" = "),
        "bytes touched": program.cost_analysis().get("bytes accessed", math.nan) / 1e6,
    }

    def take(carry, number):
        for _ in range(number):
            carry = program(carry, grads)
        return jax.block_until_ready(carry)

    return Program(Contender(start, take), facts)


def equations(jaxpr: Any) -> int:
    """Counts the equations of a jaxpr and of all inside it."""
    inner = core.jaxprs_in_params
    return sum(1 + sum(equations(j) for j in inner(eqn.params)) for eqn in jaxpr.eqns)


# --- Taking turns ---------------------------------------------------------------------


def turns(
    contenders: dict[str, Contender], rounds: int, repeats: int, pause: float
) -> dict[str, list[float]]:
    """Returns each round's seconds of a step of every contender, in turn.

    Where in memory the arrays lie makes a program faster or slower by up to a fifth,
    and it keeps them, because they are donated: each round places them anew.
    """
    seconds = {who: [] for who in contenders}
    for turn in range(rounds):
        order = list(contenders)[:: 1 if turn % 2 else -1]
        placed = {who: contenders[who] for who in order}
        for who, taken in _round(placed, repeats, pause).items():
            seconds[who].append(taken)
    return seconds


def _round(
    contenders: dict[str, Contender], repeats: int, pause: float
) -> dict[str, float]:
    carries = {who: contender.start() for who, contender in contenders.items()}

    def steps(who, number):
        carries[who] = contenders[who].take(carries.pop(who), number)

    calls = lambda n: {who: functools.partial(steps, who, n[who]) for who in contenders}
    first = timing.interleave(calls(dict.fromkeys(contenders, 1)), 1, pause)
    least = SECONDS / min(seconds[0] for seconds in first.values())
    number = {
        who: math.ceil(min(least, AT_MOST / seconds[0]))
        for who, seconds in first.items()
    }
    taken = timing.interleave(calls(number), repeats, pause)
    return {who: float(np.median(s)) / number[who] for who, s in taken.items()}
