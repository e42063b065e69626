import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import optax_lab
from optax_lab.problems import networks
from optax_lab.runs import training
from optax_lab.studies import execute
from tests.tiny import DATA, PROBLEM

SCRIPT = """
import hashlib, json, sys
import jax, numpy as np
import optax_lab
from optax_lab.runs import training
from optax_lab.studies import execute
from tests.tiny import DATA, PROBLEM

keys = jax.vmap(jax.random.key)(np.arange(5, dtype=np.uint32))
optimizer = optax_lab.adam(1e-2)

def digest(result):
    h = hashlib.sha256()
    leaves = jax.tree.leaves((result.history, result.run.params, result.run.state))
    for x in leaves:
        h.update(np.asarray(x).tobytes())
    return h.hexdigest(), result.final

single = [training.train(PROBLEM, optimizer, DATA, key, epochs=4) for key in keys]
many = list(execute.trainings(PROBLEM, optimizer, DATA, keys, epochs=4))
lies = {len(x.sharding.device_set) for r in many for x in jax.tree.leaves(r.run)}
assert lies == {1}, "a row of what lies on many devices is a collective operation"
print(json.dumps([jax.device_count(), [digest(r) for r in single],
                  [digest(r) for r in many]]))
"""


def keys(n):
    return jax.vmap(jax.random.key)(np.arange(n, dtype=np.uint32))


def run(n=3, **settings):
    settings = {"epochs": 4} | settings
    optimizer = optax_lab.adam(1e-2)
    return execute.trainings(PROBLEM, optimizer, DATA, keys(n), **settings)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2, 4])
def test_any_number_of_devices_gives_the_bits_of_single_trainings(devices):
    import json

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"JAX_NUM_CPU_DEVICES": str(devices), "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    count, single, many = json.loads(done.stdout)
    assert count == devices
    assert len(many) == 5
    assert single == many
    assert len({history for history, _ in many}) == 5  # five seeds, five runs


def test_a_finished_run_is_yielded_before_the_next_begins():
    seen = []
    results = run(3, on_block=lambda indices, done: seen.append((indices, done)))
    first = next(results)
    assert first.index == 0 and seen == [([0], 4)]
    results.close()
    assert seen == [([0], 4)]


def test_all_chunks_share_one_compiled_program():
    traces = []

    def loss(outputs, labels):
        traces.append(1)
        return training.cross_entropy(outputs, labels)

    network = networks.residual_mlp(inputs=3, width=8, depth=2, outputs=4)
    problem = training.Problem(network, loss, batch_size=10)
    counts = []
    for n in (1, 3):
        traces.clear()
        list(execute.trainings(problem, optax_lab.sgd(0.1), DATA, keys(n), epochs=2))
        counts.append(len(traces))
    assert counts[0] == counts[1]


def test_a_run_that_diverges_touches_no_other():
    optimizer = optax_lab.adam(1e-2)
    broken = DATA._replace(train=(DATA.train[0] * np.float32(np.nan), DATA.train[1]))
    results = execute.trainings(PROBLEM, optimizer, broken, keys(2), epochs=1)
    assert all(np.isnan(r.history["loss/train"]).all() for r in results)


def test_a_setting_that_does_not_fit_is_refused_before_anything_runs():
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        next(run(epochs=0))
    with pytest.raises(ValueError, match="there are no keys"):
        none = jax.random.split(jax.random.key(0), 0)
        next(execute.trainings(PROBLEM, optax_lab.sgd(0.1), DATA, none, epochs=1))


@pytest.mark.slow
def test_runs_with_hyperparameters_of_their_own_are_the_single_trainings():
    rates = np.float32([1e-3, 1e-2, 3e-2])
    found = execute.trainings(
        PROBLEM,
        optax_lab.adam,
        DATA,
        keys(3),
        epochs=4,
        hypers={"learning_rate": rates},
    )
    for seed, trained in enumerate(found):
        optimizer = optax_lab.adam(jax.numpy.asarray(rates[seed]))
        alone = training.train(PROBLEM, optimizer, DATA, keys(3)[seed], epochs=4)
        for tag, values in alone.history.items():
            np.testing.assert_allclose(trained.history[tag], values, rtol=1e-5)


def test_all_points_of_a_search_share_one_program():
    traced = []

    def make(learning_rate, b1):
        traced.append(None)
        return optax_lab.adam(learning_rate, b1=b1)

    hypers = {
        "learning_rate": np.geomspace(1e-3, 1e-1, 6, dtype=np.float32),
        "b1": np.linspace(0.5, 0.9, 6, dtype=np.float32),
    }
    found = list(
        execute.trainings(PROBLEM, make, DATA, keys(6), epochs=4, hypers=hypers)
    )
    assert len(traced) <= 2  # one for the start, one for the steps
    assert len({trained.history["loss/train"][-1] for trained in found}) == 6
