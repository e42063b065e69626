# What a student of notebook 0 is told, and that its references are what JAX computes.


import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optax_lab import checks
from optax_lab.checks import basics, wording
from tests import students

EXERCISES = (basics.SLOPE, basics.BATCHED, basics.DESCEND)
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


@every
def test_of_two_mistakes_none_is_told_that_was_not_made(exercise):
    students.pairs_are_told(exercise)


# --- As a student writes it, in JAX ---------------------------------------------------


def loss(x):
    return jnp.sqrt(1 + (x - 3) ** 2)


def scanned(x, lr, steps):
    def step(x, _):
        return x - lr * jax.grad(loss)(x), None

    return jax.lax.scan(step, x, length=steps)[0]


def test_jax_computes_what_the_references_do():
    checks.slope(jax.grad(loss))
    checks.batched(jax.vmap(jax.grad(loss)))
    checks.batched(jax.jit(jax.grad(lambda xs: loss(xs).sum())))
    checks.descend(scanned)
    checks.descend(jax.jit(scanned, static_argnames="steps"))


def test_a_mistake_in_jax_is_told():
    assert students.named("slope", loss) == {"value"}
    mean = jax.grad(lambda xs: loss(xs).mean())
    assert students.named("batched", mean) == {"of_the_mean"}

    def late(x, lr, steps):
        return scanned(x, lr, steps + 1)

    assert students.named("descend", late) == {"too_many"}


def blank(*_):
    raise NotImplementedError("write your code here")


@pytest.mark.parametrize(
    ("name", "f", "said"),
    [
        ("slope", blank, "nothing is written yet (write your code here)"),
        ("slope", lambda x: None, "slope returned nothing"),
        ("slope", lambda x: jax.grad(loss), "slope returned a function"),
        ("slope", lambda x: "steep", "slope should be numbers of shape ()"),
        ("slope", lambda: 1.0, "cannot be called with 1 argument"),
        ("slope", lambda x: 0 * x, "Hint: do this one case with pencil and paper"),
        ("slope", lambda x: 0.8 * (x - 3), "What is different in this one?"),
        (
            "batched",
            lambda xs: loss(xs).sum(),
            "slopes should be numbers of shape (2,)",
        ),
        ("batched", jax.grad(loss), "Gradient only defined for scalar-output"),
        ("batched", lambda xs: [1.0, 2.0], "one array, not a list of 2"),
        ("descend", lambda x, lr, steps: (x, lr), "one number, not a tuple of 2"),
        ("descend", lambda x, lr, steps: np.full(steps, x), "numbers of shape ()"),
    ],
)
def test_what_is_no_answer_is_told_in_a_sentence(name, f, said):
    assert said in students.told(name, f)


@pytest.mark.parametrize(
    ("name", "f", "shown"),
    [
        ("slope", lambda x: 0.8 * (x - 3), ["    x      "]),
        ("batched", lambda xs: 0.8 * (xs - 3), ["    xs      ["]),
        ("descend", lambda x, lr, steps: x - 0.3, ["    x      ", "    lr     "]),
    ],
)
def test_the_case_that_differs_is_shown(name, f, shown):
    said = students.told(name, f)
    assert "case 1 of ten random ones differs" in said
    assert all(line in said for line in shown)


def test_two_numbers_that_differ_in_the_sixth_digit_are_shown_apart():
    expected, got = wording._both(np.array(0.1234567), np.array(0.1234512)).split(",")
    assert expected.split()[1] != got.split()[1]


def test_a_descent_that_is_right_near_the_minimum_only_is_told():
    def hurried(x, lr, steps):  # as the reference for a few steps
        return scanned(x, lr, min(steps, 10))

    said = students.told("descend", hurried)
    assert "a hundred steps of 0.5 lead to the minimum" in said
