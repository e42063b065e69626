# What every optimizer keeps (design: "the contract"), over the whole table.

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint
import pytest
from flax import nnx
from jax.typing import ArrayLike

import optax_lab
from optax_lab.optimizers import table
from optax_lab.transforms import numerics, scheduling

# Every optimizer, and each of its structural switches once.
MAKERS = {name: entry.make for name, entry in table.OPTIMIZERS.items()} | {
    "sgd with momentum": lambda lr, **kw: optax_lab.sgd(lr, 0.9, **kw),
    "nesterov": lambda lr, **kw: optax_lab.sgd(lr, 0.9, True, **kw),
    "decayed momentum": lambda lr: optax_lab.momentum(lr, weight_decay=0.1),
    "centered": lambda lr: optax_lab.rmsprop(lr, centered=True, momentum=0.9),
    "debiased rmsprop": lambda lr: optax_lab.rmsprop(lr, bias_correction=True),
    "nadam": lambda lr: optax_lab.adam(lr, nesterov=True),
    "no eps": lambda lr: optax_lab.adam(lr, b2=0.0, eps=0.0),
    "16-bit averages": lambda lr: optax_lab.adam(
        lr, mu_dtype=jnp.bfloat16, nu_dtype=jnp.bfloat16
    ),
}
DTYPES = ["float16", "bfloat16", "float32", "float64", "complex64"]
every = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
by_dtype = pytest.mark.parametrize("dtype", DTYPES)


def params_like(dtype=jnp.float32):
    return {"w": jnp.ones((2, 3), dtype), "b": jnp.full((), 0.5, dtype)}


def signature_of(tree):
    return jax.tree.map(lambda x: (x.shape, x.dtype), tree)


def assert_trees_close(a, b, rtol=1e-6):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol), a, b)


def run(optimizer, grads, params=None):
    """Takes a step for each gradient; returns the last updates and the state."""
    params = params_like() if params is None else params
    state = optimizer.init(params)
    for g in grads:
        updates, state = optimizer.update(g, state, params)
        params = optax.apply_updates(params, updates)
    return updates, state, params


# --- Shapes, dtypes, zeros, extremes --------------------------------------------------


@every
@by_dtype
@pytest.mark.parametrize("grad_dtype", DTYPES[:4])
def test_states_and_updates_keep_their_dtypes(make, dtype, grad_dtype):
    optimizer, params = make(0.1), params_like(dtype)
    grads = params_like(grad_dtype if dtype != "complex64" else dtype)
    state = optimizer.init(params)
    updates, after = jax.eval_shape(optimizer.update, grads, state, params)
    assert signature_of(after) == signature_of(state)
    assert signature_of(updates) == signature_of(grads)


@every
@by_dtype
def test_a_zero_gradient_from_a_fresh_state_gives_a_zero_update(make, dtype):
    if make in (MAKERS["adamw"], MAKERS["decayed momentum"]):
        make = lambda lr: optax_lab.adamw(lr, weight_decay=0.0)
    zeros = jax.tree.map(jnp.zeros_like, params_like(dtype))
    updates, _, _ = run(make(0.1), [zeros, zeros], params_like(dtype))
    jax.tree.map(lambda u: np.testing.assert_array_equal(np.asarray(u), 0), updates)


@every
@by_dtype
def test_whatever_the_gradients_were_the_update_is_finite(make, dtype):
    info = jnp.finfo(dtype)
    sizes = [info.max, info.tiny, 0.0, -info.max, 1e-3, 0.0, 0.0]
    optimizer, params = make(1e-3), params_like(dtype)
    update = jax.jit(optimizer.update)
    state = optimizer.init(params)
    for size in sizes:
        g = jax.tree.map(lambda p, s=size: jnp.full_like(p, s), params)
        updates, state = update(g, state, params)
        for leaf in jax.tree.leaves(updates):
            assert np.all(np.isfinite(np.asarray(leaf, np.complex128))), (size, leaf)


