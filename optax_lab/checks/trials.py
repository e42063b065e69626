# A function is run through a trial; what can go wrong before any number is compared.

import copy
import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from optax_lab.checks import calls, mistakes, returned
from optax_lab.checks.exercise import Exercise, Outputs, Step, Trial
from optax_lab.checks.failure import CheckFailed


def run(exercise: Exercise, f: Step, trial: Trial) -> list[Outputs]:
    """Returns what a function returns at each step, as NumPy arrays.

    Raises:
      CheckFailed: if it cannot be called, raises, changes what it was given, or returns
        something of another kind.
    """
    arguments = calls.asked(exercise.reference)
    calls.fits(exercise.name, exercise.signature, f, arguments)
    carry, rows = trial.start, []
    steps = zip(trial.observations, _returns(exercise, trial), strict=True)
    for t, (observation, like) in enumerate(steps, trial.first):
        given = copy.deepcopy((carry, observation, trial.hypers))
        it = _called(exercise, f, given, t)
        _unchanged(exercise, given, (carry, observation, trial.hypers))
        leaves = returned.read(exercise, it, like)
        rows.append(leaves[: len(exercise.outputs)])
        carry = leaves[: exercise.kept]
    return rows


def reference(
    exercise: Exercise, trial: Trial, wrong: tuple[str, ...] = ()
) -> list[Outputs]:
    """Returns what the reference returns at each step, or a mistake in its place."""
    rows = (_flat(exercise, it) for it in _returns(exercise, trial, wrong))
    return [row[: len(exercise.outputs)] for row in rows]


def _returns(
    exercise: Exercise, trial: Trial, wrong: tuple[str, ...] = ()
) -> Iterator[Any]:
    f = functools.partial(exercise.reference, wrong=wrong)
    carry = trial.start
    for t, observation in enumerate(trial.observations, trial.first):
        with np.errstate(all="ignore"):
            it = exercise.call(f, carry, observation, trial.hypers, t)
        yield it
        carry = _flat(exercise, it)[: exercise.kept]


def _flat(exercise: Exercise, it: Any) -> tuple[Any, ...]:
    if exercise.own_state:
        return (np.asarray(it[0]), it[1])
    return tuple(map(np.asarray, jax.tree.leaves(it)))


def _called(exercise: Exercise, f: Step, given: tuple[Any, Any, Any], t: int) -> Any:
    try:
        with np.errstate(all="ignore"):
            return exercise.call(f, *given, t)
    except CheckFailed:  # of what the exercise itself looks at
        raise
    except calls.FAULTS as error:
        said = [calls.told(exercise.name, exercise.signature, error, f)]
        at_once = isinstance(error, ZeroDivisionError) and t == 1
        if at_once and "early" in exercise.mistakes:
            said += mistakes.told(["early"])
        raise CheckFailed("\n".join(said)) from error


def _unchanged(exercise: Exercise, given: Any, before: Any) -> None:
    a, b = (jax.tree.leaves(it) for it in (given, before))
    if len(a) == len(b) and all(map(_same, a, b)):
        return
    raise CheckFailed(
        f"✗ {exercise.name} changes the arrays that it is given.\n"
        "  Whoever calls it still holds them, and finds other numbers there.\n"
        "  Hint: `a = a + b` makes a new array, `a += b` and `a[:] = …` write into\n"
        "  the old one."
    )


def _same(a: Any, b: Any) -> bool:
    numbers = np.asarray(a).dtype.kind in "fc"
    return np.array_equal(a, b, equal_nan=numbers)
