import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

import optax_lab
from optax_lab.problems import surfaces
from optax_lab.runs import descent

# The lab's optimizers: (make, steps, end, value at the end).
LAB = {
    "G1": (
        lambda: optax_lab.sgd(0.1),
        1844,
        (-4.98595242e-02, -1.32407801e-16),
        2.486e-05,
    ),
    "G2": (
        lambda: optax_lab.momentum(0.1, decay=0.9),
        1829,
        (-4.88895744e-02, -1.43182110e-21),
        2.390e-05,
    ),
    "G3": (
        lambda: optax_lab.rmsprop(0.1, decay=0.999, eps=1e-5),
        12,
        (-6.00861046e-05, -9.33504583e-06),
        4.482e-11,
    ),
    "G4": (
        lambda: optax_lab.adam(0.1, eps=0.0, eps_root=1e-5),
        117,
        (-4.14550955e-03, -4.47156103e-03),
        2.171e-06,
    ),
}
LAB_RULE = {"stop": "step", "tolerance": 1e-4}
START = np.array([-2.0, -2.0])


@pytest.fixture(autouse=True)
def _optax_promotes():
    with jax.numpy_dtype_promotion("standard"):
        yield


def quadratic(point):
    x, y = point
    return 0.01 * x**2 + 0.1 * y**2


def noisy(point, key):
    return quadratic(point) + jax.random.normal(key, (2,), point.dtype) @ point


def run(optimizer, start=START, value=quadratic, **settings):
    return jax.jit(lambda x: descent.descend(value, optimizer, x, **settings))(start)


def grid(rates, start=START, make=optax.adam, **settings):
    """One lane for every learning rate."""
    lane = lambda rate: descent.descend(quadratic, make(rate), start, **settings)
    return jax.jit(jax.vmap(lane))(rates)


def status(trajectory):
    return descent.STATUS[trajectory.status]


# What the lab found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LAB)
def test_the_lab_s_runs_take_the_lab_s_steps_to_the_lab_s_ends(name, dtype):
    make, steps, end, value = LAB[name]
    surface = surfaces.quadratic()
    start = surface.start.astype(dtype)
    trajectory = run(make(), start, surface.value, **LAB_RULE)
    assert trajectory.points.dtype == trajectory.values.dtype == dtype
    assert (status(trajectory), int(trajectory.steps_taken)) == ("converged", steps)
    # Float32 rounds the steps themselves, so the end is only as near as they are.
    rtol, atol = (1e-8, 0.0) if dtype == np.float64 else (1e-5, 1e-7)
    np.testing.assert_allclose(trajectory.points[-1], end, rtol, atol)
    np.testing.assert_allclose(trajectory.values[-1], value, rtol=1e-3)


def test_the_step_rule_stops_where_steps_are_small_and_the_gradient_rule_does_not():
    # D02: a small learning rate; D03: Adam at a turning point
    for optimizer, steps in ((optax.sgd(0.00125), 6830), (optax.adam(0.1), 66)):
        small = run(optimizer, **LAB_RULE)
        assert (status(small), int(small.steps_taken)) == ("converged", steps)
        gradient = jax.grad(quadratic)(small.points[-1])
        sound = run(optimizer, stop="gradient", tolerance=1e-4)
        assert jnp.linalg.norm(gradient) > 1e-4
        assert sound.steps_taken > small.steps_taken


def test_a_run_that_blows_up_has_diverged_and_one_that_cycles_has_not_converged():
    # D04: nan > tolerance is false, so the lab took it for convergence; D05
    blown = run(optax.sgd(11.0), **LAB_RULE)
    assert status(blown) == "diverged"
    assert 1000 < blown.steps_taken < 3887
    cycling = run(optax.sgd(10.0), **LAB_RULE)
    assert (status(cycling), int(cycling.steps_taken)) == ("max_steps", 10_000)


# What is recorded


