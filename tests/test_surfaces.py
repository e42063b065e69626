import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree
from scipy import ndimage, optimize

from optax_lab.problems import surfaces
from optax_lab.problems.surfaces import SURFACES, bowls, models, saddles, valleys

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
    slope = jax.jit(jax.value_and_grad(surface.value))
    for minimum in surface.minima:
        value, gradient = slope(jnp.asarray(minimum))
        np.testing.assert_allclose(gradient, 0, atol=1e-6)
        np.testing.assert_allclose(value, surface.best, atol=1e-9)


@every
def test_no_point_of_the_window_is_better_than_the_best(name):
    surface = SURFACES[name]()
    values = jax.jit(jax.vmap(surface.value))(window_points(surface))
    if surface.best is not None:
        assert values.min() >= surface.best - 1e-12


@every
def test_no_point_far_around_the_window_is_better_than_the_best(name):
    surface = SURFACES[name]()
    if surface.best is None:
        return
    wide = surface._replace(window=tuple(zip(*_widened(surface, 5.0), strict=True)))
    values = jax.jit(jax.vmap(surface.value))(window_points(wide))
    assert values.min() >= surface.best - 1e-12


def _widened(surface, factor):
    low, high = np.transpose(surface.window)
    middle, half = (low + high) / 2, factor * (high - low) / 2
    return middle - half, middle + half


def test_mccormicks_slope_has_no_end():
    surface = SURFACES["mccormick"]()
    step = np.array([-np.pi, -np.pi])
    point = np.array([-0.54719755, -1.54719755])
    values = [float(surface.value(point + k * step)) for k in range(4)]
    np.testing.assert_allclose(values[0], -1.9132229549810362, rtol=1e-9)
    np.testing.assert_allclose(np.diff(values), -np.pi, rtol=1e-9)


@every
def test_value_and_gradient_are_finite_in_all_of_the_window(name):
    surface = SURFACES[name]()
    starts = surfaces.starts(surface, jax.random.key(0), 100)
    slopes = jax.jit(jax.vmap(jax.value_and_grad(surface.value)))
    for points in (window_points(surface), starts):
        found = slopes(points)
        assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(found))


@every
def test_start_and_minima_are_points_of_the_window(name):
    surface = SURFACES[name]()
    low, high = np.transpose(surface.window)
    for point in (surface.start, *surface.minima):
        assert jax.tree.structure(point) == jax.tree.structure(surface.start)
        flat, _ = ravel_pytree(point)
        assert ((low < flat) & (flat < high)).all()


@every
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_value_and_gradient_keep_the_points_dtype(name, dtype):
    surface = SURFACES[name]()
    typed = lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype)
    point = jax.tree.map(typed, surface.start)
    leaves = jax.tree.leaves(jax.eval_shape(jax.value_and_grad(surface.value), point))
    if surface.sample is not None:
        leaves.append(jax.eval_shape(surface.sample, point, jax.random.key(0)))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype(dtype)}


@pytest.mark.parametrize(
    "name", [name for name, make in SURFACES.items() if make().is_plane]
)
def test_the_minima_are_all_there_are_and_the_second_best_is_named(name):
    surface = SURFACES[name]()
    found = local_minima(surface)
    if not surface.minima:
        assert not found or name == "mccormick"  # which is lower outside its window
        return
    best = [point for value, point in found if value < surface.best + 1e-6]
    others = [value for value, _ in found if value >= surface.best + 1e-6]
    assert len(best) == len(surface.minima)
    for minimum in surface.minima:
        assert min(np.abs(minimum - point).max() for point in best) < 1e-3
    if surface.runner_up is None:
        assert not others
    else:
        np.testing.assert_allclose(min(others), surface.runner_up, rtol=1e-6)


def window_points(surface):
    """A grid of points, the axes among them; at random where they are no plane."""
    if not surface.is_plane:
        return surfaces.starts(surface, jax.random.key(1), 2000)
    axes = [jnp.linspace(float(low), float(high), 201) for low, high in surface.window]
    return jnp.stack(jnp.meshgrid(*axes), axis=-1).reshape(-1, 2)


