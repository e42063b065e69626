# The counts of a state and the weights of its averages, after some steps.

import numpy as np
import pytest

import optax_lab
from optax_lab import dialects
from optax_lab.dialects import pytorch, states
from optax_lab.dialects.states import ages, nodes
from tests import doubles

PARAMS = doubles.PARAMS


@pytest.mark.parametrize(
    "rule",
    [
        optax_lab.adam(0.1, b1=lambda t: 0.9 - 0.5 / (t + 1)),
        optax_lab.adafactor(0.1),
        optax_lab.rmsprop(0.1, initial_scale=0.5),
        optax_lab.muon(doubles.dropping),
        pytorch.NAdam(),
        pytorch.SGD(doubles.dropping),
    ],
)
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_a_state_that_has_come_so_far_has_the_counts_and_weights_of_a_run(rule, steps):
    run, found = (
        doubles.stepped(rule, PARAMS, steps),
        ages.after(rule, PARAMS, steps),
    )
    told = lambda state: [
        n.value for n in nodes.leaves(state) if n.is_count | n.is_weight
    ]
    doubles.assert_equal(told(found), told(run), 1e-15)


def test_a_long_run_is_no_longer_to_reckon():
    state = ages.after(optax_lab.adam(0.1, b2=0.999999), PARAMS, 10**6)
    weight = [leaf.value for leaf in nodes.leaves(state) if leaf.is_weight][1]
    np.testing.assert_allclose(weight, -np.expm1(1e6 * np.log(0.999999)), rtol=1e-9)


def test_every_way_is_public():
    assert set(states.__all__) == set(dir(states)) and dialects.states is states
