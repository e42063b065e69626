import functools
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.problems import surfaces
from optax_lab.problems.surfaces import SURFACES, models
from optax_lab.runs import descent
from optax_lab.studies import grids

RATES = np.geomspace(1e-2, 20, 7)  # the last ones diverge on the quadratic
BOWL = surfaces.quadratic()
CONVEX = ("quadratic", "sphere", "booth", "matyas", "quartic", "log_sum_exp")
PLANES = [name for name, make in SURFACES.items() if make().is_plane]


@pytest.fixture(autouse=True)
def _optax_promotes():
    with jax.numpy_dtype_promotion("standard"):
        yield


def grid(surface=BOWL, make=optax_lab.sgd, hypers=None, starts=None, **settings):
    hypers = {"learning_rate": RATES} if hypers is None else hypers
    starts = jnp.asarray(surface.start)[None] if starts is None else starts
    value = surfaces.objective(surface)
    return grids.descents(value, make, starts, hypers=hypers, **settings)


def single(surface, make, **settings):
    go = lambda x, h: descent.descend(
        surfaces.objective(surface), make(**h), x, **settings
    )
    return jax.jit(go)


def lane(trajectory, *index):
    return jax.tree.map(lambda leaf: leaf[index], trajectory)


def test_axes_are_hyperparameters_then_starts_then_seeds():
    starts = surfaces.starts(BOWL, jax.random.key(0), 3)
    keys = jax.random.split(jax.random.key(1), 2)
    hypers = {"learning_rate": RATES, "momentum": [0.0, 0.9]}
    found = grid(
        surfaces.noisy(BOWL, 0.1), hypers=hypers, starts=starts, keys=keys, steps=5
    )
    assert list(found.axes) == ["learning_rate", "momentum", "start", "seed"]
    assert found.trajectory.points.shape == (7, 2, 3, 2, 6, 2)
    assert found.trajectory.status.shape == (7, 2, 3, 2)
    np.testing.assert_allclose(found.axes["learning_rate"], RATES)
    np.testing.assert_array_equal(
        found.trajectory.points[2, 1, :, 0, 0], np.asarray(starts)
    )


def sgd_or_adam(learning_rate, adaptive):
    """Makes both in one: a program less to compile for whoever tries them."""
    plain, adam = optax_lab.sgd(learning_rate), optax_lab.adam(learning_rate)

    def update_fn(updates, state, params=None):
        straight, _ = plain.update(updates, plain.init(params), params)
        scaled, state = adam.update(updates, state, params)
        chosen = lambda a, b: jnp.where(adaptive > 0, a, b)
        return jax.tree.map(chosen, scaled, straight), state

    return optax.GradientTransformation(adam.init, update_fn)


def assert_lanes_are_single_descents(surface, rates, starts, **settings):
    hypers = {"learning_rate": rates, "adaptive": [0.0, 1.0]}
    found = grid(surface, sgd_or_adam, hypers, starts, **settings).trajectory
    one, dtype = single(surface, sgd_or_adam, **settings), starts.dtype
    for i, j, k in np.ndindex(found.status.shape):
        hyper = {"learning_rate": rates[i], "adaptive": j}
        hyper = {name: jnp.asarray(value, dtype) for name, value in hyper.items()}
        expected, there = one(starts[k], hyper), lane(found, i, j, k)
        assert there.status == expected.status
        assert there.steps_taken == expected.steps_taken
        np.testing.assert_allclose(there.points, expected.points, 1e-5, 1e-5)


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_on_convex_surfaces_lanes_are_the_single_descents(name, dtype):
    surface = SURFACES[name]()
    starts = surfaces.starts(surface, jax.random.key(0), 2).astype(dtype)
    # Beyond its stability limit a descent is chaotic where curvature changes.
    rates = RATES[:3] if name in ("quartic", "log_sum_exp") else RATES
    rule = {"steps": 400, "stop": "gradient", "tolerance": 1e-3}
    assert_lanes_are_single_descents(surface, rates, starts, **rule)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in PLANES if n not in CONVEX])
def test_elsewhere_they_are_over_the_first_hundred_steps(name):
    surface = SURFACES[name]()
    starts = surfaces.starts(surface, jax.random.key(0), 3)
    # Far out, levy13 curves so much that a last bit grows to a step at 1e-3.
    rates = [1e-5, 1e-4] if name == "levy13" else [1e-4, 1e-3]
    assert_lanes_are_single_descents(surface, rates, starts, steps=100)


@pytest.mark.parametrize("bad", [np.nan, 1e30])
def test_a_lane_that_diverges_changes_no_bit_of_another(bad):
    rates = RATES.copy()
    good = grid(hypers={"learning_rate": rates}, steps=300).trajectory
    rates[2] = bad
    mixed = grid(hypers={"learning_rate": rates}, steps=300).trajectory
    assert descent.STATUS[mixed.status[2, 0]] == "diverged"
    others = np.arange(len(rates)) != 2
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a[others], b[others]), good, mixed
    )


