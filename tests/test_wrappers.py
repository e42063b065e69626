# What goes over any optimizer: what the cases of the oracles cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from tests.oracles import sophia
from tests.paths import assert_same_path, jitted, run, stack, tree, unstack

STEPS = 20
WRAPPERS = {
    "cautious": optax_lab.cautious,
    "grams": optax_lab.grams,
    "grokfast": optax_lab.grokfast,
    "lookahead": lambda inner: optax_lab.lookahead(inner, 3, 0.5),
    "schedule_free": lambda inner: optax_lab.schedule_free(inner, 0.1),
    "with_param_ema": lambda inner: optax_lab.with_param_ema(inner, 0.9),
}
every = pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS.keys())


def steps_of(optimizer, grads, params):
    """Returns the updates of every step."""

    def step(carry, g):
        params, state = carry
        updates, state = optimizer.update(g, state, params)
        return (optax.apply_updates(params, updates), state), updates

    @jitted
    def scan(params, rows):
        return jax.lax.scan(step, (params, optimizer.init(params)), rows)[1]

    return unstack(scan(params, stack(grads)))


# --- Over anything --------------------------------------------------------------------


@every
def test_it_goes_over_optaxs_optimizers_as_over_ours(wrap):
    params, grads = tree(0), [tree(1 + t) for t in range(STEPS)]
    with jax.numpy_dtype_promotion("standard"):
        theirs = run(wrap(optax.adam(0.1)), params, grads)
    assert_same_path(run(wrap(optax_lab.adam(0.1)), params, grads), theirs, 1e-11)


@every
def test_it_hands_on_what_an_optimizer_needs_besides_gradients(wrap):
    params = {"w": jnp.ones(2)}
    optimizer = wrap(optax_lab.sophia(0.1))
    state = optimizer.init(params)
    optimizer.update(params, state, params, obj_fn=sophia.objective)
    with pytest.raises(ValueError, match="needs obj_fn"):
        optimizer.update(params, state, params)


@every
def test_a_gradient_that_is_none_moves_nothing(wrap):
    params = {"a": jnp.ones(2), "b": jnp.ones(())}
    for inner in (optax_lab.adam(0.1), optax.sgd(0.1)):  # zeros, and None itself
        optimizer = wrap(inner)
        state = optimizer.init(params)
        g = {"a": params["a"], "b": None}
        updates, after = optimizer.update(g, state, params)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        np.testing.assert_array_equal(updates["b"], 0)
        assert np.all(updates["a"] < 0)


@every
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "complex64"])
def test_types_stay_and_numbers_are_finite(wrap, dtype):
    params = jax.tree.map(lambda x: x.astype(dtype), tree(0))
    optimizer, info = wrap(optax_lab.adam(0.1)), jnp.finfo(dtype)
    state = optimizer.init(params)
    kinds = jax.tree.map(lambda x: (x.shape, x.dtype), state)
    update = jitted(optimizer.update)
    for size in (0.0, info.max, info.tiny, -info.max, 1e-3, 0.0):
        g = jax.tree.map(lambda p, s=size: jnp.full_like(p, s), params)
        updates, state = update(g, state, params)
        assert jax.tree.map(lambda x: (x.shape, x.dtype), state) == kinds
        for u, p in zip(jax.tree.leaves(updates), jax.tree.leaves(params), strict=True):
            assert u.dtype == p.dtype
            assert np.all(np.isfinite(np.asarray(u, np.complex128)))


# --- Each of them ---------------------------------------------------------------------


def test_cautious_steps_never_go_up_the_gradient_and_keep_their_mean_length():
    params, grads = tree(0), [tree(1 + t) for t in range(STEPS)]
    plain = steps_of(optax_lab.sgd(0.1, 0.9), grads, params)
    ours = steps_of(optax_lab.cautious(optax_lab.sgd(0.1, 0.9)), grads, params)
    for g, u, step in zip(grads, ours, plain, strict=True):
        assert np.all(u["w"] * g["w"] <= 0)
        kept = u["w"] != 0
        scale = kept.size / max(kept.sum(), 1)
        np.testing.assert_allclose(u["w"][kept], step["w"][kept] * scale, rtol=1e-12)
    assert any(np.any(u["w"] == 0) for u in ours)


