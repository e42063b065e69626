# States that come from Keras and go there, made by hand.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.dialects import keras, states
from optax_lab.dialects.states import nodes
from tests import doubles

PARAMS = doubles.PARAMS


def test_kerass_variables_stand_where_the_state_has_them():
    rule = keras.Adam(0.1, beta_1=0.5)
    given = doubles.variables("momentum", "velocity")
    state = states.from_keras(rule, PARAMS, given)
    adam = next(n.node for n in nodes.leaves(state) if n.is_count)
    assert adam.count == 4
    np.testing.assert_allclose(adam.mu.weight, 1 - 0.5**4, rtol=1e-15)
    doubles.assert_equal(adam.nu.average, jax.tree.map(lambda p: 2 * p, PARAMS))
    back = states.to_keras(rule, PARAMS, state, given)
    for variable, value in zip(given, back, strict=True):
        np.testing.assert_array_equal(value, variable.value)


def test_kerass_parameters_may_share_a_name_or_come_in_another_order():
    twins = {"kernel": jnp.ones(3)}
    given = (
        doubles.variables("momentum", params=twins)
        + doubles.variables("momentum", params=twins)[2:]
    )
    rule, params = keras.SGD(0.1, momentum=0.9), [jnp.ones(3), jnp.ones(3)]
    given[3] = given[3]._replace(value=5 * np.ones(3))
    sums = jax.tree.leaves(states.from_keras(rule, params, given, order=[1, 0]))
    assert [float(s[0]) for s in sums] == [5, 1]


@pytest.mark.parametrize("shapes", [[(5, 3), (3,)], [(3,), (5, 3)], [(2, 2), (3,)] * 2])
def test_kerass_muon_may_have_parameters_of_one_name_in_any_order(shapes):
    params = [jnp.ones(shape) for shape in shapes]
    given = doubles.variables(params={})
    for number, shape in enumerate(shapes):
        for key in ("momentum", "velocity")[: 1 + (len(shape) < 2)]:
            value = np.full(shape, number + (0.5 if key == "velocity" else 0))
            given.append(doubles.Variable(f"muon/kernel_{key}", value))
    state = states.from_keras(keras.Muon(0.1), params, given)
    muon, adam = state.inner_states["muon"][0], state.inner_states["adam"][0]
    for number, shape in enumerate(shapes):
        if len(shape) == 2:
            assert (muon.trace[number] == number).all()
        else:
            assert (adam.mu.average[number] == number).all()
            assert (adam.nu.average[number] == number + 0.5).all()


def test_each_half_of_kerass_muon_keeps_its_own_leaves():
    params = {"b": jnp.ones(1), "w": jnp.ones((5, 3))}
    rule = keras.Muon(0.1)
    given = doubles.variables("momentum", "velocity", params=params)[:-1]
    state = states.from_keras(rule, params, given)
    halves = state.inner_states
    muon, adam = halves["muon"][0], halves["adam"][0]
    masked = optax.MaskedNode()
    assert muon.trace["b"] == masked and adam.mu.average["b"] == 1
    assert (muon.trace["w"] == 1).all() and adam.mu.average["w"] == masked
    back = states.to_keras(rule, params, state, given)
    assert [x.shape for x in back] == [np.shape(v.value) for v in given]


def test_kerass_sum_of_rmsprops_steps_has_the_other_sign():
    rule = keras.RMSprop(0.1, momentum=0.9)
    given = doubles.variables("velocity", "momentum")
    state = states.from_keras(rule, PARAMS, given)
    trace = next(n.node.trace for n in nodes.leaves(state) if n.field == "trace")
    doubles.assert_equal(trace, jax.tree.map(lambda p: -2 * p, PARAMS))
    for variable, value in zip(
        given, states.to_keras(rule, PARAMS, state, given, step=4), strict=True
    ):
        np.testing.assert_array_equal(value, variable.value)


BOTH = ("momentum", "velocity")
SWAPPED = [doubles.variables(*BOTH)[at] for at in (0, 1, 2, 5, 4, 3)]
PRODUCT = [*doubles.variables(*BOTH), doubles.Variable("variable_3", np.array(0.5))]


@pytest.mark.parametrize(
    "rule, given, kwargs, message",
    [
        (
            keras.Adam(),
            doubles.variables("momentum"),
            {},
            "velocity here, and momentum in Keras",
        ),
        (
            keras.Lion(),
            doubles.variables(*BOTH),
            {},
            "momentum here, and momentum, velocity",
        ),
        (
            keras.Adam(),
            doubles.variables(*BOTH)[:-1],
            {},
            r"params\['w'\] has .*, velocity here",
        ),
        (keras.Adam(), PRODUCT, {}, "u_product, velocity in Keras"),
        (keras.Nadam(), doubles.variables(*BOTH), {}, "u_product, velocity here"),
        (
            keras.Adam(),
            doubles.variables(*BOTH),
            {"step": 5},
            "the same, got .*iteration 4, .*5",
        ),
        (
            keras.Adam(),
            doubles.variables(*BOTH)[:-2],
            {},
            "2 leaves, and Keras 1 parameters",
        ),
        (
            keras.Adam(),
            doubles.variables(*BOTH, params={"b": PARAMS["b"], "w": PARAMS["w"].T}),
            {},
            "the variable mine/w_momentum has .* its transpose fits",
        ),
        (keras.Adam(), SWAPPED, {}, "w_velocity is in the place of b's velocity"),
        (
            keras.Adafactor(),
            doubles.variables(*BOTH, "norm"),
            {},
            "not the variables of Keras' A",
        ),
        (
            optax_lab.sgd(0.1, momentum=0.9),
            doubles.variables("momentum"),
            {},
            "sum of directions, and Keras has a sum of steps: use",
        ),
    ],
)
def test_variables_that_do_not_fit_are_refused_with_the_reason(
    rule, given, kwargs, message
):
    with pytest.raises(ValueError, match=message):
        states.from_keras(rule, PARAMS, given, **kwargs)


def test_a_state_without_a_count_needs_a_step_for_keras():
    rule, given = keras.SGD(0.1, momentum=0.9), doubles.variables("momentum")
    state = states.from_keras(rule, PARAMS, given)
    with pytest.raises(ValueError, match="counts no steps, and Keras does: give step="):
        states.to_keras(rule, PARAMS, state, given)
    assert states.to_keras(rule, PARAMS, state, given, step=9)[0] == 9