@pytest.mark.parametrize("width", [1, 3, 100])
def test_how_lanes_are_cut_into_chunks_changes_nothing(width, monkeypatch):
    whole = grid(steps=50)
    seen = []
    monkeypatch.setattr(grids, "WIDTH", width)
    cut = grid(steps=50, on_lanes=seen.append)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12),
        whole.trajectory,
        cut.trajectory,
    )
    assert sum(seen) == len(RATES)
    assert max(seen) <= width


def test_seeds_are_paired_over_hyperparameters():
    surface = models.noisy_quadratic(noise=3.0)
    keys = jax.random.split(jax.random.key(2), 4)
    found = grid(surface, keys=keys, steps=1).trajectory
    # One step of gradient descent is linear in the rate: the noise is the same.
    steps = np.diff(found.points[..., 0], axis=-1)[:, 0, :, 0]
    slopes = steps / RATES[:, None]
    np.testing.assert_allclose(slopes, slopes[[0] * 7], rtol=1e-9)
    assert len(set(steps[0].tolist())) == 4


def test_every_start_has_noise_of_its_own_and_the_same_for_all_hyperparameters():
    surface = surfaces.noisy(BOWL, 0.5)
    starts = jnp.asarray([[-2.0, -2.0]] * 3)
    keys = jax.random.key(0)[None]
    found = grid(surface, starts=starts, keys=keys, steps=1).trajectory
    slopes = np.diff(found.points, axis=-2)[:, :, 0, 0] / RATES[:, None, None]
    np.testing.assert_allclose(slopes, slopes[[0] * 7], rtol=1e-6)
    assert len(np.unique(slopes[0, :, 0].round(9))) == 3
    key = jax.random.fold_in(keys[0], 2)
    alone = descent.descend(
        surface.sample, optax_lab.sgd(RATES[0]), starts[2], key=key, steps=1
    )
    np.testing.assert_allclose(found.points[0, 2, 0], alone.points, rtol=1e-12)


def test_a_pytree_may_be_descended():
    surface = SURFACES["factorisation"]()
    starts = surfaces.starts(surface, jax.random.key(0), 2)
    found = grid(
        surface, hypers={"learning_rate": [0.01, 0.05]}, starts=starts, steps=9
    )
    assert found.trajectory.points["U"].shape == (2, 2, 10, 6, 2)
    assert (found.trajectory.values[..., -1] < found.trajectory.values[..., 0]).all()


def test_a_grid_without_hyperparameters_has_an_axis_of_starts_alone():
    found = grid(make=lambda: optax_lab.sgd(0.1), hypers={}, steps=3)
    assert list(found.axes) == ["start"]
    assert found.trajectory.values.shape == (1, 4)


def test_a_second_grid_of_the_same_functions_compiles_nothing():
    traced = []

    def make(learning_rate):
        traced.append(None)
        return optax_lab.sgd(learning_rate)

    first = grid(make=make, steps=5)
    count = len(traced)
    second = grid(make=make, hypers={"learning_rate": RATES / 2}, steps=5)
    assert len(traced) == count
    assert (first.trajectory.points[:, :, 1] != second.trajectory.points[:, :, 1]).all()


def test_memory_is_bounded_by_what_is_recorded():
    found = grid(steps=10_000, record_every=2500)
    assert found.trajectory.points.shape == (7, 1, 5, 2)


@pytest.mark.parametrize("empty", ["learning_rate", "start", "seed"])
def test_an_axis_without_values_is_refused_by_name(empty):
    settings = {
        "learning_rate": {"hypers": {"learning_rate": []}},
        "start": {"starts": jnp.zeros((0, 2))},
        "seed": {"keys": jax.random.split(jax.random.key(0), 0)},
    }[empty]
    with pytest.raises(ValueError, match=f"the grid has no {empty}: give at least one"):
        grid(steps=3, **settings)


SCRIPT = """
import json, sys
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
import optax_lab
from optax_lab.problems import surfaces
from optax_lab.studies import grids

bowl = surfaces.quadratic()
found = grids.descents(
    bowl.value, optax_lab.adam, bowl.start[None],
    hypers={"learning_rate": np.geomspace(1e-3, 1, 7)}, steps=200,
)
print(json.dumps([jax.device_count(), found.trajectory.values.tolist()]))
"""


@pytest.mark.slow
def test_two_devices_find_what_one_finds():
    results = []
    for devices in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"JAX_NUM_CPU_DEVICES": str(devices), "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        )
        count, values = json.loads(done.stdout)
        assert count == devices
        results.append(values)
    np.testing.assert_allclose(*results, rtol=1e-9, atol=1e-30)


# Every optimizer on every surface

FLAT = 10  # as many coordinates as the largest of the surfaces that are vectors


HUGE = 1e30  # what is larger diverges


