import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import contract
from optax_lab.optimizers import monitoring
from optax_lab.runs import training
from tests import tiny
from tests.paths import jitted, stack, tree, unstack
from tests.trajectories import advance

NAMES = {"gradient_norm", "momentum_cosine", "unchanged", "update_norm", "update_ratio"}
STEPS = 6


def flat(x):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(x)])


def watched(optimizer, params, grads, **extra):
    """Returns what is observed at each step, the parameters, and the last state."""
    optimizer = monitoring.observe(optimizer)

    def step(carry, g):
        params, state = carry
        updates, state = optimizer.update(g, state, params, **extra)
        return (optax.apply_updates(params, updates), state), state.observed

    @jitted
    def run(params, rows):
        return jax.lax.scan(step, (params, optimizer.init(params)), rows)

    (params, state), seen = run(params, stack(grads))
    return unstack(seen), params, state


def cosine(a, b):
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return a @ b / lengths if lengths else 0.0


# --- What is observed -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "kept"),
    [
        (optax_lab.sgd(0.1, momentum=0.8), 1.0),
        (optax_lab.momentum(0.1, 0.8), 0.2),
        (optax.sgd(0.1, momentum=0.8), 1.0),
        (optax.chain(optax.ema(0.8, debias=False), optax.scale(-0.1)), 0.2),
    ],
    ids=["sgd", "momentum", "optax.sgd", "optax.ema"],
)
def test_every_step_is_measured_as_numpy_measures_it(optimizer, kept):
    params, grads = tree(0), [tree(1 + t) for t in range(STEPS)]
    with jax.numpy_dtype_promotion("standard"):
        seen, _, _ = watched(optimizer, params, grads)
    theta, m = flat(params), np.zeros(18)
    for g, observed in zip(map(flat, grads), seen, strict=True):
        before, m = m, 0.8 * m + kept * g
        expected = {
            "gradient_norm": np.linalg.norm(g),
            "momentum_cosine": cosine(g, before),
            "unchanged": 0.0,
            "update_norm": 0.1 * np.linalg.norm(m),
            "update_ratio": 0.1 * np.linalg.norm(m) / np.linalg.norm(theta),
        }
        assert observed == pytest.approx(expected, rel=1e-12)
        theta = theta - 0.1 * m


def test_the_momentum_of_adam_is_the_average_of_gradients_not_of_squares():
    grads = [tree(1 + t) for t in range(STEPS)]
    m, expected = np.zeros(18), []
    for g in map(flat, grads):
        expected.append(cosine(g, m))
        m = 0.9 * m + 0.1 * g
    for make in (optax_lab.adam, optax.adam, optax_lab.adamw):
        with jax.numpy_dtype_promotion("standard"):
            seen, _, _ = watched(make(0.1), tree(0), grads)
        ours = [observed["momentum_cosine"] for observed in seen]
        np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_gradients_that_swing_have_a_negative_cosine_and_steady_ones_1():
    params, g = tree(0), tree(1)
    back = jax.tree.map(jnp.negative, g)
    steady, _, _ = watched(optax_lab.adam(0.1), params, [g] * 4)
    swinging, _, _ = watched(optax_lab.adam(0.1), params, [g, back] * 2)
    assert steady[-1]["momentum_cosine"] == pytest.approx(1)
    assert swinging[-1]["momentum_cosine"] == pytest.approx(-1)


def test_without_a_momentum_the_cosine_is_0():
    for optimizer in (optax_lab.sgd(0.1), optax_lab.rmsprop(0.1)):
        seen, _, _ = watched(optimizer, tree(0), [tree(1), tree(1)])
        assert [observed["momentum_cosine"] for observed in seen] == [0, 0]


def test_leaves_that_are_masked_or_have_no_gradient_shift_nothing():
    params, mask = tree(0), {"w": True, "deep": [False, True]}
    rest = {"w": False, "deep": [True, False]}
    optimizer = optax.chain(
        optax.masked(optax_lab.momentum(0.1, 0.5), mask),
        optax.masked(optax_lab.momentum(0.1, 0.5), rest),
    )
    split, _, _ = watched(optimizer, params, [tree(1), tree(2)])
    whole, _, _ = watched(optax_lab.momentum(0.1, 0.5), params, [tree(1), tree(2)])
    assert split[-1] == pytest.approx(whole[-1])

    grads = [tree(t) | {"w": None} for t in (1, 2)]
    seen, _, _ = watched(optax_lab.momentum(0.1, 0.5), params, grads)
    a, b = (flat(g["deep"]) for g in grads)
    assert seen[-1]["gradient_norm"] == pytest.approx(np.linalg.norm(b))
    assert seen[-1]["momentum_cosine"] == pytest.approx(cosine(a, b))


