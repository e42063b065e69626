# Sophia and its estimate of the curvature: what the cases of the oracle cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from optax_lab.runs import training
from tests import tiny
from tests.paths import jitted, unstack

ESTIMATE = optax_lab.hutchinson_estimator_diag_hessian
X = {"a": jnp.array([1.0, -2.0, 0.5]), "b": jnp.array(0.3)}


def bent(x):
    """Has curvature across the axes."""
    return x["a"][0] * x["a"][1] ** 2 + jnp.sin(x["b"]) * jnp.sum(x["a"] ** 3)


def bowl(x):
    return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(x))


def estimates(estimator, steps):
    """Returns the estimates of some steps on end."""

    def step(state, _):
        diagonal, state = estimator.update(X, state, X, obj_fn=bent)
        return state, diagonal

    scan = lambda: jax.lax.scan(step, estimator.init(X), None, steps)[1]
    return unstack(jitted(scan)())


# --- The estimate ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 3])
def test_the_estimates_are_optaxs_draw_by_draw(seed):
    key = None if seed is None else jax.random.PRNGKey(seed)
    ours = estimates(ESTIMATE(key), 4)
    with jax.numpy_dtype_promotion("standard"):
        theirs = estimates(optax.contrib.hutchinson_estimator_diag_hessian(key), 4)
    for mine, other in zip(ours, theirs, strict=True):
        jax.tree.map(np.testing.assert_array_equal, mine, other)
    assert len({tuple(np.asarray(estimate["a"])) for estimate in ours}) > 1


def test_a_seed_outlives_the_states_that_are_made_of_it():
    estimator = ESTIMATE(jax.random.PRNGKey(3))
    estimator.init(X).key.delete()  # as donating it does
    assert np.array_equal(estimator.init(X).key, jax.random.PRNGKey(3))
    typed = ESTIMATE(jax.random.key(3)).init(X).key
    assert jnp.issubdtype(typed.dtype, jax.dtypes.prng_key)


def test_their_mean_is_the_diagonal_of_the_hessian():
    def step(state, _):
        diagonal, state = ESTIMATE().update(X, state, X, obj_fn=bent)
        return state, diagonal["a"]

    scan = lambda: jax.lax.scan(step, ESTIMATE().init(X), None, 4000)[1]
    found = jitted(scan)()
    wanted = jnp.diagonal(jitted(jax.hessian(bent))(X)["a"]["a"])
    np.testing.assert_allclose(found.mean(0), wanted, atol=0.15)


def test_parameters_may_have_several_dtypes_where_optaxs_may_not():
    mixed = {"a": jnp.ones(2, jnp.float32), "b": jnp.ones(3, jnp.bfloat16)}
    f = lambda x: jnp.sum(x["a"] ** 2) + jnp.sum(x["b"] ** 2).astype(jnp.float32)
    diagonal, _ = ESTIMATE().update(mixed, ESTIMATE().init(mixed), mixed, obj_fn=f)
    np.testing.assert_array_equal(diagonal["b"], 2)
    theirs = optax.contrib.hutchinson_estimator_diag_hessian()
    with pytest.raises(TypeError), jax.numpy_dtype_promotion("standard"):
        theirs.update(mixed, theirs.init(mixed), mixed, obj_fn=f)


# --- Sophia ---------------------------------------------------------------------------


def test_curvature_is_renewed_at_every_kth_step_from_the_first_on():
    optimizer = optax_lab.sophia(0.1, update_interval=3)

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(params, state, params, obj_fn=bent)
        params = optax.apply_updates(params, updates)
        return (params, state), state[0].nu.average["b"]

    scan = lambda: jax.lax.scan(step, (X, optimizer.init(X)), None, 7)[1]
    seen = jitted(scan)().tolist()
    changes = [a != b for a, b in zip([0.0, *seen], seen, strict=False)]
    assert changes == [True, False, False, True, False, False, True]


def test_newtons_step_where_nothing_is_clipped():
    # Of Σx² the Hessian is 2: with γ = 1 and no memory, one step ends at 0.
    optimizer = optax_lab.sophia(
        1.0, b1=0.0, b2=0.0, gamma=1.0, weight_decay=0.0, clip_threshold=None, eps=1e9
    )
    x = jnp.array([1.0, -2.0])
    _, state = optimizer.update(2 * x, optimizer.init(x), x, obj_fn=bowl)
    small = optax_lab.sophia(
        1.0, b1=0.0, b2=0.0, gamma=1.0, weight_decay=0.0, clip_threshold=None
    )
    updates, _ = small.update(2 * x, state, x, obj_fn=bowl)
    np.testing.assert_allclose(updates, -x, rtol=1e-14)