def local_minima(surface, side=1001):
    """The best local minima of a plane: (value, point), the lowest first."""
    axes = [np.linspace(low, high, side) for low, high in surface.window]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    heights = jax.jit(jax.vmap(surface.value))(grid).reshape(side, side)
    heights = np.asarray(heights)
    lowest = (heights == ndimage.minimum_filter(heights, 3)).ravel()
    inside = np.ones((side, side), bool)
    inside[[0, -1]] = inside[:, [0, -1]] = False
    steep = ndimage.maximum_filter(heights, 3) > heights  # not a plain of equal values
    candidates = np.flatnonzero(lowest & inside.ravel() & steep.ravel())
    candidates = candidates[np.argsort(heights.ravel()[candidates])][:12]
    slope = jax.jit(jax.value_and_grad(surface.value))
    found = []
    for start in grid[candidates]:
        f = lambda p: tuple(np.asarray(x) for x in slope(jnp.asarray(p)))
        end = optimize.minimize(f, start, jac=True, options={"gtol": 1e-10})
        low, high = np.transpose(surface.window)
        is_new = all(np.abs(end.x - point).max() > 1e-2 for _, point in found)
        if is_new and ((low <= end.x) & (end.x <= high)).all():
            found.append((float(end.fun), end.x))
    return sorted(found, key=lambda pair: pair[0])


@given(points)
def test_the_quadratic_is_the_labs_by_default(point):
    x, y = point
    expected = 0.01 * x**2 + 0.1 * y**2
    surface = surfaces.quadratic()
    np.testing.assert_allclose(surface.value(point), expected, rtol=1e-14)
    gradient = jax.grad(surface.value)(point)
    np.testing.assert_allclose(gradient, [0.02 * x, 0.2 * y], rtol=1e-14)
    assert surface.start.tolist() == [-2, -2]
    assert surface.window == ((-3, 3), (-3, 3))
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


# Facts of single surfaces


@pytest.mark.parametrize(
    ("make", "eigenvalues"),
    [
        (SURFACES["sphere"], (2, 2)),
        (SURFACES["rosenbrock"], (0.399, 1001.6)),
        (SURFACES["beale"], (0.301, 48.98)),
        (SURFACES["himmelblau"], (25.7, 82.3)),
        (SURFACES["booth"], (2, 18)),
        (SURFACES["matyas"], (0.04, 1)),
        (SURFACES["rastrigin"], (396.8, 396.8)),
        (SURFACES["styblinski_tang"], (34.58, 34.58)),
        (SURFACES["goldstein_price"], (403, 965)),
        (SURFACES["three_hump_camel"], (1.59, 4.41)),
        (SURFACES["six_hump_camel"], (7.7, 16.5)),
        (SURFACES["branin"], (1.73, 11.1)),
        (SURFACES["levy13"], (2, 179.7)),
        (SURFACES["easom"], (3, 3)),
    ],
)
def test_the_curvatures_at_the_minimum_are_those_that_are_known(make, eigenvalues):
    surface = make()
    hessian = jax.jit(jax.hessian(surface.value))
    curvatures = [
        np.linalg.eigvalsh(hessian(jnp.asarray(minimum))) for minimum in surface.minima
    ]
    close = [np.allclose(found, eigenvalues, rtol=5e-3) for found in curvatures]
    assert any(close), curvatures


def test_a_descent_leaves_a_saddle_at_its_side_and_a_monkey_saddle_for_ever():
    def end(surface, rate, steps):
        step = lambda p, _: (p - rate * jax.grad(surface.value)(p), None)
        return jax.lax.scan(step, jnp.asarray(surface.start), None, steps)[0]

    saddle, monkey = saddles.saddle(), saddles.monkey_saddle()
    np.testing.assert_allclose(end(saddle, 0.1, 300), saddle.minima[0], atol=1e-6)
    assert monkey.best is None
    assert monkey.minima == ()
    assert monkey.value(end(monkey, 0.01, 200)) < -1