def test_a_scalar_is_not_halved_as_the_papers_theory_would():
    optimizer = optax_lab.cautious(optax_lab.sgd(1.0))
    x = jnp.asarray(2.0)
    assert optimizer.update(x, optimizer.init(x), x)[0] == -2.0


def test_grams_takes_the_gradients_sign_and_the_steps_length():
    params, grads = tree(0), [tree(1 + t) for t in range(STEPS)]
    plain = steps_of(optax_lab.adam(0.1), grads, params)
    ours = steps_of(optax_lab.grams(optax_lab.adam(0.1)), grads, params)
    for g, u, step in zip(grads, ours, plain, strict=True):
        np.testing.assert_array_equal(np.sign(u["w"]), -np.sign(g["w"]))
        np.testing.assert_allclose(np.abs(u["w"]), np.abs(step["w"]), rtol=1e-12)


@pytest.mark.parametrize("wrap", [optax_lab.cautious, optax_lab.grams])
def test_where_nothing_is_kept_the_state_is_the_inner_ones(wrap):
    params, inner = tree(0), optax_lab.adam(0.1)
    state = wrap(inner).init(params)
    assert jax.tree.structure(state) == jax.tree.structure(inner.init(params))


def test_grokfast_is_before_the_optimizer():
    # Behind it, a step of Adam's would be three times as long.
    optimizer = optax_lab.grokfast(optax_lab.adam(0.1))
    g = jnp.array([3.0, -1.0])
    updates, _ = optimizer.update(g, optimizer.init(g), g)
    np.testing.assert_allclose(updates, [-0.1, 0.1], rtol=1e-6)


def test_grokfasts_average_starts_at_the_first_gradient():
    optimizer = optax_lab.grokfast(optax.identity(), alpha=0.9, lamb=2.0)
    g = jnp.array([3.0, -1.0])
    updates, _ = optimizer.update(g, optimizer.init(g))
    np.testing.assert_allclose(updates, 3 * g, rtol=1e-14)


def test_grokfasts_numbers_may_be_schedules():
    params, grads = tree(0), [tree(1 + t) for t in range(5)]
    inner = optax_lab.sgd(0.1)
    by_schedule = optax_lab.grokfast(inner, lambda t: 0.9, lambda t: 3.0)
    by_number = optax_lab.grokfast(inner, 0.9, 3.0)
    paths = run(by_schedule, params, grads), run(by_number, params, grads)
    assert_same_path(*paths, 1e-14)


def test_grokfasts_16_bit_average_arrives_where_nearest_rounding_stalls():
    zero, one = jnp.zeros(300), jnp.ones(300)

    def last(rounding):
        optimizer = optax_lab.grokfast(
            optax.identity(), 0.999, mu_dtype=jnp.bfloat16, rounding=rounding
        )
        _, state = optimizer.update(zero, optimizer.init(zero))
        step = lambda state, _: (optimizer.update(one, state)[1], None)
        state = jax.lax.scan(step, state, None, 8000)[0]
        return np.mean(np.asarray(state.mu.average, float))

    assert last("stochastic") == pytest.approx(1.0, abs=0.02)
    assert last("nearest") < 0.6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: optax_lab.cautious(o, 0.0), r"min_share must lie in \(0, 1\]"),
        (lambda o: optax_lab.cautious(o, 1.5), r"min_share must .*got 1.5"),
        (lambda o: optax_lab.grokfast(o, 1.0), r"alpha must lie in \[0, 1\), got 1.0"),
        (lambda o: optax_lab.grokfast(o, lamb=-1.0), "lamb must be .*got -1.0"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make(optax_lab.sgd(0.1))
