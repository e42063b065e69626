# Schedule-free optimizers: what the cases of their oracles cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from tests.oracles import schedule_free as papers
from tests.paths import RATE, assert_same_path, run, tree

STEPS = 30


def judged_path(optimizer, grads, params, judge=optax_lab.evaluation_params):
    """Returns where an optimizer would be judged after each step."""

    @jax.jit
    def step(params, state, g):
        updates, state = optimizer.update(g, state, params)
        params = optax.apply_updates(params, updates)
        return params, state, judge(state, params)

    state, path = optimizer.init(params), []
    for g in grads:
        params, state, judged = step(params, state, g)
        path.append(judged)
    return path


def by_leaf(oracle, grads, params, **kwargs):
    """Returns the paper's x after each step; leaves do not see each other."""
    lr = lambda t: RATE
    leaves, structure = jax.tree.flatten(params)
    series = zip(*map(jax.tree.leaves, grads), strict=True)
    columns = [
        oracle(x, list(gs), lr, **kwargs)[1]
        for x, gs in zip(leaves, series, strict=True)
    ]
    return [jax.tree.unflatten(structure, row) for row in zip(*columns, strict=True)]


# --- Where it is judged ---------------------------------------------------------------


@pytest.mark.parametrize(
    "judge", [optax_lab.evaluation_params, optax_lab.schedule_free_eval_params]
)
@pytest.mark.parametrize(
    ("make", "oracle", "kwargs"),
    [
        (optax_lab.schedule_free_sgd, papers.sgd, {"warmup_steps": 7, "b1": 0.6}),
        (optax_lab.schedule_free_adamw, papers.adamw, {"weight_decay": 0.1}),
        (papers.with_b1_falling, papers.sgd, {"b1": 0.8, "b1_falls": 0.9}),
    ],
)
def test_the_average_of_the_iterates_is_the_papers(judge, make, oracle, kwargs):
    params, grads = tree(0), [tree(1 + t) for t in range(STEPS)]
    ours = judged_path(make(RATE, **kwargs), grads, params, judge)
    # A b1 near 0 magnifies the rounding of y − z.
    close = 1e-9 if "b1_falls" in kwargs else 1e-12
    assert_same_path(ours, by_leaf(oracle, grads, params, **kwargs), close)


WRAPPED = {
    "chain": lambda o: optax.chain(optax.identity(), o),
    "MultiSteps": lambda o: optax.MultiSteps(o, 1),
    "cautious": optax_lab.cautious,
    "inject": lambda o: optax.inject_hyperparams(lambda learning_rate: o)(1.0),
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED.keys())
@pytest.mark.parametrize(
    "optimizer",
    [optax_lab.schedule_free_sgd(0.1), optax_lab.lookahead(optax_lab.sgd(0.1), 3, 0.5)],
    ids=["schedule_free", "lookahead"],
)
def test_where_to_judge_is_found_inside_other_states(wrap, optimizer):
    params = tree(0)
    grads = [params] * 2  # parallel to the updates, so that `cautious` takes them all
    with jax.numpy_dtype_promotion("standard"):
        found = judged_path(wrap(optimizer), grads, params)
        alone = judged_path(optimizer, grads, params)
    assert_same_path(found, alone, 1e-12)


def test_masked_and_partitioned_leaves_are_judged_each_by_its_own_state():
    params = {"a": jnp.ones(2), "b": jnp.ones(3), "c": jnp.ones(())}
    labels = {"a": "free", "b": "slow", "c": "plain"}
    parts = {
        "free": optax_lab.schedule_free_sgd(0.1),
        "slow": optax_lab.lookahead(optax_lab.sgd(0.1), 3, 0.5),
        "plain": optax_lab.sgd(0.1),
    }
    with jax.numpy_dtype_promotion("standard"):
        optimizer = optax.partition(parts, labels)
        judged = judged_path(optimizer, [params] * 2, params)[-1]
        for leaf, label in labels.items():
            alone = {leaf: params[leaf]}
            expected = judged_path(parts[label], [alone] * 2, alone)[-1]
            np.testing.assert_allclose(judged[leaf], expected[leaf], rtol=1e-14)


