# Mistakes in a step as a student writes them, and RMSProp with a corrected average.

import jax.numpy as jnp
import numpy as np
import pytest

import optax_lab
from optax_lab import checks
from optax_lab.checks import adams, mistakes
from tests import students


def average(a, x, rho):
    return rho * a + (1 - rho) * x


def momentum(x, g, v, lr, rho):
    v = average(v, g, rho)
    return x - lr * v, v


def rmsprop(x, g, r, lr, rho, delta):
    r = average(r, g**2, rho)
    return x - lr * g / np.sqrt(r + delta), r


def adam(x, g, state, lr, rhos, delta, t, *, v_power=1, r_power=1):
    v, r = average(state[0], g, rhos[0]), average(state[1], g**2, rhos[1])
    v_hat = v / (1 - rhos[0] ** t) ** v_power
    r_hat = r / (1 - rhos[1] ** t) ** r_power
    return x - lr * v_hat / np.sqrt(r_hat + delta), (v, r)


def moving_average(s, y, rho, t):
    s = average(s, y, rho)
    return s, s / (1 - rho**t)


def adam_turned(*given):
    x, (v, r) = adam(*given)
    return x, (r, v)


WRONG = [
    ("momentum", lambda x, g, v, lr, rho: (x - lr * g, v), "no_memory not_handed_on"),
    ("momentum", lambda *given: momentum(*given)[::-1], "order"),
    ("momentum", lambda x, g, v, lr, rho: momentum(x, g, v, 1.0, rho), "no_lr"),
    ("rmsprop", lambda *given: rmsprop(*given)[::-1], "order"),
    ("rmsprop", lambda x, g, r, lr, *rest: rmsprop(x, g, r, 1.0, *rest), "no_lr"),
    ("rmsprop", lambda *given: rmsprop(*given[:-1], 0.0), "no_delta"),
    ("adam", adam_turned, "pair_order"),
    ("adam", lambda *given: adam(*given, v_power=0), "v_uncorrected"),
    ("adam", lambda *given: adam(*given, r_power=0), "r_uncorrected"),
    ("adam", lambda *given: adam(*given, v_power=0, r_power=0), "no_correction"),
    ("adam", lambda *given: adam(*given[:-2], 0.0, given[-1]), "no_delta"),
    ("adam", lambda x, g, s, lr, *rest: adam(x, g, s, 1.0, *rest), "no_lr"),
    ("moving_average", lambda *given: moving_average(*given)[::-1], "order"),
    ("moving_average", lambda s, y, r, t: moving_average(s, y, 1 - r, t), "other_rho"),
    (
        "moving_average",
        lambda s, y, rho, t: (
            average(s, y, rho),
            average(s, y, rho) / (1 - (1 - rho) ** t),
        ),
        "other_power",
    ),
    ("descend", lambda x, lr, steps: right_descent(x, 1.0, steps), "no_lr"),
]


def right_descent(x, lr, steps):
    for _ in range(steps):
        x = x - lr * (x - 3) / np.sqrt(1 + (x - 3) ** 2)
    return x


@pytest.mark.parametrize(("name", "f", "wrong"), WRONG)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_mistake_that_is_written_out_is_told_by_its_name_alone(name, f, wrong, seed):
    assert students.named(name, f, seed=seed) == set(wrong.split())


def test_a_correction_that_stops_after_a_while_is_told():
    def stops(s, y, rho, t):
        return moving_average(s, y, rho, min(t, 10))[0], moving_average(
            s, y, rho, min(t, 10)
        )[1]

    said = students.told("moving_average", stops)
    assert "the average of a constant is that constant" in said


def test_of_a_rule_without_t_it_is_not_asked_what_depends_on_it():
    def forgets(x, g, v, lr, rho):
        return momentum(x, g, 0 * v, lr, rho)

    said = students.told("momentum", forgets)
    assert "handed on from one step to" in said
    assert "depends on t" not in said
    assert "depends on t" in students.told(
        "adam", lambda *given: adam(*given[:-1], 1), seed=0
    )


