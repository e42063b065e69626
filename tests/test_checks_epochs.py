# What is told of a function that finds the first epoch which reaches a target.

import itertools

import numpy as np
import pytest

from optax_lab import checks
from optax_lab.checks import epochs, mistakes
from tests import students


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_right_epochs_pass_whatever_the_accuracies(seed, capsys):
    checks.first_epoch(epochs.reference, seed=seed)
    assert capsys.readouterr().out.startswith("✓ first_epoch")


def test_the_right_function_may_be_a_loop_or_return_numpy_numbers():
    def loop(accuracy, target):
        for epoch, reached in enumerate(accuracy, 1):
            if reached >= target:
                return epoch
        return None

    def with_numpy(accuracy, target):
        reached = np.asarray(accuracy) >= target
        return np.argmax(reached) + 1 if reached.any() else None

    checks.first_epoch(loop)
    checks.first_epoch(with_numpy)


def mistaken(*wrong):
    return lambda accuracy, target: epochs.reference(accuracy, target, wrong)


@pytest.mark.parametrize("wrong", epochs.MISTAKES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_mistake_in_the_first_epoch_is_told_by_its_name(wrong, seed):
    said = students.told("first_epoch", mistaken(wrong), seed=seed)
    seen, hint = mistakes.HINTS[wrong]
    assert f"It looks like {seen}." in said
    assert f"Hint: {hint}" in said
    assert said.count("It looks like") == 1


@pytest.mark.parametrize("pair", list(itertools.combinations(epochs.MISTAKES, 2)))
def test_of_two_mistakes_in_the_first_epoch_none_is_told_that_was_not_made(pair):
    said = students.told("first_epoch", mistaken(*pair))
    names = {m for m in epochs.MISTAKES if mistakes.HINTS[m][0] in said}
    answers = [
        [epochs.reference(*case, wrong) for case in (*epochs.CASES, *epochs._drawn(0))]
        for wrong in (pair, tuple(names))
    ]
    assert names == set(pair) or answers[0] == answers[1]


@pytest.mark.parametrize("never", [0, -1])
def test_a_number_for_never_is_told(never):
    def numbered(accuracy, target):
        found = epochs.reference(accuracy, target)
        return never if found is None else found

    said = students.told("first_epoch", numbered)
    name = "never_is_zero" if never == 0 else "never_is_minus_one"
    assert f"It looks like {mistakes.HINTS[name][0]}." in said
    assert said.count("It looks like") == 1


def test_an_epoch_that_is_like_no_known_mistake_has_a_hint_too():
    said = students.told(
        "first_epoch", lambda accuracy, target: int(np.argmax(accuracy))
    )
    assert "It looks like" not in said
    assert "Hint: " in said


def test_argmax_alone_is_told_both_of_its_mistakes():
    said = students.told("first_epoch", lambda a, target: np.argmax(a >= target))
    assert mistakes.HINTS["from_zero"][0] in said
    assert mistakes.HINTS["never_is_first"][0] in said


def raises(*_):
    raise NotImplementedError("write your code here")


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (raises, "nothing is written yet (write your code here)"),
        (lambda a: 1, "cannot be called with 2 arguments"),
        (lambda a, t: np.flatnonzero(a >= t), "whole number or None"),
        (lambda a, t: True, "whole number or None"),
        (lambda a, t: "3", "whole number or None"),
        (lambda a, t: 2.5, "whole number or None"),
        (lambda a, t: float("nan"), "whole number or None"),
        (lambda a, t: object(), "whole number or None"),
        (lambda a, t: None, "it should return 3, and returns None"),
        (lambda a, t: 0, "it should return 3, and returns 0"),
    ],
)
def test_what_is_no_epoch_is_told_in_a_sentence(f, said):
    assert said in students.told("first_epoch", f)


def test_a_first_epoch_that_writes_into_the_accuracies_harms_nobody():
    def writes(accuracy, target):
        found = epochs.reference(accuracy, target)
        accuracy[:] = 0
        return found

    checks.first_epoch(writes)


def test_a_hint_is_not_the_answer():
    for mistake in epochs.MISTAKES:
        hint = mistakes.HINTS[mistake][1]
        assert not any(code in hint for code in (">=", "+ 1", "None"))
