# Hyperparameters that are numbers, arrays or schedules: what only ours promise.

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.typing import ArrayLike

import optax_lab
from optax_lab.contract import subject
from optax_lab.optimizers import hyperparameters, table

PARAMS = {"w": jnp.ones((2, 3), jnp.float32), "b": jnp.ones((), jnp.float32)}
WITH_MU_DTYPE = [
    name
    for name, entry in table.OPTIMIZERS.items()
    if "mu_dtype" in inspect.signature(entry.make).parameters
]


def test_hyper_means_numbers_arrays_and_functions():
    assert set(ArrayLike.__args__) < set(
        hyperparameters.alternatives(hyperparameters.Hyper)
    )
    both = hyperparameters.alternatives(hyperparameters.Hyper | None)
    assert both == (*hyperparameters.alternatives(hyperparameters.Hyper), type(None))


@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_help_writes_hyper_and_not_what_it_stands_for(name):
    parameters = inspect.signature(table.OPTIMIZERS[name].make).parameters.values()
    hypers = [p.annotation for p in parameters if hyperparameters._takes_hyper(p)]
    assert hypers
    assert all("Hyper" in inspect.formatannotation(hyper) for hyper in hypers)


@pytest.mark.parametrize("name", [*table.OPTIMIZERS, "cautious", "lookahead"])
def test_a_misspelt_argument_is_named_with_the_function_and_the_nearest(name):
    make = (table.OPTIMIZERS | table.WRAPPERS)[name]
    make = getattr(make, "make", make)
    last = list(inspect.signature(make).parameters)[-1]
    with pytest.raises(TypeError, match=rf"{name} has no {last}s: try .*\b{last}\b"):
        make(**{f"{last}s": 1})


def test_a_missing_argument_and_one_too_many_name_the_function():
    with pytest.raises(TypeError, match=r"adam: missing a required .*learning_rate"):
        optax_lab.adam()
    with pytest.raises(TypeError, match="sgd: too many positional"):
        optax_lab.sgd(*range(9))


def test_whoever_takes_any_name_is_given_it():
    any_name = hyperparameters.scheduled(
        lambda rate, **more: optax_lab.sgd(more["other"])
    )
    assert any_name(0.1, other=0.5).init(PARAMS)


@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_every_float_is_a_hyperparameter(name):
    signature = inspect.signature(table.OPTIMIZERS[name].make)
    for parameter in signature.parameters.values():
        is_float = isinstance(parameter.default, float)
        assert not is_float or hyperparameters._takes_hyper(parameter), parameter


FUTURE = """
from __future__ import annotations

import optax
import optax_lab
from optax_lab.optimizers import hyperparameters as scheduling
from optax_lab.optimizers.hyperparameters import Hyper as Number

@scheduling.scheduled
def mine(a: scheduling.Hyper, b: Number | None = None, c: OnlyToCheckers = 1) -> Other:
    return optax_lab.sgd(a * b)

@scheduling.scheduled
def unresolved(a: elsewhere.Hyper, b: Number = 1.0) -> Other:
    return optax_lab.sgd(a * b)
"""


@pytest.mark.parametrize("name", ["mine", "unresolved"])
def test_annotations_that_are_text_are_read(name):
    module = {"__name__": "future"}
    exec(FUTURE, module)
    half = lambda step: 0.5 + step
    optimizer = module[name](half, b=half)
    state, found = optimizer.init(PARAMS), []
    for _ in range(2):
        updates, state = optimizer.update(PARAMS, state)
        found.append(float(updates["b"]))
    assert found == [-0.25, -2.25]


def test_an_array_of_16_bits_is_taken_at_full_width():
    # b2 = .999 is 1 in bfloat16; .99 is .9883.
    optimizer = optax_lab.adam(0.1, b2=jnp.asarray(0.99, jnp.bfloat16))
    updates, _ = optimizer.update(PARAMS, optimizer.init(PARAMS))
    assert updates["w"].dtype == jnp.float32


@pytest.mark.parametrize("name", WITH_MU_DTYPE)
def test_a_complex_dtype_is_that_of_complex_leaves_and_real_ones_have_its_parts(name):
    make = optax_lab.OPTIMIZERS[name].make
    params = {"real": jnp.ones(2, jnp.float32), "turned": jnp.ones(2, jnp.complex64)}
    types = lambda **given: jax.eval_shape(subject.build(make, **given).init, params)
    assert types(mu_dtype=jnp.complex64) == types(mu_dtype=jnp.float32)


