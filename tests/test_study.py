import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.problems import networks
from optax_lab.runs import training
from optax_lab.studies import ledger, plan, schedules, study, tasks
from optax_lab.studies.plan import Budget, Candidate
from tests.tiny import data

ROOT = Path(__file__).parents[1]
# A linear network, which compiles in no time.
NETWORK = networks.Network(
    lambda key: {"w": 0.3 * jax.random.normal(key, (3, 4), np.float32)},
    lambda params, inputs: inputs @ params["w"],
)
PROBLEM = training.Problem(NETWORK, batch_size=10)
BUDGET = Budget(4, 2, 3, 2)
TASK = tasks.own(
    PROBLEM,
    training.Data(data(), {"validation": data(30, seed=1)}),
    training.Data(data(), {"validation": data(30, seed=1)}, {"test": data(40, seed=2)}),
)._replace(facts={"problem": "tiny"})


@pytest.fixture(autouse=True)
def _optax_promotes():
    with jax.numpy_dtype_promotion("standard"):
        yield


def candidate(name="sgd", make=optax_lab.sgd, low=1e-3, high=1.0, **space):
    space = {"learning_rate": (low, high), **space}
    return Candidate(name, make, space, {"learning_rate": 0.05})


ONE = [candidate()]
EVERYONE = (candidate(), candidate("adam", optax_lab.adam, b1=(0.5, 0.99)))


def without_seconds(records):
    return [
        (
            r._replace(run_seconds=0, curves={}),
            {t: v.tolist() for t, v in r.curves.items()},
        )
        for r in records
    ]


def conducted(candidates=EVERYONE, budget=BUDGET, **settings):
    return study.conduct(candidates, TASK, budget, **settings)