def test_a_chain_of_two_is_rosenbrocks_function_and_of_four_has_a_second_minimum():
    point = jnp.array([0.3, -0.4])
    two, long = valleys.rosenbrock_chain(n=2), valleys.rosenbrock_chain(n=4)
    assert two.value(point) == valleys.rosenbrock().value(point)
    start = np.array([-1.0, 1, 1, 1])
    second = optimize.minimize(
        lambda p: float(long.value(jnp.asarray(p))), start, tol=1e-12
    )
    assert 3 < second.fun < 4


def test_a_tall_regression_leaves_noise_a_square_one_none_a_wide_one_no_minimum():
    tall = models.least_squares(rows=40, columns=10, noise=0.5)
    square = models.least_squares(rows=10, columns=10)
    wide = models.least_squares(rows=5, columns=10)
    assert 0.02 < tall.best < 0.2
    assert square.best < 1e-20
    assert (wide.minima, wide.best) == ((), None)


@pytest.mark.parametrize("condition", [1.0, 100.0])
def test_a_regression_has_the_condition_that_is_asked_for(condition):
    surface = models.least_squares(condition=condition)
    hessian = jax.hessian(surface.value)(jnp.asarray(surface.start))
    low, *_, high = np.linalg.eigvalsh(hessian)
    np.testing.assert_allclose((low, high), (1 / condition, 1), rtol=1e-9)


@pytest.mark.parametrize(
    "surface",
    [
        models.least_squares(batch=4),
        models.noisy_quadratic(noise=2.0),
        surfaces.noisy(surfaces.quadratic(), 0.3),
        surfaces.noisy(models.factorisation(), 0.3),
        surfaces.noisy(models.noisy_quadratic(), 0.3),
    ],
    ids=["batch", "noisy_quadratic", "quadratic", "factorisation", "twice"],
)
def test_the_mean_of_the_samples_is_the_value_and_of_their_gradients_its_gradient(
    surface,
):
    keys = jax.random.split(jax.random.key(0), 20_000)
    both = jax.value_and_grad(surface.sample)
    drawn = jax.jit(jax.vmap(both, (None, 0)))(surface.start, keys)
    expected = jax.jit(jax.value_and_grad(surface.value))(surface.start)
    jax.tree.map(
        lambda d, e: np.testing.assert_allclose(
            d.mean(0), e, atol=5 * float(d.std(0).max()) / math.sqrt(len(keys))
        ),
        drawn,
        expected,
    )
    assert jax.tree.leaves(drawn)[0].std() > 0


def test_noise_in_the_gradient_has_the_deviation_that_is_asked_for():
    surface = surfaces.noisy(surfaces.quadratic(), 0.3)
    keys = jax.random.split(jax.random.key(0), 20_000)
    drawn = jax.vmap(jax.grad(surface.sample), (None, 0))(surface.start, keys)
    np.testing.assert_allclose(drawn.std(0), 0.3, rtol=0.02)


def test_gradient_descent_on_the_noisy_quadratic_is_a_moving_average_of_its_noise():
    from optax_lab import ewma

    curvature, rate, steps = 0.8, 0.25, 60
    surface = models.noisy_quadratic(curvature=curvature, noise=1.5)
    keys = jax.random.split(jax.random.key(3), steps)
    centres = jax.vmap(lambda k: 1.5 * jax.random.normal(k, (1,), float))(keys)

    def step(x, key):
        x = x - rate * jax.grad(surface.sample)(x, key)
        return x, x

    _, path = jax.lax.scan(step, jnp.asarray(surface.start), keys)
    average = ewma.init(jnp.zeros(1))._replace(average=jnp.asarray(surface.start))

    def take(state, centre):
        state = ewma.update(state, centre, 1 - rate * curvature)
        return state, ewma.raw(state)

    _, smoothed = jax.lax.scan(take, average, centres)
    np.testing.assert_allclose(path, smoothed, rtol=1e-12)


def test_log_sum_exp_is_finite_far_away():
    surface = SURFACES["log_sum_exp"]()
    np.testing.assert_allclose(surface.value(np.array([0.0, 300.0])), 899.9)