def test_no_element_goes_further_than_the_rate_and_a_complex_one_keeps_its_angle():
    for g in (jnp.array([1e30, -1e-3, 0.0]), jnp.array([3e30 + 4e30j, 1e-3j, 0])):
        optimizer = optax_lab.sophia(0.1, weight_decay=0.0)
        real = lambda x: jnp.sum(jnp.real(x))
        updates, _ = optimizer.update(g, optimizer.init(g), g, obj_fn=real)
        np.testing.assert_allclose(np.abs(updates), [0.1, 0.1, 0], rtol=1e-14)
        np.testing.assert_allclose(np.angle(-updates[:2]), np.angle(g[:2]))


def test_another_estimate_is_given_everything_and_is_averaged():
    def update_fn(updates, state, params=None, *, squares, **extra_args):
        return jax.tree.map(lambda g: squares * g**2, updates), state + 1

    count = lambda params: jnp.zeros([], jnp.int32)
    estimate = optax.GradientTransformationExtraArgs(count, update_fn)
    optimizer = optax_lab.sophia(0.1, b2=0.75, hessian_diagonal_fn=estimate)
    _, state = optimizer.update(X, optimizer.init(X), X, squares=2.0)
    np.testing.assert_allclose(state[0].nu.average["a"], 0.5 * X["a"] ** 2)
    assert state[0].hessian_fn_state == 1


def test_a_gradient_that_is_none_keeps_its_curvature():
    optimizer = optax_lab.sophia(0.1)
    state = optimizer.init(X)
    _, after = optimizer.update(X | {"b": None}, state, X, obj_fn=bowl)
    assert after[0].nu.average["b"] == 0
    assert np.all(after[0].nu.average["a"] > 0)


def test_it_trains_a_network_which_hands_it_the_objective():
    def last(optimizer):
        key = jax.random.key(0)
        settings = {"epochs": 20, "block": 20}
        result = training.train(tiny.PROBLEM, optimizer, tiny.DATA, key, **settings)
        return result.history["loss/train"]

    losses = last(optax_lab.sophia(1e-2, gamma=0.1))
    assert losses[-1] < 0.9 * losses[0]


def test_states_are_optaxs_with_averages_inside():
    ours, theirs = optax_lab.sophia(0.1).init(X), optax.contrib.sophia(0.1).init(X)
    assert type(ours[0]) is type(theirs[0])
    assert type(ours[0].hessian_fn_state) is type(theirs[0].hessian_fn_state)
    assert isinstance(ours[0].mu, ewma.Ewma) and isinstance(ours[0].nu, ewma.Ewma)


def test_what_is_missing_is_said():
    optimizer = optax_lab.sophia(0.1)
    state = optimizer.init(X)
    with pytest.raises(ValueError, match=r"needs obj_fn, the objective of params"):
        optimizer.update(X, state, X)
    with pytest.raises(ValueError, match="sophia needs params"):
        optimizer.update(X, state, obj_fn=bowl)
    with pytest.raises(ValueError, match="diagonal needs params"):
        ESTIMATE().update(X, ESTIMATE().init(X), obj_fn=bowl)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"b1": 1.0}, r"b1 must lie in \[0, 1\), got 1.0"),
        ({"b2": -0.1}, r"b2 must lie in \[0, 1\), got -0.1"),
        ({"eps": -1.0}, "eps must be .*got -1.0"),
        ({"gamma": -1.0}, "gamma must be .*got -1.0"),
        ({"clip_threshold": 0.0}, "clip_threshold must be .*above 0, got 0.0"),
        ({"update_interval": 0}, "update_interval must be at least 1, got 0"),
        ({"weight_decay": -1.0}, "weight_decay must be .*got -1.0"),
        ({"nu_dtype": "float16"}, "nu_dtype must be .*got float16"),
        ({"rounding": "up"}, "rounding"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(kwargs, message):
    with pytest.raises(Exception, match=message):
        optax_lab.sophia(0.1, **kwargs).init(X)


def test_the_share_that_is_not_clipped_is_printed_when_it_is_asked_for(capfd):
    optimizer = optax_lab.sophia(
        0.1, clip_threshold=1.0, verbose=True, print_win_rate_every_n_steps=2
    )
    grad = {"a": jnp.array([1.0, 0.0, 0.0]), "b": jnp.array(0.0)}
    state = optimizer.init(X)
    for _ in range(4):
        _, state = optimizer.update(grad, state, X, obj_fn=bowl)
    jax.effects_barrier()
    assert capfd.readouterr().out.count("Sophia optimizer win rate: ") == 2