def test_all_other_optimizers_are_judged_at_their_parameters():
    params = tree(0)
    for optimizer in (optax_lab.adamw(0.1), optax.lbfgs(), optax_lab.prodigy()):
        assert optax_lab.evaluation_params(optimizer.init(params), params) is params


def test_optaxs_own_schedule_free_is_judged_too():
    params, grads = tree(0), [tree(1 + t) for t in range(5)]
    theirs = optax.contrib.schedule_free_sgd(0.1)
    with jax.numpy_dtype_promotion("standard"):
        found = judged_path(theirs, grads, params)
        expected = judged_path(
            theirs, grads, params, optax.contrib.schedule_free_eval_params
        )
    assert_same_path(found, expected, 1e-13)


def test_eval_params_refuse_the_state_of_another_optimizer():
    params = tree(0)
    with pytest.raises(ValueError, match="state must hold a ScheduleFreeState"):
        optax_lab.schedule_free_eval_params(optax_lab.adam(0.1).init(params), params)


# --- Deviations from Optax ------------------------------------------------------------


@pytest.mark.parametrize("name", ["schedule_free_sgd", "schedule_free_adamw"])
def test_the_warm_up_is_the_papers_where_optaxs_is_one_step_late(name):
    # https://github.com/google-deepmind/optax/pull/1744
    params, grads = tree(0), [tree(1 + t) for t in range(STEPS)]
    make = getattr(optax_lab, name)
    ours = judged_path(make(RATE, warmup_steps=10), grads, params)
    oracle = papers.sgd if name == "schedule_free_sgd" else papers.adamw
    paper = by_leaf(oracle, grads, params, warmup_steps=10)
    assert_same_path(ours, paper, 1e-12)
    with jax.numpy_dtype_promotion("standard"):
        theirs = judged_path(
            getattr(optax.contrib, name)(RATE, warmup_steps=10),
            grads,
            params,
            optax.contrib.schedule_free_eval_params,
        )
    np.testing.assert_allclose(theirs[0]["w"], params["w"])  # a step of length 0
    assert not np.allclose(ours[-1]["w"], theirs[-1]["w"], rtol=1e-3)


def test_a_schedules_weight_is_that_of_the_rate_it_steps_with():
    asked = []

    def rate(step):
        asked.append(int(step))
        return 0.1

    params = jnp.ones(2)
    optimizer = optax_lab.schedule_free(optax_lab.sgd(rate), rate)
    optimizer.update(params, optimizer.init(params), params)
    assert set(asked) == {0}


def test_the_sum_of_weights_is_wide_where_the_parameters_are_not():
    # In bfloat16, Optax's dtype for it, 256 + 1 is 256.
    params = jnp.ones(2, jnp.bfloat16)
    zero = jnp.zeros(2, jnp.bfloat16)

    def weight_sum(optimizer):
        step = lambda state, _: (optimizer.update(zero, state, params)[1], None)
        return jax.lax.scan(step, optimizer.init(params), None, 300)[0].weight_sum

    assert weight_sum(optax_lab.schedule_free_sgd(1.0)) == 300
    with jax.numpy_dtype_promotion("standard"):
        theirs = optax.contrib.schedule_free_sgd(jnp.asarray(1.0, jnp.bfloat16))
        assert weight_sum(theirs) == 256


# --- States, numbers, errors ----------------------------------------------------------


def test_states_are_optaxs():
    params = jnp.ones(2)
    for name in ("schedule_free_sgd", "schedule_free_adamw"):
        for kwargs in ({}, {"warmup_steps": 5}):
            ours = getattr(optax_lab, name)(0.1, **kwargs).init(params)
            theirs = getattr(optax.contrib, name)(0.1, **kwargs).init(params)
            assert type(ours) is type(theirs)
    base = [type(s).__name__ for s in ours.base_optimizer_state]
    assert base[0] == type(theirs.base_optimizer_state[0]).__name__