def test_the_noisy_quadratic_ends_with_the_variance_that_theory_gives():
    curvature, rate, noise = 0.8, 0.25, 1.5
    surface = models.noisy_quadratic(curvature=curvature, noise=noise)
    keys = jax.random.split(jax.random.key(3), 4000)

    def end(key):
        step = lambda x, k: (x - rate * jax.grad(surface.sample)(x, k), None)
        return jax.lax.scan(step, jnp.zeros(1), jax.random.split(key, 60))[0]

    ends = jax.vmap(end)(keys)
    expected = noise**2 * rate * curvature / (2 - rate * curvature)
    np.testing.assert_allclose(ends.var(), expected, rtol=0.1)


# Surfaces that are moved

MOVES = {
    "shifted": lambda surface: surfaces.shift(surface, 0.7),
    "turned": lambda surface: surfaces.rotate(surface, 30.0),
    "stretched": lambda surface: surfaces.rescale(surface, 1.7),
    "randomized": lambda surface: surfaces.randomize(surface, jax.random.key(5)),
    "stretched at random": lambda surface: surfaces.randomize(
        surface, jax.random.key(5), reach=0, stretch=3
    ),
    "all": lambda surface: surfaces.noisy(
        surfaces.shift(surfaces.rotate(surfaces.rescale(surface, 0.5), -20), 1), 0.1
    ),
}


