# Adan and MARS: what the cases of their oracles cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from tests.oracles.adan import adan
from tests.paths import RATE, run, tree


def states(rule, grads):
    """Returns the rule's states after each gradient."""
    state, after = rule.init(grads[0]), []
    for g in grads:
        _, state = rule.update(g, state)
        after.append(state)
    return after


# --- Adan -----------------------------------------------------------------------------


def test_the_change_weighs_b2_in_adan_where_optax_has_1_minus_b2():
    # Optax's pull request #1715; the paper's own β is 1 − b2, and its factor 1 − β.
    params, grads = tree(0), [tree(1 + t) for t in range(20)]
    ours = run(optax_lab.adan(RATE), params, grads)
    with jax.numpy_dtype_promotion("standard"):
        theirs = run(optax.adan(RATE), params, grads)
    paper = adan(params["w"], [g["w"] for g in grads], lambda t: RATE)
    np.testing.assert_allclose(ours[0]["w"], theirs[0]["w"], rtol=1e-12)
    np.testing.assert_allclose(ours[-1]["w"], paper[-1], rtol=1e-12)
    assert np.max(np.abs(ours[-1]["w"] - theirs[-1]["w"])) > 0.01


def test_adan_decays_by_a_difference_where_the_paper_divides():
    zero = jnp.zeros(2)
    theta = jnp.array([1.0, -2.0])
    optimizer = optax_lab.adan(0.1, weight_decay=0.5)
    updates, _ = optimizer.update(zero, optimizer.init(theta), theta)
    after = np.asarray(optax.apply_updates(theta, updates))
    np.testing.assert_allclose(after, theta * (1 - 0.1 * 0.5))
    assert not np.allclose(after, theta / (1 + 0.1 * 0.5))


def test_the_first_gradient_is_no_change():
    g = jnp.array([3.0, -0.5])
    first, second = states(optax_lab.scale_by_adan(), [g, g])
    for state in (first, second):
        np.testing.assert_array_equal(state.v.average, 0)
        np.testing.assert_array_equal(state.g, g)


# --- MARS -----------------------------------------------------------------------------


def test_mars_averages_the_first_gradient_as_it_is():
    # The paper starts at x₀ = x₁; its authors' code at g₀ = 0, and so 1 + γβ/(1 − β)
    # times higher.
    g = jnp.array([0.3, -0.5])
    (state,) = states(optax_lab.scale_by_mars(b1=0.9), [g])
    np.testing.assert_allclose(ewma.read(state.adam.mu), g)
    np.testing.assert_allclose(ewma.read(state.adam.nu), g**2)


def test_mars_adds_the_change_of_the_gradient():
    first, second = jnp.array([0.3, -0.2]), jnp.array([0.1, 0.2])
    (_, state) = states(optax_lab.scale_by_mars(b1=0.5, gamma=0.5), [first, second])
    corrected = second + 0.5 * (second - first)
    np.testing.assert_allclose(state.adam.mu.average, first / 4 + corrected / 2)
    np.testing.assert_array_equal(state.g, second)


def test_mars_clips_the_norm_of_each_array_by_itself():
    g = {"long": jnp.array([3.0, 4.0]), "short": jnp.array([0.3, 0.4])}
    (state,) = states(optax_lab.scale_by_mars(), [g])
    mean = ewma.read(state.adam.mu)
    np.testing.assert_allclose(mean["long"], g["long"] / 5)
    np.testing.assert_allclose(mean["short"], g["short"])


def test_mars_without_gamma_and_with_short_gradients_is_adamw():
    params = tree(0)
    small = lambda seed: jax.tree.map(lambda g: g / 100, tree(seed))
    grads = [small(1 + t) for t in range(20)]
    ours = run(optax_lab.mars(RATE, gamma=0.0, weight_decay=0.1), params, grads)
    adamw = optax_lab.adamw(RATE, b1=0.95, b2=0.99, weight_decay=0.1)
    for a, b in zip(ours, run(adamw, params, grads), strict=True):
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-12), a, b)


# --- Both -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optax_lab.adan(0.1, b1=1.0), r"b1 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.adan(0.1, b2=-0.1), r"b2 must lie in \[0, 1\), got -0.1"),
        (lambda: optax_lab.adan(0.1, b3=2), r"b3 must lie in \[0, 1\), got 2"),
        (lambda: optax_lab.adan(0.1, eps=-1.0), "eps must be.*got -1.0"),
        (lambda: optax_lab.adan(0.1, eps_root=-1.0), "eps_root must be.*got -1.0"),
        (lambda: optax_lab.adan(0.1, nu_dtype="float16"), "nu_dtype must be"),
        (lambda: optax_lab.mars(0.1, b1=1.0), r"b1 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.mars(0.1, b2=1.0), r"b2 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.mars(0.1, gamma=-1.0), "gamma must be.*got -1.0"),
        (lambda: optax_lab.mars(0.1, weight_decay=-1.0), "weight_decay must be"),
    ],
)
def test_a_number_that_adan_or_mars_cannot_have_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make().init(jnp.zeros(2))


@pytest.mark.parametrize("make", [optax_lab.adan, optax_lab.mars])
def test_weight_decay_without_params_says_what_is_missing(make):
    optimizer = make(0.1, weight_decay=0.1)
    with pytest.raises(ValueError, match="params"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))


def test_adans_state_has_optaxs_class_and_mars_holds_adams():
    ours = optax_lab.adan(0.1).init(jnp.zeros(2))[0]
    assert type(ours) is type(optax.adan(0.1).init(jnp.zeros(2))[0])
    assert all(isinstance(a, ewma.Ewma) for a in (ours.m, ours.v, ours.n))
    mars = optax_lab.mars(0.1).init(jnp.zeros(2))[0]
    assert type(mars).__name__ == "ScaleByMarsState"
    assert mars._fields == ("adam", "g")
    assert isinstance(mars.adam, optax.ScaleByAdamState)


IN_16_BITS = {"mu_dtype": jnp.bfloat16, "nu_dtype": jnp.bfloat16}


@pytest.mark.parametrize(
    ("optimizer", "kept"),
    [
        (
            optax_lab.adan(0.1, b1=0.999, b3=0.999, **IN_16_BITS),
            lambda state: (state.m.average, state.n.average, state.g),
        ),
        (
            optax_lab.mars(0.1, b1=0.999, gamma=0.0, **IN_16_BITS),
            lambda state: (state.adam.mu.average, state.adam.nu.average, state.g),
        ),
    ],
    ids=["adan", "mars"],
)
def test_what_is_kept_in_16_bits_keeps_its_mean(optimizer, kept):
    g = jnp.full(500, 0.0134, jnp.float32)  # between two neighbours of bfloat16
    step = lambda state, _: (optimizer.update(g, state)[1], None)
    state = jax.lax.scan(step, optimizer.init(g), None, 12_000)[0][0]
    for x, expected in zip(kept(state), (0.0134, 0.0134**2, 0.0134), strict=True):
        assert x.dtype == jnp.bfloat16
        mean = np.mean(np.asarray(x, np.float64))
        assert mean == pytest.approx(expected, rel=0.03)
