# What a function returned, read as arrays that are nested as the reference's are.

from typing import Any

import jax
import numpy as np

from optax_lab.checks import calls
from optax_lab.checks.exercise import Exercise
from optax_lab.checks.failure import CheckFailed

_ANY = object()  # in the place of a state that may look as it likes


class _Unlike(Exception):
    """Says what is unlike what is asked for."""


def read(exercise: Exercise, it: Any, like: Any) -> tuple[Any, ...]:
    """Returns the arrays that a function returned, one after the other.

    Args:
      exercise: the task.
      it: what was returned.
      like: what the reference returned.

    Raises:
      CheckFailed: if they are nested in another way, or are no numbers.
    """
    if exercise.own_state:
        like, names = (like[0], _ANY), (*exercise.outputs, "state")
    else:
        names = jax.tree.unflatten(jax.tree.structure(like), exercise.outputs)
    wanted = exercise.signature.split("->")[1].strip()
    try:
        return tuple(_leaves(it, like, names, exercise.name, "returned"))
    except _Unlike as unlike:
        raise CheckFailed(f"✗ {unlike}\n  It should return {wanted}.") from None


def _leaves(it: Any, like: Any, names: Any, name: str, verb: str) -> list[Any]:
    if like is _ANY:
        return [it]
    _is_a_value(it, f"{name} {verb}")
    if not isinstance(like, tuple):
        return [_numbers(it, np.shape(like), f"{name}: {names}")]
    parts = list(it) if isinstance(it, tuple | list) or _is_table(it, like) else [it]
    if len(parts) != len(like):
        count = "1 value" if len(parts) == 1 else f"{len(parts)} values"
        raise _Unlike(f"{name} {verb} {count} instead of {len(like)}.")
    verbs = [f"returned as {_label(label)}" for label in names]
    rows = zip(parts, like, names, verbs, strict=True)
    return [leaf for a, b, label, v in rows for leaf in _leaves(a, b, label, name, v)]


def _is_a_value(it: Any, subject: str) -> None:
    """Asserts that it is neither nothing, nor a function, nor a dictionary."""
    if it is None:
        raise _Unlike(f"{subject} nothing.")
    if isinstance(it, dict):
        raise _Unlike(f"{subject} a dictionary.")
    if callable(it):
        raise _Unlike(
            f"{subject} a function.\n"
            "  Hint: JAX makes functions of functions. Was this one called?"
        )


def _label(names: Any) -> str:
    if isinstance(names, tuple):
        return f"({', '.join(map(_label, names))})"
    return names


def _is_table(it: Any, like: tuple) -> bool:
    """Whether it is an array with a row for each of the arrays that are asked for."""
    if not hasattr(it, "shape") or any(isinstance(part, tuple) for part in like):
        return False
    return np.shape(it) == (len(like), *np.shape(like[0]))


def _held(it: tuple | list, shape: tuple[int, ...], label: str) -> str:
    wanted = "array" if shape else "number"
    said = f"{label} should be one {wanted}, not a {type(it).__name__} of {len(it)}."
    if shape and len(it) != 1:
        return f"{said}\n  Hint: `jnp.array` makes an array of numbers."
    hint = (
        "return what is in it." if len(it) == 1 else "one of them is asked for alone."
    )
    return f"{said}\n  Hint: {hint}"


def _numbers(it: Any, shape: tuple[int, ...], label: str) -> np.ndarray:
    if isinstance(it, tuple | list):
        raise _Unlike(_held(it, shape, label))
    array = np.asarray(it)
    if array.dtype.kind == "O":
        raise _Unlike(f"{label} should be numbers. This is {calls.kind(it)}.")
    if array.shape != shape or array.dtype.kind not in "biuf":
        raise _Unlike(
            f"{label} should be numbers of shape {shape}, got {array.dtype} of shape "
            f"{array.shape}."
        )
    return array