def naive(optimizer, start, steps):
    """Every point of a descent, by a Python loop."""

    @jax.jit
    def take_step(point, state):
        updates, state = optimizer.update(jax.grad(quadratic)(point), state, point)
        return optax.apply_updates(point, updates), state

    points, state = [jnp.asarray(start)], optimizer.init(start)
    for _ in range(steps):
        point, state = take_step(points[-1], state)
        points.append(point)
    return np.stack(points)


@pytest.mark.parametrize("name", LAB)
def test_the_points_are_those_of_a_plain_loop(name):
    optimizer = LAB[name][0]()
    points = run(optimizer, steps=200).points
    np.testing.assert_allclose(points, naive(optimizer, START, 200), rtol=1e-11)


@pytest.mark.parametrize("every", [1, 5, 40])
def test_where_the_loops_are_cut_changes_no_bit(every, monkeypatch):
    def lanes(stride):
        monkeypatch.setattr(descent, "STRIDE", stride)
        return grid(jnp.logspace(-3, 1.2, 50), steps=200, record_every=every)

    jax.tree.map(np.testing.assert_array_equal, lanes(8), lanes(1000))


@pytest.mark.parametrize(
    ("steps", "every"),
    [(1, 1), (5, 9), (10, 3), (300, 7), (257, 128), (300, 130), (1000, 256)],
)
def test_a_coarse_record_holds_rows_of_the_full_one_and_ends_where_it_ends(
    steps, every
):
    full = run(optax.adam(0.1), steps=steps, **LAB_RULE)
    coarse = run(optax.adam(0.1), steps=steps, record_every=every, **LAB_RULE)
    rows = np.minimum(np.arange(-(-steps // every) + 1) * every, steps)
    np.testing.assert_array_equal(coarse.points, full.points[rows])
    np.testing.assert_array_equal(coarse.values, full.values[rows])
    assert coarse.status == full.status
    assert coarse.steps_taken == full.steps_taken


def test_the_record_runs_from_the_start_to_the_end_and_the_end_repeats():
    trajectory = run(optax.adam(0.1), **LAB_RULE)
    taken = int(trajectory.steps_taken)
    assert trajectory.points.shape == (10_001, 2)
    np.testing.assert_array_equal(trajectory.points[0], START)
    moves = np.abs(np.diff(trajectory.points, axis=0)).sum(axis=1) > 0
    np.testing.assert_array_equal(moves, np.arange(10_000) < taken)
    values = jax.vmap(quadratic)(trajectory.points)
    np.testing.assert_allclose(trajectory.values, values, rtol=1e-14)


@pytest.mark.parametrize("rule", ["step", "gradient"])
def test_a_rule_that_first_holds_at_the_last_step_has_converged(rule):
    settings = {"stop": rule, "tolerance": 1e-4}
    needed = int(run(optax.sgd(0.1), **settings).steps_taken)
    last = run(optax.sgd(0.1), steps=needed, **settings)
    short = run(optax.sgd(0.1), steps=needed - 1, **settings)
    assert (status(last), int(last.steps_taken)) == ("converged", needed)
    assert (status(short), int(short.steps_taken)) == ("max_steps", needed - 1)


def test_a_start_that_is_stationary_takes_no_step():
    trajectory = run(optax.adam(0.1), np.zeros(2), stop="gradient", tolerance=0.0)
    assert (status(trajectory), int(trajectory.steps_taken)) == ("converged", 0)
    np.testing.assert_array_equal(trajectory.points, np.zeros((10_001, 2)))


# Divergence is data


def test_the_first_bad_point_is_recorded_counted_and_kept():
    trajectory = run(optax.sgd(1e3), steps=2000)
    taken = int(trajectory.steps_taken)
    assert status(trajectory) == "diverged"
    bad = ~np.isfinite(trajectory.values)
    np.testing.assert_array_equal(bad, np.arange(2001) >= taken)


def test_an_infinite_value_at_a_finite_point_is_divergence():
    trajectory = run(
        optax.sgd(1.0),
        np.float32(1.0),
        value=lambda x: jnp.where(x < -2, jnp.inf, 0.0).astype(x.dtype) + x,
    )
    assert status(trajectory) == "diverged"
    assert int(trajectory.steps_taken) == 4
    assert np.isfinite(trajectory.points).all()
    assert np.isinf(trajectory.values[4:]).all()


def test_a_point_that_is_not_finite_is_divergence_though_its_value_is():
    trajectory = run(
        optax.scale(-jnp.inf), np.float32(1.0), value=lambda x: jnp.maximum(x, -1.0)
    )
    assert (status(trajectory), int(trajectory.steps_taken)) == ("diverged", 1)
    assert np.isfinite(trajectory.values).all()


def test_a_start_without_a_finite_value_has_diverged_before_the_first_step():
    trajectory = run(optax.sgd(0.1), np.array([np.nan, 0.0]), stop="gradient")
    assert (status(trajectory), int(trajectory.steps_taken)) == ("diverged", 0)


# Many lanes

RATES = np.logspace(-2, 1.2, 12)  # from slow to diverging


def lane(trajectories, i):
    return jax.tree.map(lambda leaf: leaf[i], trajectories)


def assert_same_run(one, other):
    assert (status(one), one.steps_taken) == (status(other), other.steps_taken)
    np.testing.assert_allclose(one.points, other.points, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.values, other.values, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", [optax.sgd, optax.adam])
def test_lanes_over_learning_rates_are_the_single_runs(make):
    lanes = grid(RATES, make=make, steps=500, stop="gradient", tolerance=1e-3)
    assert len(set(lanes.status.tolist())) > 1
    one = jax.jit(
        lambda rate: descent.descend(
            quadratic, make(rate), START, steps=500, stop="gradient", tolerance=1e-3
        )
    )
    for i, rate in enumerate(RATES):
        assert_same_run(lane(lanes, i), one(rate))


def test_lanes_over_starts_are_the_single_runs():
    starts = jax.random.normal(jax.random.key(0), (5, 2))
    settings = {"steps": 3000, "record_every": 300, **LAB_RULE}
    one = jax.jit(lambda x: descent.descend(quadratic, optax.sgd(0.1), x, **settings))
    lanes = jax.jit(jax.vmap(one))(starts)
    for i, start in enumerate(starts):
        assert_same_run(lane(lanes, i), one(start))


def test_vmap_of_vmap_crosses_hyperparameters_with_starts():
    starts = jax.random.normal(jax.random.key(0), (3, 2))
    crossed = jax.vmap(lambda x: grid(RATES, x, steps=300, **LAB_RULE))(starts)
    assert crossed.points.shape == (3, 12, 301, 2)
    assert_same_run(
        lane(lane(crossed, 2), 1),
        run(optax.adam(RATES[1]), starts[2], steps=300, **LAB_RULE),
    )


@pytest.mark.parametrize("bad", [np.nan, 1e200])
def test_one_bad_lane_touches_no_other(bad):
    good = grid(RATES, make=optax.sgd, steps=300)
    rates = RATES.copy()
    rates[3] = bad
    mixed = grid(rates, make=optax.sgd, steps=300)
    assert status(lane(mixed, 3)) == "diverged"
    others = np.arange(len(RATES)) != 3
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a[others], b[others]), good, mixed
    )


@pytest.mark.parametrize("every", [1, 1000])
def test_a_grid_ends_soon_after_its_last_lane(every):
    evaluations = []

    def counted(point):
        jax.debug.callback(lambda: evaluations.append(1))
        return quadratic(point)

    def one(start):
        settings = {"stop": "step", "tolerance": 1e-4, "record_every": every}
        return descent.descend(counted, LAB["G4"][0](), start, **settings)

    lanes = jax.jit(jax.vmap(one))(jnp.array([[-2.0, -2.0], [-0.1, -0.1]]))
    jax.effects_barrier()
    last = int(lanes.steps_taken.max())
    # The start, then every step until the stride in which the last lane ends. The
    # callback has nothing to map over, so it is called once for both lanes.
    assert last < len(evaluations) <= 1 + last + descent.STRIDE
    assert set(lanes.status.tolist()) == {0}


def equations(jaxpr):
    """All equations of a program, those of its loops and branches included."""
    is_jaxpr = lambda leaf: hasattr(leaf, "eqns")
    for equation in jaxpr.eqns:
        yield equation
        for leaf in jax.tree.leaves(equation.params, is_leaf=is_jaxpr):
            if is_jaxpr(leaf):
                yield from equations(leaf)


@pytest.mark.parametrize("every", [1, 100, 1000])
def test_a_record_is_never_selected_over(every):
    settings = {"steps": 1000, "record_every": every, **LAB_RULE}
    run_grid = lambda rates: grid(rates, **settings)
    jaxpr = jax.make_jaxpr(run_grid)(jnp.linspace(0.01, 1, 50)).jaxpr
    lane_size = 50 * 2
    found = [equation.primitive.name for equation in equations(jaxpr)]
    assert "cond" in found
    assert all(
        variable.aval.size <= lane_size
        for equation in equations(jaxpr)
        if equation.primitive.name == "select_n"
        for variable in equation.outvars
    )


def test_a_grid_of_other_rates_compiles_nothing_new():
    traced = []

    @jax.jit
    @jax.vmap
    def lanes(rate):
        traced.append(rate)
        return descent.descend(quadratic, optax.adam(rate), START, steps=10)

    first, second = lanes(RATES), lanes(RATES / 2)
    assert len(traced) == 1
    assert (first.points[:, 1] != second.points[:, 1]).all()


# Noise


def test_every_step_has_a_key_of_its_own_and_the_same_key_the_same_run():
    key = jax.random.key(7)
    one, again = (run(optax.sgd(0.1), value=noisy, key=key, steps=50) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, one, again)
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(51))
    values = jax.vmap(noisy)(one.points, keys)
    np.testing.assert_allclose(one.values, values, rtol=1e-12)
    gradients = jax.vmap(jax.grad(noisy))(one.points, keys)
    np.testing.assert_allclose(np.diff(one.points, axis=0), -0.1 * gradients[:-1])


def test_lanes_over_keys_differ_and_the_noise_of_an_ended_lane_is_frozen():
    keys = jax.random.split(jax.random.key(0), 4)

    def one(key):
        settings = {"key": key, "steps": 400, "stop": "gradient", "tolerance": 0.2}
        return descent.descend(noisy, optax.sgd(0.1), START, **settings)

    lanes = jax.jit(jax.vmap(one))(keys)
    assert len(set(lanes.steps_taken.tolist())) == 4
    for i in range(4):
        taken = int(lanes.steps_taken[i])
        assert taken < 400
        assert len(set(lanes.values[i, taken:].tolist())) == 1


# Any pytree, any optimizer


def test_a_start_may_be_any_pytree():
    start = {"x": np.float32(-2), "rest": (np.ones((2, 3), np.float32),)}
    value = lambda tree: tree["x"] ** 2 + (tree["rest"][0] ** 2).sum()
    trajectory = run(
        optax.sgd(0.1), start, value, steps=300, stop="gradient", tolerance=1e-3
    )
    assert status(trajectory) == "converged"
    shapes = jax.tree.map(jnp.shape, trajectory.points)
    assert shapes == {"x": (301,), "rest": ((301, 2, 3),)}
    flat = run(optax.sgd(0.1), np.float32([-2] + 6 * [1]), lambda x: (x**2).sum())
    np.testing.assert_allclose(trajectory.points["x"][:30], flat.points[:30, 0], 1e-5)


@pytest.mark.parametrize("start", [np.array([-2, -2]), [-2, -2], (True, np.int8(-2))])
def test_an_integer_start_becomes_floats_and_is_left_alone(start):
    # D07
    trajectory = descent.descend(quadratic, optax.sgd(0.1), start, steps=3)
    floats = jax.tree.map(float, start) if not hasattr(start, "dtype") else START
    expected = descent.descend(quadratic, optax.sgd(0.1), floats, steps=3)
    jax.tree.map(np.testing.assert_array_equal, trajectory, expected)
    assert jax.tree.leaves(trajectory.points)[0].dtype == jnp.float64


@pytest.mark.parametrize("settings", [{}, {"value": noisy}])
def test_an_optimizer_may_ask_for_value_grad_and_the_function(settings):
    if settings:
        settings = settings | {"key": jax.random.key(0)}

    def update_fn(updates, state, params, *, value, grad, value_fn, obj_fn):
        error = jnp.abs(grad - updates).max()
        for f in (value_fn, obj_fn):
            here, gradient = jax.value_and_grad(f)(params)
            error += jnp.abs(here - value) + jnp.abs(gradient - grad).max()
        return jnp.where(error < 1e-12, -0.1 * updates, jnp.nan), state

    asking = optax.GradientTransformationExtraArgs(lambda params: (), update_fn)
    trajectory = run(asking, steps=20, **settings)
    expected = run(optax.sgd(0.1), steps=20, **settings)
    np.testing.assert_allclose(trajectory.points, expected.points, rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        optax.lbfgs,
        optax.polyak_sgd,
        lambda: optax.chain(
            optax.sgd(1.0), optax.scale_by_backtracking_linesearch(15, store_grad=True)
        ),
        lambda: optax.contrib.sophia(0.1),
    ],
)
def test_optimizers_that_ask_for_more_run_alone_and_in_lanes(make):
    starts = jnp.stack([START, 2 * START])
    one = lambda x: descent.descend(quadratic, make(), x, steps=40)
    lanes = jax.jit(jax.vmap(one))(starts)
    assert (lanes.values[:, -1] < 0.2 * lanes.values[:, 0]).all()
    np.testing.assert_allclose(lanes.points[1], jax.jit(one)(starts[1]).points, 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", descent.STOPS)
def test_nothing_is_promoted_on_the_way(rule, dtype):
    with jax.numpy_dtype_promotion("strict"):
        start, key = START.astype(dtype), jax.random.key(0)
        for settings in ({}, {"value": noisy, "key": key}):
            trajectory = run(optax.scale(-0.1), start, steps=9, stop=rule, **settings)
            assert trajectory.points.dtype == trajectory.values.dtype == dtype


# What is refused


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps is 0, but must be at least 1"),
        ({"tolerance": -1.0}, r"tolerance is -1.0, but must be 0 or more"),
        ({"tolerance": np.nan}, r"tolerance is nan, but must be 0 or more"),
        ({"stop": "lab"}, "stop is 'lab', but must be one of .*'step', 'gradient'"),
        ({"record_every": 0}, "record_every is 0, but must be at least 1"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_what_is_allowed(settings, message):
    with pytest.raises(ValueError, match=message):
        descent.descend(quadratic, optax.sgd(0.1), START, **settings)


@pytest.mark.parametrize("start", [np.zeros(3), np.zeros(()), {"x": np.zeros(2)}])
def test_a_start_the_function_cannot_take_is_refused_with_its_shape(start):
    with pytest.raises(ValueError, match="value cannot take a start of shapes="):
        descent.descend(quadratic, optax.sgd(0.1), start)


@pytest.mark.parametrize("value", [lambda x: x, lambda x: 1, lambda x: (x[0], x[1])])
def test_a_function_that_does_not_return_one_float_is_refused(value):
    with pytest.raises(ValueError, match="value must return one float, but returned"):
        descent.descend(value, optax.sgd(0.1), START)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_a_gradient_whose_square_underflows_has_not_converged(dtype):
    slope = jnp.asarray(1e-4, dtype)
    run = optax_lab.descend(
        lambda x: jnp.sum(slope * x),
        optax_lab.sgd(0.1),
        jnp.ones(2, dtype),
        steps=3,
        stop="gradient",
        tolerance=1e-5,
        target=1e-4,
    )
    assert descent.STATUS[int(run.status)] == "max_steps"
    assert int(run.first_hit) == -1
