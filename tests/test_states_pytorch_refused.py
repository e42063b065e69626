# What is no state of PyTorch's, or does not fit.

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.dialects import pytorch, states
from tests import doubles

PARAMS = doubles.PARAMS


SUM = doubles.like_params(momentum_buffer=1.0)
ADAM = doubles.like_params(step=2, exp_avg=1.0, exp_avg_sq=1.0)
TURNED = [ADAM[0], {**ADAM[1], "exp_avg": np.ones((3, 5))}]
LATER = [ADAM[0], {**ADAM[1], "step": 3}]
NADAM = [e | {"mu_product": 0.5 + i / 4} for i, e in enumerate(ADAM)]


@pytest.mark.parametrize(
    "rule, given, kwargs, message",
    [
        (
            pytorch.Adam(),
            doubles.kept(*doubles.like_params(step=2, square_avg=1.0)),
            {},
            r"params\['b'\] has exp_avg, exp_avg_sq here, and square_avg in PyTorch",
        ),
        (pytorch.Adam(amsgrad=True), doubles.kept(*ADAM), {}, "max_exp_avg_sq here"),
        (pytorch.Adam(), doubles.kept({}, {}), {}, "and nothing in PyTorch"),
        (
            pytorch.Adam(),
            doubles.kept(ADAM[0], {}),
            {},
            r"params\['w'\] has .* and nothing .* frozen there, .* optax.masked",
        ),
        (
            pytorch.Adam(),
            doubles.kept(*TURNED),
            {},
            r"mu.average\['w'\] needs shape \(5, 3\), and state_dict\['state'\]\[1\]"
            r"\['exp_avg'\] has \(3, 5\); its transpose fits",
        ),
        (
            pytorch.Adam(),
            doubles.kept(ADAM[0], {**ADAM[1], "exp_avg": np.ones(4)}),
            {},
            r"needs shape \(5, 3\), and .* has \(4,\)$",
        ),
        (
            pytorch.Adam(),
            doubles.kept(*LATER),
            {},
            r"must be the same, got .*0.* 2, .*1.* 3",
        ),
        (
            pytorch.Adam(),
            doubles.kept(*ADAM),
            {"step": 3},
            "must be the same, .*step= 3",
        ),
        (
            pytorch.SGD(),
            doubles.kept({}, {}),
            {"step": -1},
            "whole number of steps, got -1",
        ),
        (
            pytorch.SGD(doubles.dropping),
            doubles.kept({}, {}),
            {},
            "state.count needs one: give step=",
        ),
        (
            pytorch.Muon(),
            doubles.kept(*SUM),
            {},
            r"no step is kept there, .* give step=",
        ),
        (
            pytorch.Adam(),
            doubles.kept(*ADAM, {}),
            {},
            "2 leaves, and PyTorch 3 parameters",
        ),
        (
            pytorch.Adam(),
            doubles.kept(*ADAM),
            {"order": {"b": 1, "w": 1}},
            "0 to 1 once",
        ),
        (
            pytorch.Adam(),
            {**doubles.kept(*ADAM), "state": {"w": {}}},
            {},
            "a state for .*w.*, which are no parameters",
        ),
        (
            optax_lab.adabelief(0.1),
            doubles.kept(*ADAM),
            {},
            r"\.mu.*, of ScaleByBeliefState, is nothing that PyTorch keeps",
        ),
        (
            optax.chain(*[pytorch.SGD(momentum=0.9)] * 2),
            doubles.kept(*SUM),
            {},
            r"would both be PyTorch's momentum_buffer",
        ),
        (
            optax_lab.rmsprop(0.1, momentum=0.9),
            doubles.kept(
                *doubles.like_params(step=2, square_avg=1.0, momentum_buffer=1.0)
            ),
            {},
            "sum of steps, and PyTorch has a sum of directions: use",
        ),
        (
            pytorch.SGD(momentum=0.9),
            doubles.kept(
                *[{"momentum_buffer": 1j * e["momentum_buffer"]} for e in SUM]
            ),
            {},
            "is real, and .* is complex",
        ),
        (
            pytorch.NAdam(),
            doubles.kept(*NADAM),
            {},
            "one number, and mu_product is .*, ",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_the_reason(
    rule, given, kwargs, message
):
    with pytest.raises(ValueError, match=message):
        states.from_pytorch(rule, PARAMS, given, **kwargs)


@pytest.mark.parametrize(
    "rule, made, message",
    [
        (
            pytorch.RMSprop(),
            doubles.torch_optimizer("Adam", PARAMS),
            "square_avg here, and exp",
        ),
        (
            pytorch.Adam(amsgrad=True),
            doubles.torch_optimizer("Adam", PARAMS, each=[{"amsgrad": True}, {}]),
            r"params\['w'\] has .*, max_exp_avg_sq here, and exp_avg, exp_avg_sq in",
        ),
        (
            optax.masked(pytorch.Adam(), {"b": False, "w": True}),
            doubles.torch_optimizer("Adam", PARAMS),
            r"params\['b'\] has nothing here, and exp_avg",
        ),
        (
            pytorch.RMSprop(),
            doubles.torch_optimizer("RMSprop", PARAMS),
            "counts no steps, and",
        ),
        (
            pytorch.Adam(),
            doubles.torch_optimizer("Adam", {"b": jnp.ones(3)}),
            "PyTorch 1 param",
        ),
        (
            pytorch.Adam(),
            doubles.torch_optimizer("Adam", {"b": jnp.ones(3), "w": jnp.ones((3, 5))}),
            r"params\['w'\] needs .*5, 3\), and PyTorch's parameter 1 has .*3, 5\)",
        ),
    ],
)
def test_what_does_not_fit_into_pytorch_is_refused(rule, made, message):
    with pytest.raises(ValueError, match=message):
        states.to_pytorch(rule, PARAMS, doubles.stepped(rule, PARAMS, 1), made)
