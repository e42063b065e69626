# Relatives of faults that were mended: each stands for a kind.

import inspect
import itertools
import sqlite3

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.runs import descent, training
from optax_lab.studies import compare, execute, grids, landings, ledger, plan, tasks
from tests.test_study import NETWORK, PROBLEM
from tests.tiny import data

TUNING = training.Data(data(), {"validation": data(30, seed=1)})
BUDGET = plan.Budget(0, 0, 2, 2)


@pytest.fixture(autouse=True)
def _optax_promotes():
    with jax.numpy_dtype_promotion("standard"):
        yield


def in_one_file(path, first, second, problem, learned):
    """Runs a study, changes something, and runs it again: values, and what was run."""
    found = []
    for make in (first, second):
        ran = []
        args = {"mine": make}, problem, learned
        study = optax_lab.compare(*args, budget=BUDGET, path=path, on_run=ran.append)
        found.append((study.ends(study.task.report_by)["mine"], len(ran)))
    return found


def test_a_loss_that_no_single_example_can_have_hides_no_optimizer(tmp_path):
    squeezed = lambda o, y: optax.sigmoid_binary_cross_entropy(
        jnp.squeeze(o[:, :1]), jnp.squeeze(y).astype(jnp.float32)
    )
    problem = training.Problem(NETWORK, loss=squeezed, metrics={}, batch_size=10)
    x, y = data(classes=2)
    learned = training.Data((x, y[:, None]), {"validation": (x, y[:, None])})
    slow = lambda learning_rate=0.1: optax.sgd(learning_rate)
    fast = lambda learning_rate=1.0: optax.sgd(learning_rate)
    (a, ran), (b, reran) = in_one_file(tmp_path / "s", slow, fast, problem, learned)
    assert (ran, reran) == (2, 2)
    assert (a != b).all()


def test_what_cannot_be_lowered_is_run_anew(monkeypatch, tmp_path):
    def fails(*args):
        raise TypeError

    monkeypatch.setattr(execute, "program", fails)
    (a, ran), (b, reran) = in_one_file(
        tmp_path / "s", optax_lab.sgd, optax_lab.adam, PROBLEM, TUNING
    )
    assert (ran, reran) == (2, 2)
    assert (a != b).all()


FACTOR = {"of": 1.0}


def test_what_is_measured_at_the_end_only_is_in_the_key(monkeypatch, tmp_path):
    def apply(params, inputs):
        is_wide = inputs.shape[-1] == 6  # as only the split at the end is
        outputs = inputs[:, :3] @ params["w"]
        return FACTOR["of"] * outputs if is_wide else outputs

    problem = training.Problem(NETWORK._replace(apply=apply), batch_size=10)
    wide = data(30, features=6)
    learned = training.Data(data(), {}, {"wide": wide})
    task = tasks.own(problem, learned)
    one = compare.candidate("sgd", optax_lab.sgd)
    names = ("learning_rate",)
    first = execute.program(task.problem, one.make, learned, names)
    monkeypatch.setitem(FACTOR, "of", 3.0)
    assert execute.program(task.problem, one.make, learned, names) != first


def test_a_study_takes_integers_as_a_single_training_does():
    unchecked = inspect.unwrap(training.cross_entropy)
    asked = lambda o, y: unchecked(o, y)  # so that nobody looks before
    problem = training.Problem(NETWORK, loss=asked, metrics={}, batch_size=10)
    x, y = data()
    learned = training.Data((x, y.astype(np.int64) + 2**32))
    key = jax.random.key(0)
    with jax.enable_x64(False):
        args = problem, optax_lab.sgd(0.1), learned
        alone = training.train(*args, key, epochs=1).history["loss/train"]
        keys = jax.vmap(jax.random.key)(np.arange(2, dtype=np.uint32))
        (first, *_) = execute.trainings(*args, keys, epochs=1)
        points = {"x": np.array([[2**40], [2**41]])}
        value = lambda point: (point["x"] / 2.0**40).sum()
        np.testing.assert_allclose(landings.values_at(value, points), [1, 2])
    assert np.isnan(alone).all()
    assert np.isnan(first.history["loss/train"]).all()


