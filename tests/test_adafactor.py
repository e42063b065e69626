# adafactor: what the cases of its oracle cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from optax_lab.optimizers import numerics
from tests.oracles import adafactor
from tests.paths import RATE, assert_same_path, constant, run

AHEAD = {"decay_offset": 4, "multiply_by_parameter_scale": False}


def blocks(seed):
    """Makes a stack of matrices, a square matrix, a vector and a number."""
    r = np.random.default_rng(seed)
    shapes = {"stack": (3, 2, 4), "square": (3, 3), "vector": (5,), "number": ()}
    return {name: r.normal(size=shape) for name, shape in shapes.items()}


# --- Beside Optax ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "kwargs",
    [c.kwargs for c in adafactor.CASES if c.make is None and c.kwargs != AHEAD],
    ids=str,
)
def test_optax_takes_the_same_steps_as_far_as_its_decay_in_float32_reaches(kwargs):
    params, grads = blocks(0), [blocks(1 + t) for t in range(30)]
    kwargs = {"dtype_momentum": jnp.float64} | kwargs
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = run(optax.adafactor(RATE, **kwargs), params, grads)
    assert_same_path(
        run(optax_lab.adafactor(RATE, **kwargs), params, grads), theirs, 1e-7
    )


def test_the_two_longest_axes_are_factored_whatever_their_place():
    kwargs = {"min_dim_size_to_factor": 3}
    params, grads = blocks(0), [blocks(1 + t) for t in range(30)]
    ours = run(optax_lab.adafactor(RATE, **kwargs), params, grads)
    for name in params:
        series = [g[name] for g in grads]
        paper = adafactor.adafactor(params[name], series, constant, **kwargs)
        assert_same_path([p[name] for p in ours], paper, 1e-12)


def test_an_offset_ahead_of_the_count_is_nan_in_optax_and_follows_the_paper_here():
    # optax pull request #1791: 1 − t^(−c) at a negative t.
    params, grads = blocks(0)["vector"], [blocks(1 + t)["vector"] for t in range(10)]
    ours = run(optax_lab.adafactor(RATE, **AHEAD), params, grads)
    paper = adafactor.adafactor(params, grads, constant, **AHEAD)
    assert_same_path(ours, paper, 1e-12)
    with jax.numpy_dtype_promotion("standard"):
        theirs = run(optax.adafactor(RATE, **AHEAD), params, grads)
    assert np.all(np.isnan(theirs[-1]))


def test_a_given_learning_rate_of_none_is_a_rate_of_1():
    params, grads = blocks(0), [blocks(1 + t) for t in range(3)]
    bare = run(optax_lab.adafactor(), params, grads)
    assert_same_path(bare, run(optax_lab.adafactor(1.0), params, grads), 1e-14)


def test_weights_decay_whatever_the_learning_rate():
    # Optax's order: the rate is applied before the decay is added.
    optimizer = optax_lab.adafactor(0.0, weight_decay_rate=0.25)
    (after,) = run(optimizer, blocks(0), [blocks(1)])
    jax.tree.map(
        lambda new, old: np.testing.assert_allclose(new, 0.75 * old, rtol=1e-14),
        after,
        blocks(0),
    )


# --- What is kept ---------------------------------------------------------------------


def test_the_state_has_optaxs_fields_shapes_and_numbers():
    ours = optax_lab.scale_by_factored_rms(min_dim_size_to_factor=3)
    theirs = optax.scale_by_factored_rms(min_dim_size_to_factor=3)
    params = jax.tree.map(jnp.asarray, blocks(0))
    mine, other = ours.init(params), theirs.init(params)
    assert type(mine) is type(other) is optax.FactoredState
    for t in range(4):
        for field in ("v_row", "v_col", "v"):
            average = getattr(mine, field)
            assert isinstance(average, ewma.Ewma)
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7),
                average.average,
                getattr(other, field),
            )
        g = blocks(1 + t)
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            _, other = theirs.update(g, other, params)
        _, mine = ours.update(g, mine)
    shapes = jax.tree.map(jnp.shape, mine.v_row.average)
    assert shapes == {"stack": (3, 2), "square": (3,), "vector": (1,), "number": (1,)}


def test_the_links_of_adafactor_are_those_that_are_asked_for():
    for kwargs in (
        {},
        {"momentum": 0.9, "weight_decay_rate": 0.1},
        {"clipping_threshold": None, "multiply_by_parameter_scale": False},
    ):
        ours = optax_lab.adafactor(RATE, **kwargs).init(jnp.ones(2))
        theirs = optax.adafactor(RATE, **kwargs).init(jnp.ones(2))
        names = lambda state: [type(s).__name__ for s in state]
        # Optax's `scale` says EmptyState or ScaleState by its version.
        assert names(ours)[:-1] == names(theirs)[:-1]
        assert [s._fields for s in ours] == [s._fields for s in theirs]


def test_a_matrix_costs_two_vectors():
    matrix = jax.ShapeDtypeStruct((300, 200), jnp.float32)
    state = jax.eval_shape(optax_lab.adafactor(RATE).init, matrix)
    assert sum(x.size for x in jax.tree.leaves(state)) < 300 + 200 + 10


