# What is told of functions that cannot be called, raise, or return another structure.

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optax_lab import checks
from optax_lab.checks import mistakes
from tests import students


def momentum(x, g, v, lr, rho):
    v = rho * v + (1 - rho) * g
    return x - lr * v, v


def adam(x, g, state, lr, rhos, delta, t):
    (v, r), (rho_1, rho_2) = state, rhos
    v = rho_1 * v + (1 - rho_1) * g
    r = rho_2 * r + (1 - rho_2) * g**2
    v_hat, r_hat = v / (1 - rho_1**t), r / (1 - rho_2**t)
    return x - lr * v_hat / np.sqrt(r_hat + delta), (v, r)


def loss(x):
    return jnp.sqrt(1 + (x - 3) ** 2)


def descend(x, lr, steps):
    for _ in range(steps):
        x = x - lr * (x - 3) / np.sqrt(1 + (x - 3) ** 2)
    return x


def after(f, change):
    """Returns a function that changes what another returns."""
    return lambda *given: change(f(*given))


# --- Structures -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("momentum", after(momentum, list)),
        ("momentum", after(momentum, np.stack)),
        ("adam", after(adam, lambda out: [out[0], list(out[1])])),
        ("adam", after(adam, lambda out: (out[0], np.stack(out[1])))),
    ],
)
def test_pairs_may_be_lists_or_arrays(name, f):
    getattr(checks, name)(f)


@pytest.mark.parametrize("kind", [tuple, list, np.array, jnp.array])
def test_two_numbers_may_come_in_any_row(kind):
    def paired_interval(a, b):
        d = a - b
        half = {2: 12.706, 3: 4.3027}.get(len(d), 1) * d.std(ddof=1) / len(d) ** 0.5
        return kind([d.mean() - half, d.mean() + half])

    said = students.told("paired_interval", paired_interval)
    assert "case 2 of ten random ones differs" in said  # the structure is right


@pytest.mark.parametrize(
    ("name", "f", "said"),
    [
        ("adam", after(adam, lambda o: (o[0], *o[1])), "3 values instead of 2"),
        ("adam", after(adam, lambda o: o[0]), "1 value instead of 2"),
        (
            "adam",
            after(adam, lambda o: (o[0], o[1][0])),
            "returned as (v, r) 1 value instead of 2",
        ),
        ("adam", after(adam, lambda o: (o[0], None)), "returned as (v, r) nothing"),
        (
            "adam",
            after(adam, lambda o: (o[0], (o[1][0], None))),
            "returned as r nothing",
        ),
        ("momentum", after(momentum, lambda o: (o[0], None, o[1])), "3 values"),
        ("momentum", after(momentum, lambda o: dict(zip("xv", o, strict=True))), "dic"),
        ("momentum", after(momentum, lambda o: (list(o[0]), o[1])), "x should be one"),
        ("slope", lambda x: [float(jax.grad(loss)(x))], "one number, not a list of 1"),
        ("slope", jax.value_and_grad(loss), "is asked for alone"),
        ("slope", lambda x: {"slope": 0.6}, "a dictionary"),
        ("slope", lambda x: jax.grad(loss), "slope returned a function"),
        ("batched", lambda xs: jax.vmap(jax.grad(loss)), "batched returned a function"),
        ("batched", lambda xs: [0.6] * len(xs), "one array, not a list of 2"),
        ("has_converged", lambda g, t: [np.linalg.norm(g) <= t], "not a list of 1"),
    ],
)
def test_another_structure_is_told_with_what_is_wanted(name, f, said):
    message = students.told(name, f)
    assert said in message
    assert "It should return " in message
    assert "differs" not in message


def test_a_list_of_numbers_is_told_what_makes_it_an_array():
    message = students.told("batched", lambda xs: [0.6] * len(xs))
    assert "`jnp.array`" in message


def test_a_function_that_is_returned_is_told_that_it_was_not_called():
    message = students.told("slope", lambda x: jax.grad(loss))
    assert "call" in message.split("Hint:")[1]


# --- Calls ----------------------------------------------------------------------------

ALL = [name for name in checks.__all__ if name not in ("CheckFailed", "optimizers")]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("it", [None, 0.6, "momentum", (1.0, 2.0)])
def test_what_is_no_function_is_told_so_before_it_is_called(name, it):
    assert f"✗ {name} should be a function" in students.told(name, it)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("f", [lambda: 0, lambda *, key: 0, lambda *a, key: 0])