def test_what_averages_cannot_be_stored_in_is_refused():
    with pytest.raises(ValueError, match="mu_dtype must be a floating or complex"):
        optax_lab.adam(0.1, mu_dtype=jnp.int32)
    with pytest.raises(ValueError, match=r"nu_dtype must be a real .*, got complex64"):
        optax_lab.adam(0.1, nu_dtype=jnp.complex64)


@pytest.mark.parametrize("odd", ["0.1", None, [0.1], {"a": 0.1}])
@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_what_is_no_hyperparameter_is_refused_when_it_is_given(name, odd):
    make = optax_lab.OPTIMIZERS[name].make
    parameter = inspect.signature(make).parameters.get("learning_rate")
    if parameter is None or type(odd) in hyperparameters.alternatives(
        parameter.annotation
    ):
        pytest.skip("it takes this one")
    with pytest.raises(ValueError, match="learning_rate must be a number, an array or"):
        make(learning_rate=odd)


def test_a_scalar_of_numpys_is_the_number_that_it_holds():
    with pytest.raises(ValueError, match=r"b1 must lie in \[0, 1\), got 1.0"):
        optax_lab.adam(0.1, b1=np.float32(1.0))
    with pytest.raises(ValueError, match="learning_rate must be finite"):
        optax_lab.sgd(np.float64(-1))
    optimizer = optax_lab.adam(np.float64(0.1), b2=np.float32(0.5))
    updates, _ = optimizer.update(PARAMS, optimizer.init(PARAMS))
    assert updates["w"].dtype == jnp.float32


# Leaves that are no arrays of JAX's, and a counter among them.
ANY_LEAVES = {"w": np.ones((2, 3)), "x": 0.5, "n": np.int32(3)}
ANY_GRADS = {"w": np.full((2, 3), 2.0), "x": 2.0, "n": 0}


@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_numbers_and_numpys_arrays_are_gradients_and_whole_numbers_rest(name):
    optimizer = subject.build(table.OPTIMIZERS[name].make)
    state = jax.eval_shape(lambda: optimizer.init(ANY_LEAVES))
    floats = {"w": jnp.ones((2, 3)), "x": jnp.ones([]), "n": None}
    more = subject.extras(floats, floats)
    step = lambda state: optimizer.update(ANY_GRADS, state, ANY_LEAVES, **more)
    updates, after = jax.eval_shape(step, state)
    types = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype), tree)
    assert types(after) == types(state)
    assert types(updates)["n"] == ((), jnp.int32)
    assert jax.tree.structure(updates) == jax.tree.structure(ANY_GRADS)


@pytest.mark.parametrize("grads", [ANY_GRADS, ANY_GRADS | {"n": None}])
def test_a_counter_stays_and_the_rest_steps_as_without_it(grads):
    optimizer = optax_lab.adamw(0.1, weight_decay=0.1)
    updates, state = optimizer.update(grads, optimizer.init(ANY_LEAVES), ANY_LEAVES)
    moved = optax.apply_updates(ANY_LEAVES, updates)
    assert moved["n"] == 3 and moved["n"].dtype == jnp.int32
    arrays = lambda tree: {key: jnp.asarray(tree[key], float) for key in "wx"}
    alone, _ = optimizer.update(
        arrays(ANY_GRADS), optimizer.init(arrays(ANY_LEAVES)), arrays(ANY_LEAVES)
    )
    for key in "wx":
        np.testing.assert_allclose(updates[key], alone[key], rtol=1e-6)
    ones = {"w": np.ones((2, 3), np.int32), "x": 1, "n": 0}  # whole, yet of floats
    updates, _ = optimizer.update(ones, state, ANY_LEAVES)
    assert (updates["w"] < 0).all()