def test_a_single_array_is_a_tree_too():
    for shape in ((), (3,)):
        params, g = jnp.ones(shape), jnp.full(shape, 2.0)
        seen, _, _ = watched(optax_lab.adam(0.1), params, [g, g])
        assert seen[-1]["momentum_cosine"] == pytest.approx(1)
        assert seen[-1]["gradient_norm"] == pytest.approx(2 * np.sqrt(params.size))


# --- Averages that stand still --------------------------------------------------------


def stalled(steps=4000, **kwargs):
    """Returns the share that stood still at each step of a stream of N(1, 1)."""
    params = jnp.ones(500, jnp.float32)
    optimizer = monitoring.observe(optax_lab.adam(1e-3, b1=0.999, **kwargs))

    def step(state, key):
        g = 1 + jax.random.normal(key, params.shape, jnp.float32)
        state = optimizer.update(g, state, params)[1]
        return state, state.observed["unchanged"]

    @jax.jit
    def run(key):
        keys = jax.random.split(key, steps)
        return jax.lax.scan(step, optimizer.init(params), keys)[1]

    return np.asarray(run(jax.random.key(0)))


def test_16_bit_averages_stall_when_rounded_to_nearest_and_not_at_random():
    low = {"mu_dtype": jnp.bfloat16, "nu_dtype": jnp.bfloat16}
    nearest = stalled(rounding="nearest", **low)
    by_chance = stalled(rounding="stochastic", **low)
    assert nearest[0] == by_chance[0] == 0  # the first step leaves 0
    assert nearest[-500:].mean() > 0.95
    # At random it rests as well, between rare steps that are longer: they arrive.
    assert by_chance[-500:].mean() < 0.85
    assert stalled(steps=50).max() == 0  # float32 is not looked at


def test_what_stands_for_another_transformations_leaf_is_not_counted():
    params = {"w": jnp.ones((4, 3), jnp.float32), "b": jnp.ones(1, jnp.float32)}
    optimizer = optax_lab.muon(1e-3, mu_dtype=jnp.bfloat16, rounding="nearest")
    seen, _, _ = watched(optimizer, params, [params])
    assert seen[0]["unchanged"] == 0


def test_elements_without_a_gradient_are_not_counted_as_stalled():
    params = jnp.ones(4, jnp.bfloat16)
    g = jnp.array([1, 0, 1, 0], jnp.bfloat16)
    optimizer = optax.chain(optax.ema(0.999, debias=False), optax.scale(-0.1))
    with jax.numpy_dtype_promotion("standard"):
        seen, _, _ = watched(optimizer, params, [g] * 2000)
    assert seen[0]["unchanged"] == 0
    assert seen[-1]["unchanged"] == 1


# --- It changes nothing ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["sgd", "momentum", "rmsprop", "adam", "adamw"])
def test_the_steps_and_the_inner_state_are_what_they_were(name):
    optimizer = getattr(optax_lab, name)(0.1)
    params, grads = tree(0), [tree(1 + t) for t in range(STEPS)]
    _, ours, state = watched(optimizer, params, grads)
    params, inner = advance(optimizer, params, optimizer.init(params), stack(grads))
    same = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14)
    jax.tree.map(same, ours, params)
    jax.tree.map(same, state.inner_state, inner)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "complex64"])
@pytest.mark.parametrize("grad_dtype", ["float16", "float32", "float64"])
def test_the_state_is_static_and_numbers_of_a_fresh_state_are_0(dtype, grad_dtype):
    params = {"w": jnp.ones((2, 3), dtype), "b": jnp.ones((), dtype)}
    kind = dtype if dtype == "complex64" else grad_dtype
    grads = jax.tree.map(lambda p: p.astype(kind), params)
    optimizer = monitoring.observe(optax_lab.adam(0.1))
    state = optimizer.init(params)
    assert set(state.observed) == NAMES
    assert all(value == 0 and value.shape == () for value in state.observed.values())
    after = jax.eval_shape(optimizer.update, grads, state, params)[1]
    of = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype), tree)
    assert of(after) == of(state)


def test_a_zero_gradient_is_observed_as_0():
    zeros = jax.tree.map(jnp.zeros_like, tree(0))
    (seen,), params, _ = watched(optax_lab.adam(0.1), tree(0), [zeros])
    assert seen == dict.fromkeys(NAMES, 0.0)
    jax.tree.map(np.testing.assert_array_equal, params, tree(0))


