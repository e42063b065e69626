# A task of the third notebook: the first epoch that reaches a target.

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from optax_lab.checks import calls, mistakes
from optax_lab.checks.failure import CheckFailed


class Case(NamedTuple):
    """Holds accuracies and a target, for `first_epoch`."""

    accuracy: np.ndarray
    target: float


def first_epoch(f: Any, *, seed: int = 0) -> None:
    """Checks a function that finds the first epoch which reaches a target.

    Args:
      f: `first_epoch(accuracy, target)`: takes the accuracy after each epoch and what
        is to be reached; returns the number of the first epoch, counted from 1, whose
        accuracy is at least the target, or None where there is none.
      seed: of the random accuracies.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    calls.fits("first_epoch", _SIGNATURE, f, calls.asked(reference))
    cases = [*CASES, *_drawn(seed)]
    got = [_answer(f, case) for case in cases]
    expected = [reference(*case) for case in cases]
    for case, right, answer in zip(cases, expected, got, strict=True):
        if answer != right:
            lines = [
                f"✗ first_epoch: for accuracies {_numbers(case.accuracy)} and the "
                f"target {case.target:g}",
                f"  it should return {right}, and returns {answer}.",
                *_hints(_recognised(cases, got)),
            ]
            raise CheckFailed("\n".join(lines))
    print(f"✓ first_epoch: right in {len(cases)} cases")


_SIGNATURE = "first_epoch(accuracy, target) -> epoch or None"
MISTAKES = (
    "from_zero",
    "never_is_first",
    "strictly",
    "last",
    "never_is_zero",
    "never_is_minus_one",
)
CASES = (
    Case(np.array([0.2, 0.5, 0.9, 0.8, 0.95]), 0.9),
    Case(np.array([0.95, 0.96]), 0.9),
    Case(np.array([0.3, 0.6, 0.7]), 0.5),
    Case(np.array([0.1, 0.2, 0.3]), 0.9),
)


def reference(
    accuracy: np.ndarray, target: float, wrong: tuple[str, ...] = ()
) -> int | None:
    """Returns the first epoch that reaches a target; with mistakes, another number."""
    reached = accuracy > target if "strictly" in wrong else accuracy >= target
    if not reached.any() and "never_is_first" not in wrong:
        return _never(wrong)
    epochs = np.flatnonzero(reached) if reached.any() else np.zeros(1, int)
    return int(epochs[-1 if "last" in wrong else 0]) + ("from_zero" not in wrong)


def _never(wrong: tuple[str, ...]) -> int | None:
    if "never_is_zero" in wrong:
        return 0
    return -1 if "never_is_minus_one" in wrong else None


def _drawn(seed: int) -> list[Case]:
    random = np.random.default_rng(seed)
    rows = random.integers(0, 10, (10, 8)) / 10
    return [Case(row, float(random.integers(5, 11)) / 10) for row in rows]


def _answer(f: Callable[..., Any], case: Case) -> Any:
    """Returns what a function says of a case, a whole number or None."""
    try:
        said = f(case.accuracy.copy(), case.target)
    except calls.FAULTS as error:
        raise CheckFailed(calls.told("first_epoch", _SIGNATURE, error, f)) from error
    if said is None:
        return None
    if not _is_whole(said):
        raise CheckFailed(
            "✗ first_epoch should return a whole number or None.\n"
            f"  This is {calls.kind(said)}."
        )
    return int(said)


def _is_whole(it: Any) -> bool:
    number = np.asarray(it)
    return not number.ndim and number.dtype.kind in "iuf" and float(it).is_integer()


def _recognised(cases: list[Case], got: list[Any]) -> tuple[str, ...]:
    for wrong in mistakes.guesses(MISTAKES):
        if [reference(*case, wrong) for case in cases] == got:
            return wrong
    return ()


def _hints(known: tuple[str, ...]) -> list[str]:
    if known:
        return mistakes.told(known)
    return [
        "  Hint: go through these accuracies one after the other, and count. Where do",
        "  you stop, and what if you never do?",
    ]


def _numbers(x: np.ndarray) -> str:
    return np.array2string(x, separator=", ")