@functools.cache
def vectors():
    """Every surface whose points are vectors, on points that are filled up."""
    found = [make() for make in SURFACES.values()]
    found = [s for s in found if hasattr(s.start, "shape")]
    values = [
        lambda p, key, s=s: (
            s.value(p[: len(s.start)])
            if s.sample is None
            else s.sample(p[: len(s.start)], key)
        )
        for s in found
    ]
    starts = np.stack([np.pad(s.start, (0, FLAT - len(s.start))) for s in found])
    return values, starts


def at(which, point, key):
    return jax.lax.switch(which, vectors()[0], point, key)


@functools.cache
def slopes():
    """One program for all surfaces, whatever the optimizer: (surface, rate) lanes."""
    lanes = jax.vmap(jax.value_and_grad(at, 1), (None, 0, None))
    return jax.jit(jax.vmap(lanes, (0, 0, None)))


def steps_down_every_surface(make, rates, steps=100):
    """Yields the values, gradients, updates and points of every lane, step by step."""
    key, starts = jax.random.key(0), vectors()[1]
    which = jnp.arange(len(starts))
    points = jnp.asarray(np.repeat(starts[:, None], len(rates), axis=1))
    over = lambda f: jax.jit(jax.vmap(jax.vmap(f, (None, 0, 0)), (0, None, 0)))

    def step(which, rate, lane):
        value, grad, state, point, key = lane
        objective = lambda p, **_: at(which, p, key)
        extra = {"value": value, "grad": grad}
        extra |= {"value_fn": objective, "obj_fn": objective}
        optimizer = optax.with_extra_args_support(make(rate))
        updates, state = optimizer.update(grad, state, point, **extra)
        return updates, state, optax.apply_updates(point, updates)

    states = over(lambda w, rate, p: make(rate).init(p))(which, rates, points)
    step = over(step)
    for number in range(steps):
        now = jax.random.fold_in(key, number)
        values, grads = slopes()(which, points, now)
        keys = jnp.broadcast_to(now, values.shape)
        before = points
        lanes = (values, grads, states, points, keys)
        updates, states, points = step(which, rates, lanes)
        yield jax.device_get((values, grads, updates, before))


@pytest.mark.slow
@pytest.mark.parametrize("name", optax_lab.OPTIMIZERS)
def test_every_optimizer_goes_down_every_surface_with_finite_steps(name):
    entry = optax_lab.OPTIMIZERS[name]
    rates = entry.learning_rate * np.array([1.0, 300.0])  # the second one is too large
    alive = True
    for values, grads, updates, _ in steps_down_every_surface(entry.make, rates):
        alive &= np.isfinite(values) & (np.abs(grads) < HUGE).all(axis=-1)
        assert np.isfinite(updates[alive]).all()
    assert alive[:, 0].mean() > 0.5


def test_these_steps_are_those_of_descend():
    rates = np.array([1e-3, 1e-2])
    taken = list(steps_down_every_surface(optax_lab.sgd, rates, steps=20))

    def one(which, start, rate):
        value = functools.partial(at, which)
        optimizer, key = optax_lab.sgd(rate), jax.random.key(0)
        return descent.descend(value, optimizer, start, key=key, steps=19)

    over = jax.vmap(jax.vmap(one, (None, None, 0)), (0, 0, None))
    values, starts = vectors()
    found = jax.jit(over)(jnp.arange(len(values)), jnp.asarray(starts), rates)
    points = np.stack([points for *_, points in taken], axis=-2)
    whole = (np.abs(points) < HUGE).all(axis=-1)  # descend stops what diverged
    assert whole.mean() > 0.9
    np.testing.assert_allclose(points[whole], found.points[whole], 1e-9, 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", optax_lab.OPTIMIZERS)
def test_every_optimizer_goes_down_matrices_and_ends_with_a_status(name):
    entry = optax_lab.OPTIMIZERS[name]
    hypers = {"learning_rate": entry.learning_rate * np.array([1.0, 300.0])}
    matrices = SURFACES["factorisation"]()
    start = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], matrices.start)
    found = grids.descents(matrices.value, entry.make, start, hypers=hypers, steps=100)
    sound(found.trajectory)


def sound(found):
    """Every run has a status, and what is not finite belongs to a diverged one."""
    status = np.asarray(found.status)
    assert set(status.ravel().tolist()) <= set(range(len(descent.STATUS)))
    leaves = [
        np.asarray(leaf) for leaf in (found.values, *jax.tree.leaves(found.points))
    ]
    lanes, rows = status.ndim, found.values.shape[-1]
    finite = np.logical_and.reduce(
        [np.isfinite(leaf).reshape(*status.shape, rows, -1).all(-1) for leaf in leaves]
    )
    assert finite.ndim == lanes + 1
    taken = np.asarray(found.steps_taken)[..., None]
    broken = (status == descent.DIVERGED)[..., None] & (np.arange(rows) >= taken)
    np.testing.assert_array_equal(finite, ~broken)
