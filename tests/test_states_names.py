# Whose an array is: what PyTorch's and Keras' names say, and what nobody says.

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optax_lab.dialects import keras, pytorch, states
from tests import doubles

# Eleven layers of one shape: JAX sorts "10" before "2".
NUMBERS = [str(n) for n in range(11)]
FLAT = {f"{n}.weight": jnp.zeros(2) for n in NUMBERS}
DEEP = {n: {"weight": jnp.zeros(2)} for n in NUMBERS}
SGD = pytorch.SGD(lr=0.1, momentum=0.9)


def kept(names=(), count=11):
    """Returns what PyTorch's SGD keeps; the sums of parameter n are n."""
    given = doubles.kept(*({"momentum_buffer": np.full(2, n)} for n in range(count)))
    if names:
        given["param_groups"][0]["param_names"] = list(names)
    return given


def sums(state):
    return [float(leaf[0]) for leaf in jax.tree.leaves(state)]


@pytest.mark.parametrize("params", [FLAT, DEEP], ids=["flat", "deep"])
def test_pytorchs_names_say_whose_a_tensor_is_there_and_back(params):
    state = states.from_pytorch(SGD, params, kept(f"{n}.weight" for n in NUMBERS))
    assert sums(state) == [float(n) for n in sorted(NUMBERS)]
    made = doubles.torch_optimizer("SGD", dict(enumerate(range(11))), momentum=0.9)
    (group,) = made.param_groups
    group["params"] = [doubles.Tensor(np.zeros(2))] * 11
    group["param_names"] = [f"{n}.weight" for n in NUMBERS]
    back = states.to_pytorch(SGD, params, state, made)["state"]
    assert [back[n]["momentum_buffer"].array[0] for n in range(11)] == [*range(11)]


def test_an_order_that_is_given_counts_more_than_names():
    params = {"a": jnp.zeros(2), "b": jnp.zeros(2)}
    given = kept(["a", "b"], 2)
    assert sums(states.from_pytorch(SGD, params, given)) == [0, 1]
    order = {"a": 1, "b": 0}
    assert sums(states.from_pytorch(SGD, params, given, order=order)) == [1, 0]


@pytest.mark.parametrize("names", [(), [f"layer{n}" for n in range(11)]])
@pytest.mark.parametrize("params", [FLAT, [DEEP]], ids=["a dict", "in a list"])
def test_layers_of_one_shape_that_jax_sorts_otherwise_need_an_order(names, params):
    said = r"'10.*'2.* have one shape, and JAX sorts keys, .*: give order="
    with pytest.raises(ValueError, match=said):
        states.from_pytorch(SGD, params, kept(names))
    order = jax.tree.unflatten(jax.tree.structure(params), range(11))
    state = states.from_pytorch(SGD, params, kept(names), order=order)
    assert sums(state) == [*range(11)]


def test_where_shapes_tell_jaxs_order_is_taken_however_a_dict_is_written():
    params = {"w": jnp.zeros((3, 2)), "b": jnp.zeros(2)}
    given = doubles.kept(*({"momentum_buffer": np.ones(s)} for s in ((2,), (3, 2))))
    state = states.from_pytorch(SGD, params, given)
    assert [leaf.shape for leaf in jax.tree.leaves(state)] == [(2,), (3, 2)]


def variables(names, keys, shape=(2,)):
    """Returns Keras' variables, those of parameter n filled with n."""
    own = [
        doubles.Variable(f"any/{name}{key}", np.full(shape, n, np.float64))
        for n, name in enumerate(names)
        for key in keys
    ]
    rate = doubles.Variable("any/learning_rate", np.array(0.1))
    return [doubles.Variable("any/iteration", np.array(3)), rate, *own]


def test_kerass_names_say_whose_a_variable_is():
    rule = keras.SGD(0.1, momentum=0.9)
    params = {"out": {"kernel": jnp.zeros(2)}, "dense/kernel": jnp.zeros(2)}
    given = variables(["dense_kernel", "out_kernel"], ["_momentum"])
    state = states.from_keras(rule, params, given)
    assert sums(state) == [0, 1]
    given = variables(["out_kernel", "dense_kernel"], ["_momentum"])
    state = states.from_keras(rule, params, given)
    assert sums(state) == [1, 0]  # the leaves are dense's and out's
    with pytest.raises(ValueError, match="have one shape"):
        states.from_keras(rule, params, variables(["a", "b"], ["_momentum"]))


@pytest.mark.parametrize("name", ["x_momentum", "x_velocity", "velocity", "kernel"])
def test_a_parameter_of_kerass_adafactor_may_be_called_as_a_key_is(name):
    rule, params = keras.Adafactor(0.1), [jnp.zeros(2), jnp.zeros(2)]
    ends = ["", "", "_velocity"]
    given = variables([name, "other"], ends)
    state = states.from_keras(rule, params, given)
    back = states.to_keras(rule, params, state, given)
    for variable, value in zip(given, back, strict=True):
        np.testing.assert_array_equal(value, variable.value)
    odd = variables([name], ends[:2]) + variables(["other"], ends[2:])[2:]
    with pytest.raises(ValueError, match="not the variables of Keras' Adafactor"):
        states.from_keras(rule, params[:1], odd)


@pytest.mark.parametrize(
    ("key", "argument", "ours"),
    [
        ("average", "use_ema", "optax_lab.with_param_ema"),
        ("gradient_accumulator", "gradient_accumulation_steps", "optax.MultiSteps"),
    ],
)
def test_what_keras_keeps_around_an_optimizer_is_refused_by_its_argument(
    key, argument, ours
):
    params = {"a": jnp.zeros(2), "b": jnp.zeros(2)}
    plain = variables(["a", "b"], ["_momentum"])
    wrapped = variables(["a", "b"], [f"_{key}", "_momentum"])
    optimizer = keras.SGD(0.1, momentum=0.9)
    states.from_keras(optimizer, params, plain)
    with pytest.raises(ValueError, match=f"a_{key} is .* for {argument}, .* {ours}"):
        states.from_keras(optimizer, params, wrapped)
    with pytest.raises(ValueError, match=f"a_{key} is .* for {argument}, .* {ours}"):
        states.to_keras(optimizer, params, optimizer.init(params), wrapped, step=0)
