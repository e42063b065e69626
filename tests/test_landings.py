import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optax_lab
from optax_lab.problems import surfaces
from optax_lab.problems.surfaces import SURFACES
from optax_lab.runs import descent, replay
from optax_lab.studies import grids, landings, tuning

BOWL = surfaces.quadratic()


@pytest.fixture(autouse=True)
def _optax_promotes():
    with jax.numpy_dtype_promotion("standard"):
        yield


# How far down, and how soon


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.floats(-5, 5))
def test_the_first_hit_is_that_of_a_plain_loop(values, target):
    expected = next((k for k, v in enumerate(values) if v <= target), np.inf)
    assert landings.first_hits(np.array(values), target) == expected


@pytest.mark.parametrize("every", [1, 7, 400])
def test_a_descent_counts_its_first_hit_whatever_it_records(every):
    go = functools.partial(
        descent.descend, BOWL.value, optax_lab.sgd(5.0), BOWL.start, steps=400
    )
    whole = go()
    hit = int(landings.first_hits(whole.values, 1e-6))
    assert 0 < hit < 400
    assert int(go(target=1e-6, record_every=every).first_hit) == hit
    assert int(go(target=-1.0).first_hit) == -1
    assert int(go(target=9.0).first_hit) == 0
    assert int(whole.first_hit) == -1


def test_a_noisy_descent_hits_by_what_is_there_and_not_by_what_it_sees():
    surface, key = surfaces.noisy(BOWL, 0.5), jax.random.key(1)
    run = descent.descend(
        surface.sample,
        optax_lab.sgd(1.0),
        BOWL.start,
        key=key,
        steps=300,
        target=0.01,
        judge=BOWL.value,
    )
    there = landings.values_at(BOWL.value, run.points)
    assert int(run.first_hit) == landings.first_hits(there, 0.01)
    assert landings.first_hits(run.values, 0.01) != int(run.first_hit)


def test_a_lane_that_ended_hits_nothing_any_more():
    settings = {"stop": "gradient", "tolerance": 0.05, "steps": 400}
    run = descent.descend(
        BOWL.value, optax_lab.sgd(5.0), BOWL.start, target=1e-6, **settings
    )
    assert descent.STATUS[run.status] == "converged"
    assert int(run.first_hit) == -1


def test_a_run_that_hits_before_it_diverges_has_hit():
    assert landings.first_hits(np.array([3.0, 1.0, np.nan, np.inf]), 1) == 1
    assert landings.first_hits(np.array([3.0, np.nan, np.inf]), 1) == np.inf


def test_above_best_is_the_value_less_the_smallest_one():
    surface = SURFACES["goldstein_price"]()
    assert landings.above_best(surface, np.array([3.0, 30.0])).tolist() == [0, 27]


@pytest.mark.parametrize("name", ["monkey_saddle", "factorisation"])
def test_nothing_is_reported_above_the_best_where_no_minimum_is_isolated(name):
    with pytest.raises(ValueError, match=f"{name} has no isolated minimum"):
        landings.above_best(SURFACES[name](), np.zeros(3))
    with pytest.raises(ValueError, match=f"{name} has no second-best minimum"):
        landings.basin_hits(SURFACES[name](), np.zeros(3))


def test_a_surface_with_one_minimum_has_no_basin_to_miss():
    with pytest.raises(ValueError, match="quadratic has no second-best minimum"):
        landings.basin_hits(BOWL, np.zeros(3))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, make in SURFACES.items() if make().runner_up is not None]
)
def test_a_descent_that_hit_the_basin_ends_in_the_best_minimum_and_no_other_does(name):
    # Small plain steps leave no basin, so where they end tells where they began.
    surface = SURFACES[name]()
    anywhere = surfaces.starts(surface, jax.random.key(0), 48)
    noise = np.asarray(jax.random.normal(jax.random.key(1), (16, 2)))
    beside = surface.minima[0] + 0.05 * noise
    starts = jnp.concatenate([anywhere, beside])
    step = lambda learning_rate: optax.chain(
        optax.clip_by_global_norm(1.0), optax.sgd(learning_rate)
    )
    found = grids.descents(
        surface.value,
        step,
        starts,
        hypers={"learning_rate": [2e-3]},
        steps=12_000,
        record_every=12_000,
    ).trajectory
    hits = landings.basin_hits(surface, found.values[0, :, -1])
    ends = found.points[0, :, -1]
    distances = [np.abs(ends - minimum).max(-1) for minimum in surface.minima]
    near = np.min(distances, axis=0) < 0.05
    assert (near <= hits).all()
    assert (hits & ~near).sum() <= 2  # on their way still
    assert hits[48:].all()
    assert not hits.all()


def test_values_are_taken_without_their_noise():
    surface = surfaces.noisy(BOWL, 5.0)
    points = np.array([[[1.0, 2.0], [0.0, 0.0]]])
    found = landings.values_at(surface.value, points, axes=2)
    np.testing.assert_allclose(found, [[0.41, 0.0]])


# Equal tuning


def tune(surface=BOWL, starts=None, makes=(optax_lab.sgd,), **settings):
    starts = surface.start[None] if starts is None else starts
    makes = {make.__name__: make for make in makes}
    return tuning.tune(surface, makes, starts, **settings)


