# States of other optimizers, whose arrays have the same names and the same shapes.

import optax
import pytest

import optax_lab
from optax_lab.dialects import keras, pytorch, states
from tests import doubles

PARAMS = doubles.PARAMS
ADAM = {"step": 2, "exp_avg": 1.0, "exp_avg_sq": 1.0}
RMSPROP = {"step": 2, "square_avg": 1.0, "momentum_buffer": 1.0}
SUM = {"momentum_buffer": 1.0}
LARGEST = "is the largest average without its bias, and {} has the largest average: use"
STEPS = "is a sum of steps, and PyTorch has a sum of directions"
DIRECTIONS = "is a sum of directions, and Keras has a sum of steps"


def warming(step):
    """Returns a learning rate that starts at 0."""
    return 0.01 * step


@pytest.mark.parametrize(
    "rule, given, message",
    [
        (
            optax_lab.amsgrad(0.1),
            ADAM | {"max_exp_avg_sq": 1.0},
            r"nu_max\['b'\] " + LARGEST.format("PyTorch"),
        ),
        (
            optax_lab.yogi(0.1),
            ADAM,
            "nu.* is an average from another start",
        ),
        (optax_lab.rmsprop(warming, momentum=0.9), RMSPROP, STEPS),
        (keras.SGD(warming, momentum=0.9), SUM, STEPS),
        (optax.adam(0.1), ADAM, "mu.*, of ScaleByAdamState, is nothing that PyTorch"),
        (
            optax.adamax(0.1),
            {"step": 2, "exp_avg": 1.0, "exp_inf": 1.0},
            "mu.*, of ScaleByAdamState, is nothing that PyTorch",
        ),
    ],
)
def test_an_optimizer_that_keeps_other_things_takes_no_state_of_pytorch(
    rule, given, message
):
    given = doubles.kept(*doubles.like_params(**given))
    with pytest.raises(ValueError, match=message):
        states.from_pytorch(rule, PARAMS, given, step=2)


@pytest.mark.parametrize(
    "rule, given, message",
    [
        (
            optax_lab.amsgrad(0.1),
            doubles.variables("momentum", "velocity", "velocity_hat"),
            r"nu_max\['b'\] " + LARGEST.format("Keras"),
        ),
        (
            optax_lab.sgd(warming, momentum=0.9),
            doubles.variables("momentum"),
            DIRECTIONS,
        ),
        (
            pytorch.RMSprop(warming, momentum=0.9),
            doubles.variables("velocity", "momentum"),
            DIRECTIONS,
        ),
        (
            keras.SGD(momentum=0.9),
            doubles.variables("momentum", name="lion_1"),
            "the optimizer keeps what Keras' SGD does, and the variables are lion_1's",
        ),
        (
            keras.RMSprop(momentum=0.9),
            doubles.variables("momentum", "velocity", name="adamw"),
            "what Keras' RMSprop does, and the variables are adamw's",
        ),
    ],
)
def test_an_optimizer_that_keeps_other_things_takes_no_variables_of_keras(
    rule, given, message
):
    with pytest.raises(ValueError, match=message):
        states.from_keras(rule, PARAMS, given)
    with pytest.raises(ValueError, match=message):
        states.to_keras(rule, PARAMS, rule.init(PARAMS), given, step=0)


@pytest.mark.parametrize(
    "rule, name, arguments, message",
    [
        (optax_lab.amsgrad(0.1), "Adam", {"amsgrad": True}, LARGEST.format("PyTorch")),
        (optax_lab.lars(warming), "SGD", {"momentum": 0.9}, STEPS),
        (
            optax_lab.momentum(0.1),
            "SGD",
            {"momentum": 0.9, "dampening": 0},
            "state.*ema.* is an average, and momentum_buffer of SGD a sum",
        ),
        (
            pytorch.SGD(momentum=0.9),
            "Mine",
            {"ns_steps": 5},
            "trace.* is a sum, and momentum_buffer of Muon an average",
        ),
    ],
)
def test_an_optimizer_that_keeps_other_things_gives_pytorch_none(
    rule, name, arguments, message
):
    made = doubles.torch_optimizer(name, PARAMS, **arguments)
    with pytest.raises(ValueError, match=message):
        states.to_pytorch(rule, PARAMS, rule.init(PARAMS), made)
    given = made.state_dict() | {"state": dict(enumerate(doubles.like_params(**SUM)))}
    if name != "Adam":
        with pytest.raises(ValueError, match=message):
            states.from_pytorch(rule, PARAMS, given, step=1)


RETURN = "^state must be what the optimizer's init and update return, with Scale"


@pytest.mark.parametrize(
    "other, reason",
    [
        (optax.adam(0.1), "got ScaleByAdamState, of another form: from_optax"),
        (optax_lab.lion(0.1), "got ScaleByLionState$"),
        (optax.identity(), r"got EmptyState\(\)$"),
    ],
)
def test_a_state_must_be_of_the_optimizer_that_it_is_said_to_be_of(other, reason):
    state, message = other.init(PARAMS), f"{RETURN}.*{reason}"
    with pytest.raises(ValueError, match=message):
        made = doubles.torch_optimizer("Adam", PARAMS)
        states.to_pytorch(pytorch.Adam(), PARAMS, state, made)
    with pytest.raises(ValueError, match=message):
        given = doubles.variables("momentum", "velocity")
        states.to_keras(keras.Adam(), PARAMS, state, given)


@pytest.mark.parametrize(
    "rule, given",
    [
        (pytorch.SGD(warming, momentum=0.9), SUM),
        (pytorch.SGD(warming, momentum=0.9, maximize=True, nesterov=True), SUM),
        (pytorch.RMSprop(0.0, momentum=0.9), RMSPROP),
    ],
)
def test_a_sum_of_directions_is_known_where_the_first_rate_is_0(rule, given):
    given = doubles.kept(*doubles.like_params(**given))
    state = states.from_pytorch(rule, PARAMS, given, step=2)
    made = doubles.torch_optimizer("Mine", PARAMS)
    there = states.to_pytorch(rule, PARAMS, state, made, step=2)
    assert (there["state"][0]["momentum_buffer"].array == 1).all()


@pytest.mark.parametrize(
    "rule, keys",
    [
        (keras.SGD(warming, momentum=0.9), ["momentum"]),
        (keras.RMSprop(0.0, momentum=0.9), ["velocity", "momentum"]),
    ],
)
def test_a_sum_of_steps_is_known_where_the_first_rate_is_0(rule, keys):
    given = doubles.variables(*keys)
    state = states.from_keras(rule, PARAMS, given)
    for value, variable in zip(
        states.to_keras(rule, PARAMS, state, given, step=4), given, strict=True
    ):
        assert (value == variable.value).all()
