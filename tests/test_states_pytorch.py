# States that come from PyTorch and go there, made by hand.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from optax_lab.dialects import pytorch, states
from optax_lab.dialects.states import nodes
from tests import doubles, trajectories
from tests.trajectories import Case

PARAMS = doubles.PARAMS

MUON = Case("pytorch", "Muon", trajectories.MUON[0])
SHAPING = {"amsgrad", "centered", "dampening", "lr_decay", "momentum"}
KINDS = {
    (case.name, *SHAPING & set(case.arguments)): case
    for case in [*trajectories.CASES, MUON]
    if case.framework == "pytorch"
}


@pytest.mark.parametrize("case", KINDS.values(), ids=str)
def test_a_state_that_goes_to_pytorch_and_comes_back_is_the_same(case):
    params = jax.tree.map(jnp.asarray, trajectories.start(case))
    rule = trajectories.optimizer(case)
    state = doubles.stepped(rule, params, 3)
    made = doubles.torch_optimizer(case.name, params, **case.arguments)
    there = states.to_pytorch(rule, params, state, made)
    step = None if any("step" in e for e in there["state"].values()) else 3
    doubles.assert_equal(states.from_pytorch(rule, params, there, step=step), state)


def test_pytorchs_numbers_stand_where_the_state_has_them():
    state = states.from_pytorch(
        pytorch.Adam(lr=0.1, betas=(0.5, 0.75)),
        PARAMS,
        doubles.kept(*doubles.like_params(step=2, exp_avg=1.0, exp_avg_sq=2.0)),
    )
    adam = next(n.node for n in nodes.leaves(state) if n.is_count)
    assert adam.count == 2 and adam.count.dtype == jnp.int32
    np.testing.assert_allclose(adam.mu.weight, 1 - 0.5**2, rtol=1e-15)
    np.testing.assert_allclose(adam.nu.weight, 1 - 0.75**2, rtol=1e-15)
    doubles.assert_equal(adam.mu.average, PARAMS)
    doubles.assert_equal(adam.nu.average, jax.tree.map(lambda p: 2 * p, PARAMS))


def test_values_take_the_dtypes_of_the_state():
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), PARAMS)
    rule = pytorch.Adam(lr=0.1)
    entries = doubles.like_params(step=2.0, exp_avg=1.0, exp_avg_sq=2.0)
    state = states.from_pytorch(rule, params, doubles.kept(*entries))
    dtypes = lambda tree: jax.tree.map(lambda x: x.dtype, tree)
    assert dtypes(state) == dtypes(rule.init(params))
    there = states.to_pytorch(
        rule, params, state, doubles.torch_optimizer("Adam", PARAMS)
    )
    assert there["state"][0]["exp_avg"].dtype == np.float64


def test_a_state_does_not_change_with_the_tensor_it_came_from():
    room = np.zeros(64 + 16)  # JAX takes what lies at 64 bytes as it is
    at = -room.ctypes.data % 64 // 8
    tensor = room[at : at + 64]
    rule = pytorch.SGD(lr=0.1, momentum=0.9)
    given = doubles.kept({"momentum_buffer": tensor})
    state = states.from_pytorch(rule, jnp.ones(64), given)
    tensor += 1
    assert not np.any(jax.tree.leaves(state)[0])


def test_parameters_may_be_counted_in_another_order():
    entries = doubles.like_params(momentum_buffer=1.0)[::-1]
    rule, order = pytorch.SGD(lr=0.1, momentum=0.9), {"b": 1, "w": 0}
    state = states.from_pytorch(rule, PARAMS, doubles.kept(*entries), order=order)
    made = doubles.torch_optimizer(
        "SGD", dict(enumerate([PARAMS["w"], PARAMS["b"]])), momentum=1
    )
    there = states.to_pytorch(rule, PARAMS, state, made, order=order)
    assert there["state"][0]["momentum_buffer"].shape == (5, 3)
    assert there["state"][1]["momentum_buffer"].shape == (3,)


def test_a_fresh_state_is_taken_when_it_is_called_one():
    rule = pytorch.Adam(lr=0.1)
    state = states.from_pytorch(rule, PARAMS, doubles.kept({}, {}), step=0)
    doubles.assert_equal(state, rule.init(PARAMS))


def test_what_other_versions_keep_for_nothing_is_nothing():
    rule, entry = pytorch.SGD(lr=0.1), {"momentum_buffer": None}
    state = states.from_pytorch(rule, PARAMS, doubles.kept(entry, entry))
    doubles.assert_equal(state, rule.init(PARAMS))


def test_pytorchs_classes_that_are_not_known_take_what_they_are_given():
    rule = pytorch.RMSprop()
    state = doubles.stepped(rule, PARAMS, 1)
    made = doubles.torch_optimizer("Mine", PARAMS)
    there = states.to_pytorch(rule, PARAMS, state, made, step=7)
    assert there["state"][1]["step"] == 7.0
    assert there["state"][1].keys() == {"step", "square_avg"}
    assert there["param_groups"] == [{"params": [0, 1]}]


@pytest.mark.parametrize(
    "rule, name, arrays, numbers",
    [
        (pytorch.SGD(momentum=0.9), "SGD", ["momentum_buffer"], {}),
        (pytorch.Adam(), "Adam", ["exp_avg", "exp_avg_sq"], {"step": 3.0}),
        (pytorch.ASGD(), "ASGD", ["ax"], {"step": 3.0, "eta": 0.1, "mu": 0.5}),
    ],
)
def test_a_frozen_parameter_is_masked_here_and_has_no_entry_there(
    rule, name, arrays, numbers
):
    rule = optax.masked(rule, {"b": False, "w": True})
    entry = doubles.like_params(**dict.fromkeys(arrays, 1.0))[1] | numbers
    state = states.from_pytorch(rule, PARAMS, doubles.kept({}, entry))
    more = {"momentum": 0.9} if name == "SGD" else {}
    made = doubles.torch_optimizer(name, PARAMS, frozen=[0], **more)
    there = states.to_pytorch(rule, PARAMS, state, made)["state"]
    assert there.keys() == {1} and there[1].keys() == entry.keys()
    assert all(there[1][name] == value for name, value in numbers.items())


def test_every_group_is_asked_what_its_parameters_keep():
    first, second = {"b": True, "w": False}, {"b": False, "w": True}
    rule = optax.chain(
        optax.masked(pytorch.Adam(), first),
        optax.masked(pytorch.Adam(amsgrad=True), second),
    )
    made = doubles.torch_optimizer("Adam", PARAMS, each=[{}, {"amsgrad": True}])
    state = doubles.stepped(rule, PARAMS, 2)
    there = states.to_pytorch(rule, PARAMS, state, made)
    assert ["max_exp_avg_sq" in there["state"][n] for n in (0, 1)] == [False, True]
    doubles.assert_equal(states.from_pytorch(rule, PARAMS, there), state)
