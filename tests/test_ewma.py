import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from optax_lab import ewma, precision
from tests.paths import jitted

EPS = 2.0**-23
decays = st.floats(0.0, 0.99999, allow_subnormal=False)
constants = st.floats(2.0**-10, 2.0**10, width=32).flatmap(
    lambda c: st.sampled_from([c, -c])
)
values = st.floats(-100, 100, allow_subnormal=False)
lengths = st.sampled_from([1, 2, 70])  # few, because each one compiles
series = hnp.arrays(np.float64, lengths, elements=values)
smooth = jax.jit(ewma.smooth, static_argnames="debias")


@jax.jit
def scan(xs, decays):
    """Runs `update` over a series and returns the states and what they read."""

    def step(state, x_and_decay):
        state = ewma.update(state, *x_and_decay)
        return state, (state, ewma.read(state))

    return jax.lax.scan(step, ewma.init(xs[0]), (xs, decays))[1]


@jax.jit
def scan_first(xs, decay):
    def step(state, x):
        state = ewma.update(state, x, ewma.first(state, decay))
        return state, ewma.raw(state)

    return jax.lax.scan(step, ewma.init(xs[0]), xs)[1]


@given(constants, st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.999, 0.9999]))
def test_a_constant_is_read_as_itself_within_the_stated_bound(c, decay):
    c32, decay32 = np.full(500, c, np.float32), np.full(500, decay, np.float32)
    read32 = np.asarray(scan(c32, decay32)[1], np.float64)
    bound = EPS / (2 * (1 - decay)) + 4 * EPS
    assert np.max(np.abs(read32 / np.float64(c32[0]) - 1)) <= bound
    read64 = np.asarray(scan(np.full(500, c), np.full(500, decay))[1])
    assert np.max(np.abs(read64 / c - 1)) <= 1e-12


@given(series, decays, values, values)
def test_the_average_is_linear_in_what_is_averaged(xs, decay, a, b):
    ys = xs[::-1].copy()
    both, x, y = (np.asarray(smooth(z, decay)) for z in (a * xs + b * ys, xs, ys))
    scale = np.max(np.abs(a * xs)) + np.max(np.abs(b * ys)) + 1e-300
    np.testing.assert_allclose(both / scale, (a * x + b * y) / scale, atol=1e-11)


@given(st.integers(-30, 30), st.integers(-30, 30), st.floats(0, 1 - 2**-16, width=32))
def test_positive_numbers_of_any_size_are_averaged_to_the_last_digits(i, j, decay):
    a, x = np.float32(1.3) * np.float32(2) ** np.array([i, j], np.float32)
    expected = decay * float(a) + (1 - decay) * float(x)
    for said in (decay, jnp.float32(decay)):
        state = ewma.update(ewma.Ewma(jnp.asarray(a), jnp.ones(())), x, said)
        np.testing.assert_allclose(state.average, expected, rtol=2 * EPS)


@pytest.mark.parametrize("decay", [0.0, jnp.float32(0)])
def test_a_decay_of_zero_forgets_to_the_bit(decay):
    state = ewma.Ewma(jnp.float32(1), jnp.float32(0.3))
    state = jax.jit(ewma.update)(state, jnp.float32(1e-8), decay)
    assert state == (jnp.float32(1e-8), 1)


@given(hnp.arrays(np.float64, lengths, elements=decays))
def test_the_weight_is_one_minus_the_product_of_the_decays(betas):
    states, _ = scan(np.ones_like(betas), betas)
    expected = 1 - np.cumprod(betas)
    np.testing.assert_allclose(states.weight, expected, rtol=1e-9, atol=1e-15)


@given(series, decays)
def test_a_scan_and_a_loop_give_the_same_average(xs, decay):
    states, _ = scan(xs, np.full(len(xs), decay))
    state = ewma.init(jnp.zeros(()))
    for t, x in enumerate(xs[:5]):
        state = ewma.update(state, jnp.asarray(x), decay)
        close = {"rtol": 1e-13, "atol": 1e-13}
        np.testing.assert_allclose(states.average[t], state.average, **close)
        np.testing.assert_allclose(states.weight[t], state.weight, **close)


