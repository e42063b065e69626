# A function is run through a trial; what can go wrong before any number is compared.

import copy
import functools
import traceback
from typing import Any

import jax
import numpy as np

from optax_lab.checks.exercise import Exercise, Outputs, Step, Trial
from optax_lab.checks.failure import CheckFailed


def run(exercise: Exercise, f: Step, trial: Trial) -> list[Outputs]:
    """Returns what a function returns at each step, as NumPy arrays.

    Raises:
      CheckFailed: if it raises, changes what it was given, or returns something of
        another kind.
    """
    expected = reference(exercise, trial)
    carry, rows = trial.start, []
    for t, observation in enumerate(trial.observations, 1):
        given = copy.deepcopy((carry, observation, trial.hypers))
        try:
            with np.errstate(all="ignore"):
                returned = exercise.call(f, *given, t)
        except CheckFailed:  # of what the exercise itself looks at
            raise
        except Exception as error:
            raise CheckFailed(told(exercise.name, exercise.signature, error)) from error
        _unchanged(exercise, given, (carry, observation, trial.hypers))
        outputs = _outputs(exercise, returned, [np.shape(x) for x in expected[t - 1]])
        rows.append(outputs)
        carry = outputs[: exercise.kept]
    return rows


def reference(
    exercise: Exercise, trial: Trial, wrong: tuple[str, ...] = ()
) -> list[Outputs]:
    """Returns what the reference returns at each step, or a mistake in its place."""
    f = functools.partial(exercise.reference, wrong=wrong)
    carry, rows = trial.start, []
    with np.errstate(all="ignore"):
        for t, observation in enumerate(trial.observations, 1):
            returned = exercise.call(f, carry, observation, trial.hypers, t)
            rows.append(tuple(map(np.asarray, jax.tree.leaves(returned))))
            carry = rows[-1][: exercise.kept]
    return rows


def told(name: str, signature: str, error: Exception) -> str:
    """Says what a function raised, where, and how it is called."""
    if isinstance(error, NotImplementedError):
        return f"✗ {name}: nothing is written yet ({error or 'a blank'})"
    where = traceback.extract_tb(error.__traceback__)[-1]
    line = f"\n    line {where.lineno}: {where.line}" if where.line else ""
    kind = type(error).__name__
    return f"✗ {name} raised {kind}: {error}{line}\n  It is called as {signature}."


def kind(it: Any) -> str:
    """Says what a thing is that should be another."""
    if isinstance(it, str | int | float):
        return f"the {type(it).__name__} {it!r}"
    if callable(it):
        return f"the function {getattr(it, '__name__', type(it).__name__)}"
    return f"of the type {type(it).__name__}"


def _unchanged(exercise: Exercise, given: Any, before: Any) -> None:
    pairs = zip(jax.tree.leaves(given), jax.tree.leaves(before), strict=True)
    if all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
        return
    raise CheckFailed(
        f"✗ {exercise.name} changes the arrays that it is given.\n"
        "  Whoever calls it still holds them, and finds other numbers there.\n"
        "  Hint: `a = a + b` makes a new array, `a += b` and `a[:] = …` write into\n"
        "  the old one."
    )


def _outputs(exercise: Exercise, returned: Any, shapes: list) -> Outputs:
    wanted = f"  It should return {exercise.signature.split('->')[1].strip()}."
    if returned is None:
        raise CheckFailed(f"✗ {exercise.name} returned nothing.\n{wanted}")
    leaves = jax.tree.leaves(returned)
    if len(leaves) != len(exercise.outputs):
        raise CheckFailed(
            f"✗ {exercise.name} returned {len(leaves)} values instead of "
            f"{len(exercise.outputs)}.\n{wanted}"
        )
    arrays = tuple(map(np.asarray, leaves))
    for name, array, shape in zip(exercise.outputs, arrays, shapes, strict=True):
        if array.shape != shape or array.dtype.kind not in "biuf":
            raise CheckFailed(
                f"✗ {exercise.name}: {name} should be numbers of shape {shape}, got "
                f"{array.dtype} of shape {array.shape}.\n{wanted}"
            )
    return arrays