@every
def test_its_derivative_is_finite_through_ten_steps_from_zero(make):
    # The slope of m/(√ν + ε) at 0 is 1/ε: ten of them leave float32, and float64 too
    # where ε is 0.
    if make in (MAKERS["no eps"], MAKERS["16-bit averages"]):
        make = MAKERS["adam"]

    def meta(lr):
        optimizer = make(lr)
        x = jnp.zeros(3)
        state = optimizer.init(x)
        for _ in range(10):
            g = x * jnp.array([1.0, 0.0, 2.0])
            updates, state = optimizer.update(g, state, x)
            x = optax.apply_updates(x, updates)
        return jnp.sum(x)

    assert np.isfinite(jax.jit(jax.grad(meta))(0.1))


# --- None -----------------------------------------------------------------------------


@every
def test_a_gradient_that_is_none_keeps_its_average_and_moves_nothing(make):
    optimizer, params = make(0.1), params_like()
    grads = {"w": jnp.ones((2, 3)), "b": None}
    state = optimizer.init(params)
    updates, after = optimizer.update(grads, state, params)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    np.testing.assert_array_equal(updates["b"], 0)
    full, _ = optimizer.update(grads | {"b": jnp.zeros(())}, state, params)
    np.testing.assert_array_equal(updates["w"], full["w"])
    if make not in (MAKERS["adamw"], MAKERS["decayed momentum"]):
        assert optimizer.update(grads, state)[0]["b"] is None  # no params, no zeros


# --- Hyperparameters: a number, an array, a schedule ----------------------------------


def hypers_of(name):
    parameters = inspect.signature(table.OPTIMIZERS[name].make).parameters
    return [n for n, p in parameters.items() if scheduling._takes_hyper(p)]


ALL_HYPERS = [(name, h) for name in table.OPTIMIZERS for h in hypers_of(name)]


def given_as(name, hyper, value):
    kwargs = {"learning_rate": 0.1} | {hyper: value}
    return table.OPTIMIZERS[name].make(**kwargs)


def test_every_float_of_every_optimizer_is_a_hyperparameter():
    for name, entry in table.OPTIMIZERS.items():
        for parameter in inspect.signature(entry.make).parameters.values():
            is_float = isinstance(parameter.default, float)
            assert not is_float or parameter.name in hypers_of(name)


@pytest.mark.parametrize(("name", "hyper"), ALL_HYPERS)
def test_number_array_and_schedule_take_the_same_steps(name, hyper):
    grads = [params_like(), jax.tree.map(jnp.negative, params_like())]
    by_number, _, _ = run(given_as(name, hyper, 0.25), grads)
    by_array, _, _ = run(given_as(name, hyper, jnp.float32(0.25)), grads)
    by_schedule, _, _ = run(given_as(name, hyper, lambda step: 0.25), grads)
    assert_trees_close(by_number, by_array)
    assert_trees_close(by_number, by_schedule)


@pytest.mark.parametrize(("name", "hyper"), ALL_HYPERS)
def test_a_grid_goes_through_vmap_and_compiles_once(name, hyper):
    traces = []
    grads = [params_like(), jax.tree.map(jnp.negative, params_like())]

    @jax.jit
    @jax.vmap
    def last_update(value):
        traces.append(value)
        return run(given_as(name, hyper, value), grads)[0]

    for grid in ([0.1, 0.5, 0.9], [0.2, 0.3, 0.4]):
        lanes = last_update(jnp.array(grid, jnp.float32))
        for i, value in enumerate(grid):
            alone, _, _ = run(given_as(name, hyper, value), grads)
            lane = jax.tree.map(lambda x, i=i: x[i], lanes)
            assert_trees_close(lane, alone, rtol=2e-5)
    assert len(traces) == 1