@pytest.mark.parametrize("wrap", [optax_lab.with_param_ema, optax_lab.lookahead])
def test_a_counter_is_no_average_of_parameters(wrap):
    given = {"decays": 0.5} if wrap is optax_lab.with_param_ema else {}
    given = given or {"sync_period": 2, "slow_step_size": 0.5}
    optimizer = wrap(optax_lab.sgd(0.1), **given)
    _, state = optimizer.update(ANY_GRADS, optimizer.init(ANY_LEAVES), ANY_LEAVES)
    judged = optax_lab.evaluation_params(state, ANY_LEAVES)
    assert judged["n"] == 3
    np.testing.assert_allclose(judged["w"], ANY_LEAVES["w"], rtol=1e-6)


def test_dtypes_and_masks_are_not_mistaken_for_schedules():
    mask = lambda params: jax.tree.map(lambda p: p.ndim > 1, params)
    optimizer = optax_lab.adamw(0.1, mu_dtype=jnp.float32, mask=mask)
    _, state = optimizer.update(PARAMS, optimizer.init(PARAMS), PARAMS)
    assert not isinstance(state, hyperparameters.ScheduledState)


def closed_over(function, seen):
    """Yields what a function's closure holds: leaves, and those of functions in it."""
    if id(function) in seen:
        return
    seen.add(id(function))
    for cell in function.__closure__ or ():
        for leaf in jax.tree.leaves(cell.cell_contents):
            if inspect.isfunction(leaf):
                yield from closed_over(leaf, seen)
            elif not isinstance(leaf, jax.Array | np.ndarray):
                yield leaf


@pytest.mark.parametrize("name", table.OPTIMIZERS)
@pytest.mark.parametrize(
    "rate", [0.1, lambda step: 0.1 / (1 + step)], ids=["number", "schedule"]
)
def test_what_an_update_closes_over_has_a_hash_as_equinox_asks(name, rate):
    optimizer = table.OPTIMIZERS[name].make(learning_rate=rate)
    for function in optimizer:
        for leaf in closed_over(function, set()):
            hash(leaf)


BEYOND = 3_000_000_000  # what 32 bits take for −1294967296


@pytest.mark.parametrize("kind", [int, np.int64, np.uint32, lambda x: np.array(x)])
def test_integers_beyond_32_bits_are_what_they_are(kind):
    ones = jnp.ones(2, jnp.float32)
    step = lambda optimizer, g, p=ones: optimizer.update(g, optimizer.init(p), p)[0]
    with jax.enable_x64(False):
        by_rate = step(optax_lab.sgd(kind(BEYOND)), ones)
        by_schedule = step(optax_lab.sgd(lambda count: kind(BEYOND)), ones)
        by_gradient = step(optax_lab.sgd(1.0), np.array([kind(BEYOND), 1]))
    np.testing.assert_allclose(by_rate, -3e9)
    np.testing.assert_allclose(by_schedule, -3e9)
    np.testing.assert_allclose(by_gradient, [-3e9, -1])


WITH_DTYPES = [
    (name, argument)
    for name, entry in table.OPTIMIZERS.items()
    for argument in inspect.signature(entry.make).parameters
    if hyperparameters._IS_DTYPE(argument)
]


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, jnp.float64])
@pytest.mark.parametrize(("name", "argument"), WITH_DTYPES)
def test_a_dtype_that_is_asked_for_is_that_of_a_state_and_of_no_update(
    name, argument, dtype
):
    entry = table.OPTIMIZERS[name]
    takes = inspect.signature(entry.make).parameters
    asked = {"momentum": 0.9, "centered": True}  # without which some keep nothing
    usual = {key: value for key, value in asked.items() if key in takes}
    params = {"w": jnp.ones((4, 6), jnp.float32), "b": jnp.ones(3, jnp.float32)}
    made = entry.make(entry.learning_rate, **usual, **{argument: dtype})
    state = jax.eval_shape(made.init, params)
    assert jnp.dtype(dtype) in {leaf.dtype for leaf in jax.tree.leaves(state)}
    grad = {"obj_fn": lambda x: sum(jnp.sum(y**2) for y in jax.tree.leaves(x))}
    step = lambda g, s, p: made.update(g, s, p, value=jnp.float32(1), grad=g, **grad)
    updates, after = jax.eval_shape(step, params, state, params)
    types = lambda tree: jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)
    assert types(after) == types(state)
    assert {leaf.dtype for leaf in jax.tree.leaves(updates)} == {jnp.dtype("float32")}
