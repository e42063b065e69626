# Averages of the parameters: what the cases of their oracles cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest

import optax_lab
from optax_lab import ewma
from tests.paths import assert_same_path, run, tree

STEPS = 30


def states_of(optimizer, grads, params):
    """Returns the state before the first step and after every step."""
    update, states = jax.jit(optimizer.update), [optimizer.init(params)]
    for g in grads:
        updates, state = update(g, states[-1], params)
        params = optax.apply_updates(params, updates)
        states.append(state)
    return states


# --- Lookahead ------------------------------------------------------------------------


def test_lookahead_steps_as_optaxs_pair_of_fast_and_slow_parameters():
    params, grads = tree(0), [tree(1 + t) for t in range(STEPS)]
    ours = optax_lab.lookahead(optax_lab.sgd(0.1, 0.9), 4, 0.3)
    theirs = optax.lookahead(optax.sgd(0.1, 0.9), 4, 0.3)
    pair = optax.LookaheadParams.init_synced(params)
    state, fast, slow = theirs.init(pair), [], []
    with jax.numpy_dtype_promotion("standard"):
        step = jax.jit(theirs.update)
        for g in grads:
            updates, state = step(g, state, pair)
            pair = optax.apply_updates(pair, updates)
            fast.append(pair.fast)
            slow.append(pair.slow)
    assert_same_path(run(ours, params, grads), fast, 1e-12)
    states = states_of(ours, grads, params)[1:]
    judge = optax_lab.evaluation_params
    judged = [judge(s, f) for s, f in zip(states, fast, strict=True)]
    assert_same_path(judged, slow, 1e-12)


def test_before_the_first_sync_the_slow_weights_are_where_training_began():
    params = tree(0)
    optimizer = optax_lab.lookahead(optax_lab.sgd(0.1), 3, 0.5)
    for state in states_of(optimizer, [params] * 2, params):
        judged = optax_lab.evaluation_params(state, tree(1))
        jax.tree.map(np.testing.assert_array_equal, judged, params)


def test_lookahead_says_that_the_slow_parameters_are_in_its_state():
    pair = optax.LookaheadParams.init_synced(jnp.ones(2))
    with pytest.raises(ValueError, match=r"got optax.LookaheadParams: .* in the state"):
        optax_lab.lookahead(optax_lab.sgd(0.1), 3, 0.5).init(pair)


def test_lookaheads_state_has_optaxs_fields_and_the_slow_weights():
    state = optax_lab.lookahead(optax_lab.adam(0.1), 3, 0.5).init(jnp.ones(2))
    theirs = optax.LookaheadState
    assert type(state).__name__ == theirs.__name__
    assert state._fields == (*theirs._fields, "slow")
    assert isinstance(state.slow, ewma.Ewma)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0.5), "sync_period must be at least 1, got 0"),
        ((3, 0.0), r"slow_step_size must lie in \(0, 1\], got 0.0"),
        ((3, 1.5), r"slow_step_size must lie in \(0, 1\], got 1.5"),
    ],
)
def test_lookahead_refuses_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        optax_lab.lookahead(optax_lab.sgd(0.1), *arguments)


# --- Averages of several decays -------------------------------------------------------


def test_the_averages_are_pandas_adjusted_ones_of_the_whole_path():
    params, grads = tree(0), [tree(1 + t) for t in range(STEPS)]
    decays = {"short": 0.5, "long": 0.99}
    optimizer = optax_lab.with_param_ema(optax_lab.adam(0.1), decays)
    path = [params, *run(optax_lab.adam(0.1), params, grads)]
    found = [optax_lab.param_ema(s) for s in states_of(optimizer, grads, params)]
    for name, decay in decays.items():
        series = pd.DataFrame(np.stack([p["w"].ravel() for p in path]))
        wanted = series.ewm(alpha=1 - decay, adjust=True).mean().to_numpy()
        ours = np.stack([average[name]["w"].ravel() for average in found])
        np.testing.assert_allclose(ours, wanted, rtol=1e-12)


def test_the_steps_are_those_of_the_optimizer_inside():
    params, grads = tree(0), [tree(1 + t) for t in range(5)]
    inside = optax_lab.adamw(0.1, weight_decay=0.1)
    wrapped = optax_lab.with_param_ema(inside, 0.9)
    assert_same_path(run(wrapped, params, grads), run(inside, params, grads), 0)


