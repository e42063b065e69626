# Optimizers are compared in one call, and what is known of them is checked.

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import comparison
from optax_lab.cli import choices, contenders, findings
from optax_lab.comparison import inclusions, tasks
from optax_lab.runs import training
from optax_lab.studies import ledger, plan, results, verdicts
from tests.test_study import NETWORK, PROBLEM
from tests.tiny import data

TINY = plan.Tier(4, 1, 6, 2)
TUNING = training.Data(data(), {"validation": data(30, seed=1)})
REPORTING = training.Data(data(), {}, {"test": data(40, seed=2)})
TWO = {"adam": optax_lab.adam, "mine": optax.sgd}


@pytest.fixture(autouse=True)
def _optax_promotes():
    with jax.numpy_dtype_promotion("standard"):
        yield


def compared(optimizers=TWO, *args, **settings):
    given = args or (PROBLEM, TUNING, REPORTING)
    return optax_lab.compare(optimizers, *given, tier=TINY, **settings)


@pytest.fixture(scope="module")
def both():
    """Compares two; returns the study, what was planned, and the runs."""
    planned, seen = [], []
    with jax.numpy_dtype_promotion("standard"):
        found = compared(on_plan=planned.append, on_run=seen.append)
    return found, planned, seen


@pytest.fixture(scope="module")
def mine():
    """Is the study of one optimizer."""
    with jax.numpy_dtype_promotion("standard"):
        return compared({"mine": optax.sgd})


def test_ones_own_optimizer_is_compared_on_ones_own_problem(both):
    found, planned, seen = both
    assert isinstance(found, results.Study)
    assert set(found.chosen) == {"adam", "mine"}
    assert planned == [2 * (4 + 1), 2 * 6]
    assert len(seen) == sum(planned)
    ends = found.ends("accuracy/test")
    assert all(values.shape == (6,) for values in ends.values())
    (pair,) = verdicts.compare_all(ends)
    assert pair.low <= pair.difference <= pair.high
    assert not any("loss/test" in r.finals for r in found.of("mine", "tune"))


def test_the_lowest_loss_on_the_split_of_tuning_chooses_unless_said(mine):
    found = mine
    runs = found.of("mine", "tune")
    best = min(runs, key=lambda run: run.curves["loss/validation"][-1])
    assert found.chosen["mine"] == best.point
    found = compared({"mine": optax.sgd}, choose_by="accuracy/validation")
    best = max(runs, key=lambda run: run.curves["accuracy/validation"][-1])
    assert found.chosen["mine"] == best.point


def test_what_is_searched_is_declared_or_said():
    made = comparison.contender("adam", optax_lab.adam)
    assert made.space == optax_lab.OPTIMIZERS["adam"].space
    assert made.defaults == {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999}
    made = comparison.contender("mine", optax.sgd)
    assert made.space == {"learning_rate": comparison.RATES}
    made = comparison.contender("mine", lambda learning_rate=0.25: None)
    assert made.defaults == {"learning_rate": 0.25}
    made = comparison.contender("sgd", optax_lab.sgd)  # its momentum is None
    assert made.defaults == {"learning_rate": 0.05}
    narrow = {"mine": {"learning_rate": (0.01, 0.02)}}
    found = compared({"mine": optax.sgd}, space=narrow)
    rates = [r.hypers["learning_rate"] for r in found.of("mine", "tune")]
    assert 0.01 <= min(rates) <= max(rates) <= np.float32(0.02)


def test_a_run_that_diverged_is_worth_what_is_said(mine):
    lost = [r._replace(status="diverged") for r in mine.records]
    lost = mine._replace(records=lost)
    assert np.isnan(lost.ends("accuracy/test")["mine"]).all()
    assert (lost.ends("accuracy/test", lost=0.25)["mine"] == 0.25).all()


