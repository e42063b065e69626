# AdEMAMix, QHM, QHAdam and AggMo: what the cases of their oracles cannot say.

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from tests.oracles import Line
from tests.paths import RATE, follow, run, stack, tree

GRADS = [tree(1 + t) for t in range(10)]


def assert_same_ends(one, other, close=1e-12):
    a, b = (run(optimizer, tree(0), GRADS)[-1] for optimizer in (one, other))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=close), a, b)


# --- AdEMAMix -------------------------------------------------------------------------


def test_ademamix_keeps_its_dtypes_in_16_bits_where_optax_changes_them():
    params = jnp.ones(3, jnp.float32)
    types = lambda tree: [x.dtype for x in jax.tree.leaves(tree)]
    ours = optax_lab.ademamix(0.1, mu_dtype=jnp.bfloat16)
    state = ours.init(params)
    assert types(ours.update(params, state, params)[1]) == types(state)
    assert state[0].m1.average.dtype == state[0].m2.average.dtype == jnp.bfloat16
    assert state[0].nu.average.dtype == jnp.float32
    with jax.numpy_dtype_promotion("standard"):
        theirs = optax.contrib.ademamix(0.1, mu_dtype=jnp.bfloat16)
        state = theirs.init(params)
        assert types(theirs.update(params, state, params)[1]) != types(state)


def test_the_slow_average_of_ademamix_is_read_with_its_bias():
    g = jnp.array([2.0, -0.5])
    rule = optax_lab.scale_by_ademamix(b3=0.75, alpha=8.0)
    update, _ = rule.update(g, rule.init(g))
    np.testing.assert_allclose(update, jnp.sign(g) * (1 + 8 * 0.25), rtol=1e-7)


