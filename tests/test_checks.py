# What a student is told: the right function passes, and each mistake has its name.

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optax_lab
from optax_lab import checks, ewma
from optax_lab.checks import adams, averages, descents, mistakes, trials
from tests import students

EXERCISES = (
    averages.MOVING_AVERAGE,
    descents.MOMENTUM,
    descents.RMSPROP,
    adams.ADAM,
    adams.RMSPROP_CORRECTED,
)
CHECKS = {exercise.name: getattr(checks, exercise.name) for exercise in EXERCISES}
every = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
MISTAKES = [(e, name) for e in EXERCISES for name in e.mistakes]


mistaken = students.mistaken


def told(exercise, f, **settings):
    return students.told(exercise.name, f, **settings)


@every
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_right_function_passes_whatever_the_random_steps(exercise, seed, capsys):
    students.passes(exercise, seed, capsys)


def test_the_right_function_may_be_written_in_jax():
    @jax.jit
    def momentum(x, g, v, lr, rho):
        v = rho * v + (1 - rho) * g
        return x - lr * v, v

    checks.momentum(momentum)


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


def test_the_first_step_that_differs_is_told_with_what_was_expected_and_got():
    said = told(descents.MOMENTUM, mistaken(descents.MOMENTUM, "plus"))
    assert "step 1 of the example by hand differs" in said
    assert "x  expected [0.95, 2.1 ], got [1.05, 1.9 ]" in said
    assert "v  as expected" in said

    def forgets(x, g, v, lr, rho):  # right in the first step only
        return x - lr * (1 - rho) * g, (1 - rho) * g

    said = told(descents.MOMENTUM, forgets)
    assert "step 2 of ten random ones differs" in said
    assert "handed on from one step to" in said


def test_a_number_of_its_own_is_asked_for():
    def stubborn(x, g, v, lr, rho):
        v = 0.5 * v + 0.5 * g
        return x - lr * v, v

    assert "a number of its own" in told(descents.MOMENTUM, stubborn)


def raises(*_):
    raise NotImplementedError("write your code here")


def is_wrong(*_):
    return np.zeros(2) + np.zeros(3)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (raises, "nothing is written yet (write your code here)"),
        (lambda *_: None, "returned nothing"),
        (lambda x, g, v, lr, rho: x - lr * g, "returned 1 value instead of 2"),
        (lambda x, g, v, lr, rho: (x, 0.0), "v should be numbers of shape (2,)"),
        (lambda x, g, v, lr, rho: (x, np.array(["a", "b"])), "v should be numbers"),
        (lambda x, g: (x, g), "cannot be called with 5 arguments: too many"),
        (is_wrong, "raised ValueError: operands could not be broadcast"),
    ],
)
def test_what_is_no_answer_at_all_is_told_in_a_sentence(f, said):
    message = told(descents.MOMENTUM, f)
    assert said in message
    if "return" in said or "should be" in said:
        assert "It should return (x, v)." in message


def test_the_line_that_raises_is_shown():
    assert "line " in told(descents.MOMENTUM, is_wrong)
    assert "np.zeros(2) + np.zeros(3)" in told(descents.MOMENTUM, is_wrong)


def test_a_function_that_writes_into_what_it_is_given_is_told_so():
    def momentum(x, g, v, lr, rho):
        v *= rho
        v += (1 - rho) * g
        return x - lr * v, v

    said = told(descents.MOMENTUM, momentum)
    assert "changes the arrays that it is given" in said


def test_a_function_with_a_memory_of_its_own_is_told_so():
    kept = []

    def momentum(x, g, v, lr, rho):
        kept.append(1)
        v = rho * v + (1 - rho) * g
        return x - lr * v * (1 if len(kept) < 16 else 2), v

    said = told(descents.MOMENTUM, momentum)
    assert "asked again" in said


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_the_answer_is_never_told(exercise):
    lines = {
        line.strip()
        for module in (averages, descents, adams)
        for line in inspect.getsource(module).splitlines()
        if "=" in line and "lr" in line
    }
    for name in exercise.mistakes:
        said = told(exercise, mistaken(exercise, name))
        assert not any(line in said for line in lines)
        assert not any(code in said for code in ("rho *", "lr *", "**", "sqrt"))


@every
def test_what_is_told_is_one_page_and_no_traceback(exercise):
    for name in exercise.mistakes:
        with pytest.raises(checks.CheckFailed) as caught:
            CHECKS[exercise.name](mistaken(exercise, name))
        rendered = caught.value._render_traceback_()
        assert len(rendered) <= 8
        assert all(len(line) < 100 for line in rendered)


def test_every_mistake_has_a_hint():
    assert {name for _, name in MISTAKES} <= set(mistakes.HINTS)


# --- The references are the library's optimizers --------------------------------------


def ten_steps(exercise, optimizer, hypers):
    """Returns where an optimizer of the library is after each of the random steps."""
    trial = exercise.draw(np.random.default_rng(3))._replace(hypers=hypers)
    x, rows = jnp.asarray(trial.start[0]), []
    state = optimizer.init(x)
    for g in trial.observations:
        update, state = optimizer.update(jnp.asarray(g), state, x)
        x = x + update
        rows.append(x)
    return rows, [row[0] for row in trials.reference(exercise, trial)]


@pytest.mark.parametrize(
    ("exercise", "optimizer", "hypers"),
    [
        (
            descents.MOMENTUM,
            optax_lab.momentum(0.1, decay=0.9),
            {"lr": 0.1, "rho": 0.9},
        ),
        (
            descents.RMSPROP,
            optax_lab.rmsprop(0.1, decay=0.99, eps=1e-5),
            {"lr": 0.1, "rho": 0.99, "delta": 1e-5},
        ),
        (
            adams.ADAM,
            optax_lab.adam(0.1, b1=0.9, b2=0.999, eps=0.0, eps_root=1e-5),
            {"lr": 0.1, "rhos": (0.9, 0.999), "delta": 1e-5},
        ),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_a_reference_steps_as_the_library_does(exercise, optimizer, hypers):
    ours, reference = ten_steps(exercise, optimizer, hypers)
    np.testing.assert_allclose(ours, reference, rtol=1e-12, atol=1e-12)


def test_the_reference_of_the_average_is_the_one_average():
    trial = averages.MOVING_AVERAGE.draw(np.random.default_rng(3))
    rows = trials.reference(averages.MOVING_AVERAGE, trial)
    state = ewma.init(jnp.zeros(3))
    for y, (plain, corrected) in zip(trial.observations, rows, strict=True):
        state = ewma.update(state, jnp.asarray(y), trial.hypers["rho"])
        np.testing.assert_allclose(ewma.raw(state), plain, rtol=1e-12)
        np.testing.assert_allclose(ewma.read(state), corrected, rtol=1e-12)


def test_a_property_is_told_where_the_numbers_do_not_show_it():
    def one_shape(s, y, rho, t):  # right, but for matrices
        s = rho * s + (1 - rho) * y
        corrected = s / (1 - rho**t)
        return s, corrected if np.ndim(y) < 2 else 0 * corrected

    said = told(averages.MOVING_AVERAGE, one_shape)
    assert "the average of a constant is that constant" in said