@pytest.mark.parametrize("x_dtype", ["bfloat16", "float16", "float32", "float64"])
@pytest.mark.parametrize(
    "dtype", ["bfloat16", "float16", "float32", "float64", "complex64"]
)
def test_an_update_never_changes_shapes_or_dtypes(dtype, x_dtype):
    like = {"w": jnp.zeros((2, 3), dtype), "b": jnp.zeros((), dtype), "none": None}
    x = jax.tree.map(lambda p: jnp.ones_like(p, dtype=x_dtype), like)
    init = jax.eval_shape(lambda: ewma.init(like))
    key = jax.random.key(0)
    for decay in (0.9, jnp.float32(0.9), jnp.float64(0.9)):
        step = lambda s, x, d=decay: ewma.update(s, x, d, key=key)
        assert jax.eval_shape(step, init, x) == init


@given(series, st.floats(0.01, 0.999))
def test_debiased_it_equals_pandas_adjusted_mean(xs, decay):
    expected = pd.Series(xs).ewm(alpha=1 - decay, adjust=True).mean()
    ours = smooth(xs, decay)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


@given(series, st.floats(0.01, 0.999))
def test_started_at_the_first_value_it_equals_pandas_unadjusted_mean(xs, decay):
    expected = pd.Series(xs).ewm(alpha=1 - decay, adjust=False).mean()
    np.testing.assert_allclose(scan_first(xs, decay), expected, rtol=1e-9, atol=1e-9)


@given(series)
def test_a_decay_of_t_minus_one_over_t_gives_the_running_mean(xs):
    t = np.arange(1, len(xs) + 1)
    means = np.cumsum(xs) / t
    _, ours = scan(xs, (t - 1) / t)
    np.testing.assert_allclose(ours, means, rtol=1e-11, atol=1e-11)


@given(values, decays)
def test_a_first_start_is_the_first_value_exactly(x, decay):
    state = ewma.init(jnp.zeros(()))
    state = ewma.update(state, jnp.asarray(x), ewma.first(state, decay))
    assert float(state.average) == x
    assert float(state.weight) == 1
    assert float(ewma.first(state, decay)) == decay


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_everything_is_finite_under_jit_vmap_and_grad_at_zero(decay):
    def total(x):
        state = ewma.init(x)
        unread = jnp.sum(ewma.read(state))  # 0/0 if it were not guarded
        state = ewma.update(state, x, decay)
        return unread + jnp.sum(ewma.read(state)) + jnp.sum(ewma.smooth(x, decay))

    value, slope = jitted(jax.vmap(jax.value_and_grad(total)))(jnp.zeros((3, 4)))
    assert np.all(np.isfinite(value)) and np.all(np.isfinite(slope))
    of_decay = lambda d: jnp.sum(ewma.smooth(jnp.arange(9.0), d))
    assert np.isfinite(jitted(jax.grad(of_decay))(decay))


def test_a_start_other_than_zero_is_never_debiased():
    state = ewma.init(jnp.zeros(3), start=2.0)
    assert float(state.weight) == 1
    state = ewma.update(state, jnp.zeros(3), 0.5)
    np.testing.assert_array_equal(ewma.read(state), jnp.ones(3))


def test_a_traced_start_gets_the_weight_of_its_value():
    weigh = jax.vmap(lambda s: ewma.init(jnp.zeros(2), start=s).weight)
    np.testing.assert_array_equal(weigh(jnp.array([0.0, 0.1])), [0, 1])


def test_where_nothing_is_observed_the_average_stays():
    state = ewma.init({"a": jnp.ones(2), "b": jnp.ones(2)}, start=1.0)
    state = ewma.update(state, {"a": None, "b": jnp.zeros(2)}, 0.5)
    np.testing.assert_array_equal(state.average["a"], [1, 1])
    np.testing.assert_array_equal(state.average["b"], [0.5, 0.5])


def test_a_decay_per_element_averages_each_element_by_its_own():
    betas = jnp.array([0.0, 0.5, 0.9])
    state = ewma.Ewma(jnp.zeros(3), jnp.zeros(3))
    for x in (1.0, 3.0):
        state = ewma.update(state, jnp.full(3, x), betas)
    for i, beta in enumerate(betas):
        alone = ewma.init(jnp.zeros(()))
        for x in (1.0, 3.0):
            alone = ewma.update(alone, jnp.asarray(x), float(beta))
        np.testing.assert_allclose(ewma.read(state)[i], ewma.read(alone), rtol=1e-14)


