# Hyperparameters that are numbers, arrays or schedules: what only ours promise.

import inspect

import jax
import jax.numpy as jnp
import pytest
from jax.typing import ArrayLike

import optax_lab
from optax_lab.optimizers import table
from optax_lab.transforms import scheduling

PARAMS = {"w": jnp.ones((2, 3), jnp.float32), "b": jnp.ones((), jnp.float32)}


def test_hyper_means_numbers_arrays_and_functions():
    assert set(ArrayLike.__args__) < set(scheduling.Hyper.__args__)


@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_every_float_is_a_hyperparameter(name):
    signature = inspect.signature(table.OPTIMIZERS[name].make)
    for parameter in signature.parameters.values():
        is_float = isinstance(parameter.default, float)
        assert not is_float or scheduling._takes_hyper(parameter), parameter


def test_an_array_of_16_bits_is_taken_at_full_width():
    # b2 = .999 is 1 in bfloat16; .99 is .9883.
    optimizer = optax_lab.adam(0.1, b2=jnp.asarray(0.99, jnp.bfloat16))
    updates, _ = optimizer.update(PARAMS, optimizer.init(PARAMS))
    assert updates["w"].dtype == jnp.float32


def test_dtypes_and_masks_are_not_mistaken_for_schedules():
    mask = lambda params: jax.tree.map(lambda p: p.ndim > 1, params)
    optimizer = optax_lab.adamw(0.1, mu_dtype=jnp.float32, mask=mask)
    _, state = optimizer.update(PARAMS, optimizer.init(PARAMS), PARAMS)
    assert not isinstance(state, scheduling.ScheduledState)