def test_squares_of_rank_1_are_kept_exactly():
    row, column = np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 4.0, 2.0])
    rule = optax_lab.scale_by_factored_rms(min_dim_size_to_factor=2, epsilon=0.0)
    g = jnp.asarray(np.outer(row, column))
    updates, _ = rule.update(g, rule.init(g))
    np.testing.assert_allclose(updates, np.sign(g), rtol=1e-14)


def test_a_decay_of_ones_own_gets_the_steps_since_the_offset():
    asked = []

    def decay(step, exponent):
        asked.append((float(step), exponent))
        return 0.5

    rule = optax_lab.scale_by_factored_rms(
        decay_rate=0.3, step_offset=-2, decay_rate_fn=decay
    )
    g = jnp.array([2.0])
    state = rule.init(g)
    for expected in (2.0, 3.0):
        _, state = rule.update(g, state)
        np.testing.assert_allclose(state.v.average, expected, rtol=1e-14)
    assert asked == [(2.0, 0.3), (3.0, 0.3)]


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_a_denominator_of_ones_own_may_read_the_average_without_its_bias(shape):
    rule = optax_lab.scale_by_factored_rms(
        min_dim_size_to_factor=2,
        decay_rate_fn=lambda step, exponent: 0.75,
        denominator=numerics.outside(0.5),
    )
    g = jnp.full(shape, 2.0)
    updates, _ = rule.update(g, rule.init(g))
    np.testing.assert_allclose(updates, 2 / (2 + 0.5), rtol=1e-12)


@pytest.mark.parametrize("smallest", [2, 128])
def test_16_bit_factors_arrive_where_nearest_rounding_stalls(smallest):
    g = jnp.ones((40, 30), jnp.float32)

    def mean(rounding):
        rule = optax_lab.scale_by_factored_rms(
            min_dim_size_to_factor=smallest,
            decay_rate_fn=lambda step, exponent: 0.999,
            nu_dtype="bfloat16",
            rounding=rounding,
        )
        step = lambda state, _: (rule.update(g, state)[1], None)
        state = jax.lax.scan(step, rule.init(g), None, 10_000)[0]
        kept = (state.v_row, state.v_col) if smallest == 2 else (state.v,)
        return [np.mean(np.asarray(a.average, np.float64)) for a in kept]

    np.testing.assert_allclose(mean("stochastic"), 1, atol=0.1)
    assert max(mean("nearest")) < 0.6


def test_no_gradient_is_too_large_or_too_small_for_a_factor():
    rule = optax_lab.scale_by_factored_rms(min_dim_size_to_factor=2, epsilon=0.0)
    g = jnp.zeros((3, 4), jnp.float32)
    state = rule.init(g)
    for size in (0.0, 3e38, 1e-38, 0.0, 3e38):
        for place in ((0, 0), (2, 3), (slice(None), slice(None))):
            updates, state = rule.update(g.at[place].set(size), state)
            assert np.all(np.isfinite(updates))
            assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(state))


# --- The links around the rule --------------------------------------------------------


def test_an_update_is_shortened_to_the_threshold_and_never_lengthened():
    clip = optax_lab.clip_by_block_rms(2.0)
    for size, expected in ((5.0, 2.0), (2.0, 2.0), (0.5, 0.5), (0.0, 0.0)):
        updates, _ = clip.update(jnp.full(3, -size), clip.init(None))
        np.testing.assert_allclose(updates, -expected, rtol=1e-14)


def test_a_tensor_moves_by_its_own_size_but_by_the_least_at_least():
    scale = optax_lab.scale_by_param_block_rms(0.01)
    for size, expected in ((3.0, 3.0), (1e-3, 0.01), (0.0, 0.01)):
        params = jnp.full(4, -size)
        updates, _ = scale.update(jnp.ones(4), scale.init(params), params)
        np.testing.assert_allclose(updates, expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"decay_rate": -0.8}, "decay_rate must be finite.*got -0.8"),
        ({"eps": -1e-30}, "^eps must be finite.*got -1e-30"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), got 1.0"),
        ({"weight_decay_rate": -0.1}, "weight_decay_rate must be finite.*got -0.1"),
        ({"clipping_threshold": 0.0}, "clipping_threshold must be.*above 0, got 0.0"),
        ({"min_dim_size_to_factor": -1}, "min_dim_size_to_factor must.*got -1"),
        ({"nu_dtype": "float16"}, "nu_dtype must be.*float16"),
    ],
)
def test_what_adafactor_cannot_have_is_refused_by_name(kwargs, message):
    with pytest.raises(ValueError, match=message):
        optax_lab.adafactor(RATE, **kwargs).init(jnp.ones(2))


def test_adafactor_without_params_says_what_is_missing():
    optimizer = optax_lab.adafactor(RATE)
    with pytest.raises(ValueError, match="multiply_by_parameter_scale needs params"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
    bare = optax_lab.adafactor(RATE, multiply_by_parameter_scale=False)
    bare.update(jnp.ones(2), bare.init(jnp.ones(2)))