def test_everyone_is_tried_with_the_same_rates_and_the_best_score_wins():
    rates = np.geomspace(1e-2, 30, 9)
    makes = (optax_lab.sgd, optax_lab.adam)
    found = tune(makes=makes, steps=50, rates=rates)
    for make in makes:
        alone = jax.jit(
            lambda rate, make=make: descent.descend(
                BOWL.value, make(rate), BOWL.start, steps=50
            )
        )
        tuned = found[make.__name__]
        expected = [float(alone(rate).values[-1]) for rate in rates]
        np.testing.assert_allclose(tuned.scores, expected, rtol=1e-9)
        assert tuned.rates.tolist() == rates.tolist()
        assert tuned.best == rates[int(np.argmin(expected))]


def test_a_target_scores_by_the_first_step_that_reaches_it():
    rates = np.array([0.1, 1.0, 9.0, 11.0])
    tuned = tune(steps=400, rates=rates, target=1e-3)["sgd"]
    run = descent.descend(BOWL.value, optax_lab.sgd(9.0), BOWL.start, steps=400)
    assert tuned.best == 9.0
    assert tuned.scores[2] == landings.first_hits(run.values, 1e-3)
    assert tuned.scores[3] == np.inf


def test_the_score_of_several_starts_is_their_median():
    starts = np.array([[-2.0, -2.0], [1.0, 0.0], [3.0, 3.0]])
    many = tune(starts=starts, steps=30, rates=np.array([1.0]))["sgd"]
    each = [
        tune(starts=start[None], steps=30, rates=np.array([1.0]))["sgd"].scores[0]
        for start in starts
    ]
    np.testing.assert_allclose(many.scores[0], np.median(each), rtol=1e-9)


@pytest.mark.parametrize(
    ("rates", "at_edge"), [([0.1, 1.0], True), ([1.0, 9.0, 30.0], False)]
)
def test_a_best_rate_at_the_edge_of_the_grid_says_so(rates, at_edge):
    assert tune(steps=60, rates=np.array(rates))["sgd"].at_edge is at_edge


def test_a_diverged_rate_is_never_the_best_one():
    tuned = tune(steps=2000, rates=np.array([0.1, 1e3]))["sgd"]
    assert tuned.scores[1] == np.inf
    assert tuned.best == 0.1


def test_where_no_rate_reaches_the_target_the_lowest_end_is_best_and_says_so():
    tuned = tune(steps=20, rates=np.array([0.1, 1.0, 9.0]), target=1e-30)["sgd"]
    assert tuned.best == 9.0
    assert tuned.score == np.inf


def test_where_every_rate_diverges_there_is_no_best():
    tuned = tune(steps=4000, rates=np.array([1e2, 1e3]))["sgd"]
    assert np.isnan(tuned.best)
    assert not tuned.at_edge


def test_noise_is_descended_and_not_scored():
    surface = surfaces.noisy(BOWL, 0.5)
    keys = jax.random.split(jax.random.key(0), 5)
    tuned = tune(surface, steps=200, rates=np.geomspace(1e-2, 9, 7), keys=keys)["sgd"]
    assert (tuned.scores > 0).all()  # a noisy value may be negative, its mean is not
    assert tuned.best < 5  # the rate that is best without noise lets it all in


# What an optimizer kept


@pytest.mark.parametrize("name", ["adam", "momentum", "schedule_free_sgd", "muon"])
def test_a_replay_takes_the_descents_own_steps(name):
    entry = optax_lab.OPTIMIZERS[name]
    optimizer = entry.make(0.1)
    run = descent.descend(BOWL.value, optimizer, BOWL.start, steps=30)
    told = replay.replay(BOWL.value, optimizer, run.points)
    np.testing.assert_allclose(told.updates, np.diff(run.points, axis=0), atol=1e-12)
    np.testing.assert_allclose(told.values, run.values[:-1], rtol=1e-12)
    slopes = jax.vmap(jax.grad(BOWL.value))(run.points[:-1])
    np.testing.assert_allclose(told.grads, slopes, rtol=1e-12)


def test_a_replay_holds_the_state_after_every_step():
    optimizer = optax_lab.adam(0.1)
    run = descent.descend(BOWL.value, optimizer, BOWL.start, steps=5)
    told = replay.replay(BOWL.value, optimizer, run.points)
    state = optimizer.init(jnp.asarray(BOWL.start))
    for k in range(5):
        gradient = jax.grad(BOWL.value)(run.points[k])
        _, state = optimizer.update(gradient, state, run.points[k])
        there = jax.tree.map(lambda leaf, k=k: leaf[k], told.states)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), there, state
        )


def test_a_replay_of_a_noisy_descent_hears_the_same_noise():
    surface, key = surfaces.noisy(BOWL, 1.0), jax.random.key(4)
    run = descent.descend(
        surface.sample, optax_lab.sgd(0.1), BOWL.start, key=key, steps=20
    )
    told = replay.replay(surface.sample, optax_lab.sgd(0.1), run.points, key=key)
    np.testing.assert_allclose(told.updates, np.diff(run.points, axis=0), atol=1e-12)