def test_another_problem_or_other_data_are_another_study(tmp_path):
    facts = lambda *args: tasks.own(*args, "loss/validation").facts
    usual = facts(PROBLEM, TUNING, REPORTING)
    assert usual == facts(PROBLEM, TUNING, REPORTING)
    wider = lambda params, inputs: 2 * inputs @ params["w"]
    noisy = lambda key, inputs: inputs + jax.random.normal(key, inputs.shape)
    held = lambda params, inputs: inputs @ jax.lax.stop_gradient(params["w"])
    frozen = NETWORK._replace(apply=held)  # forward it is the same
    others = [
        (training.Problem(NETWORK._replace(apply=wider), batch_size=10), TUNING),
        (training.Problem(frozen, batch_size=10), TUNING),
        (PROBLEM, TUNING._replace(every_epoch={}, at_end=TUNING.every_epoch)),
        (PROBLEM, TUNING._replace(at_end={"more": data(30, seed=1)})),
        (training.Problem(NETWORK, batch_size=10, augment=noisy), TUNING),
        (training.Problem(NETWORK, batch_size=5), TUNING),
        (training.Problem(NETWORK, batch_size=10, shuffle=False), TUNING),
        (PROBLEM, TUNING._replace(train=data(seed=9))),
    ]
    for problem, tuning in others:
        assert facts(problem, tuning, REPORTING) != usual
    path = tmp_path / "study.db"
    compared({"mine": optax.sgd}, path=path)
    with pytest.raises(ValueError, match="is another study: batch_size was 10, is 5"):
        compared({"mine": optax.sgd}, others[5][0], TUNING, path=path)


def made_with(momentum):
    return lambda learning_rate: optax.sgd(learning_rate, momentum)


class Made:
    def __init__(self, momentum):
        self.momentum = momentum

    def __call__(self, learning_rate):
        return optax.sgd(learning_rate, self.momentum)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [lambda m: functools.partial(optax.sgd, momentum=m), made_with, Made],
    ids=["partial", "closure", "object"],
)
def test_an_optimizer_that_holds_another_number_is_another_one(make, tmp_path):
    path, new = tmp_path / "study.db", []
    first = compared({"mine": make(0.0)}, path=path, on_run=new.append)
    again = compared({"mine": make(0.0)}, path=path, on_run=new.append)
    assert len(new) == len(first.records) == len(again.records)
    other = compared({"mine": make(0.99)}, path=path, on_run=new.append)
    assert len(new) == 2 * len(first.records)
    ends = [found.ends("loss/test")["mine"] for found in (first, again, other)]
    np.testing.assert_array_equal(ends[0], ends[1])
    assert not np.array_equal(ends[0], ends[2])


def test_where_a_run_is_judged_decides_too(tmp_path):
    path, ran = tmp_path / "study.db", []
    compared({"mine": optax.sgd}, path=path)
    nowhere = lambda state, params: jax.tree.map(jnp.zeros_like, params)
    given = {"path": path, "evaluate_at": nowhere, "on_run": ran.append}
    found = compared({"mine": optax.sgd}, **given)
    assert {run.key for run in ran} == {run.key for run in found.records}


def test_where_a_run_failed_its_seed_is_left_out_for_all(both):
    found, *_ = both
    lost = found.of("mine", "report")[2]
    failed = [
        r._replace(status="failed") if r.key == lost.key else r for r in found.records
    ]
    found = found._replace(records=failed)
    seeds = {n: [r.seed for r in each] for n, each in found.reported().items()}
    assert seeds["mine"] == seeds["adam"]
    assert lost.seed not in seeds["adam"]
    assert len(seeds["adam"]) == 5
    half = lambda r: r.role == "report" and (r.optimizer == "adam") == (r.seed < 103)
    torn = [r._replace(status="failed") if half(r) else r for r in found.records]
    assert found._replace(records=torn).reported() == {}
    assert found._replace(records=torn).ends("accuracy/test") == {}


def test_what_a_study_does_not_have_is_refused_by_name(mine):
    found = mine
    with pytest.raises(ValueError, match="schedule is 'cosin': the study has constant"):
        found.reported("cosin")
    with pytest.raises(ValueError, match="tag is 'accuracy/tets': there are accuracy"):
        found.ends("accuracy/tets")
    with pytest.raises(ValueError, match="nothing was chosen for 'b', but for mine"):
        found.hypers("b")
    narrow = training.Data(data(features=5), {"validation": data(30, features=5)})
    with pytest.raises(ValueError, match="the data do not fit the problem: "):
        compared({"mine": optax.sgd}, PROBLEM, narrow)
    with pytest.raises(ValueError, match="a takes no learning_rate, which is searched"):
        compared({"a": lambda lr: optax.sgd(lr)})
    with pytest.raises(ValueError, match="optimizers are empty"):
        compared({})