def test_a_run_that_diverged_does_not_tell_equal_sign_patterns_apart():
    value = float(np.float32(0.1))
    runs = [(f"{k}", s) for k in range(2) for s in (("ok", "diverged")[k % 2],)]
    task = tasks.own(PROBLEM, TUNING)
    metrics = task.metrics | {"accuracy": tasks.Metric("highest", 0.1, True)}
    records = [
        ledger.Record(
            *(key, "a", "report", -1, "constant", 100 + int(key), {}, status, "", 0.0),
            *({"accuracy/validation": 0.5}, {}),
        )
        for key, status in runs
    ]
    candidates = [plan.Candidate("a", optax_lab.sgd, {}, {})]
    found = optax_lab.studies.results.Study(
        BUDGET, task._replace(metrics=metrics), candidates, records, {"a": -1}
    )
    assert found.ends("accuracy/validation")["a"].tolist() == [0.5, value]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_means_choose_the_first_and_beat_nothing(dtype):
    from optax_lab.studies import study

    counts = [52431 // 8 + k for k in (3, -3, 2, -2, 1, -1, 0, 7)]
    shares = (np.array([counts, counts[::-1]]) / 10_000).astype(dtype).astype(float)
    task = tasks.own(PROBLEM, TUNING, choose_by="accuracy/validation")
    records, searched = [], {"o": []}
    for point, seed in itertools.product(range(2), range(8)):
        key, ends = f"{point}-{seed}", {"accuracy/validation": shares[point][seed]}
        run = ("o", "tune", point, "constant", seed, {})
        searched["o"].append(plan.Planned(*run, key))
        records.append(ledger.Record(key, *run, "ok", "", 0.0, ends, {}))
    assert study.choose(records, searched, task)["o"][0] == 0
    usual = [r._replace(role="default", point=-1) for r in records if r.point == 1]
    assert study.beaten([*records, *usual], {"o": 0}, task) == {}


def test_a_training_is_judged_at_its_end_as_in_its_epochs(monkeypatch):
    judged = lambda state, params: jax.tree.map(lambda p: FACTOR["of"] * p, params)
    split = data(30, seed=1)
    learned = training.Data(data(), {"same": split}, {"end": split})
    for factor in (1.0, 100.0):
        monkeypatch.setitem(FACTOR, "of", factor)
        args = PROBLEM, optax_lab.sgd(0.1), learned, jax.random.key(0)
        found = training.train(*args, epochs=1, evaluate_at=judged)
        same = found.history["loss/same"][-1]
        np.testing.assert_allclose(found.final["loss/end"], same, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, jnp.bfloat16, bool])
def test_a_label_of_few_bits_is_no_other_class(dtype):
    label = {np.uint8: 0, jnp.bfloat16: 256, bool: True}[dtype]
    labels = jnp.asarray([label], dtype)
    guess = 256 if dtype is np.uint8 else 257 if dtype is jnp.bfloat16 else 3
    outputs = jax.nn.one_hot(jnp.array([guess]), 300, dtype=jnp.float32)
    assert inspect.unwrap(training.accuracy)(outputs, labels).tolist() == [0.0]
    zeros = jnp.zeros((1, 300), jnp.float32)
    loss = inspect.unwrap(training.cross_entropy)(zeros, labels)
    np.testing.assert_allclose(loss, np.log(300), rtol=1e-5)


def test_a_grid_keeps_hyperparameters_in_float32_whatever_the_starts_are():
    starts = jnp.ones((1, 2), jnp.bfloat16)
    make = lambda b2: optax_lab.adam(0.1, b2=b2)
    value = lambda x: (x.astype(jnp.float32) ** 2).sum()
    grid = grids.descents(value, make, starts, hypers={"b2": [0.9, 0.999]}, steps=5)
    np.testing.assert_array_equal(grid.axes["b2"], np.float32([0.9, 0.999]))
    assert np.isfinite(grid.trajectory.values).all()


def test_a_database_with_half_of_the_tables_is_no_study(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE study (name, value)")
        connection.execute("CREATE TABLE runs (key)")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    for opened in (lambda: ledger.reading(path), lambda: ledger.opened(path, {})):
        with pytest.raises(ValueError, match="not a study's file"), opened():
            pass


def test_numbers_of_numpy_are_a_budget_and_the_order_of_metrics_is_no_other_problem():
    near = lambda o, y: training.accuracy(o, y)
    far = lambda o, y: 1 - training.accuracy(o, y)
    made = [
        training.Problem(NETWORK, metrics=metrics, batch_size=10)
        for metrics in ({"a": near, "b": far}, {"b": far, "a": near})
    ]
    first, second = (tasks.own(problem, TUNING).facts for problem in made)
    assert first["problem"] == second["problem"]
    numbers = {"epochs": np.int64(3), "rate": np.float32(0.5)}
    assert ledger.key_of(numbers) == ledger.key_of({"epochs": 3, "rate": 0.5})


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_a_target_is_met_by_its_own_value_in_any_dtype(dtype):
    value = lambda x: jnp.asarray(0.3, dtype) + 0 * x.astype(dtype)
    start = jnp.zeros((), jnp.float32)
    found = descent.descend(value, optax_lab.sgd(0.1), start, steps=2, target=0.3)
    assert int(found.first_hit) == 0


def test_a_state_of_the_flat_parameters_is_refused_whatever_broadcasts():
    for shape in ((2, 3), (6, 1), ()):
        params = jnp.ones(shape, jnp.float32)
        flat = optax.flatten(optax_lab.lookahead(optax_lab.sgd(0.1), 5, 0.5))
        with pytest.raises(ValueError, match=r"within optax\.flatten"):
            optax_lab.evaluation_params(flat.init(params), params)


def test_signals_are_shifted_by_whole_places_only():
    from optax_lab.problems import augment

    with pytest.raises(ValueError, match=r"most is 1\.5: it must be a whole number"):
        inspect.unwrap(augment.shifts)(1.5)
