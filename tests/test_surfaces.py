import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optax_lab.problems import surfaces
from optax_lab.problems.surfaces import SURFACES

every = pytest.mark.parametrize("name", SURFACES)
angles = st.floats(-720, 720, allow_subnormal=False)
conditions = st.floats(1, 1e6)
points = st.lists(
    st.floats(-10, 10, allow_subnormal=False), min_size=2, max_size=2
).map(jnp.array)


def turn(point, degrees):
    """Turns a point of the plane counterclockwise, as a complex number."""
    turned = complex(*point) * np.exp(1j * np.deg2rad(degrees))
    return jnp.array([turned.real, turned.imag])


def first_hit(optimizer, surface, below=1e-6):
    """Counts an optimizer's steps until the value is below a bound."""
    start = jnp.asarray(surface.start)

    def step(carry):
        point, state, count = carry
        updates, state = optimizer.update(jax.grad(surface.value)(point), state, point)
        return optax.apply_updates(point, updates), state, count + 1

    going = lambda carry: (surface.value(carry[0]) >= below) & (carry[2] < 10_000)
    with jax.numpy_dtype_promotion("standard"):  # Optax's own optimizers need it
        return int(
            jax.lax.while_loop(going, step, (start, optimizer.init(start), 0))[2]
        )


@every
def test_a_surface_is_known_by_its_name(name):
    assert SURFACES[name]().name == name


@every
def test_the_gradient_is_zero_and_the_value_best_at_every_minimum(name):
    surface = SURFACES[name]()
    for minimum in surface.minima:
        value, gradient = jax.value_and_grad(surface.value)(jnp.asarray(minimum))
        np.testing.assert_allclose(gradient, 0, atol=1e-6)
        np.testing.assert_allclose(value, surface.best, atol=1e-9)


@every
def test_no_point_of_the_window_is_better_than_the_best(name):
    surface = SURFACES[name]()
    grid = jnp.stack(
        jnp.meshgrid(*(jnp.linspace(*span, 201) for span in surface.window))
    )
    assert surface.value(grid).min() >= surface.best


@every
def test_start_and_minima_are_points_of_the_window(name):
    surface = SURFACES[name]()
    for point in (surface.start, *surface.minima):
        assert point.shape == (2,)
        for coordinate, (low, high) in zip(point, surface.window, strict=True):
            assert low < coordinate < high


@every
def test_a_grid_of_points_has_the_values_of_its_points(name):
    surface = SURFACES[name]()
    grid = jax.random.uniform(jax.random.key(0), (2, 3, 4), minval=-2, maxval=2)
    one_by_one = jax.vmap(jax.vmap(surface.value, 1), 1)(grid)
    assert one_by_one.shape == (3, 4)
    np.testing.assert_allclose(surface.value(grid), one_by_one, rtol=1e-14)


@every
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_value_and_gradient_keep_the_points_dtype(name, dtype):
    surface = SURFACES[name]()
    value, gradient = jax.value_and_grad(surface.value)(jnp.ones(2, dtype))
    assert value.dtype == gradient.dtype == jnp.dtype(dtype)


@given(points)
def test_the_quadratic_is_the_labs_by_default(point):
    x, y = point
    expected = 0.01 * x**2 + 0.1 * y**2
    surface = surfaces.quadratic()
    np.testing.assert_allclose(surface.value(point), expected, rtol=1e-14)
    gradient = jax.grad(surface.value)(point)
    np.testing.assert_allclose(gradient, [0.02 * x, 0.2 * y], rtol=1e-14)
    assert surface.start.tolist() == [-2, -2]
    assert surface.formula == "f(x, y) = 0.01x² + 0.1y²"


@given(angles, conditions)
def test_curvatures_are_one_fifth_and_that_over_the_condition(rotation, condition):
    surface = surfaces.quadratic(rotation=rotation, condition=condition)
    hessian = jax.hessian(surface.value)(jnp.array([0.3, -0.7]))
    expected = [0.2 / condition, 0.2]
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), expected, atol=1e-15)


def test_the_labs_curvatures():
    hessian = jax.hessian(surfaces.quadratic().value)(jnp.zeros(2))
    np.testing.assert_allclose(hessian, [[0.02, 0], [0, 0.2]], rtol=1e-14)


@given(points, angles, conditions)
def test_rotation_turns_the_bowl_counterclockwise(point, rotation, condition):
    straight = surfaces.quadratic(condition=condition)
    turned = surfaces.quadratic(rotation=rotation, condition=condition)
    expected = straight.value(point)
    found = turned.value(turn(point, rotation))
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
    start = turn(straight.start, rotation)
    np.testing.assert_allclose(turned.start, start, atol=1e-12)


@pytest.mark.parametrize(
    ("optimizer", "straight", "turned"),
    [
        (optax.sgd(0.1), 2647, 2647),
        (optax.adam(0.1, eps=0, eps_root=1e-5), 24, 144),  # the lab's δ, in the root
    ],
)
def test_rotation_costs_adam_its_advantage_and_gradient_descent_nothing(
    optimizer, straight, turned
):
    assert first_hit(optimizer, surfaces.quadratic()) == straight
    assert first_hit(optimizer, surfaces.quadratic(rotation=45)) == turned


@given(angles)
def test_gradient_descent_takes_the_same_number_of_steps_at_any_angle(rotation):
    turned = surfaces.quadratic(rotation=rotation)
    expected = first_hit(optax.sgd(5.0), surfaces.quadratic())
    assert first_hit(optax.sgd(5.0), turned) == expected


def test_the_formula_says_that_the_bowl_is_turned():
    formula = surfaces.quadratic(rotation=45, condition=100).formula
    assert formula == "f(x, y) = 0.001x² + 0.1y², turned by 45°"


@pytest.mark.parametrize("condition", [0, 0.5, -1, math.nan, math.inf])
def test_a_condition_number_below_one_or_not_finite_is_refused(condition):
    with pytest.raises(ValueError, match=f"condition is {condition}: it must be"):
        surfaces.quadratic(condition=condition)


@pytest.mark.parametrize("rotation", [math.nan, math.inf, -math.inf])
def test_a_rotation_that_is_not_finite_is_refused(rotation):
    with pytest.raises(ValueError, match=f"rotation is {rotation}: it must be"):
        surfaces.quadratic(rotation=rotation)