@given(series, st.floats(0.0, 1.5))
def test_the_sum_adds_what_is_new_to_what_has_decayed(xs, decay):
    total, expected = jnp.zeros(()), 0.0
    for x in xs[:5]:
        total = ewma.accumulate(total, jnp.asarray(x), decay)
        expected = decay * expected + x
    np.testing.assert_allclose(total, expected, rtol=1e-12, atol=1e-12)


# --- smooth ---------------------------------------------------------------------------


@pytest.mark.parametrize("time", [0, 1, 63, 64, 65, 128, 5000])
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
@pytest.mark.parametrize("debias", [True, False])
def test_smooth_equals_the_loop_for_any_length_and_shape(time, shape, debias):
    xs = np.random.default_rng(time).normal(size=(time, *shape))
    ours = smooth(xs, 0.97, debias=debias)
    average, weight = np.zeros(shape), 0.0
    expected = np.empty_like(xs)
    for t, x in enumerate(xs):
        average = average + 0.03 * (x - average)
        weight = weight + 0.03 * (1 - weight)
        expected[t] = average / weight if debias else average
    assert ours.shape == xs.shape and ours.dtype == xs.dtype
    np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99, 0.9999])
def test_smooth_in_float32_keeps_a_constant_within_the_bound(decay):
    ours = smooth(jnp.full(10_000, 0.7, jnp.float32), decay)
    error = np.max(np.abs(np.asarray(ours, np.float64) / np.float32(0.7) - 1))
    assert error <= EPS / (2 * (1 - decay)) + 4 * EPS


def test_smooth_is_differentiable_in_the_series_and_in_the_decay():
    xs = jax.random.normal(jax.random.key(0), (100,))
    f = jitted(lambda xs, decay: jnp.sum(ewma.smooth(xs, decay) ** 2))
    by_x, by_decay = jitted(jax.grad(f.__wrapped__, (0, 1)))(xs, 0.9)
    h = 1e-6
    slope = (f(xs, 0.9 + h) - f(xs, 0.9 - h)) / (2 * h)
    np.testing.assert_allclose(by_decay, slope, rtol=1e-6)
    slope = (f(xs.at[7].add(h), 0.9) - f(xs.at[7].add(-h), 0.9)) / (2 * h)
    np.testing.assert_allclose(by_x[7], slope, rtol=1e-6)


def test_smooth_takes_integers_as_float32():
    assert ewma.smooth(jnp.arange(5), 0.5).dtype == jnp.float32


@pytest.mark.parametrize("decay", [1.0, -0.1, 2, float("nan")])
def test_a_decay_outside_its_range_is_refused_with_the_value(decay):
    with pytest.raises(ValueError, match=rf"\[0, 1\), got {decay}"):
        ewma.smooth(jnp.zeros(3), decay)


# --- Ways to say β --------------------------------------------------------------------


@given(st.floats(1.0, 1e4))
def test_the_ways_to_say_a_decay_agree_with_pandas(steps):
    ewm = lambda **kw: pd.Series([0.0, 1.0]).ewm(adjust=False, **kw).mean()[1]
    assert 1 - ewma.span(steps) == pytest.approx(ewm(span=steps))
    assert 1 - ewma.com(steps) == pytest.approx(ewm(com=steps))
    assert 1 - ewma.half_life(steps) == pytest.approx(ewm(halflife=steps))
    assert 1 - ewma.window(steps) == pytest.approx(1 / steps)


# --- Low precision --------------------------------------------------------------------


@functools.partial(jax.jit, static_argnames=("decay", "spread", "key"))
def averages(decay, spread, key):
    """Averages N(1, spread²) for ten memories of 1/(1 − β): in bfloat16, in float32."""

    def step(states, i):
        seed = jax.random.fold_in(jax.random.key(1), i)
        x = 1 + spread * jax.random.normal(seed, (200,), jnp.float32)
        own = None if key is None else jax.random.fold_in(jax.random.key(key), i)
        short = ewma.update(states[0], x, decay, key=own)
        return (short, ewma.update(states[1], x, decay)), None

    start = [ewma.init(jnp.zeros(200, d)) for d in (jnp.bfloat16, jnp.float32)]
    steps = jnp.arange(round(10 / (1 - decay)))
    short, long = jax.lax.scan(step, tuple(start), steps)[0]
    return jnp.mean(short.average.astype(jnp.float32)), jnp.mean(long.average)


