# Students who hand in the reference, or one of the mistakes that it can make.

import functools
import itertools

import numpy as np
import pytest

from optax_lab import checks
from optax_lab.checks import agreement, mistakes, trials
from optax_lab.checks.exercise import Exercise


def mistaken(exercise: Exercise, *wrong: str):
    """Returns the function of a task with mistakes in it."""
    return functools.partial(exercise.reference, wrong=wrong)


def told(name: str, f, **settings) -> str:
    """Returns what a check says of a function that is not right."""
    with pytest.raises(checks.CheckFailed) as caught:
        getattr(checks, name)(f, **settings)
    return str(caught.value)


def named(name: str, f, **settings) -> set[str]:
    """Returns the names of the mistakes that a check says a function looks like."""
    said = told(name, f, **settings).splitlines()
    seen = {f"  It looks like {seen}.": m for m, (seen, _) in mistakes.HINTS.items()}
    return {seen[line] for line in said if "It looks like" in line}


def come_to_the_same(exercise: Exercise, one, other) -> bool:
    """Says whether two sets of mistakes make the same numbers."""
    tried = [exercise.by_hand, exercise.draw(np.random.default_rng(0))]
    return all(
        agreement.alike(
            trial,
            trials.reference(exercise, trial, tuple(one)),
            trials.reference(exercise, trial, tuple(other)),
        )
        for trial in tried
    )


def pairs_are_told(exercise: Exercise) -> None:
    """Asserts that of two mistakes those are told, or what comes to the same."""
    for pair in itertools.combinations(exercise.mistakes, 2):
        if come_to_the_same(exercise, pair, ()):  # they cancel
            continue
        names = named(exercise.name, mistaken(exercise, *pair))
        assert names
        assert names <= set(pair) or come_to_the_same(exercise, pair, names)


def passes(exercise: Exercise, seed: int, capsys) -> None:
    """Asserts that the right function passes, and is told so."""
    getattr(checks, exercise.name)(exercise.reference, seed=seed)
    count = len(exercise.draw(np.random.default_rng(seed)).observations)
    said = f"✓ {exercise.name}: right by hand, and in {count} random {exercise.unit}s\n"
    assert capsys.readouterr().out == said


def is_told_by_name(exercise: Exercise, name: str, seed: int) -> None:
    """Asserts that a mistake, and no other, is called by its name, with its hint."""
    said = told(exercise.name, mistaken(exercise, name), seed=seed)
    seen, hint = mistakes.HINTS[name]
    assert f"It looks like {seen}." in said
    assert f"Hint: {hint}" in said
    assert said.count("It looks like") == 1
    assert all(len(line) < 100 for line in said.splitlines())
