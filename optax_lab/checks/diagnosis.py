# Where a function first differs from the reference, and which mistake does the same.

import jax
import jax.numpy as jnp
import numpy as np

from optax_lab.checks import agreement, mistakes, trials, wording
from optax_lab.checks.exercise import Exercise, Outputs, Property, Step, Trial
from optax_lab.checks.failure import CheckFailed


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
            raise CheckFailed(wording.message(exercise, difference, known))
    if exercise.in_jax:
        _works_in_jax(exercise, f)
    for it in exercise.properties:
        _holds(exercise, f, it)
    _has_no_memory(exercise, f, tried[1])
    count = len(tried[1].observations)
    print(f"✓ {exercise.name}: right by hand, and in {count} random {exercise.unit}s")


def _works_in_jax(exercise: Exercise, f: Step) -> None:
    """Asserts that the step by hand is right in JAX's arrays too."""
    start, observations = jax.tree.map(
        lambda x: jnp.asarray(x) if isinstance(x, np.ndarray) else x,
        (exercise.by_hand.start, exercise.by_hand.observations),
    )
    trial = exercise.by_hand._replace(
        name=exercise.by_hand.name + wording.IN_JAX,
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
        raise CheckFailed(wording.message(exercise, difference, ()))


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


def _has_no_memory(exercise: Exercise, f: Step, drawn: Trial) -> None:
    """Asserts that the step by hand is right again, and one that is asked alone."""
    asked = [exercise.by_hand]
    if exercise.kept and not exercise.own_state:
        asked.append(_alone(exercise, drawn, 5))
    for trial in asked:
        rows = trials.run(exercise, f, trial)
        if first_difference(exercise, trial, rows) is not None:
            raise CheckFailed(
                f"✗ {exercise.name} answers differently when it is asked again.\n"
                "  Hint: does it keep something in a variable outside of it?"
            )


def _alone(exercise: Exercise, trial: Trial, t: int) -> Trial:
    """Returns a trial of one step of another, from what is handed on to it."""
    before = trials.reference(exercise, trial)[t - 2]
    here = [trial.observations[t - 1]]
    return trial._replace(start=before[: exercise.kept], observations=here, first=t)


def first_difference(
    exercise: Exercise, trial: Trial, rows: list[Outputs]
) -> wording.Difference | None:
    """Returns the first step at which the outputs are not the reference's."""
    expected = trials.reference(exercise, trial)
    for step, (a, b) in enumerate(zip(expected, rows, strict=True), 1):
        if not agreement.row_alike(a, b, trial.observations[step - 1]):
            return wording.Difference(trial, step, a, b)
    return None


def recognised(
    exercise: Exercise, tried: list[Trial], runs: list[list[Outputs]]
) -> tuple[str, ...]:
    """Returns the mistake, or the two, that come to these outputs in every trial."""
    for wrong in mistakes.guesses(exercise.mistakes):
        rows = (trials.reference(exercise, trial, wrong) for trial in tried)
        if all(map(agreement.alike, tried, rows, runs)):
            return wrong
    return ()
