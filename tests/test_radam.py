# RAdam: what the cases of its oracle cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from optax_lab.optimizers import numerics, radam


def rectification(decay, steps, threshold=5.0):
    """Returns r and whether ν is relied on, after every step."""
    state, rows = ewma.init(jnp.zeros(())), []
    for t in range(1, steps + 1):
        state = ewma.update(state, jnp.ones(()), decay)
        count = jnp.asarray(t, jnp.int32)
        rows.append(radam.rectification(state.weight, count, decay, threshold))
    return [np.asarray(column) for column in zip(*rows, strict=True)]


def test_its_state_is_optaxs_with_averages_inside():
    state = optax_lab.radam(0.1).init(jnp.zeros(2))[0]
    assert isinstance(state, optax.ScaleByAdamState)
    assert isinstance(state.mu, ewma.Ewma) and isinstance(state.nu, ewma.Ewma)


def test_the_worth_of_an_average_is_one_and_twice_its_mean_age():
    # ρₜ = 1 + 2 Σ age · weight: the length of a plain mean with the same mean age.
    decay, steps = 0.9, 30
    r, relied = rectification(decay, steps)
    for t in range(1, steps + 1):
        ages = np.arange(t)
        rho, rho_inf = 1 + 2 * np.average(ages, weights=decay**ages), 19.0
        assert relied[t - 1] == (rho >= 5)
        if rho >= 5:
            square = (rho - 4) * (rho - 2) * rho_inf / (15 * 17 * rho)
            np.testing.assert_allclose(r[t - 1], np.sqrt(square), rtol=1e-12)


def test_steps_grow_from_short_to_those_of_adam():
    r, relied = rectification(0.9, 200)
    assert not np.any(relied[:5]) and np.all(relied[5:])
    assert np.all(np.diff(r[5:]) > -1e-12) and r[5] < 0.4
    assert r[-1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("decay", [0.999, 0.9999])
def test_in_float32_they_stay_those_of_adam_however_long_the_run(decay):
    # The weight comes to rest at 1 − 3e-5 or 1 − 3e-4, and the steps are counted on.
    one = jnp.ones((), jnp.float32)
    step = lambda state, _: (ewma.update(state, one, decay), None)
    state, _ = jax.lax.scan(step, ewma.init(one), None, 150_000)
    assert 1 - state.weight > 1e-5
    for steps in (150_000, 10_000_000):
        count = jnp.asarray(steps, jnp.int32)
        r, relied = radam.rectification(state.weight, count, decay, 5.0)
        assert relied and r == pytest.approx(1, abs=1e-6)


def test_a_threshold_under_4_acts_like_4_where_optax_gives_nan():
    g = jnp.ones(2)

    def updates(rule):
        state, rows = rule.init(g), []
        for _ in range(10):
            update, state = rule.update(g, state)
            rows.append(update)
        return np.asarray(rows)

    ours = updates(optax_lab.scale_by_radam(b2=0.9, threshold=0.0))
    four = updates(optax_lab.scale_by_radam(b2=0.9, threshold=4.0))
    np.testing.assert_array_equal(ours, four)
    with jax.numpy_dtype_promotion("standard"):
        theirs = updates(optax.scale_by_radam(b2=0.9, threshold=0.0))
    assert np.any(np.isnan(theirs))


@pytest.mark.slow
@pytest.mark.parametrize("b2", [0.0, 1 / 3, 0.5, 0.6, 0.9])
def test_a_memory_of_any_length_has_finite_updates_and_slopes(b2):
    # ρ∞ is 2 at β₂ = 1/3 and 4 at .6, where the formula of r divides by 0.
    def after_ten(b2):
        optimizer, x = optax_lab.radam(0.1, b2=b2, threshold=0.0), jnp.ones(2)
        state = optimizer.init(x)
        for _ in range(10):
            updates, state = optimizer.update(x, state)
            x = optax.apply_updates(x, updates)
        return jnp.sum(x)

    value, slope = jax.value_and_grad(after_ten)(b2)
    assert np.isfinite(value) and np.isfinite(slope)


def test_another_denominator_makes_it_pytorchs_radam():
    # r m̂ √(1 − β₂ᵗ)/(√ν + ε): ε is added before the bias is corrected.
    hyper = {"b1": 0.0, "b2": 0.9}
    rule = optax_lab.scale_by_radam(**hyper, denominator=numerics.hat(0.5))
    g = jnp.array([2.0])
    state = rule.init(g)
    for _ in range(8):
        updates, state = rule.update(g, state)
    r = rectification(0.9, 8)[0][-1]
    w = 1 - 0.9**8
    expected = r * 2 * np.sqrt(w) / (np.sqrt(w * 4) + 0.5)
    np.testing.assert_allclose(updates, [expected], rtol=1e-12)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"b1": 1.0}, r"b1 must lie in \[0, 1\), got 1.0"),
        ({"b2": 1.0}, r"b2 must lie in \[0, 1\), got 1.0"),
        ({"eps": -1.0}, "eps must be finite and at least 0, got -1.0"),
        ({"eps_root": -1.0}, "eps_root must be.*got -1.0"),
        ({"threshold": -1.0}, "threshold must be.*got -1.0"),
        ({"nu_dtype": "float16"}, "nu_dtype must be.*float16"),
    ],
)
def test_an_impossible_number_is_refused_by_name(kwargs, message):
    with pytest.raises(ValueError, match=message):
        optax_lab.radam(0.1, **kwargs).init(jnp.zeros(2))