@pytest.mark.parametrize("decays", [0.9, (0.5, 0.9), {"a": 0.5, "b": (0.9,)}])
def test_averages_come_as_the_decays_are_given_and_before_any_step(decays):
    params = tree(0)
    optimizer = optax.chain(
        optax.clip(1.0), optax_lab.with_param_ema(optax_lab.sgd(0.1), decays)
    )
    found = optax_lab.param_ema(optimizer.init(params))
    rows = jax.tree.leaves(jax.tree.map(lambda _, a: [a], decays, found))
    for ours, wanted in zip(rows, jax.tree.leaves(params) * 3, strict=False):
        np.testing.assert_allclose(ours, wanted, rtol=1e-14)
    assert jax.tree.structure(found) == jax.tree.structure(
        jax.tree.map(lambda _: params, decays)
    )


def test_16_bit_averages_of_parameters_arrive_where_nearest_rounding_stalls():
    zeros, ones = jnp.zeros(300), jnp.ones(300)

    def last(rounding):
        optimizer = optax_lab.with_param_ema(
            optax.identity(), 0.999, dtype=jnp.bfloat16, rounding=rounding
        )
        step = lambda state, _: (optimizer.update(zeros, state, ones)[1], None)
        state = jax.lax.scan(step, optimizer.init(zeros), None, 8000)[0]
        return np.mean(optax_lab.param_ema(state))

    assert last("stochastic") == pytest.approx(1.0, abs=0.02)
    assert last("nearest") < 0.6


def test_what_is_wrong_with_averages_is_said():
    inner, params = optax_lab.sgd(0.1), jnp.ones(2)
    with pytest.raises(ValueError, match="decays may be a schedule, and not"):
        optax_lab.with_param_ema(optax_lab.sgd(0.1), (0.9, lambda step: 0.9))
    with pytest.raises(ValueError, match=r"decays must lie in \[0, 1\), got 1.0"):
        optax_lab.with_param_ema(inner, {"a": 0.9, "b": 1.0})
    optimizer = optax_lab.with_param_ema(inner, 0.9)
    with pytest.raises(ValueError, match="with_param_ema needs params"):
        optimizer.update(params, optimizer.init(params))
    with pytest.raises(ValueError, match="state must hold what with_param_ema keeps"):
        optax_lab.param_ema(inner.init(params))
    optimizer = optax_lab.lookahead(inner, 3, 0.5)
    with pytest.raises(ValueError, match="lookahead needs params"):
        optimizer.update(params, optimizer.init(params))


def test_the_averages_of_all_groups_are_read_as_one_tree():
    params = {"a": jnp.ones(3), "b": jnp.ones((2, 2))}
    group = lambda decays: optax_lab.with_param_ema(optax_lab.sgd(0.1), decays)
    for decays in (0.5, (0.5, 0.9)):
        alone = group(decays)
        labels = {"a": "x", "b": "y"}
        split = optax.partition({"x": group(decays), "y": group(decays)}, labels)
        read = []
        for optimizer in (alone, split, optax.chain(split)):
            _, state = optimizer.update(params, optimizer.init(params), params)
            read.append(optax_lab.param_ema(state))
        for found in read[1:]:
            jax.tree.map(np.testing.assert_array_equal, found, read[0])


def test_the_averages_of_groups_that_are_named_by_whole_layers_are_one_tree():
    layer = {"w": jnp.ones((2, 2)), "b": jnp.ones(2)}
    params = {"first": layer, "second": [layer, layer]}
    group = optax_lab.with_param_ema(optax_lab.sgd(0.1), 0.5)
    split = optax.partition({"x": group, "y": group}, {"first": "x", "second": "y"})
    found = optax_lab.param_ema(split.init(params))
    jax.tree.map(np.testing.assert_array_equal, found, params)


def test_a_group_without_an_average_is_masked_and_other_decays_are_refused():
    params = {"a": jnp.ones(3), "b": jnp.ones(2)}
    group = lambda decays: optax_lab.with_param_ema(optax_lab.sgd(0.1), decays)
    labels = {"a": "x", "b": "y"}
    for rest, hidden in ((optax.sgd(0.1), True), (group((0.5, 0.9)), False)):
        state = optax.partition({"x": group(0.5), "y": rest}, labels).init(params)
        if hidden:
            assert optax_lab.param_ema(state)["b"] == optax.MaskedNode()
        else:
            with pytest.raises(ValueError, match="groups must have decays alike"):
                optax_lab.param_ema(state)
