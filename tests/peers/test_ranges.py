# Which numbers the dialects take, beside those that PyTorch and Keras take.

import inspect

import jax
import jax.numpy as jnp
import pytest

from optax_lab import dialects

torch = pytest.importorskip("torch", reason="PyTorch is absent: make test-peers")
keras = pytest.importorskip("keras", reason="Keras is absent: make test-peers")

NAMES = [(f, n) for f in ("pytorch", "keras") for n in getattr(dialects, f).__all__]
NUMBERS = (-1.5, -0.1, 0.0, 0.5, 1.0, 1.5)
# What an average forgets with; of 1 and more it is none.
DECAYS = {"rho", "alpha", "beta_1", "beta_2", "adam_beta_1", "adam_beta_2"}
STRUCTURE = {
    *("nesterov", "centered", "amsgrad", "maximize", "decoupled_weight_decay"),
    *("relative_step", "exclude_layers", "exclude_embeddings"),
    *("ns_steps", "ns_coefficients", "adjust_lr_fn"),
}
# What else we refuse, and they take.
OTHERS = {
    ("pytorch", "Muon", "momentum", 1.0),  # its momentum is an average
    ("pytorch", "Muon", "momentum", 1.5),
    ("keras", "Ftrl", "learning_rate", 0.0),  # NaN in Keras
    ("keras", "Adafactor", "clip_threshold", 0.0),  # stops in Keras
}


def taken(make, framework, name, arguments):
    try:
        make(framework, name, arguments)
    except ValueError:
        return False
    return True


def theirs(framework, name, arguments):
    if framework == "keras":
        return getattr(keras.optimizers, name)(**arguments)
    weights = [torch.nn.Parameter(torch.ones(2, 2))]
    return getattr(torch.optim, name)(weights, **arguments)


def ours(framework, name, arguments):
    rule = getattr(getattr(dialects, framework), name)(**arguments)
    params = jnp.ones((2, 2))
    return jax.eval_shape(lambda p: rule.update(p, rule.init(p), p), params)


MAKERS = (ours, theirs)


def numbers(framework, name):
    """Yields an argument, a number, and the argument with that number in its place."""
    make = inspect.unwrap(getattr(getattr(dialects, framework), name))
    for argument, parameter in inspect.signature(make).parameters.items():
        usual = parameter.default
        for number in () if argument in STRUCTURE else NUMBERS:
            if not isinstance(usual, tuple):
                yield argument, number, number
                continue
            for place in range(len(usual)):
                each = list(usual)
                each[place] = number
                yield argument, number, tuple(each)


def means_nothing(framework, name, argument, number):
    """Whether no step, or none of any use, can be made with a number."""
    if argument == "dampening" or (name, argument) == ("Lion", "beta_1"):
        return False
    is_exponent = argument in ("beta2_decay", "beta_2_decay", "learning_rate_power")
    wrong_side = number > 0 if is_exponent else number < 0
    no_average = argument in DECAYS and number >= 1
    return wrong_side or no_average or (framework, name, argument, number) in OTHERS


@pytest.mark.parametrize(("framework", "name"), NAMES)
def test_a_number_is_taken_if_its_framework_takes_it_and_it_means_something(
    framework, name
):
    for argument, number, value in numbers(framework, name):
        here, there = (taken(m, framework, name, {argument: value}) for m in MAKERS)
        assert here <= there, (argument, value)
        if there and not here:
            assert means_nothing(framework, name, argument, number), (argument, value)