def test_a_schedule_of_the_slow_average_starts_at_step_zero():
    first = [tree(1)]
    scheduled = optax_lab.ademamix(RATE, b3=Line(0.5, 0.1), alpha=Line(2.0, 1.0))
    fixed = optax_lab.ademamix(RATE, b3=0.5, alpha=2.0)
    one, other = (run(o, tree(0), first)[0] for o in (scheduled, fixed))
    np.testing.assert_allclose(one["w"], other["w"], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("scale_by_adan", optax),
        ("scale_by_ademamix", optax.contrib),
        ("scale_by_adopt", optax.contrib),
    ],
)
def test_the_rules_signature_is_optaxs_and_ours_adds_keywords_only(name, there):
    # Optax's rule has α = 6 where its optimizer has 5.
    ours = inspect.signature(getattr(optax_lab, name)).parameters
    theirs = inspect.signature(getattr(there, name)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for p in theirs.values():
        functions = callable(p.default) and callable(ours[p.name].default)
        assert ours[p.name].default == p.default or functions
    added = [p for n, p in ours.items() if n not in theirs]
    assert all(p.kind is p.KEYWORD_ONLY for p in added)


# --- QHM and QHAdam -------------------------------------------------------------------


def test_qhm_lies_between_descent_and_momentum():
    assert_same_ends(optax_lab.qhm(RATE, nu=0.0), optax_lab.sgd(RATE))
    assert_same_ends(optax_lab.qhm(RATE, 0.9, 1.0), optax_lab.momentum(RATE, 0.9))


def test_qhadam_without_its_mixing_is_adam_and_with_all_of_it_normalises():
    adam = optax_lab.adamw(RATE, weight_decay=0.1)
    same = {"b1": 0.9, "nu1": 1.0, "nu2": 1.0, "weight_decay": 0.1}
    assert_same_ends(optax_lab.qhadam(RATE, **same), adam)
    rule = optax_lab.scale_by_qhadam(nu1=0.0, nu2=0.0)
    g = jnp.array([3.0, -0.5])
    _, state = rule.update(2 * g, rule.init(g))
    np.testing.assert_allclose(rule.update(g, state)[0], jnp.sign(g), rtol=1e-7)


# --- AggMo ----------------------------------------------------------------------------


def test_aggmo_takes_its_decays_as_a_tuple_a_list_or_a_vector():
    given = (0.0, 0.9, 0.99)
    for same in (list(given), jnp.array(given), np.array(given)):
        assert_same_ends(optax_lab.aggmo(RATE, same), optax_lab.aggmo(RATE))
    ball = optax_lab.sgd(RATE, 0.9)
    for one in (0.9, (0.9,), jnp.array(0.9)):
        assert_same_ends(optax_lab.aggmo(RATE, one), ball)


def test_a_grid_of_decay_vectors_goes_through_vmap_and_compiles_once():
    traces = []

    @jax.jit
    @jax.vmap
    def end(betas):
        traces.append(betas)
        [path] = follow([optax_lab.aggmo(RATE, betas)], tree(0), stack(GRADS))
        return path["w"][-1]

    for grid in ([[0.0, 0.5], [0.9, 0.99]], [[0.2, 0.3], [0.4, 0.8]]):
        lanes = end(jnp.array(grid))
        for lane, betas in zip(lanes, grid, strict=True):
            alone = run(optax_lab.aggmo(RATE, betas), tree(0), GRADS)[-1]["w"]
            np.testing.assert_allclose(lane, alone, rtol=1e-12)
    assert len(traces) == 1


def test_the_decays_of_aggmo_may_follow_a_schedule():
    scheduled = optax_lab.aggmo(RATE, lambda t: jnp.array([0.0, 0.5]) + 0.0 * t)
    assert_same_ends(scheduled, optax_lab.aggmo(RATE, (0.0, 0.5)))


def test_the_sums_of_aggmo_are_shaped_like_the_parameters():
    state = optax_lab.aggmo(0.1).init(tree(0))[0]
    assert state._fields == ("count", "traces")
    assert len(state.traces) == 3
    for trace in state.traces:
        assert jax.tree.map(jnp.shape, trace) == jax.tree.map(jnp.shape, tree(0))


def test_aggmo_is_finite_where_one_sum_is_infinite_and_another_its_opposite():
    rule = optax_lab.scale_by_aggmo((0.0, 0.9, 0.99))
    largest = jnp.finfo(jnp.float32).max
    state = rule.init(jnp.zeros(1, jnp.float32))
    seen = set()
    for factor in [1.0] + [0.0] * 9 + [0.5] + [-1.0] * 3 + [1.0] * 3:
        g = jnp.full(1, factor * largest, jnp.float32)
        update, state = rule.update(g, state)
        assert np.all(np.isfinite(update))
        seen.add(tuple(np.sign(t[0]) for t in state.traces if np.isinf(t[0])))
    assert (-1.0, 1.0) in seen


# --- All ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optax_lab.ademamix(0.1, b1=1.0), r"b1 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.ademamix(0.1, b2=-0.1), r"b2 must lie in .*got -0.1"),
        (lambda: optax_lab.ademamix(0.1, b3=1.0), r"b3 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.ademamix(0.1, alpha=-1.0), "alpha must be.*got -1.0"),
        (lambda: optax_lab.ademamix(0.1, eps=-1.0), "eps must be.*got -1.0"),
        (lambda: optax_lab.qhm(0.1, 1.0), r"decay must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.qhm(0.1, nu=-0.5), "nu must be.*got -0.5"),
        (lambda: optax_lab.qhadam(0.1, b1=1.0), r"b1 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.qhadam(0.1, b2=1.0), r"b2 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.qhadam(0.1, nu1=-1.0), "nu1 must be.*got -1.0"),
        (lambda: optax_lab.qhadam(0.1, nu2=-1.0), r"nu2 must lie in .*got -1.0"),
        (lambda: optax_lab.qhadam(0.1, nu_dtype="float16"), "nu_dtype must be"),
        (lambda: optax_lab.aggmo(0.1, (0.5, 1.0)), r"betas must lie .*got 1.0"),
        (lambda: optax_lab.aggmo(0.1, 1.0), r"betas must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.aggmo(0.1, ()), "betas must hold one decay or more"),
        (lambda: optax_lab.aggmo(0.1, weight_decay=-1.0), "weight_decay must be"),
    ],
)
def test_a_number_that_the_family_cannot_have_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make().init(jnp.zeros(2))


NAMES = ("ademamix", "qhm", "qhadam", "aggmo")


@pytest.mark.parametrize("name", NAMES)
def test_weight_decay_without_params_says_what_is_missing(name):
    optimizer = getattr(optax_lab, name)(0.1, weight_decay=0.1)
    with pytest.raises(ValueError, match="params"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))


def test_states_have_optaxs_classes_with_averages_inside():
    theirs = optax.contrib.ademamix(0.1).init(jnp.zeros(2))[0]
    states = [getattr(optax_lab, name)(0.1).init(jnp.zeros(2))[0] for name in NAMES]
    classes = [type(theirs), optax.EmaState, optax.ScaleByAdamState]
    assert [type(state) for state in states[:3]] == classes
    ademamix, qhm, qhadam, _ = states
    averages = [*ademamix[2:], qhm.ema, qhadam.mu, qhadam.nu]
    assert all(isinstance(a, ewma.Ewma) for a in averages)


@pytest.mark.slow
def test_16_bit_averages_arrive_where_nearest_rounding_stalls():
    g = jnp.full(500, 0.5, jnp.float32)
    mu = {"mu_dtype": jnp.bfloat16}
    both = mu | {"nu_dtype": jnp.bfloat16}

    def last(rounding):
        states = []
        for optimizer in (
            optax_lab.ademamix(0.1, 0.999, 0.999, 0.999, rounding=rounding, **both),
            optax_lab.qhm(0.1, 0.999, rounding=rounding, **mu),
            optax_lab.qhadam(0.1, 0.999, 0.999, rounding=rounding, **both),
            optax_lab.aggmo(0.1, (0.9, 0.999), rounding=rounding, **mu),
        ):
            step = lambda state, _, o=optimizer: (o.update(g, state)[1], None)
            states += [jax.lax.scan(step, optimizer.init(g), None, 12_000)[0][0]]
        ademamix, qhm, qhadam, aggmo = states
        slow = [ademamix.m1, ademamix.m2, qhm.ema, qhadam.mu, ademamix.nu, qhadam.nu]
        return [a.average for a in slow] + [aggmo.traces[1]]

    expected = [0.5] * 4 + [0.25] * 2 + [0.5 / (1 - 0.999)]
    both_ways = last("stochastic"), last("nearest")
    for mean, arrived, stalled in zip(expected, *both_ways, strict=True):
        assert arrived.dtype == jnp.bfloat16
        assert np.mean(np.asarray(arrived, float)) == pytest.approx(mean, rel=0.04)
        assert np.max(np.asarray(stalled, float)) < 0.7 * mean