def test_a_derivative_through_observed_steps_from_zero_is_finite():
    def end(rate):
        optimizer = monitoring.observe(optax_lab.adam(rate))

        def step(carry, _):
            x, state = carry
            updates, state = optimizer.update(x, state, x)
            return (optax.apply_updates(x, updates), state), None

        x = jnp.zeros(3)
        return jnp.sum(jax.lax.scan(step, (x, optimizer.init(x)), None, 10)[0][0])

    assert np.isfinite(jax.jit(jax.grad(end))(0.1))


def test_it_maps_over_hyperparameters_and_compiles_once():
    traces = []

    @jax.jit
    def norms(rate):
        traces.append(1)
        seen = monitoring.observe(optax_lab.adam(rate))
        params = tree(0)
        state = seen.init(params)
        for t in range(3):
            updates, state = seen.update(tree(1 + t), state, params)
            params = optax.apply_updates(params, updates)
        return state.observed

    rates = jnp.logspace(-3, 0, 4)
    grid = jax.vmap(norms)(rates)
    assert len(traces) == 1
    for i, rate in enumerate(rates):
        alone = norms(rate)
        for name in NAMES:
            np.testing.assert_allclose(grid[name][i], alone[name], rtol=1e-12)


def test_it_goes_where_any_transformation_goes():
    params, g = tree(0), tree(1)
    chained = optax.chain(
        optax.clip_by_global_norm(1.0), optax_lab.observe(optax_lab.adam(0.1))
    )
    with jax.numpy_dtype_promotion("standard"):
        state = chained.update(g, chained.init(params), params)[1]
    assert float(optax.tree.get(state, "observed")["gradient_norm"]) == pytest.approx(1)
    optimizer = optax_lab.observe(optax_lab.adam(0.1))
    state = optimizer.init(params)
    doubled = optax.tree.map_params(optimizer, lambda x: x + 1, state)
    assert jax.tree.structure(doubled) == jax.tree.structure(state)
    assert float(doubled.observed["gradient_norm"]) == 0
    assert float(doubled.inner_state[0].nu.average["w"][0, 0]) == 1


@pytest.mark.slow
def test_it_keeps_what_every_optimizer_keeps():
    make = lambda learning_rate=0.1, b1=0.9: monitoring.observe(
        optax_lab.adam(learning_rate, b1)
    )
    assert [r for r in contract.check(make) if r.verdict == "failed"] == []


def test_extra_arguments_reach_the_inner_optimizer():
    def update_fn(updates, state, params=None, *, value):
        return jax.tree.map(lambda u: value * u, updates), state

    inner = optax.GradientTransformationExtraArgs(lambda _: (), update_fn)
    seen, _, _ = watched(inner, tree(0), [tree(1)], value=2.0)
    assert seen[0]["update_norm"] == pytest.approx(2 * seen[0]["gradient_norm"])


def test_missing_params_are_named():
    optimizer = optax_lab.observe(optax_lab.sgd(0.1))
    with pytest.raises(ValueError, match="observe needs params"):
        optimizer.update(tree(1), optimizer.init(tree(0)))


# --- In a training --------------------------------------------------------------------


def train(optimizer, **settings):
    key = jax.random.key(0)
    return training.train(tiny.PROBLEM, optimizer, tiny.DATA, key, epochs=4, **settings)


@functools.cache
def observed_in_one_block():
    return train(optax_lab.observe(optax_lab.adam(1e-2)))


def test_a_training_records_what_was_observed_at_each_epochs_last_step():
    plain, seen = train(optax_lab.adam(1e-2)), observed_in_one_block()
    tags = {f"optimizer/{name}" for name in NAMES}
    assert set(seen.history) == set(plain.history) | tags
    for tag, values in plain.history.items():
        np.testing.assert_allclose(seen.history[tag], values, rtol=1e-5)
    last = {f"optimizer/{n}": v for n, v in seen.run.state.observed.items()}
    for tag, value in last.items():
        assert seen.history[tag].shape == (4,)
        assert seen.history[tag][-1] == value
    assert np.all(np.abs(seen.history["optimizer/momentum_cosine"]) <= 1)


def test_blocks_of_any_length_observe_the_same():
    one = train(optax_lab.observe(optax_lab.adam(1e-2)), block=1)
    whole = observed_in_one_block()
    jax.tree.map(np.testing.assert_array_equal, one.history, whole.history)


def test_several_observers_are_numbered_and_parameters_of_that_name_are_none():
    adam = optax_lab.observe(optax_lab.adam(0.1))
    params = {"observed": {"w": jnp.ones(3)}}
    state = optax_lab.observe(optax.chain(adam, optax_lab.sgd(0.1))).init(params)
    tags = set(training.observed(state))
    assert tags == {f"optimizer/{n}{k}" for n in NAMES for k in ("", "_2")}
    assert training.observed(optax_lab.adam(0.1).init(params)) == {}
