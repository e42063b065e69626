# Paths of optimizers over random trees: ours, Optax's, and the papers'.

import functools
from collections.abc import Callable

import jax
import numpy as np
import optax
import optax.contrib

import optax_lab

STEPS = 60
RATE = 0.05
QUICK = {"xla_backend_optimization_level": 0}  # what is compiled is run once


def constant(_):
    return RATE


def dropping(t):
    return RATE * 0.1 ** (t // 20)


def tree(seed, complex_=False):
    r = np.random.default_rng(seed)
    leaf = lambda *s: r.normal(size=s) * np.exp(r.normal(size=s))
    part = lambda *s: leaf(*s) + 1j * leaf(*s) if complex_ else leaf(*s)
    return {"w": part(4, 3), "deep": [part(5), part()]}


def optimizer_of(case, rate=RATE):
    make = case.make or getattr(optax_lab, case.name)
    return make(rate, **case.kwargs)


# --- Runs -----------------------------------------------------------------------------


def follow(optimizers, params, rows):
    """Returns the parameters of each optimizer after each step, a row of gradients."""

    def step(carry, g):
        moved = [one_step(*pair, g) for pair in zip(optimizers, carry, strict=True)]
        return moved, [params for params, _ in moved]

    start = [(params, optimizer.init(params)) for optimizer in optimizers]
    return jax.lax.scan(step, start, rows)[1]


def one_step(optimizer, carry, g):
    """Returns the parameters and the state after a step."""
    params, state = carry
    updates, state = optimizer.update(g, state, params)
    return optax.apply_updates(params, updates), state


def run(optimizer, params, grads):
    """Returns the parameters after each step, as the library takes it."""
    [path] = jitted(lambda p, rows: follow([optimizer], p, rows))(params, stack(grads))
    return unstack(path)


def jitted(f):
    """Compiles in little time what is called once or twice."""
    return jax.jit(f, compiler_options=QUICK)


def stack(path):
    """Returns a list of trees as a tree of arrays, whose first axis is the step."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *path)


def unstack(rows):
    """Returns the trees that `stack` made one of."""
    leaves, structure = jax.tree.flatten(jax.tree.map(np.asarray, rows))
    return [structure.unflatten(row) for row in zip(*leaves, strict=True)]


def batched(cases, run) -> Callable:
    """Returns a function of a case: what `run` has for it, run with all the others.

    Where they cannot be run together, each is run alone: only the faulty one fails.
    """

    @functools.cache
    def together():
        try:
            return dict(zip(map(id, cases), run(cases), strict=True))
        except Exception:
            return {}

    def found(case):
        return together()[id(case)] if together() else run([case])[0]

    return found


# --- What they are compared with ------------------------------------------------------


def by_the_paper(case, params, grads, rate):
    """Returns what `run` does, as the oracle has it."""
    leaves, structure = jax.tree.flatten(params)
    series = [jax.tree.leaves(g) for g in grads]
    if case.whole:
        path = case.oracle(leaves, series, rate, **case.kwargs)
    else:
        columns = zip(leaves, zip(*series, strict=True), strict=True)
        paths = [case.oracle(x, list(gs), rate, **case.kwargs) for x, gs in columns]
        path = zip(*paths, strict=True)
    return [jax.tree.unflatten(structure, list(row)) for row in path]


def assert_same_path(ours, theirs, close):
    """Compares all steps at once: the first index of a mismatch is its step."""
    assert len(ours) == len(theirs)
    check = lambda a, b: np.testing.assert_allclose(a, b, rtol=close, atol=close)
    jax.tree.map(check, stack(ours), stack(theirs))


def in_optax(name):
    return getattr(optax, name, None) or getattr(optax.contrib, name, None)
