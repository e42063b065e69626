# A hyperparameter is a number, an array or a schedule, and a bad one is refused.

import math
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from optax_lab.contract import cases, subject
from optax_lab.contract.subject import Make

_DECAY = re.compile(r"(.*_)?(b|beta)\d?|rho|decay")
_EPS = re.compile(r"eps(_.*)?|.*_eps|epsilon")


def array_is_a_number(make: Make) -> None:
    """Checks that an array takes the steps of the number it holds."""
    _takes_the_same_steps(make, "array", jnp.float32)


def schedule_is_a_number(make: Make) -> None:
    """Checks that a constant schedule takes the steps of its number."""
    _takes_the_same_steps(make, "schedule", lambda value: lambda step: value)


def schedule_counts_from_zero(make: Make) -> None:
    """Checks which steps a schedule of the learning rate is asked for."""
    name = subject.needs_rate(make)
    asked = []

    def schedule(step):
        jax.debug.callback(lambda step: asked.append(int(step)), step)
        return 0.1 / (1 + step)

    optimizer = subject.jitted(subject.build(make, **{name: schedule}))
    params = subject.tree()
    state = optimizer.init(params)
    for number in range(4):
        jax.effects_barrier()
        asked.clear()
        _, state = optimizer.update(params, state, params)
        jax.effects_barrier()
        found = ", ".join(map(str, sorted(set(asked)))) or "nothing"
        cases.expect(set(asked) == {number}, f"step {number} asks for {found}")


def grid_compiles_once(make: Make) -> None:
    """Checks a grid, traced: each lane varies one hyperparameter, and is as alone.

    It is float64, in which a traced number is rounded as a Python number is.
    """
    names = subject.needs_hypers(make)
    with jax.enable_x64(True):
        for name in names:
            with cases.case(f"{name} traced"):
                jax.eval_shape(lambda x, n=name: _last(make, {n: x}), np.zeros([]))
        _check_grid(make, names)


def bad_numbers_are_refused(make: Make) -> None:
    """Checks that what cannot be is a ValueError that names the argument."""
    impossible = {name: _impossible(make, name) for name in subject.hypers(make)}
    if (name := subject.rate(make)) is not None:
        impossible[name] = (math.nan, math.inf)
    if not any(impossible.values()):
        raise cases.NotApplicable("it takes no learning rate, no decay and no epsilon")
    for name, numbers in impossible.items():
        for number in numbers:
            with cases.case(f"{name}={number}"):
                _is_refused(make, name, number)


def _takes_the_same_steps(make: Make, kind: str, as_kind: Callable) -> None:
    """Checks all hyperparameters at once, and names the one that is at fault."""
    numbers = {
        name: subject.values(make, name)[0] for name in subject.needs_hypers(make)
    }
    steps = subject.back_and_forth()
    wanted, _ = subject.run(subject.shared(make, **numbers), steps)

    def check(given):
        optimizer = subject.jitted(subject.build(make, **given))
        found, _ = subject.run(optimizer, steps)
        cases.same_numbers(found, wanted, 1e-6, "update")

    try:
        check({name: as_kind(value) for name, value in numbers.items()})
    except Exception:
        for name, value in numbers.items():
            with cases.case(f"{name}={value} as {kind}"):
                check(numbers | {name: as_kind(value)})
        raise


def _check_grid(make: Make, names: list[str]) -> None:
    first, second = (_lanes(make, names, k) for k in (1, 2))
    traces = []

    @jax.jit
    def last(lane):
        traces.append(None)
        return _last(make, lane)

    lanes, alone = subject.compiled(jax.vmap(last)), subject.compiled(last)
    lanes(_stacked(first))
    updates = lanes(_stacked(second))
    cases.expect(len(traces) == 1, "other numbers are compiled again")
    for k, name in enumerate(names):
        with cases.case(f"{name}={second[k][name]}"):
            wanted = alone({n: np.asarray(x) for n, x in second[k].items()})
            lane = jax.tree.map(lambda x, k=k: np.asarray(x)[k], updates)
            cases.same_numbers(lane, wanted, 1e-6, "update")


def _lanes(make: Make, names: list[str], which: int) -> list[dict[str, float]]:
    """Makes a lane for each hyperparameter, in which it is not as in the others."""
    usual = {name: subject.usual(make, name) for name in names}
    return [usual | {name: subject.values(make, name)[which]} for name in names]


def _stacked(lanes: list[dict[str, float]]) -> dict[str, np.ndarray]:
    return {name: np.array([lane[name] for lane in lanes]) for name in lanes[0]}


def _last(make: Make, given: dict[str, Any]) -> PyTree:
    """Returns the last update of two steps."""
    optimizer = subject.jitted(subject.build(make, **given), jax.jit)
    return subject.run(optimizer, subject.back_and_forth())[0]


def _impossible(make: Make, name: str) -> tuple[float, ...]:
    if _DECAY.fullmatch(name):  # a beta that is 1 by default is none
        return (-0.1, 1.0) if 0 <= subject.usual(make, name) < 1 else ()
    return (-1e-8,) if _EPS.fullmatch(name) else ()


def _is_refused(make: Make, name: str, number: float) -> None:
    try:
        optimizer = subject.build(make, **{name: number})
        step = lambda g, p: subject.update(optimizer, g, optimizer.init(p), p)
        jax.eval_shape(step, subject.tree(), subject.tree())
    except ValueError as error:
        said = str(error)
        names_it = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) is not None
        cases.expect(names_it, f"the ValueError does not name it: {said}")
    else:
        cases.broken("is taken")