@pytest.mark.slow
@pytest.mark.parametrize("decay", [0.99, 0.999, 0.9999])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_rounded_at_random_a_bfloat16_average_arrives(decay, spread):
    short, long = averages(decay, spread, 0)
    assert short == pytest.approx(float(long), abs=0.005)


@pytest.mark.parametrize(
    ("decay", "spread", "where"),
    [
        (0.99, 0.0, 0.805),
        (0.999, 0.0, 0.25),
        (0.9999, 0.0, 0.0312),
        (0.999, 1.0, 0.979),  # noise of its own size carries it on, at .99 all the way
        (0.9999, 1.0, 0.128),
    ],
)
def test_rounded_to_nearest_it_stalls(decay, spread, where):
    short, long = averages(decay, spread, None)
    assert short == pytest.approx(where, rel=0.01)
    assert float(short) < float(long) - 0.015


@given(st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False))
def test_random_rounding_is_to_a_neighbour_and_right_on_average(x):
    like = jnp.zeros(4000, jnp.bfloat16)
    stored = precision.store(
        jnp.full(4000, x, jnp.float32), like, key=jax.random.key(1)
    )
    stored = np.asarray(stored, np.float64)
    spacing = 2.0**-7 * max(abs(x), 1e-37)
    assert np.all(np.abs(stored - x) <= spacing)
    assert abs(np.mean(stored) - x) <= 0.05 * spacing


def test_random_rounding_keeps_the_ends_of_the_range():
    largest = float(jnp.finfo(jnp.bfloat16).max)
    xs = jnp.array(
        [jnp.finfo(jnp.float32).max, jnp.inf, -jnp.inf, jnp.nan], jnp.float32
    )
    stored = precision.store(xs, jnp.zeros(4, jnp.bfloat16), key=jax.random.key(0))
    np.testing.assert_array_equal(
        np.asarray(stored, np.float32), [largest, largest, -largest, np.nan]
    )


def test_two_leaves_are_rounded_by_different_draws():
    x = {
        "a": jnp.full(1000, 1.001, jnp.float32),
        "b": jnp.full(1000, 1.001, jnp.float32),
    }
    like = jax.tree.map(lambda x: x.astype(jnp.bfloat16), x)
    stored = precision.store(x, like, key=jax.random.key(0))
    assert np.any(np.asarray(stored["a"] != stored["b"]))


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int32, np.uint8])
@pytest.mark.parametrize("wide", [False, True])
def test_integers_are_taken_as_float32_and_never_wrap(dtype, wide):
    largest = min(3_000_000_000, np.iinfo(dtype).max)
    with jax.enable_x64(wide):
        found = ewma.smooth(np.full(3, largest, dtype), 0.9)
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(found, largest, rtol=1e-6)


def test_a_series_of_nothing_stays_and_one_number_is_no_series():
    assert ewma.smooth(np.zeros((65, 0)), 0.9).shape == (65, 0)
    plain = inspect.unwrap(ewma.smooth)  # as users have it, without checks of types
    with pytest.raises(ValueError, match=r"xs must be a series, .* got 3.0"):
        plain(3.0, 0.9)
    with pytest.raises(ValueError, match=r"decay must lie in \[0, 1\), got 1.0"):
        ewma.smooth(np.zeros(3), np.float32(1.0))


def test_a_leaf_that_is_none_at_some_steps_only_is_read_too_small():
    state = ewma.init({"a": jnp.zeros(()), "b": jnp.zeros(())})
    for k in range(4):
        seen = {"a": jnp.ones(()), "b": jnp.ones(()) if k % 2 else None}
        state = ewma.update(state, seen, 0.9)
    read = ewma.read(state)
    np.testing.assert_allclose(read["a"], 1, rtol=1e-12)
    assert 0 < read["b"] < 0.6  # as the docstring says