def test_everyone_is_searched_and_the_best_point_reported():
    seen, planned = [], []
    found = conducted(on_run=seen.append, on_plan=planned.append)
    assert planned == [2 * (4 * 2 + 2), 2 * 3]
    assert len(seen) == len(found.records) == sum(planned)
    for name in ("sgd", "adam"):
        tuned = found.of(name, "tune")
        means = {
            k: np.mean([r.curves["loss/validation"][-1] for r in tuned if r.point == k])
            for k in range(4)
        }
        assert found.chosen[name] == min(means, key=means.get)
        reported = found.of(name, "report")
        assert {r.point for r in reported} == {found.chosen[name]}
        assert [r.seed for r in reported] == [100, 101, 102]
        assert all("loss/test" in r.finals for r in reported)
        assert not any("loss/test" in r.finals for r in tuned)
        assert all(r.run_seconds > 0 for r in tuned)


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Conducts a study once; returns it and its file, which is to be copied."""
    path = tmp_path_factory.mktemp("ended") / "study.db"
    with jax.numpy_dtype_promotion("standard"):
        return conducted(ONE, path=path), path


@pytest.fixture
def path(ended, tmp_path):
    """Is a file that holds that study."""
    return shutil.copy(ended[1], tmp_path)


def test_a_run_is_the_single_training_with_its_hyperparameters(ended):
    found, _ = ended
    record = found.of("sgd", "tune")[3]
    optimizer = optax_lab.sgd(np.float32(record.hypers["learning_rate"]))
    key = jax.random.key(record.seed)
    alone = training.train(PROBLEM, optimizer, TASK.tuning, key, epochs=2)
    for tag, values in record.curves.items():
        np.testing.assert_allclose(values, alone.history[tag], rtol=1e-5)


def test_on_a_gpu_the_width_of_a_chunk_decides_too(monkeypatch):
    assert "chunk_width" not in study.facts_of(TASK, BUDGET)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert study.facts_of(TASK, BUDGET)["chunk_width"] == 32


def test_what_has_ended_is_not_run_again_and_the_study_is_the_same(ended, path):
    first, again = ended[0], []
    second = conducted(ONE, path=path, on_run=again.append)
    assert again == []
    assert without_seconds(first.records) == without_seconds(second.records)


def test_more_seeds_and_optimizers_run_only_what_is_new(path):
    new = []
    grown = conducted(
        EVERYONE, BUDGET._replace(reporting_seeds=5), path=path, on_run=new.append
    )
    names = [(r.optimizer, r.role) for r in new]
    assert names.count(("sgd", "tune")) == 0
    assert names.count(("sgd", "report")) == 2
    assert names.count(("adam", "report")) == 5
    assert len(grown.of("sgd", "report")) == 5


def test_an_interrupted_study_goes_on_where_it_was(ended, tmp_path):
    path, seen = tmp_path / "study.db", []

    def interrupt(record):
        seen.append(record.key)
        if len(seen) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conducted(ONE, path=path, on_run=interrupt)
    rest = []
    found = conducted(ONE, path=path, on_run=lambda r: rest.append(r.key))
    assert not set(seen) & set(rest)
    assert len(seen) + len(rest) == len(found.records)
    assert without_seconds(found.records) == without_seconds(ended[0].records)


SCRIPT = """
import sys
sys.path.insert(0, ".")
from tests import test_study
told = lambda r: print(r.key, flush=True)
test_study.conducted(test_study.ONE, path=sys.argv[1], on_run=told)
"""


@pytest.mark.slow
def test_a_killed_study_goes_on_where_it_was(tmp_path):
    path = tmp_path / "study.db"
    command = [sys.executable, "-c", SCRIPT, str(path)]
    settings = {"cwd": ROOT, "stdout": subprocess.PIPE, "text": True}
    settings["env"] = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, **settings) as run:
        said = [run.stdout.readline().strip() for _ in range(5)]
        time.sleep(0.05)
        run.send_signal(signal.SIGKILL)
    done = subprocess.run(command, check=True, **settings)
    rest = done.stdout.split()
    assert not set(said) & set(rest)
    with ledger.reading(path) as book:
        records = book.records()
    whole = subprocess.run(
        [*command[:-1], str(tmp_path / "whole.db")], check=True, **settings
    )
    assert len(whole.stdout.split()) == len(records)
    with ledger.reading(tmp_path / "whole.db") as book:
        assert without_seconds(book.records()) == without_seconds(records)


def shrinking(learning_rate):
    """An optimizer whose state changes its structure."""

    def update_fn(updates, state, params=None):
        return jax.tree.map(lambda g: -learning_rate * g, updates), {}

    return optax.GradientTransformation(lambda params: {"count": 0.0}, update_fn)


def exploding(learning_rate):
    return optax.scale(-jnp.inf * learning_rate)


def exploding_above_one(learning_rate):
    return optax.scale(jnp.where(learning_rate > 1, jnp.inf, -learning_rate))


def test_one_that_fails_is_recorded_with_its_error_and_the_others_go_on():
    found = conducted([candidate("broken", shrinking), candidate()])
    broken = found.of("broken", "tune")
    assert {r.status for r in broken} == {"failed"}
    assert "Error" in broken[0].error
    assert set(found.chosen) == {"sgd"}
    assert len(found.of("sgd", "report")) == 3


def test_what_failed_is_tried_again(tmp_path):
    path, again = tmp_path / "study.db", []
    conducted([candidate("broken", shrinking)], path=path)
    conducted([candidate("broken", shrinking)], path=path, on_run=again.append)
    assert len(again) == 10


def test_one_that_always_diverges_is_never_chosen():
    found = conducted([candidate("exploding", exploding)])
    assert {r.status for r in found.records} == {"diverged"}
    assert found.chosen == {}


def test_a_point_of_which_a_run_diverged_is_not_chosen():
    found = conducted([candidate("sgd", exploding_above_one, 1e-3, 1e3)])
    chosen = [r for r in found.of("sgd", "tune") if r.point == found.chosen["sgd"]]
    assert {r.status for r in chosen} == {"ok"}
    assert "diverged" in {r.status for r in found.of("sgd", "tune")}


@pytest.mark.slow
def test_every_schedule_is_reported_and_the_search_uses_the_first():
    budget = BUDGET._replace(schedules=("constant", "cosine", "warmup_cosine"))
    found = conducted(ONE, budget)
    assert {r.schedule for r in found.of("sgd", "tune")} == {"constant"}
    for schedule in budget.schedules:
        assert len(found.of("sgd", "report", schedule)) == 3
    ends = {
        schedule: found.of("sgd", "report", schedule)[0].finals["loss/test"]
        for schedule in budget.schedules
    }
    assert len(set(ends.values())) == 3


def test_another_study_is_not_gone_on_with(path):
    with pytest.raises(ValueError, match="another study: epochs was 2, is 3"):
        conducted(ONE, BUDGET._replace(epochs=3), path=path)


def test_a_plan_without_a_budget_is_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "study.db"
    with pytest.raises(ValueError, match="points is 6"):
        conducted(budget=BUDGET._replace(configurations=6), path=path)
    assert not path.exists()


def test_seeds_that_report_have_chosen_nothing(ended):
    found, _ = ended
    tuned = {r.seed for r in found.of("sgd", "tune")}
    assert min(r.seed for r in found.of("sgd", "report")) >= plan.REPORTING > max(tuned)


def test_what_a_listener_raises_is_no_failure_of_an_optimizer(tmp_path):
    def listen(record):
        raise OSError("the disk is full")

    path = tmp_path / "study.db"
    with pytest.raises(OSError, match="the disk is full"):
        conducted(ONE, path=path, on_run=listen)
    with ledger.reading(path) as book:
        assert [record.status for record in book.records()] == ["ok"]


def test_a_factory_may_compute_with_a_learning_rate_that_follows_a_schedule():
    budget = Budget(2, 1, 2, 2, ("cosine", "warmup_cosine"))
    tenth = lambda learning_rate: optax.sgd(0.1 * learning_rate)
    found = conducted([candidate("tenth", tenth), candidate()], budget)
    assert {run.status for run in found.records} == {"ok"}
    for run in found.of("tenth", "tune"):
        steps = 2 * -(-len(TASK.tuning.train[1]) // PROBLEM.batch_size)
        rate = schedules.schedule("cosine", run.hypers["learning_rate"], steps)
        made = optax.sgd(lambda step, rate=rate: 0.1 * rate(step))
        key = jax.random.key(run.seed)
        alone = training.train(PROBLEM, made, TASK.tuning, key, epochs=2)
        for tag, values in run.curves.items():
            np.testing.assert_allclose(values, alone.history[tag], rtol=1e-5)
