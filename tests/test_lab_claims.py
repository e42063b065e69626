# What the lab says of its optimizers, or lets one believe, with our own figures.
#
# D02 to D05, the stop rules, are in test_descent.py, next to the statuses.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.problems import surfaces
from optax_lab.runs import descent
from optax_lab.studies import landings, tuning

BOWL, TURNED = surfaces.quadratic(), surfaces.quadratic(rotation=45)
LAB_RULE = {"stop": "step", "tolerance": 1e-4}
TARGET = 1e-6


@pytest.fixture(autouse=True)
def _optax_promotes():
    with jax.numpy_dtype_promotion("standard"):
        yield


def lab_rmsprop(learning_rate, **more):
    return optax_lab.rmsprop(learning_rate, decay=0.999, eps=1e-5, **more)


def lab_adam(learning_rate):
    return optax_lab.adam(learning_rate, eps=0.0, eps_root=1e-5)


def run(optimizer, surface=BOWL, **settings):
    go = lambda x: descent.descend(surface.value, optimizer, x, **settings)
    return jax.jit(go)(jnp.asarray(surface.start))


def first_hit(optimizer, surface):
    return float(landings.first_hits(run(optimizer, surface).values, TARGET))


def steps_by_the_labs_rule(optimizer):
    return int(run(optimizer, **LAB_RULE).steps_taken)


@pytest.mark.parametrize(
    ("make", "straight", "turned"),
    [
        (optax_lab.sgd, 2647, 2647),
        (lambda rate: optax_lab.momentum(rate, decay=0.9), 2608, 2608),
        (lab_rmsprop, 7, 37),
        (lab_adam, 24, 144),
    ],
    ids=["sgd", "momentum", "rmsprop", "adam"],
)
def test_d15_turning_the_bowl_costs_those_that_scale_each_coordinate(
    make, straight, turned
):
    assert first_hit(make(0.1), BOWL) == straight
    assert first_hit(make(0.1), TURNED) == turned


def test_d16_gradient_descent_at_its_own_rate_is_a_hundred_times_faster():
    rates = np.linspace(0.05, 9.95, 199)
    found = tuning.tune(
        BOWL,
        {"sgd": optax_lab.sgd},
        BOWL.start[None],
        steps=3000,
        target=TARGET,
        rates=rates,
    )["sgd"]
    # Theory's best rate is 2/(L + μ) = 9.09 for the last step of all; the first hit
    # from this start comes soonest at a slightly smaller one.
    assert (found.scores.min(), round(found.best, 2)) == (28, 8.65)
    assert not found.at_edge
    assert first_hit(optax_lab.sgd(0.1), BOWL) > 90 * found.scores.min()


def test_d16_tuned_alike_gradient_descent_beats_adam_once_the_bowl_is_turned():
    makes = {"sgd": optax_lab.sgd, "adam": optax_lab.adam}
    rates = np.geomspace(1e-3, 10, 121)
    settings = {"steps": 3000, "target": TARGET, "rates": rates}
    best = {}
    for name, surface in (("straight", BOWL), ("turned", TURNED)):
        found = tuning.tune(surface, makes, surface.start[None], **settings)
        best[name] = {key: tuned.scores.min() for key, tuned in found.items()}
    # On the axes Adam's first steps lead through the minimum itself.
    assert best["straight"]["adam"] < best["straight"]["sgd"] < 35
    assert best["turned"]["sgd"] == best["straight"]["sgd"]
    assert best["turned"]["adam"] > 2 * best["turned"]["sgd"]


def test_d17_rmsprop_wins_by_what_it_leaves_out():
    points = run(lab_rmsprop(0.1), steps=1).points
    np.testing.assert_allclose(points[1] - points[0], (1.174, 3.068), rtol=1e-3)
    # The first step is 1/√(1 − ρ) = 31.6 times the one of a debiased average.
    corrected = lab_rmsprop(0.1, bias_correction=True)
    first = run(corrected, steps=1).points
    np.testing.assert_allclose(first[1] - first[0], 0.1, rtol=1e-2)
    assert steps_by_the_labs_rule(lab_rmsprop(0.1)) == 12
    assert steps_by_the_labs_rule(corrected) == 78


def test_d18_near_the_minimum_the_labs_adam_is_momentum_with_a_rate_of_32():
    optimizer, params = lab_adam(0.1), jnp.zeros(2)
    grads, state = jnp.array([1e-6, -1e-6]), optimizer.init(params)
    update = jax.jit(optimizer.update)
    for _ in range(300):
        updates, state = update(grads, state, params)
    np.testing.assert_allclose(updates, -0.1 / np.sqrt(1e-5) * grads, rtol=1e-6)


def test_d18_with_epsilon_outside_the_root_adam_is_stopped_where_it_turns():
    inside, outside = (
        run(make(0.1), **LAB_RULE) for make in (lab_adam, optax_lab.adam)
    )
    assert (int(inside.steps_taken), int(outside.steps_taken)) == (117, 66)
    assert inside.values[-1] < 3e-6
    assert outside.values[-1] > 3e-4  # it has not converged at all


def test_d19_an_average_as_momentum_is_as_slow_as_none_at_the_same_rate():
    assert steps_by_the_labs_rule(optax_lab.sgd(0.1)) == 1844
    assert steps_by_the_labs_rule(optax_lab.momentum(0.1, decay=0.9)) == 1829


def test_d19_a_sum_as_momentum_is_an_average_at_ten_times_the_rate():
    total = run(optax_lab.sgd(0.1, momentum=0.9), **LAB_RULE)
    average = run(optax_lab.momentum(1.0, decay=0.9), **LAB_RULE)
    assert int(total.steps_taken) == int(average.steps_taken) == 250
    np.testing.assert_allclose(total.points, average.points, rtol=1e-9, atol=1e-15)
    assert int(run(optax.sgd(0.1, momentum=0.9), **LAB_RULE).steps_taken) == 250