@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_a_schedule_is_evaluated_at_the_steps_zero_one_two(name):
    make = table.OPTIMIZERS[name].make
    with jax.numpy_dtype_promotion("standard"):
        scheduled = make(optax.linear_schedule(0.1, 0.0, 4))
        state = scheduled.init(params_like())
        for step in range(4):
            _, fixed = scheduled.update(params_like(), state, params_like())
            alone = make(0.1 * (1 - step / 4))
            expected, _ = alone.update(params_like(), state.inner, params_like())
            updates, _ = scheduled.update(params_like(), state, params_like())
            assert_trees_close(updates, expected, rtol=1e-5)
            assert int(state.count) == step
            state = fixed


def test_an_array_of_16_bits_is_taken_at_full_width():
    # b2 = .999 is 1 in bfloat16; .99 is .9883.
    b2 = jnp.asarray(0.99, jnp.bfloat16)
    optimizer = optax_lab.adam(0.1, b2=b2)
    updates, _, _ = run(optimizer, [params_like()])
    assert updates["w"].dtype == jnp.float32


def test_dtypes_and_masks_are_not_mistaken_for_schedules():
    optimizer = optax_lab.adamw(
        0.1, mu_dtype=jnp.float32, mask=lambda p: jax.tree.map(lambda x: x.ndim > 1, p)
    )
    _, state, _ = run(optimizer, [params_like()])
    assert not isinstance(state, scheduling.ScheduledState)


# --- Inside Optax and its neighbours --------------------------------------------------


@every
def test_it_works_inside_chain_masked_partition_and_multisteps(make):
    optimizer, grads = make(0.1), [params_like()] * 2
    plain, _, _ = run(optimizer, grads)
    hidden = {"w": True, "b": False}
    with jax.numpy_dtype_promotion("standard"):
        chained, _, _ = run(optax.chain(optax.clip(1e3), optimizer), grads)
        masked, _, _ = run(optax.masked(optimizer, hidden), grads)
        labels = {"w": "a", "b": "b"}
        split = {"a": optimizer, "b": optax.set_to_zero()}
        parted, _, _ = run(optax.partition(split, labels), grads)
        slow = optax.MultiSteps(optimizer, 2)
        _, _, twice = run(slow, [g for g in grads for _ in range(2)])
    _, _, once = run(optimizer, grads)
    # A leaf's number decides how it is rounded, and hiding a leaf changes it.
    rtol = 2e-2 if make is MAKERS["16-bit averages"] else 1e-6
    assert_trees_close(chained, plain)
    assert_trees_close(masked["w"], plain["w"], rtol)
    np.testing.assert_array_equal(masked["b"], params_like()["b"])  # passed through
    assert_trees_close(parted["w"], plain["w"], rtol)
    np.testing.assert_array_equal(parted["b"], 0)
    assert_trees_close(twice, once, rtol=1e-5)


@every
def test_it_accepts_extra_arguments_it_does_not_use(make):
    optimizer, params = make(0.1), params_like()
    state = optimizer.init(params)
    optimizer.update(params, state, params, value=1.0, grad=params)


@every
def test_its_state_can_be_read_set_and_mapped_by_optax(make):
    optimizer, params = make(0.1), params_like()
    state = optimizer.init(params)
    mapped = optax.tree.map_params(optimizer, lambda p: p + 1, state)
    assert jax.tree.structure(mapped) == jax.tree.structure(state)
    trees = [x for x in jax.tree.leaves(state) if x.shape == (2, 3)]
    raised = [x for x in jax.tree.leaves(mapped) if x.shape == (2, 3)]
    for before, after in zip(trees, raised, strict=True):
        np.testing.assert_array_equal(after, before + 1)


def test_optax_finds_and_sets_what_is_in_a_state():
    optimizer = optax_lab.adam(0.1)
    _, state, _ = run(optimizer, [params_like()])
    assert int(optax.tree.get(state, "count")) == 1
    mu = optax.tree.get(state, "mu")
    np.testing.assert_allclose(mu.average["w"], 0.1, rtol=1e-6)
    np.testing.assert_allclose(mu.weight, 0.1, rtol=1e-6)
    state = optax.tree.set(state, count=jnp.asarray(7, jnp.int32))
    assert int(optax.tree.get(state, "count")) == 7