@pytest.mark.parametrize(
    ("args", "settings", "said"),
    [
        ((None, TUNING), {}, "tuning, reporting, choose_by and best need a problem"),
        ((PROBLEM,), {}, "a problem needs data"),
        ((PROBLEM, REPORTING._replace(at_end={})), {}, "measures nothing: say what"),
        ((PROBLEM, TUNING._replace(train=data(5))), {}, "batch_size must be from 1"),
        ((PROBLEM, TUNING), {"choose_by": "f1"}, "choose_by is 'f1': it must be one"),
        ((PROBLEM, TUNING), {"tier": "huge"}, "tier is 'huge': it must be smoke, "),
        ((PROBLEM, TUNING), {"space": {"sgd": {}}}, "a space of 'sgd', which is none"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(args, settings, said):
    with pytest.raises(ValueError, match=said):
        optax_lab.compare({"mine": optax.sgd}, *args, **settings)


def test_without_a_problem_it_is_mnist_1d():
    task = tasks.mnist1d(validation_size=100, test_size=50)
    assert task.choose_by == "accuracy/full_validation"
    assert set(task.tuning.at_end) == {"full_train", "full_validation"}
    assert set(task.reporting.at_end) >= {"test", "frozen_test"}
    assert task.facts["data"]["test"] == ledger.digest(*task.reporting.at_end["test"])
    assert len(task.reporting.at_end["frozen_test"][1]) == 1000


@pytest.mark.parametrize("one", inclusions.INCLUSIONS, ids=lambda one: one.general)
def test_what_is_included_takes_the_same_steps(one):
    (made,) = contenders.contenders(choices.all_optimizers([one.general]), [])
    assert made.name == one.general
    (found,) = [c for c in inclusions.check([made]) if c.inclusion == one]
    assert found.holds, found.apart
    assert found.apart < inclusions.ROUNDING / 3  # and not by a hair


def test_an_inclusion_that_does_not_hold_is_seen():
    wrong = lambda learning_rate, b1, b2: optax_lab.adam(learning_rate, 0.5, b2)
    (found,) = inclusions.check([comparison.contender("adam", wrong)])
    assert not found.holds
    other = lambda learning_rate: optax.sgd(learning_rate)
    (found,) = inclusions.check([comparison.contender("adam", other)])
    assert found.apart == np.inf
    assert "unexpected keyword argument" in found.error


def test_of_a_metric_that_is_no_loss_and_no_accuracy_the_best_must_be_said():
    error = lambda outputs, labels: 1 - training.accuracy(outputs, labels)
    problem = training.Problem(NETWORK, metrics={"error": error}, batch_size=10)
    args = {"mine": optax.sgd}, problem, TUNING, REPORTING
    with pytest.raises(ValueError, match="'error/validation': say best='lowest' or"):
        compared(*args, choose_by="error/validation")
    runs = compared(*args).of("mine", "tune")
    for best, pick in (("lowest", min), ("highest", max)):
        found = compared(*args, choose_by="error/validation", best=best)
        ends = {run.point: run.curves["error/validation"][-1] for run in runs}
        assert ends[found.chosen["mine"]] == pick(ends.values())


def test_what_a_factory_asks_for_and_has_no_default_is_searched_all_the_same():
    needs = lambda learning_rate, beta: optax.sgd(learning_rate, momentum=beta)
    space = {"learning_rate": (0.01, 0.1), "beta": (0.5, 0.9)}
    assert comparison.contender("needs", needs, space).defaults == {}
    found = compared({"needs": needs}, space={"needs": space})
    assert {run.status for run in found.records} == {"ok"}
    assert not found.of("needs", "default")


def test_defaults_that_do_better_than_the_search_are_said():
    narrow = {"learning_rate": (1e-6, 1e-5)}  # the default, 0.05, learns something
    found = compared({"sgd": optax_lab.sgd}, space={"sgd": narrow})
    default, chosen = found.beaten["sgd"]
    (usual,) = found.of("sgd", "default")
    assert default == pytest.approx(usual.curves["loss/validation"][-1], rel=1e-5)
    assert default < chosen
    (line,) = findings.beaten(tasks.own(PROBLEM, TUNING, None, None), found)
    assert line.startswith("sgd: loss/validation is ") and ", below the " in line
    wide = {"learning_rate": (0.04, 0.06)}
    wide = compared({"sgd": optax_lab.sgd}, space={"sgd": wide})
    better = wide.of("sgd", "default")[0].curves["loss/validation"][-1]
    best = min(run.curves["loss/validation"][-1] for run in wide.of("sgd", "tune"))
    assert ("sgd" in wide.beaten) == (better < best)
