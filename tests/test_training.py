import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.problems import networks
from optax_lab.runs import training
from tests.tiny import DATA, NETWORK, PROBLEM, data


def train(problem=PROBLEM, optimizer=None, data=DATA, key=None, **settings):
    key = jax.random.key(0) if key is None else key
    optimizer = optimizer or optax_lab.adam(1e-2)
    settings = {"epochs": 4} | settings
    return training.train(problem, optimizer, data, key, **settings)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def by_hand(epochs, rate=0.1, batch=10):
    """SGD in plain NumPy on a linear model, in the data's order, with its metrics."""
    inputs, labels = (np.asarray(x) for x in data(dtype=np.float64))
    w = np.zeros((3, 4))
    history = {"loss/train": [], "accuracy/train": [], "loss/test": []}
    norms = {"gradient": [], "update": []}

    def measure(w, x, y):
        z = x @ w
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        return p, -np.log(p[np.arange(len(y)), y]), z.argmax(1) == y

    for _ in range(epochs):
        losses, hits = [], []
        for i in range(0, len(labels), batch):
            x, y = inputs[i : i + batch], labels[i : i + batch]
            p, loss, hit = measure(w, x, y)
            p[np.arange(len(y)), y] -= 1
            g = x.T @ p / len(y)
            w = w - rate * g
            losses.extend(loss)
            hits.extend(hit)
        history["loss/train"].append(np.mean(losses))
        history["accuracy/train"].append(np.mean(hits))
        history["loss/test"].append(np.mean(measure(w, *data(30, seed=1))[1]))
        norms["gradient"].append(np.sqrt((g**2).sum()))
        norms["update"].append(rate * np.sqrt((g**2).sum()))
    return w, history, norms


class Linear:
    """A network that is one matrix and begins at zero."""

    @staticmethod
    def init(key):
        del key
        return {"w": jnp.zeros((3, 4), jnp.float64)}

    @staticmethod
    def apply(params, inputs):
        return inputs.astype(params["w"].dtype) @ params["w"]


@pytest.mark.parametrize("batch", [10, 7, 50])
def test_a_training_equals_the_same_loop_by_hand(batch):
    problem = training.Problem(Linear, batch_size=batch, shuffle=False)
    inputs = training.Data(data(dtype=np.float64), DATA.every_epoch)
    result = train(problem, optax_lab.sgd(0.1), inputs, epochs=5)
    w, history, norms = by_hand(5, batch=batch)
    np.testing.assert_allclose(result.run.params["w"], w, rtol=1e-6, atol=1e-8)
    for name, values in history.items():
        np.testing.assert_allclose(result.history[name], values, rtol=1e-6)
    for name, values in norms.items():
        ours = result.history[f"optimizer/{name}_norm"]
        np.testing.assert_allclose(ours, values, rtol=1e-6)


def test_blocks_of_any_length_give_the_same_bits():
    whole = train(epochs=6, block=6)
    for block in (1, 2, 3):
        parts = train(epochs=6, block=block)
        assert_same(parts.history, whole.history)
        assert_same(parts.run.params, whole.run.params)


def test_a_run_can_be_stopped_and_taken_up_again():
    optimizer = optax_lab.adam(1e-2)
    go = jax.jit(lambda run: training.advance(PROBLEM, optimizer, run, DATA, epochs=2))
    run, _ = go(training.start(PROBLEM, optimizer, jax.random.key(0)))
    run, history = go(run)
    whole = train(epochs=4)
    assert int(run.epoch) == 4
    # A program compiled elsewhere may round its last bit otherwise.
    close = {"rtol": 1e-4, "atol": 1e-6}
    for name, values in history.items():
        np.testing.assert_allclose(values, whole.history[name][2:], **close)


def test_the_block_is_compiled_once_and_says_how_far_it_is():
    traces, seen = [], []

    def loss(outputs, labels):
        traces.append(1)
        return training.cross_entropy(outputs, labels)

    problem = dataclasses.replace(PROBLEM, loss=loss)
    counted = lambda **kw: (traces.clear(), train(problem, **kw), len(traces))[-1]
    once = counted(epochs=2, block=2)
    note = lambda done, history: seen.append((done, len(history["loss/train"])))
    assert counted(epochs=8, block=2, on_block=note) == once
    assert seen == [(2, 2), (4, 2), (6, 2), (8, 2)]


def test_what_a_run_starts_from_and_sees_does_not_depend_on_the_optimizer():
    seen = {}

    def noting(name):
        def update_fn(updates, state, params=None):
            return jax.tree.map(jnp.zeros_like, updates), updates

        init_fn = lambda params: jax.tree.map(jnp.zeros_like, params)
        seen[name] = train(
            optimizer=optax.chain(optax.GradientTransformation(init_fn, update_fn)),
            epochs=1,
        )

    noting("a")
    noting("b")
    frozen, other = seen["a"].run, train(optimizer=optax_lab.sgd(0.0), epochs=1).run
    assert_same(frozen.params, other.params)  # nothing moved: the start is the same
    assert_same(seen["a"].run.state, seen["b"].run.state)


def test_another_key_gives_other_parameters_and_another_order():
    one, two = train(key=jax.random.key(1)), train(key=jax.random.key(2))
    assert not np.array_equal(one.history["loss/train"], two.history["loss/train"])


