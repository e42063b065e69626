from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optax_lab
from optax_lab.problems import surfaces, theory
from optax_lab.problems.surfaces import SURFACES
from optax_lab.runs import descent

BOWL = surfaces.quadratic()
FOUND = theory.Curvatures(0.2, 0.02)


@pytest.fixture(autouse=True)
def _optax_promotes():
    with jax.numpy_dtype_promotion("standard"):
        yield


def descents(make, rates, steps):
    """Descends the bowl at each rate, in one program; returns the values."""
    start = jnp.asarray(BOWL.start)
    run = jax.jit(
        lambda rate: descent.descend(BOWL.value, make(rate), start, steps=steps).values
    )
    return [np.asarray(run(rate)) for rate in rates]


def grow(make, *rates, steps=3000):
    """Whether descents of the bowl end higher than they began."""
    return [not values[-1] < values[0] for values in descents(make, rates, steps)]


def shrinkages(make, *rates, steps=60):
    """The factors by which the distance to the minimum shrinks a step, in the end."""
    far = np.sqrt(descents(make, rates, steps))
    return (far[:, -1] / far[:, -21]) ** (1 / 20)


@pytest.mark.parametrize(
    ("surface", "expected"),
    [
        (partial(surfaces.quadratic), (0.2, 0.02)),
        (partial(lambda: surfaces.quadratic(rotation=30, condition=100)), (0.2, 0.002)),
        (partial(SURFACES["booth"]), (18, 2)),
        (partial(SURFACES["least_squares"]), (1, 0.01)),
        (partial(lambda: surfaces.rotate(SURFACES["matyas"](), 20)), (1, 0.04)),
        (partial(lambda: surfaces.noisy(BOWL, 1.0)), (0.2, 0.02)),
        (partial(SURFACES["rosenbrock"]), None),
        (partial(SURFACES["rastrigin"]), None),
        (partial(SURFACES["quartic"]), None),
        (partial(SURFACES["absolute"]), None),
        (partial(SURFACES["himmelblau"]), None),
        (partial(SURFACES["factorisation"]), None),
    ],
)
def test_a_quadratic_has_two_curvatures_and_nothing_else_has(surface, expected):
    found = theory.curvatures(surface())
    if expected is None:
        assert found is None
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_labs_bowl_has_the_marks_that_are_known():
    assert theory.stability_limit(0.2, average=False) == 10
    np.testing.assert_allclose(theory.best_rate(FOUND), 9.0909, rtol=1e-4)
    best = theory.best_heavy_ball(FOUND, average=False)
    np.testing.assert_allclose(best, (11.54, 0.270), rtol=2e-3)
    averaged = theory.best_heavy_ball(FOUND, average=True)
    np.testing.assert_allclose(averaged, (15.8, 0.270), rtol=2e-3)
    np.testing.assert_allclose(theory.stability_limit(0.2, 0.9, average=True), 190)


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("average", [False, True])
def test_descents_diverge_from_the_limit_on_and_not_before(beta, average):
    limit = float(theory.stability_limit(0.2, beta, average=average))
    make = {
        False: lambda rate: optax_lab.sgd(rate, momentum=beta),
        True: lambda rate: optax_lab.momentum(rate, decay=beta),
    }[average]
    assert grow(make, 0.99 * limit, 1.01 * limit) == [False, True]


def test_no_rate_shrinks_faster_than_the_best_one():
    best = theory.best_rate(FOUND)
    found, *others = shrinkages(optax_lab.sgd, best, 0.9 * best, 1.05 * best)
    np.testing.assert_allclose(found, 9 / 11, rtol=1e-3)
    assert min(others) > 9 / 11 + 0.005


@pytest.mark.parametrize("average", [False, True])
def test_the_best_heavy_ball_shrinks_as_fast_as_theory_says(average):
    rate, beta = theory.best_heavy_ball(FOUND, average=average)
    make = {
        False: lambda rate: optax_lab.sgd(rate, momentum=beta),
        True: lambda rate: optax_lab.momentum(rate, decay=beta),
    }[average]
    (found,) = shrinkages(make, rate)
    # √β, and a little more, because both roots are equal there.
    assert np.sqrt(beta) < found < np.sqrt(beta) + 0.03
