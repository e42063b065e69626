# Paths of optimizers over random trees: ours, Optax's, and the papers'.

import jax
import numpy as np
import optax
import optax.contrib

import optax_lab

STEPS = 60
RATE = 0.05


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


def run(optimizer, params, grads):
    """Returns the parameters after each step, as the library takes it."""

    @jax.jit
    def step(params, state, g):
        updates, state = optimizer.update(g, state, params)
        return optax.apply_updates(params, updates), state

    state, path = optimizer.init(params), []
    for g in grads:
        params, state = step(params, state, g)
        path.append(params)
    return path


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
    assert len(ours) == len(theirs)
    check = lambda a, b: np.testing.assert_allclose(a, b, rtol=close, atol=close)
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        try:
            jax.tree.map(check, a, b)
        except AssertionError as error:
            raise AssertionError(f"step {step}: {error}") from None


def in_optax(name):
    return getattr(optax, name, None) or getattr(optax.contrib, name, None)
