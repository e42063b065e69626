# What is said of a step that differs: the numbers, the mistakes, and a hint.

import inspect
from typing import NamedTuple

import numpy as np

from optax_lab.checks import agreement, mistakes
from optax_lab.checks.exercise import Exercise, Outputs, Trial

IN_JAX = ", with JAX's arrays,"


class Difference(NamedTuple):
    """Holds the first step at which two runs differ, and what it returned there."""

    trial: Trial
    step: int
    expected: Outputs
    got: Outputs


def message(exercise: Exercise, found: Difference, known: tuple[str, ...]) -> str:
    """Returns what a student reads where a step differs."""
    place = f"{exercise.unit} {found.step} of {found.trial.name}"
    if len(found.trial.observations) == 1 and not exercise.kept:
        place = found.trial.name
    lines = [f"✗ {exercise.name}: {place} differs"]
    said = [*_shown(exercise, found), *_compared(exercise, found)]
    width = max(len(name) for name, _ in said)
    lines += [f"    {name:<{width}}  {numbers}" for name, numbers in said]
    lines += mistakes.told(known)
    if not known:
        lines.append("  " + _elsewhere(exercise, found))
    return "\n".join(lines)


def _shown(exercise: Exercise, found: Difference) -> list[tuple[str, str]]:
    """Returns the names of what a case holds, and the numbers."""
    case = found.trial.observations[found.step - 1]
    held = case if isinstance(case, tuple) else (case,)
    return [
        (name, _numbers(np.asarray(x)))
        for name, x in zip(exercise.given, held, strict=bool(exercise.given))
    ]


def _compared(exercise: Exercise, found: Difference) -> list[tuple[str, str]]:
    """Returns the names of what was returned, and what was expected and got."""
    scale = agreement.scale(found.expected, found.trial.observations[found.step - 1])
    return [
        (name, "as expected" if agreement.near(a, b, scale) else _both(a, b))
        for name, a, b in zip(exercise.outputs, found.expected, found.got, strict=True)
    ]


def _both(a: np.ndarray, b: np.ndarray) -> str:
    digits = next((n for n in (5, 8) if _numbers(a, n) != _numbers(b, n)), 17)
    return f"expected {_numbers(a, digits)}, got {_numbers(b, digits)}"


def _elsewhere(exercise: Exercise, found: Difference) -> str:
    if found.step > 1 and exercise.kept:
        depends = ", and what depends on t?" if _counts(exercise) else "?"
        return (
            "Hint: the first step is right. What should be handed on from one step to\n"
            f"  the next{depends}"
        )
    if found.trial.name.endswith(IN_JAX):
        return (
            "With NumPy's arrays it was right. JAX's have fewer digits, or other rules."
        )
    if found.trial is exercise.by_hand:
        return f"Hint: do this one {exercise.unit} with pencil and paper, term by term."
    if not found.trial.hypers and len(exercise.given) == 1:
        return "Hint: the example by hand is right. What is different in this one?"
    return (
        "Hint: the example by hand is right. Does the function use all that it is\n"
        "  given, or a number of its own?"
    )


def _counts(exercise: Exercise) -> bool:
    return "t" in inspect.signature(exercise.reference).parameters


def _numbers(x: np.ndarray, digits: int = 5) -> str:
    if x.dtype.kind in "biu":
        return str(x)
    return np.array2string(
        np.asarray(x, float),
        precision=digits,
        separator=", ",
        threshold=12,
        max_line_width=76,
        prefix=" " * 16,
    )