@every
def test_its_init_needs_shapes_only(make):
    params = params_like()
    shapes = jax.eval_shape(lambda: params)
    abstract = jax.eval_shape(make(0.1).init, shapes)
    assert signature_of(abstract) == signature_of(make(0.1).init(params))


@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_optax_injects_its_hyperparameters(name):
    entry = table.OPTIMIZERS[name]
    static = ("momentum", "accumulator_dtype", "mu_dtype", "mask", "nu_dtype")
    parameters = inspect.signature(entry.make).parameters
    static = [n for n in static if n in parameters and parameters[n].default is None]
    with jax.numpy_dtype_promotion("standard"):
        inject = optax.inject_hyperparams(
            entry.make, static_args=static, hyperparam_dtype=jnp.float32
        )
        for dtype in ("float32", "bfloat16"):
            params = params_like(dtype)
            updates, state, _ = run(inject(learning_rate=0.1), [params], params)
            plain, _, _ = run(entry.make(0.1), [params], params)
            assert float(state.hyperparams["learning_rate"]) == np.float32(0.1)
            assert_trees_close(
                jax.tree.map(lambda x: x.astype(jnp.float32), updates),
                jax.tree.map(lambda x: x.astype(jnp.float32), plain),
                rtol=1e-5 if dtype == "float32" else 1e-2,
            )


@every
def test_it_drives_a_flax_model(make):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        model = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
        optimizer = nnx.Optimizer(model, make(0.01), wrt=nnx.Param)
        x = jnp.ones((4, 3), jnp.float32)
        loss = lambda model: jnp.mean((model(x) - 1) ** 2)
        before = loss(model)
        for _ in range(5):
            optimizer.update(model, nnx.grad(loss)(model))
        assert loss(model) < before


@every
def test_its_state_survives_a_checkpoint(make, tmp_path):
    _, state, _ = run(make(0.1), [params_like()])
    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", state)
        checkpointer.wait_until_finished()
        back = checkpointer.restore(tmp_path / "state", state)
    assert jax.tree.structure(back) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, back, state)


@every
def test_the_state_can_be_carried_by_scan(make):
    optimizer, params = make(0.1), params_like()

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(params, state, params)
        return (optax.apply_updates(params, updates), state), None

    start = (params, optimizer.init(params))
    (after, _), _ = jax.jit(lambda c: jax.lax.scan(step, c, None, 3))(start)
    _, _, expected = run_on_params(optimizer, 3)
    assert_trees_close(after, expected, rtol=1e-5)


def run_on_params(optimizer, steps):
    params = params_like()
    state = optimizer.init(params)
    for _ in range(steps):
        updates, state = optimizer.update(params, state, params)
        params = optax.apply_updates(params, updates)
    return updates, state, params


# --- Low precision --------------------------------------------------------------------


def test_16_bit_averages_arrive_where_nearest_rounding_stalls():
    g = jnp.ones(500, jnp.float32)

    def last(rounding):
        optimizer = optax_lab.adam(
            0.1,
            b1=0.999,
            mu_dtype=jnp.bfloat16,
            nu_dtype=jnp.bfloat16,
            rounding=rounding,
        )
        step = lambda state, _: (optimizer.update(g, state)[1], None)
        return jax.lax.scan(step, optimizer.init(g), None, 15_000)[0][0]

    by_chance, nearest = last("stochastic"), last("nearest")
    for average in (by_chance.mu, by_chance.nu):
        mean = np.mean(np.asarray(average.average, np.float64))
        assert mean == pytest.approx(1.0, abs=0.02)
    assert np.max(np.asarray(nearest.mu.average, np.float64)) < 0.6
    again = last("stochastic")
    np.testing.assert_array_equal(by_chance.mu.average, again.mu.average)


def test_an_unknown_rounding_is_refused():
    with pytest.raises(ValueError, match=r"rounding must be .*, got 'up'"):
        numerics.check_rounding("up")


def test_hyper_means_numbers_arrays_and_functions():
    assert set(ArrayLike.__args__) < set(scheduling.Hyper.__args__)
