# What a student is told of a stop rule that is nearly right.

import math

import numpy as np
import pytest

from optax_lab.checks import mistakes
from tests import students

SEEDS = pytest.mark.parametrize("seed", [0, 1, 21, 22, 23])


@SEEDS
@pytest.mark.parametrize("first", [slice(2), slice(1, None), slice(-2, None)])
def test_a_rule_that_leaves_a_coordinate_out_does_not_pass(first, seed):
    def partial(g, tolerance):
        return np.linalg.norm(g[first]) <= tolerance

    students.told("has_converged", partial, seed=seed)


@SEEDS
@pytest.mark.parametrize("factor", [0.8, 0.95, 0.985, 1.015, 1.2, 2.0])
def test_a_rule_with_another_tolerance_does_not_pass(factor, seed):
    def shifted(g, tolerance):
        return np.linalg.norm(g) <= factor * tolerance

    said = students.told("has_converged", shifted, seed=seed)
    assert "It looks like" not in said


RULES = {
    "first_two": lambda g: np.sqrt(g[0] ** 2 + g[1] ** 2),
    "mean_square": lambda g: np.sqrt(np.mean(g**2)),
    "mean_size": lambda g: np.mean(np.abs(g)),
    "size_sum": lambda g: np.sum(np.abs(g)),
    "each_alone": lambda g: np.max(np.abs(g)),
}


@SEEDS
@pytest.mark.parametrize("mistake", RULES)
def test_another_length_is_told_by_its_own_name(mistake, seed):
    def ruled(g, tolerance):
        return RULES[mistake](g) <= tolerance

    said = students.told("has_converged", ruled, seed=seed)
    assert f"It looks like {mistakes.HINTS[mistake][0]}." in said
    assert said.count("It looks like") == 1


def test_the_gradient_that_is_judged_wrongly_is_shown():
    def two(g, tolerance):
        return math.hypot(g[0], g[1]) <= tolerance

    said = students.told("has_converged", two)
    assert "    gradient   [" in said
    assert "    tolerance  " in said
