# A loss and a metric are one number per example, in float32 or wider, of known classes.

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optax_lab
from optax_lab.runs import training

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
Y = X @ np.array([1.0, -2.0, 0.5], np.float32)
CLASSES = np.arange(60) % 4


@pytest.fixture(autouse=True)
def as_users_have_it():
    with jax.numpy_rank_promotion("allow"):
        yield


def linear(width, dtype=jnp.float32):
    return SimpleNamespace(
        init=lambda key: {"w": jnp.zeros((3, width), jnp.float32)},
        apply=lambda params, x: (x @ params["w"]).astype(dtype),
    )


def squares(outputs, labels):
    return (outputs - labels) ** 2


def first_square(outputs, labels):
    return (outputs[:, 0] - labels) ** 2


def trained(problem, labels, inputs=X):
    data = training.Data((inputs, labels), {"test": (inputs, labels)})
    key, still = jax.random.key(0), optax_lab.sgd(0.0)
    return optax_lab.train(problem, still, data, key, epochs=1)


REGRESSION = training.Problem(linear(1), first_square, {}, batch_size=20)


@pytest.mark.parametrize("labels", [Y, Y[:, None]], ids=["flat", "a column"])
def test_a_loss_that_is_not_one_number_per_example_is_refused_by_name(labels):
    problem = dataclasses.replace(REGRESSION, loss=squares)
    with pytest.raises(ValueError, match=r"^loss returned shape \(20, .*per example"):
        trained(problem, labels)


@pytest.mark.parametrize("metric", [lambda o, y: jnp.mean(o), squares])
def test_a_metric_that_is_not_one_number_per_example_is_refused_by_name(metric):
    problem = dataclasses.replace(REGRESSION, metrics={"mine": metric})
    with pytest.raises(ValueError, match=r"^mine returned shape .* for 20 examples"):
        trained(problem, Y)


def test_an_evaluation_refuses_what_a_training_refuses():
    problem = dataclasses.replace(REGRESSION, loss=squares)
    params = problem.network.init(None)
    with pytest.raises(ValueError, match=r"^loss returned shape \(60, 60\)"):
        training.evaluate(problem, params, (X, Y), "test")


def test_outputs_and_labels_of_ones_own_loss_have_any_shape():
    pairs = np.stack([Y, Y / 2], axis=1)[:, :, None]

    def loss(outputs, labels):
        return jnp.mean((outputs["both"] - labels) ** 2, axis=(1, 2))

    network = SimpleNamespace(
        init=lambda key: {"w": jnp.zeros((3, 2), jnp.float32)},
        apply=lambda params, x: {"both": (x @ params["w"])[:, :, None]},
    )
    problem = training.Problem(network, loss, {}, batch_size=20)
    history = trained(problem, pairs).history
    for name in ("loss/train", "loss/test"):
        np.testing.assert_allclose(history[name], np.mean(pairs**2), rtol=1e-5)


def test_an_augmentation_that_loses_examples_is_refused():
    problem = dataclasses.replace(REGRESSION, augment=lambda key, x: x[:-1])
    with pytest.raises(ValueError, match=r"augment returned shape \(19, 3\).* the 20"):
        trained(problem, Y)


@pytest.mark.parametrize("label", [4, 255, -1, 2.4, float("nan")])
@pytest.mark.parametrize("place", [0, 59])
def test_a_label_that_is_no_class_is_refused_with_its_place(label, place):
    labels = CLASSES.astype(np.float32)
    labels[place] = label
    told = rf"label {place} of the split '\w+' is {label}.*from 0 to 3"
    with pytest.raises(ValueError, match=told):
        trained(training.Problem(linear(4), batch_size=20), labels)


@pytest.mark.parametrize("label", [4, 255, -1])
def test_inside_a_program_the_loss_of_no_class_is_nan(label):
    logits, labels = jnp.zeros((2, 4)), jnp.array([1, label])
    loss = jax.jit(training.cross_entropy)(logits, labels)
    np.testing.assert_allclose(loss, [np.log(4), np.nan])


@pytest.mark.parametrize(
    ("dtype", "size", "right"), [("bfloat16", 1000, 913), ("float16", 70_000, 45_678)]
)
def test_accuracies_are_counted_in_float32_whatever_the_network_computes_in(
    dtype, size, right
):
    inputs = np.zeros((size, 3), np.float32)
    inputs[:right, 0] = inputs[right:, 1] = 4
    network = SimpleNamespace(
        init=lambda key: {"w": jnp.ones((), jnp.float32)},
        apply=lambda params, x: (x * params["w"]).astype(dtype),
    )
    problem, labels = (
        training.Problem(network, batch_size=size),
        np.zeros(size, np.int32),
    )
    history = trained(problem, labels, inputs).history
    share = right / size
    wrong = -np.log(np.exp([4.0, 0]) / (np.exp(4) + 2))  # of a hit and of a miss
    for split in ("train", "test"):
        np.testing.assert_allclose(history[f"accuracy/{split}"], share, rtol=1e-6)
        expected = share * wrong[0] + (1 - share) * wrong[1]
        np.testing.assert_allclose(history[f"loss/{split}"], expected, rtol=1e-5)


def test_many_float16_losses_have_a_finite_mean():
    size = 70_000
    problem = training.Problem(
        linear(1, jnp.float16),
        lambda outputs, y: (outputs[:, 0] - y.astype(jnp.float16)) ** 2,
        {},
        batch_size=size,
    )
    labels = np.full(size, 0.5, np.float32)
    history = trained(problem, labels, np.zeros((size, 3), np.float32)).history
    np.testing.assert_allclose(history["loss/train"], 0.25, rtol=1e-3)
    np.testing.assert_allclose(history["loss/test"], 0.25, rtol=1e-3)


BEYOND = np.int64(3_000_000_000)  # what 32 bits take for −1294967296


def test_labels_and_inputs_beyond_32_bits_are_what_they_are():
    problem = training.Problem(
        SimpleNamespace(init=lambda key: {"w": jnp.zeros(())}, apply=lambda p, x: x),
        lambda outputs, labels: 0.0 * outputs,
        {"input": lambda outputs, labels: outputs, "label": lambda o, labels: labels},
        batch_size=20,
    )
    with jax.enable_x64(False):
        many = np.full(60, BEYOND)
        result = trained(problem, many, many)
        apart = training.evaluate(problem, result.run.params, (many, many), "test")
    for name in ("input", "label"):
        assert result.history[f"{name}/train"] == pytest.approx(3e9, rel=1e-6)
        assert result.history[f"{name}/test"] == pytest.approx(3e9, rel=1e-6)
        assert float(apart[f"{name}/test"]) == pytest.approx(3e9, rel=1e-6)


def test_labels_that_fit_stay_whole_numbers():
    problem = training.Problem(linear(4), batch_size=20)
    assert np.isfinite(trained(problem, CLASSES.astype(np.int64)).history["loss/train"])
