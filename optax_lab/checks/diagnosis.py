# Where a function first differs from the reference, and which mistake does the same.

import inspect
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from optax_lab.checks import mistakes, trials
from optax_lab.checks.exercise import Exercise, Outputs, Property, Step, Trial
from optax_lab.checks.failure import CheckFailed

_IN_JAX = ", with JAX's arrays,"
NEAR = 1e-4  # students compute in float32


class Difference(NamedTuple):
    """Holds the first step at which two runs differ, and what it returned there."""

    trial: Trial
    step: int
    expected: Outputs
    got: Outputs


def check(exercise: Exercise, f: Step, *, seed: int = 0) -> None:
    """Tries a function on one step by hand, on ten random ones, and on properties.

    Args:
      exercise: the task.
      f: the function that was written for it.
      seed: of the random steps.

    Raises:
      CheckFailed: naming the first step that differs, what was expected and got, and
        the mistake that comes to the same numbers, if it is a known one.
    """
    tried = [exercise.by_hand, exercise.draw(np.random.default_rng(seed))]
    runs = [trials.run(exercise, f, trial) for trial in tried]
    for trial, rows in zip(tried, runs, strict=True):
        difference = first_difference(exercise, trial, rows)
        if difference is not None:
            known = recognised(exercise, tried, runs)
            raise CheckFailed(_message(exercise, difference, known))
    if exercise.in_jax:
        _works_in_jax(exercise, f)
    for it in exercise.properties:
        _holds(exercise, f, it)
    _has_no_memory(exercise, f)
    count = len(tried[1].observations)
    print(f"✓ {exercise.name}: right by hand, and in {count} random {exercise.unit}s")


def _works_in_jax(exercise: Exercise, f: Step) -> None:
    """Asserts that the step by hand is right in JAX's arrays too."""
    start, observations = jax.tree.map(
        lambda x: jnp.asarray(x) if isinstance(x, np.ndarray) else x,
        (exercise.by_hand.start, exercise.by_hand.observations),
    )
    trial = exercise.by_hand._replace(
        name=exercise.by_hand.name + _IN_JAX,
        start=start,
        observations=observations,
    )
    try:
        rows = trials.run(exercise, f, trial)
    except CheckFailed as failed:
        raise CheckFailed(
            f"{failed}\n  With NumPy's arrays it was right; these were JAX's, as in "
            "the notebook."
        ) from failed
    difference = first_difference(exercise, trial, rows)
    if difference is not None:
        raise CheckFailed(_message(exercise, difference, ()))


def _holds(exercise: Exercise, f: Step, it: Property) -> None:
    """Asserts that a property holds."""
    try:
        rows = trials.run(exercise, f, it.trial)
    except CheckFailed as failed:
        raise CheckFailed(
            f"{failed}\n  It was asked whether {it.sentence}."
        ) from failed
    if not it.holds(rows):
        raise CheckFailed(f"✗ {exercise.name}: this is not true yet: {it.sentence}.")


def _has_no_memory(exercise: Exercise, f: Step) -> None:
    """Asserts that the step by hand comes to the same a second time."""
    again = trials.run(exercise, f, exercise.by_hand)
    if first_difference(exercise, exercise.by_hand, again) is not None:
        raise CheckFailed(
            f"✗ {exercise.name} answers differently when it is asked a second time.\n"
            "  Hint: does it keep something in a variable outside of it?"
        )


def first_difference(
    exercise: Exercise, trial: Trial, rows: list[Outputs]
) -> Difference | None:
    """Returns the first step at which the outputs are not the reference's."""
    expected = trials.reference(exercise, trial)
    for step, (a, b) in enumerate(zip(expected, rows, strict=True), 1):
        if not _alike(a, b, trial.observations[step - 1]):
            return Difference(trial, step, a, b)
    return None


def recognised(
    exercise: Exercise, tried: list[Trial], runs: list[list[Outputs]]
) -> tuple[str, ...]:
    """Returns the mistake, or the two, that come to these outputs in every trial."""
    for wrong in mistakes.guesses(exercise.mistakes):
        rows = (trials.reference(exercise, trial, wrong) for trial in tried)
        if all(map(alike, tried, rows, runs)):
            return wrong
    return ()


def alike(trial: Trial, expected: list[Outputs], got: list[Outputs]) -> bool:
    """Says whether the outputs of all steps agree."""
    return all(map(_alike, expected, got, trial.observations))


def _alike(expected: Outputs, got: Outputs, observation: Any) -> bool:
    scale = _scale(expected, observation)
    near = (_near(a, b, scale) for a, b in zip(expected, got, strict=True))
    return all(near)


def _near(a: np.ndarray, b: np.ndarray, scale: float) -> bool:
    """Whether numbers agree; a NaN is like a NaN, since some mistakes make them."""
    return np.allclose(b, a, rtol=NEAR, atol=NEAR * 1e-2 * scale, equal_nan=True)


def _scale(*numbers: Any) -> float:
    """Returns the largest of the numbers: all that is computed with is rounded."""
    arrays = [np.asarray(x, float) for x in jax.tree.leaves(numbers)]
    return max(
        float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x))) for x in arrays
    )


def _message(exercise: Exercise, found: Difference, known: tuple[str, ...]) -> str:
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
    scale = _scale(found.expected, found.trial.observations[found.step - 1])
    return [
        (name, "as expected" if _near(a, b, scale) else _both(a, b))
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
    if found.trial.name.endswith(_IN_JAX):
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
