# What is handed over instead of states, optimizers and variables.

import inspect
import re

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.dialects import keras, pytorch, states
from tests import doubles

PARAMS = doubles.PARAMS
ENTRIES = doubles.like_params(step=2, exp_avg=1.0, exp_avg_sq=1.0)
KEPT = doubles.kept(*ENTRIES)
VARIABLES = doubles.variables("momentum", "velocity")
MADE = doubles.torch_optimizer("Adam", PARAMS)
TORCH, KERAS, ADAM = pytorch.Adam(), keras.Adam(), optax.adam(0.1)
HERE, THERE = TORCH.init(PARAMS), ADAM.init(PARAMS)


def unchecked(name):
    """Returns a function whose types are not checked, as outside the tests."""
    return inspect.unwrap(getattr(states, name))


def named(odd):
    """Returns a test's name, without addresses: all workers must call it the same."""
    return re.sub(r" at 0x\w+", "", str(odd))


@pytest.mark.parametrize("odd", [None, 3, pytorch.Adam, MADE], ids=named)
@pytest.mark.parametrize(
    "name, rest",
    [
        ("from_pytorch", [KEPT]),
        ("to_pytorch", [HERE, MADE]),
        ("from_keras", [VARIABLES]),
        ("to_keras", [HERE, VARIABLES]),
        ("from_optax", [THERE]),
    ],
)
def test_an_optimizer_must_be_one_of_jax(name, rest, odd):
    with pytest.raises(ValueError, match=r"^optimizer must be an optax.Grad.*, got "):
        unchecked(name)(odd, PARAMS, *rest)


@pytest.mark.parametrize(
    "odd, message",
    [
        (None, r"^state_dict must be what state_dict\(\) .*, got None$"),
        (MADE, r"^state_dict must be what state_dict\(\) .*, got <.*Adam object"),
        ("state", "^state_dict must be what .*, got 'state'$"),
        ({}, "^state_dict must be .*, with state, got {}$"),
        ({"state": {}}, "^state_dict must be .*, with param_groups, got {'state'"),
        (KEPT | {"state": None}, r"^state_dict\['state'\] must be a dict, got None"),
        (
            KEPT | {"state": {0: 3}},
            r"\['state'\]\[0\] must be a dict of tensors, got 3",
        ),
        (KEPT | {"param_groups": 3}, r"\['param_groups'\] must be a list, got 3"),
        (
            KEPT | {"param_groups": [{}]},
            r"groups'\]\[0\] must .* list of params, got {}",
        ),
        (
            doubles.kept(ENTRIES[0] | {"step": "two"}, ENTRIES[1]),
            r"\[0\]\['step'\] must be a whole number of steps, got two",
        ),
        (
            doubles.kept(ENTRIES[0] | {"exp_avg": np.array(["a"] * 3)}, ENTRIES[1]),
            r"\['exp_avg'\] must be numbers, got array\(\['a'",
        ),
    ],
)
def test_a_state_of_pytorch_must_be_its_state_dict(odd, message):
    with pytest.raises(ValueError, match=message):
        unchecked("from_pytorch")(TORCH, PARAMS, odd)


@pytest.mark.parametrize("odd", [None, 3, TORCH, VARIABLES], ids=named)
def test_pytorchs_optimizer_must_be_one(odd):
    with pytest.raises(ValueError, match=r"^torch_optimizer must be an .*, got "):
        unchecked("to_pytorch")(TORCH, PARAMS, HERE, odd)


@pytest.mark.parametrize(
    "odd, message",
    [
        (None, "^variables must be the variables of Keras' .*, got None$"),
        ("variables", "^variables must be .*, got 'variables'$"),
        (MADE, "^variables must be .*, got <"),
        ([np.ones(3)], r"^variables\[0\] must be a variable of Keras', got array"),
        ([*VARIABLES, None], r"^variables\[6\] must be .*, got None$"),
    ],
)
def test_variables_must_be_a_list_of_kerass(odd, message):
    with pytest.raises(ValueError, match=message):
        unchecked("from_keras")(KERAS, PARAMS, odd)
    with pytest.raises(ValueError, match=message):
        unchecked("to_keras")(KERAS, PARAMS, KERAS.init(PARAMS), odd)


ODD = [None, 3, "adam", [jnp.ones(3)], ADAM]


@pytest.mark.parametrize("odd", ODD, ids=named)
def test_a_state_must_be_one(odd):
    ours = optax_lab.adam(0.1)
    with pytest.raises(ValueError, match=r"^optax_state must be an .* state.*, got "):
        unchecked("from_optax")(ours, PARAMS, odd)
    with pytest.raises(
        ValueError, match=r"^state must be an optimizer's state.*, got "
    ):
        unchecked("to_optax")(odd, THERE)
    with pytest.raises(ValueError, match=r"^like must be an optimizer's state.*, got "):
        unchecked("to_optax")(ours.init(PARAMS), odd)
    with pytest.raises(ValueError, match=r"^state must be what the .*Adam.*, got "):
        unchecked("to_pytorch")(TORCH, PARAMS, odd, MADE)
    with pytest.raises(ValueError, match=r"^state must be what the .*Adam.*, got "):
        unchecked("to_keras")(KERAS, PARAMS, odd, VARIABLES)


def test_an_empty_state_of_optax_is_not_asked_for_its_step_first():
    ours = optax_lab.adam(0.1)
    with pytest.raises(ValueError, match="is not in Optax's state, which has no state"):
        states.from_optax(ours, PARAMS, ())
    with pytest.raises(ValueError, match="is not in this library's"):
        states.to_optax((), THERE)


def test_theirs_must_be_an_optimizer():
    with pytest.raises(ValueError, match=r"^theirs must be an optax.Grad.*, got 3$"):
        unchecked("from_optax")(optax_lab.adam(0.1), PARAMS, THERE, theirs=3)


@pytest.mark.parametrize(
    "odd", [3, "ab", {"b": 0}, {"b": 0, "w": "q"}, {"b": 0.5, "w": 1}], ids=str
)
def test_an_order_must_be_a_tree_of_whole_numbers(odd):
    with pytest.raises(
        ValueError, match=r"^order must be a tree like params of .*, got "
    ):
        unchecked("to_pytorch")(TORCH, PARAMS, HERE, MADE, order=odd)


@pytest.mark.parametrize("odd", ["two", [1], 1.5, -1, np.inf, jnp.ones(2)], ids=str)
def test_a_step_must_be_a_whole_number(odd):
    with pytest.raises(ValueError, match=r"^step= must be a whole number of .*, got "):
        unchecked("to_pytorch")(TORCH, PARAMS, HERE, MADE, step=odd)