def raveled(point):
    """Returns a point's numbers in one row, as `ravel_pytree` does, without JAX."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(point)])


def stacked(points):
    return jax.tree.map(lambda *leaves: np.stack(leaves), *points)


@functools.cache
def known_values(name):
    """Returns the values of a surface, unmoved, at its start and its minima."""
    surface = SURFACES[name]()
    return jax.jit(jax.vmap(surface.value))(stacked((surface.start, *surface.minima)))


@every
@pytest.mark.parametrize("move", MOVES)
def test_what_is_known_of_a_surface_moves_with_it(name, move):
    surface = SURFACES[name]()
    if name == "noisy_quadratic" and move in ("turned", "all"):
        pytest.skip("a line cannot be turned")
    moved = MOVES[move](surface)
    assert surface.formula in moved.formula
    assert (moved.best, moved.runner_up) == (surface.best, surface.runner_up)
    known = (moved.start, *moved.minima)
    flat = np.stack([raveled(point) for point in known])
    slopes = jax.jit(jax.vmap(jax.value_and_grad(moved.value)))
    values, gradients = slopes(stacked(known))
    np.testing.assert_allclose(values, known_values(name), rtol=1e-9, atol=1e-9)
    if name not in ("absolute", "ackley"):  # a hair beside the minimum they are steep
        for leaf in jax.tree.leaves(gradients):
            assert (np.abs(leaf[1:]) < 1e-4).all()
    low, high = np.transpose(moved.window)
    assert ((low <= flat) & (flat <= high)).all()
    if name not in ("himmelblau", "least_squares"):  # which start at the middle
        assert np.abs(flat[0] - raveled(surface.start)).max() > 0.01


def test_a_shift_adds_a_rotation_turns_about_the_middle_and_a_stretch_leaves_it():
    surface = SURFACES["branin"]()  # its middle is (2.5, 7.5)
    shifted = surfaces.shift(surface, (1.0, -2.0))
    np.testing.assert_allclose(shifted.start, surface.start + np.array([1, -2]))
    np.testing.assert_allclose(shifted.window, [(-4, 11), (-2, 13)])
    turned = surfaces.rotate(surface, 90)
    np.testing.assert_allclose(turned.start, [-2.5, 7.5], atol=1e-12)
    np.testing.assert_allclose(turned.window, [(-5, 10), (0, 15)], atol=1e-12)
    stretched = surfaces.rescale(surface, (2.0, 0.5))
    np.testing.assert_allclose(stretched.start, [2.5, 10])
    np.testing.assert_allclose(stretched.window, [(-12.5, 17.5), (3.75, 11.25)])


def test_a_rotation_there_and_back_is_none():
    surface = SURFACES["beale"]()
    back = surfaces.rotate(surfaces.rotate(surface, 37), -37)
    points = surfaces.starts(surface, jax.random.key(0), 50)
    np.testing.assert_allclose(
        jax.vmap(back.value)(points), jax.vmap(surface.value)(points), rtol=1e-9
    )


def test_many_keys_move_as_many_surfaces_in_one_program():
    surface = SURFACES["rosenbrock"]()
    keys = jax.random.split(jax.random.key(0), 6)

    def at_start(key):
        moved = surfaces.randomize(surface, key)
        return moved.start, moved.value(moved.start)

    starts, values = jax.jit(jax.vmap(at_start))(keys)
    assert len(np.unique(np.asarray(starts)[:, 0])) == 6
    np.testing.assert_allclose(values, surface.value(surface.start), rtol=1e-9)


def test_a_random_stretch_changes_curvatures_by_at_most_its_square():
    bowl = surfaces.SURFACES["sphere"]()
    for seed in range(5):
        moved = surfaces.randomize(bowl, jax.random.key(seed), stretch=3)
        curvatures = np.linalg.eigvalsh(jax.hessian(moved.value)(moved.start))
        assert (curvatures >= 2 / 9).all()
        assert (curvatures <= 18).all()
        assert curvatures[1] > 1.1 * curvatures[0]


def test_starts_are_drawn_from_all_of_the_window_and_have_the_starts_shape():
    surface = SURFACES["branin"]()
    drawn = np.asarray(surfaces.starts(surface, jax.random.key(0), 500))
    low, high = np.transpose(surface.window)
    assert ((low <= drawn) & (drawn <= high)).all()
    np.testing.assert_allclose(drawn.mean(0), (low + high) / 2, atol=1)
    tree = surfaces.starts(models.factorisation(), jax.random.key(0), 3)
    assert jax.tree.map(jnp.shape, tree) == {"U": (3, 6, 2), "V": (3, 2, 6)}


def test_an_objective_is_the_sample_where_there_is_noise():
    quiet, loud = surfaces.quadratic(), models.noisy_quadratic()
    assert surfaces.objective(quiet) is quiet.value
    assert surfaces.objective(loud) is loud.sample


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bowls.absolute(condition=0.5), "condition is 0.5: it must be"),
        (lambda: valleys.rosenbrock_chain(n=1), "n is 1: it must be at least 2"),
        (lambda: models.noisy_quadratic(curvature=0), "curvature is 0: it must be pos"),
        (lambda: models.noisy_quadratic(noise=-1), "noise is -1: it must be at least"),
        (lambda: models.least_squares(rows=0), "rows is 0: it must be at least 1"),
        (lambda: models.least_squares(batch=0), "batch is 0: it must be at least 1"),
        (lambda: models.least_squares(condition=0), "condition is 0: it must be"),
        (lambda: models.factorisation(rank=9), r"rank is 9: it must be in \[1, 6\]"),
        (lambda: surfaces.noisy(surfaces.quadratic(), -1), "scale is -1: it must be"),
        (
            lambda: surfaces.rotate(models.noisy_quadratic(), 10),
            "one coordinate cannot be turned",
        ),
        (
            lambda: surfaces.rotate(surfaces.quadratic(), math.nan),
            "a rotation is nan: it must be finite",
        ),
        (
            lambda: surfaces.rotate(surfaces.quadratic(), np.eye(3)),
            r"a rotation has shape \(3, 3\), not \(2, 2\)",
        ),
        (
            lambda: surfaces.rotate(surfaces.quadratic(), 2 * np.eye(2)),
            "a matrix that is not orthogonal",
        ),
        (
            lambda: surfaces.rescale(surfaces.quadratic(), (1.0, 0.0)),
            "they must be finite, and none of them 0",
        ),
        (
            lambda: surfaces.shift(surfaces.quadratic(), (1.0, 2.0, 3.0)),
            r"has shape \(3,\): \(\) or \(2,\) is needed",
        ),
    ],
)
def test_what_makes_no_surface_is_refused_with_what_is_allowed(make, message):
    with pytest.raises(ValueError, match=message):
        make()