def test_shuffling_draws_a_new_order_in_every_epoch_and_loses_no_example():
    order = []
    batches = lambda epoch, shuffle: training._batches(
        dataclasses.replace(PROBLEM, batch_size=7, shuffle=shuffle),
        (np.arange(50.0)[:, None], np.arange(50)),
        jax.random.fold_in(jax.random.key(0), epoch),
    )
    for epoch in range(2):
        batch = batches(epoch, True)
        assert batch.labels.shape == (8, 7)
        seen = np.asarray(batch.labels)[np.asarray(batch.present)]
        assert sorted(seen) == list(range(50))
        order.append(seen.tolist())
    assert order[0] != order[1]
    kept = np.asarray(batches(0, False).labels).ravel()[:50]
    assert kept.tolist() == list(range(50))


def test_augmentation_gets_another_key_for_every_batch_and_epoch():
    noise = lambda key, inputs: inputs + jax.random.normal(key, inputs.shape, "float32")
    noisy = dataclasses.replace(PROBLEM, augment=noise, shuffle=False)
    plain = dataclasses.replace(PROBLEM, shuffle=False)
    still = optax_lab.sgd(0.0)  # the same parameters throughout
    varied = train(noisy, still).history["loss/train"]
    assert len(set(varied.tolist())) == 4
    assert len(set(train(plain, still).history["loss/train"].tolist())) == 1
    assert_same(train(noisy, still).history, train(noisy, still).history)
    # What is measured is not augmented.
    assert len(set(train(noisy, still).history["loss/test"].tolist())) == 1


def test_another_loss_and_other_metrics_are_minimised_and_recorded():
    square = lambda outputs, labels: jnp.mean((outputs - labels) ** 2, axis=-1)
    worst = lambda outputs, labels: jnp.max(jnp.abs(outputs - labels), axis=-1)
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    y = np.concatenate([x, x**2], axis=1)
    network = networks.residual_mlp(inputs=1, width=16, depth=2, outputs=2)
    problem = training.Problem(network, square, {"worst": worst}, batch_size=16)
    inputs = training.Data((x, y), {"again": (x, y)})
    history = train(problem, optax_lab.adam(1e-2), inputs, epochs=60).history
    assert history["loss/again"][-1] < 0.1 * history["loss/again"][0]
    assert history["worst/again"][-1] < history["worst/again"][0]


def test_divergence_stays_in_the_record():
    history = train(optimizer=optax_lab.sgd(1e30), epochs=2).history
    assert not np.isfinite(history["loss/train"][-1])


def test_an_optimizer_is_judged_where_it_says():
    halfway = lambda state, params: jax.tree.map(lambda p: 0 * p, params)
    history = train(evaluate_at=halfway).history
    np.testing.assert_allclose(history["loss/test"], np.log(4), rtol=1e-6)


def test_the_optimizer_gets_the_value_the_gradient_and_the_function():
    def update_fn(updates, state, params=None, *, value, grad, value_fn, obj_fn):
        assert jax.tree.structure(grad) == jax.tree.structure(updates)
        for f in (value_fn, obj_fn):
            state = jnp.maximum(state, jnp.abs(value - f(params)))
        return jax.tree.map(lambda u: -0.1 * u, updates), state

    init_fn = lambda params: jnp.zeros((), jnp.float32)
    optimizer = optax.GradientTransformationExtraArgs(init_fn, update_fn)
    assert float(train(optimizer=optimizer).run.state) == 0


@pytest.mark.parametrize("size", [1, 1999, 2000, 2001, 4100])
def test_evaluation_in_chunks_equals_the_plain_mean(size):
    split = data(size)
    params = NETWORK.init(jax.random.key(0))
    ours = training.evaluate(PROBLEM, params, split, "all")
    outputs = NETWORK.apply(params, jnp.asarray(split[0]))
    labels = jnp.asarray(split[1])
    loss = np.mean(training.cross_entropy(outputs, labels))
    np.testing.assert_allclose(ours["loss/all"], loss, rtol=1e-5)
    hits = np.mean(training.accuracy(outputs, labels))
    np.testing.assert_allclose(ours["accuracy/all"], hits, rtol=1e-6)


def test_the_end_is_measured_at_the_last_parameters():
    result = train()
    expected = training.evaluate(
        PROBLEM, result.run.params, DATA.at_end["full"], "full"
    )
    assert set(result.final) == {"loss/full", "accuracy/full"}
    for name, value in expected.items():
        assert result.final[name] == pytest.approx(float(value), rel=1e-6)


def test_cross_entropy_is_optaxs():
    outputs = jax.random.normal(jax.random.key(0), (6, 4))
    labels = jnp.arange(6) % 4
    with jax.numpy_dtype_promotion("standard"):
        expected = optax.softmax_cross_entropy_with_integer_labels(outputs, labels)
    ours = training.cross_entropy(outputs, labels)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epochs": 4, "block": 3}, "block must divide the 4 epochs, got 3"),
        ({"epochs": 4, "block": 0}, "block must divide the 4 epochs, got 0"),
        (
            {"problem": dataclasses.replace(PROBLEM, batch_size=51)},
            "batch_size must be from 1 to the 50 .*, got 51",
        ),
        ({"problem": dataclasses.replace(PROBLEM, batch_size=0)}, "batch_size.*got 0"),
        (
            {
                "problem": dataclasses.replace(
                    PROBLEM, metrics={"loss": training.accuracy}
                )
            },
            "metrics must not be named 'loss'",
        ),
        (
            {"data": training.Data((data()[0], data(49)[1]))},
            "the split 'train' .* 50 inputs and 49 labels",
        ),
        (
            {"data": DATA._replace(every_epoch={"train": data()})},
            "must not be named 'train'",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_value(change, message):
    with pytest.raises(ValueError, match=message):
        train(**change)
