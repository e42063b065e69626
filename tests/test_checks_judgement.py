# What a student of notebook 4 is told, and that its references are right.

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from optax_lab import checks
from optax_lab.checks import intervals, stopping, turns
from optax_lab.problems import surfaces
from tests import students

EXERCISES = (turns.ROTATED, stopping.HAS_CONVERGED, intervals.PAIRED_INTERVAL)
every = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
MISTAKES = [(e, name) for e in EXERCISES for name in e.mistakes]


@every
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_right_function_passes_whatever_the_random_cases(exercise, seed, capsys):
    students.passes(exercise, seed, capsys)


@pytest.mark.parametrize(
    ("exercise", "name"), MISTAKES, ids=lambda x: getattr(x, "name", x)
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_known_mistake_is_told_by_its_name_with_its_hint(exercise, name, seed):
    students.is_told_by_name(exercise, name, seed)


@pytest.mark.slow
@every
def test_of_two_mistakes_none_is_told_that_was_not_made(exercise):
    students.pairs_are_told(exercise)


# --- rotated --------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [-30.0, 0.0, 45.0, 90.0, 200.0])
def test_the_reference_turns_as_the_library_does(degrees):
    bowl = surfaces.quadratic()  # the middle of its window is the origin
    ours = turns.ROTATED.reference(bowl.value, degrees)
    theirs = surfaces.rotate(bowl, degrees)
    points = jax.random.normal(jax.random.key(0), (20, 2))
    np.testing.assert_allclose(
        jax.vmap(ours)(points), jax.vmap(theirs.value)(points), rtol=1e-5, atol=1e-6
    )


def by_matrix(f, degrees):
    angle = jnp.deg2rad(degrees)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return lambda p: f(jnp.array([[cos, sin], [-sin, cos]]) @ p)


def test_a_function_may_be_turned_by_a_matrix_and_jitted():
    checks.rotated(by_matrix)
    checks.rotated(lambda f, degrees: jax.jit(by_matrix(f, degrees)))


def in_numpy(f, degrees):
    a = math.radians(degrees)
    matrix = np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]])
    return lambda p: f(np.dot(matrix, np.asarray(p)))


def turned_by_half(f, degrees):
    return by_matrix(f, degrees / 2)


def blank(*_):
    raise NotImplementedError("write your code here")


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (blank, "nothing is written yet (write your code here)"),
        (lambda f, degrees: None, "should return a function, got NoneType"),
        (lambda f, degrees: f(jnp.ones(2)), "should return a function, got "),
        (lambda f, degrees: lambda p: p, "value should be numbers of shape ()"),
        (lambda f, degrees: lambda p: None, "rotated returned nothing"),
        (lambda f, degrees: lambda x, y: f(x), "called with 1 argument: missing"),
        (in_numpy, "JAX cannot trace the function that it returns"),
        (turned_by_half, "by hand, a turn of (x + 4)² + 10y², differs\n    point    ["),
    ],
)
def test_what_turns_nothing_is_told_in_a_sentence(f, said):
    assert said in students.told("rotated", f)


@pytest.mark.parametrize("signs", [(1, 1), (-1, -1), (1, -1), (-1, 1)])
def test_only_two_of_four_pairs_of_signs_make_a_turn(signs):
    def signed(f, degrees):
        a = jnp.deg2rad(degrees)
        cos, sin = jnp.cos(a), jnp.sin(a)

        def turned(point):
            x, y = point
            sines = signs[0] * sin * y, signs[1] * sin * x
            return f(jnp.stack([cos * x + sines[0], cos * y + sines[1]]))

        return turned

    if signs == (1, -1):
        checks.rotated(signed)
        return
    told = {(-1, 1): {"turned_back"}, (1, 1): {"no_minus"}, (-1, -1): {"two_minus"}}
    assert students.named("rotated", signed) == told[signs]


# --- has_converged --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bool, float, np.bool_, jnp.asarray])
def test_an_answer_may_be_any_kind_of_truth(kind):
    checks.has_converged(lambda g, tolerance: kind(np.linalg.norm(g) <= tolerance))


def test_the_border_is_anyones():
    checks.has_converged(lambda g, tolerance: jnp.linalg.norm(g) < tolerance)
    checks.has_converged(lambda g, tolerance: jnp.linalg.norm(g) <= tolerance)


@pytest.mark.parametrize(
    ("f", "mistake"),
    [
        (lambda g, tolerance: not jnp.linalg.norm(g) > tolerance, "nan_converged"),
        (lambda g, tolerance: g.max() <= tolerance, "signed"),
        (lambda g, tolerance: abs(g).max() <= tolerance, "each_alone"),
        (lambda g, tolerance: (abs(g) <= tolerance).any(), "any_small"),
        (lambda g, tolerance: g @ g <= tolerance, "squared"),
    ],
)
def test_a_mistake_of_a_stop_rule_is_told_however_it_is_written(f, mistake):
    assert students.named("has_converged", f) == {mistake}


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (blank, "nothing is written yet"),
        (lambda g, tolerance: True if g.sum() > 0 else None, "returned nothing"),
        (lambda g, tolerance: abs(g) <= tolerance, "numbers of shape ()"),
        (lambda g, tolerance: "yes", "numbers of shape ()"),
        (lambda g, tolerance: np.linalg.norm(g), "expected False, got 5."),
        (lambda g: True, "cannot be called with 2 arguments"),
        (lambda g, tolerance: True, "expected False, got True"),
        (lambda g, tolerance: False, "expected True, got False"),
    ],
)
def test_what_is_no_stop_rule_is_told_in_a_sentence(f, said):
    assert said in students.told("has_converged", f)


def test_nan_everywhere_is_asked_for_too():
    def first_only(g, tolerance):  # a NaN is found where not all are NaN
        return np.linalg.norm(g) <= tolerance or bool(np.isnan(g).all())

    assert "a gradient that is NaN has not converged" in students.told(
        "has_converged", first_only
    )


# --- paired_interval ------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_the_reference_is_scipys_interval(n):
    random = np.random.default_rng(n)
    a, b = random.normal(size=(2, n))
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    ours = intervals.PAIRED_INTERVAL.reference(a, b)
    np.testing.assert_allclose(ours, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (blank, "nothing is written yet"),
        (lambda a, b: (a - b).mean(), "returned 1 value instead of 2"),
        (lambda a, b: (a - b, a - b), "low should be numbers of shape ()"),
        (lambda a, b: None, "returned nothing"),
        (lambda a: (0, 1), "cannot be called with 2 arguments"),
        (lambda a, b: ((a - b).mean(),) * 2, "Hint: do this one case with pencil"),
    ],
)
def test_what_is_no_interval_is_told_in_a_sentence(f, said):
    assert said in students.told("paired_interval", f)


def test_the_ends_in_the_other_order_are_not_taken_for_another_mistake():
    def backwards(a, b):
        return intervals.PAIRED_INTERVAL.reference(a, b)[::-1]

    assert students.named("paired_interval", backwards) == {"order"}
    said = students.told("paired_interval", backwards)
    assert "expected -0.48414, got 4.48414" in said
