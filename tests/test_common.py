# What stands at the end of every optimizer: weight decay, masks, the learning rate.

import dataclasses
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.optimizers import common, table

PARAMS = {"w": jnp.ones((2, 3)), "deep": [jnp.ones(2), jnp.ones(())]}


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({"w": True}, r"mask does not fit at 'deep': .*got \{'w': True\}"),
        ([True], "mask does not fit at its root: "),
        ({"w": "no", "deep": True}, r"mask does not fit at \['w'\]: .* bools"),
        ({"w": jnp.ones((2, 3), bool), "deep": True}, r"does not fit at \['w'\]: "),
        ({"w": 1.0, "deep": True}, r"mask does not fit at \['w'\]: .* bools"),
        ("no", "mask does not fit at its root: "),
        ({"w": True, "deep": [True]}, r"mask does not fit at \['deep'\]"),
        ({"w": [True], "deep": True}, r"mask does not fit at \['w'\]"),
        (lambda params: {"w": True}, "mask does not fit"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda mask: optax_lab.adamw(0.1, mask=mask),
        lambda mask: optax_lab.lion(0.1, mask=mask),
        lambda mask: optax_lab.lars(0.1, trust_ratio_mask=mask),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_with_its_path(make, mask, message):
    with pytest.raises(ValueError, match=message):
        make(mask).init(PARAMS)


def test_a_path_with_a_space_in_it_is_told_whole():
    optimizer = optax_lab.adamw(0.1, mask={"my layer": [True]})
    with pytest.raises(ValueError, match=r"does not fit at \['my layer'\]: it must"):
        optimizer.init({"my layer": [jnp.ones(2), jnp.ones(2)]})


def test_a_mask_is_looked_at_where_nothing_decays():
    optimizer = optax_lab.adamw(0.1, weight_decay=0.0, mask={"v": True})
    with pytest.raises(ValueError, match="mask does not fit at 'deep', 'v', 'w'"):
        optimizer.init(PARAMS)


@pytest.mark.parametrize(
    "mask",
    [
        {"w": True, "deep": [False, False]},
        {"w": True, "deep": False},  # a prefix
        lambda params: jax.tree.map(lambda x: x.ndim > 1, params),
    ],
)
def test_a_mask_a_prefix_of_one_and_a_function_say_what_decays(mask):
    link = common.add_decayed_weights(0.5, mask)
    zeros = jax.tree.map(jnp.zeros_like, PARAMS)
    updates, _ = link.update(zeros, link.init(PARAMS), PARAMS)
    np.testing.assert_array_equal(updates["w"], 0.5)
    np.testing.assert_array_equal(updates["deep"][0], 0)


def test_a_learning_rate_alone_may_be_a_schedule():
    for flip, sign in ((True, -1), (False, 1)):
        link = common.scale_by_learning_rate(lambda step: 0.5 + step, flip_sign=flip)
        state, found = link.init(PARAMS), []
        for _ in range(2):
            updates, state = link.update(PARAMS, state)
            found.append(float(updates["deep"][1]))
        assert found == [sign * 0.5, sign * 1.5]


def test_a_masked_gradient_may_be_none():
    optimizer = optax_lab.adamw(0.1, mask={"w": True, "deep": False})
    grads = {"w": PARAMS["w"], "deep": [None, PARAMS["deep"][1]]}
    updates, _ = optimizer.update(grads, optimizer.init(PARAMS), PARAMS)
    np.testing.assert_array_equal(updates["deep"][0], 0)
    assert isinstance(optimizer, optax.GradientTransformationExtraArgs)


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Layer:
    w: Any
    b: Any

    def __call__(self, x):
        raise AssertionError("a module that is a mask was called")


@pytest.mark.parametrize(
    "name",
    [
        n
        for n, entry in table.OPTIMIZERS.items()
        if {"mask", "weight_decay"} <= inspect.signature(entry.make).parameters.keys()
    ],
)
def test_a_mask_that_is_a_module_is_a_tree_though_it_can_be_called(name):
    params = Layer(jnp.ones((2, 2)), jnp.ones(2))
    grads = Layer(jnp.array([[1.0, -2.0], [0.5, 3.0]]), jnp.array([1.0, -3.0]))

    def updated(mask):
        make = table.OPTIMIZERS[name].make
        optimizer = make(learning_rate=0.1, weight_decay=0.5, mask=mask)
        return optimizer.update(grads, optimizer.init(params), params)[0]

    found = updated(Layer(True, False))
    expected = updated(lambda tree: Layer(True, False))
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    assert not np.array_equal(found.w, updated(False).w)