def test_an_average_that_is_kept_elsewhere_is_noticed():
    kept = {}

    def global_(s, y, rho, t):
        kept["s"] = average(0 * y if t == 1 else kept["s"], y, rho)
        return kept["s"], kept["s"] / (1 - rho**t)

    said = students.told("moving_average", global_)
    assert "answers differently when it is asked again" in said


def test_the_same_functions_without_a_mistake_pass():
    checks.momentum(momentum)
    checks.rmsprop(rmsprop)
    checks.adam(adam)
    checks.moving_average(moving_average)
    checks.descend(right_descent)


# --- RMSProp, corrected ---------------------------------------------------------------


def by_adam(x, g, state, lr, rho, delta, t):
    return adam(x, g, state, lr, (0.0, rho), delta, t)


def by_itself(x, g, state, lr, rho, delta, t):
    r = average(state[1], g**2, rho)
    return x - lr * g / jnp.sqrt(r / (1 - rho**t) + delta), (0.0, r)


def by_another_average(x, g, state, lr, rho, delta, t):
    r_hat = state["r_hat"] if isinstance(state, dict) else state[0]
    share = (1 - rho) / (1 - rho**t)
    r_hat = r_hat + share * (g**2 - r_hat)
    return x - lr * g / np.sqrt(r_hat + delta), {"r_hat": r_hat, "steps": [t]}


@pytest.mark.parametrize("f", [by_adam, by_itself, by_another_average])
@pytest.mark.parametrize("seed", [0, 41, 42, 43])
def test_a_corrected_rmsprop_passes_whatever_it_hands_on(f, seed):
    checks.rmsprop_corrected(f, seed=seed)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda *given: by_adam(*given)[0], "returned 1 value instead of 2"),
        (lambda *given: None, "returned nothing"),
        (lambda *given: (None, 0), "returned as x nothing"),
        (lambda x, g, *rest: (x[0], g), "x should be numbers of shape (2,)"),
        (lambda x, g, state, *rest: (x, state), "x  expected [0.9"),
    ],
)
def test_what_is_no_step_is_told_in_a_sentence(f, said):
    assert said in students.told("rmsprop_corrected", f)


def test_a_state_that_is_written_into_is_told():
    def writes(x, g, state, lr, rho, delta, t):
        state = list(state) if isinstance(state, tuple) else state
        x, new = by_adam(x, g, tuple(state), lr, rho, delta, t)
        state[:] = new
        return x, state

    assert "changes the arrays" in students.told("rmsprop_corrected", writes)


def test_the_corrected_reference_steps_as_the_library_does():
    exercise = adams.RMSPROP_CORRECTED
    trial = exercise.draw(np.random.default_rng(3))
    hypers = trial.hypers
    made = optax_lab.rmsprop(
        hypers["lr"], hypers["rho"], eps=hypers["delta"], bias_correction=True
    )
    x = jnp.asarray(trial.start[0])
    state, carry = made.init(x), trial.start
    for t, g in enumerate(trial.observations, 1):
        update, state = made.update(jnp.asarray(g), state, x)
        x = x + update
        carry = exercise.reference(carry[0], g, carry[1], **hypers, t=t)
        np.testing.assert_allclose(x, carry[0], rtol=1e-10)


GIVES_AWAY = ("belongs", "is missing", "a − b", "√n", "ρᵗ", "ddof", "n − 1", "1 − ρ")


@pytest.mark.parametrize("name", mistakes.HINTS)
def test_what_a_mistake_looks_like_is_not_what_should_stand_there(name):
    seen, _ = mistakes.HINTS[name]
    assert not any(words in seen for words in GIVES_AWAY)


def test_every_hint_is_of_another_mistake():
    seen = [seen for seen, _ in mistakes.HINTS.values()]
    assert len(set(seen)) == len(seen)
    inside = [(a, b) for a in seen for b in seen if a != b and a in b]
    assert not inside