def test_a_function_of_other_arguments_is_told_how_it_is_called(name, f):
    message = students.told(name, f)
    assert f"✗ {name} cannot be called with " in message
    assert f"It is called as {name}(" in message
    assert "bind" not in message


def test_the_function_that_is_returned_takes_a_point():
    message = students.told("rotated", lambda f, degrees: lambda x, y: f(x))
    assert "cannot be called with 1 argument: missing" in message


def test_a_partial_a_method_and_a_jitted_function_can_be_called():
    class Rule:
        def __call__(self, x, g, v, lr, rho):
            return momentum(x, g, v, lr, rho)

    checks.momentum(Rule())
    checks.momentum(Rule().__call__)
    checks.momentum(functools.partial(momentum))
    checks.momentum(jax.jit(momentum))


# --- What is raised -------------------------------------------------------------------


def blank(*_):
    raise NotImplementedError


@pytest.mark.parametrize("name", ALL)
def test_a_blank_without_words_is_a_blank_too(name):
    assert "nothing is written yet (a blank)" in students.told(name, blank)


@pytest.mark.parametrize("name", ALL)
def test_a_function_that_leaves_the_process_is_told_as_any_error_is(name):
    leave = lambda *_: sys.exit("enough")
    assert f"✗ {name} raised SystemExit: enough" in students.told(name, leave)


def test_a_blank_names_the_cell_that_was_not_run():
    assert "run its cell again" in students.told("momentum", blank)


def deep(x, g, v, lr, rho):
    return x - lr * jnp.concatenate(g), v  # a line of the student's


def test_the_line_that_is_shown_is_the_students_own():
    message = students.told("momentum", deep)
    assert "return x - lr * jnp.concatenate(g), v  # a line of the student's" in message
    assert message.count("    line ") == 1
    jitted = students.told("momentum", jax.jit(deep))
    assert "# a line of the student's" in jitted


def test_no_line_of_the_check_or_of_jax_is_shown():
    message = students.told("batched", jax.grad(loss))
    assert "Gradient only defined for scalar-output" in message
    assert "    line " not in message
    assert all(len(line) < 100 for line in message.splitlines())


def early(s, y, rho, t):
    s = rho * s + (1 - rho) * y
    return s, s * (1 / (1 - rho ** (t - 1)))


def early_adam(x, g, state, lr, rhos, delta, t):
    (v, r), (a, b) = state, rhos
    v, r = a * v + (1 - a) * g, b * r + (1 - b) * g**2
    v_hat, r_hat = v * (1 / (1 - a ** (t - 1))), r * (1 / (1 - b ** (t - 1)))
    return x - lr * v_hat / np.sqrt(r_hat + delta), (v, r)


@pytest.mark.parametrize(
    ("name", "f"), [("moving_average", early), ("adam", early_adam)]
)
def test_an_exponent_that_divides_by_zero_is_told_by_its_name(name, f):
    message = students.told(name, f)
    assert "raised ZeroDivisionError" in message
    assert f"It looks like {mistakes.HINTS['early'][0]}." in message


def test_a_division_by_zero_is_not_always_an_exponent():
    message = students.told("momentum", lambda x, g, v, lr, rho: 1 / 0)
    assert "raised ZeroDivisionError" in message
    assert "It looks like" not in message


# --- What works for NumPy's arrays alone, or for some steps ---------------------------


def test_a_function_that_writes_into_a_copy_is_told_that_jax_forbids_it():
    def writes(x, g, v, lr, rho):
        v = v.copy()
        v[:] = rho * v + (1 - rho) * g
        return x - lr * v, v

    message = students.told("momentum", writes)
    assert "raised TypeError" in message
    assert "v[:] = rho * v + (1 - rho) * g" in message
    assert "NumPy's arrays it was right; these were JAX's" in message


def test_another_answer_for_jax_arrays_is_told():
    def picky(x, g, v, lr, rho):
        x, v = momentum(x, g, v, lr, rho)
        return (x, v) if isinstance(g, np.ndarray) else (x + 1, v)

    message = students.told("momentum", picky)
    assert "step 1 of the example by hand, with JAX's arrays, differs" in message
    assert "With NumPy's arrays it was right" in message


def unbound(x, lr, steps):
    for _ in range(steps):
        x = last = descend(x, lr, 1)
    return last


def at_least_one(x, lr, steps):
    return descend(x, lr, max(steps, 1))


@pytest.mark.parametrize("f", [unbound, at_least_one])
def test_a_descent_of_no_steps_stays(f):
    assert "with steps = 0 it stays where it is" in students.told("descend", f)


def test_a_descent_in_a_for_passes():
    checks.descend(descend)