def test_z_has_its_own_buffer_and_dtype():
    params = jnp.ones(2, jnp.bfloat16)
    optimizer = optax_lab.schedule_free_sgd(0.1, state_dtype=jnp.float32)
    state = optimizer.init(params)
    assert state.z.dtype == jnp.float32
    step = jax.jit(optimizer.update, donate_argnums=(1, 2))
    updates, state = step(params + 0, state, params)
    assert updates.dtype == jnp.bfloat16
    assert state.z.dtype == jnp.float32


def test_schedules_may_be_of_64_bits_where_the_parameters_are_of_32():
    x = jnp.array([1.0, -2.0], jnp.float32)
    half = lambda step: 0.5 / (1 + jnp.asarray(step, jnp.float64))
    for name in ("learning_rate", "b1", "b2", "eps", "weight_decay", "weight_lr_power"):
        optimizer = optax_lab.schedule_free_adamw(warmup_steps=3, **{name: half})
        updates, state = optimizer.update(x, optimizer.init(x), x)
        assert updates.dtype == state.inner.weight_sum.dtype == jnp.float32


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "complex64"])
def test_as_long_as_nothing_moves_everything_is_exactly_where_it_was(dtype):
    params = jax.tree.map(lambda x: x.astype(dtype), tree(0))
    zero = jax.tree.map(jnp.zeros_like, params)
    optimizer = optax_lab.schedule_free_sgd(0.7, warmup_steps=3, b1=0.3)
    for judged in judged_path(optimizer, [zero] * 5, params):
        jax.tree.map(np.testing.assert_array_equal, judged, params)
    moved = run(optimizer, params, [zero] * 5)[-1]
    jax.tree.map(np.testing.assert_array_equal, moved, params)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"b1": 0.0}, r"b1 must lie in \(0, 1\), got 0.0"),
        ({"b1": 1.0}, r"b1 must lie in \(0, 1\), got 1.0"),
        ({"warmup_steps": 0}, "warmup_steps must be at least 1, got 0"),
        ({"weight_lr_power": -1.0}, "weight_lr_power must be .*got -1.0"),
        ({"learning_rate": -1.0}, "learning_rate must be .*got -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(kwargs, message):
    for make in (optax_lab.schedule_free_sgd, optax_lab.schedule_free_adamw):
        with pytest.raises(ValueError, match=message):
            make(**kwargs).init(jnp.ones(2))


def test_missing_params_are_named():
    optimizer = optax_lab.schedule_free_sgd(0.1)
    with pytest.raises(ValueError, match="schedule_free needs params"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))


def test_the_same_names_are_rules_too():
    assert optax_lab.schedule_free is optax_lab.schedule_free
    assert optax_lab.evaluation_params is optax_lab.evaluation_params


@pytest.mark.parametrize(
    "make",
    [
        lambda: optax_lab.schedule_free_sgd(0.1),
        lambda: optax_lab.lookahead(optax_lab.sgd(0.1), 2, 0.5),
    ],
)
def test_within_optaxs_flatten_a_state_is_read_with_flat_parameters(make):
    params = {"a": jnp.ones(3), "b": jnp.ones((2, 2))}
    with jax.numpy_dtype_promotion("standard"):
        flat, alone = optax.flatten(make()), make()
        (of_flat, x), (of_alone, y) = (
            (optimizer.init(params), params) for optimizer in (flat, alone)
        )
        for _ in range(3):
            updates, of_flat = flat.update(x, of_flat, x)
            x = optax.apply_updates(x, updates)
            updates, of_alone = alone.update(y, of_alone, y)
            y = optax.apply_updates(y, updates)
    with pytest.raises(ValueError, match=r"within optax\.flatten, give what jax"):
        optax_lab.evaluation_params(of_flat, x)
    vector, unravel = jax.flatten_util.ravel_pytree(x)
    found = unravel(optax_lab.evaluation_params(of_flat, vector))
    wanted = optax_lab.evaluation_params(of_alone, y)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, wanted
    )
