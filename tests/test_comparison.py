# Optimizers are compared in one call, and what is known of them is checked.

import csv
import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import expressions
from optax_lab.cli import candidates
from optax_lab.reporting import results as told
from optax_lab.runs import training
from optax_lab.studies import compare as comparison
from optax_lab.studies import inclusions, ledger, plan, results, tasks, verdicts
from tests.test_study import NETWORK, PROBLEM
from tests.tiny import data

TINY = plan.Budget(4, 1, 6, 2)
TUNING = training.Data(data(), {"validation": data(30, seed=1)})
REPORTING = training.Data(data(), {}, {"test": data(40, seed=2)})
TWO = {"adam": optax_lab.adam, "mine": optax.sgd}


@pytest.fixture(autouse=True)
def _optax_promotes():
    with jax.numpy_dtype_promotion("standard"):
        yield


def compared(optimizers=TWO, *args, **settings):
    given = args or (PROBLEM, TUNING, REPORTING)
    return optax_lab.compare(optimizers, *given, budget=TINY, **settings)


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
    made = comparison.candidate("adam", optax_lab.adam)
    assert made.space == optax_lab.OPTIMIZERS["adam"].space
    assert made.defaults == {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999}
    made = comparison.candidate("mine", optax.sgd)
    assert made.space == {"learning_rate": comparison.RATES}
    made = comparison.candidate("mine", lambda learning_rate=0.25: None)
    assert made.defaults == {"learning_rate": 0.25}
    made = comparison.candidate("sgd", optax_lab.sgd)  # its momentum is None
    assert made.defaults == {"learning_rate": 0.05}
    narrow = {"mine": {"learning_rate": (0.01, 0.02)}}
    found = compared({"mine": optax.sgd}, space=narrow)
    rates = [r.hypers["learning_rate"] for r in found.of("mine", "tune")]
    assert 0.01 <= min(rates) <= max(rates) <= np.float32(0.02)


def test_a_run_that_diverged_is_worth_what_is_said(mine):
    lost = [r._replace(status="diverged") for r in mine.records]
    lost = mine._replace(records=lost)
    assert (lost.ends("accuracy/test")["mine"] == 0).all()  # no example is right
    assert (lost.ends("accuracy/test", lost=0.25)["mine"] == 0.25).all()
    assert np.isnan(lost.ends("accuracy/test", lost=np.nan)["mine"]).all()
    worst = max(r.finals["loss/test"] for r in mine.of("mine", "report"))
    assert (lost.ends("loss/test")["mine"] == worst).all()


def test_of_a_loss_that_was_never_finite_a_lost_run_is_worth_the_largest_number(mine):
    gone = {"status": "diverged", "finals": {"loss/test": np.nan}, "curves": {}}
    lost = mine._replace(records=[r._replace(**gone) for r in mine.records])
    assert (lost.ends("loss/test")["mine"] == np.finfo(np.float32).max).all()


def test_a_study_in_which_a_run_diverged_is_compared_tabulated_and_reported(tmp_path):
    wild = lambda learning_rate=3e38: optax.sgd(learning_rate)
    tiny = plan.Budget(0, 0, 6, 2)
    args = {"wild": wild, "sgd": optax_lab.sgd}, PROBLEM, TUNING, REPORTING
    found = optax_lab.compare(*args, budget=tiny)
    assert {r.status for r in found.of("wild", "report")} == {"diverged"}
    for tag in ("loss/test", "accuracy/test"):
        (pair,) = verdicts.compare_all(found.ends(tag))
        assert {pair.first, pair.second} == {"wild", "sgd"}
    rows = {row["optimizer"]: row for row in found.table().rows}
    assert rows["wild"]["diverged"] == 1
    found.report(tmp_path)
    found.tensorboard(tmp_path / "tb")
    text = (tmp_path / "report.md").read_text()
    assert "trained as it is given" in text
    assert "| wild |" in text
    assert "| nan" not in text


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
        found.hyperparameters("b")
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
        ((PROBLEM, TUNING), {"budget": "huge"}, "budget is 'huge': it must be none, "),
        ((PROBLEM, TUNING), {"space": {"sgd": {}}}, "a space of 'sgd', which is none"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(args, settings, said):
    with pytest.raises(ValueError, match=said):
        optax_lab.compare({"mine": optax.sgd}, *args, **settings)


def test_a_study_of_ones_own_problem_is_reported_as_mnist_1d_is(both, tmp_path):
    found, *_ = both
    table = found.table()
    assert {row["optimizer"] for row in table.rows} == {"adam", "mine"}
    assert list(table.rows[0])[3:6] == ["loss, test", "low", "high"]
    found.report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert drawn == {"sensitivity.png", "tuning.png", "loss_constant.png"} | {
        f"{kind}_constant.png" for kind in ("curves", "anytime", "profile")
    }
    assert all(f"]({name})" in text for name in drawn)
    assert "the best mean loss, test" in text
    rows = list(csv.DictReader((tmp_path / "runs.csv").read_text().splitlines()))
    assert len(rows) == len(found.records)
    reported = [float(row["loss/test"]) for row in rows if row["role"] == "report"]
    ends = np.concatenate(list(found.ends("loss/test").values()))
    np.testing.assert_allclose(sorted(reported), sorted(ends), rtol=1e-6)


def test_a_loss_below_zero_is_reported_too(tmp_path):
    lower = lambda outputs, labels: training.cross_entropy(outputs, labels) - 10
    problem = training.Problem(NETWORK, loss=lower, batch_size=10)
    found = compared({"mine": optax.sgd}, problem, TUNING, REPORTING)
    assert (found.ends("loss/test")["mine"] < 0).all()
    found.report(tmp_path)
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert {"tuning.png", "curves_constant.png"} < drawn
    assert "sensitivity.png" not in drawn  # which is in shares of the best


def test_event_files_replace_those_of_the_same_runs_and_nothing_else(mine, tmp_path):
    (tmp_path / "mine.txt").write_text("of somebody else")
    (tmp_path / "other_best").mkdir()
    for _ in range(2):
        mine.tensorboard(tmp_path)
    kinds = ("best", "median", "default", "constant")
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {"mine.txt", "other_best", *(f"mine_{kind}" for kind in kinds)}


def test_a_frame_has_a_row_for_every_run_with_or_without_pandas(both, monkeypatch):
    found, *_ = both
    frame = found.frame()
    assert len(frame) == len(found.records)
    assert set(frame) >= {"optimizer", "role", "seed", "learning_rate", "loss/test"}
    assert frame["loss/test"].notna().sum() == 2 * 6  # only where test was measured
    monkeypatch.setattr(results.importlib.util, "find_spec", lambda name: None)
    columns = found.frame()
    assert set(columns) == set(frame)
    assert columns["key"] == list(frame["key"])


def test_without_a_search_optimizers_are_trained_as_they_are(tmp_path):
    fixed = {
        "mine": lambda: optax.sgd(0.05),
        "partial": functools.partial(optax.sgd, 0.05),
        "default": lambda learning_rate=0.05: optax.sgd(learning_rate),
        "ours": optax_lab.sgd,
        "as needed": lambda learning_rate, decay=0.0: optax.sgd(50 * learning_rate),
    }
    budget = plan.Budget(0, 0, 2, 2)
    args = fixed, PROBLEM, TUNING, REPORTING
    found = optax_lab.compare(*args, budget=budget, path=tmp_path / "study.db")
    assert found.chosen == dict.fromkeys(fixed, plan.DEFAULT)
    assert {run.role for run in found.records} == {"report"}
    ends = found.ends("loss/test")
    for name in fixed:
        np.testing.assert_allclose(ends[name], ends["mine"], rtol=1e-6)
    assert found.hyperparameters("ours") == {"learning_rate": 0.05}
    assert found.hyperparameters("mine") == {}
    alone = training.train(
        *(PROBLEM, optax.sgd(0.05), REPORTING, jax.random.key(100)), epochs=2
    )
    assert alone.final["loss/test"] == ends["mine"][0]  # to the bit
    with pytest.raises(ValueError, match="a space is searched: it needs a budget"):
        optax_lab.compare(*args, budget="none", space={"mine": {}})


def test_a_schedule_is_followed_without_a_search_too():
    budget = plan.Budget(0, 0, 2, 2, ("constant", "cosine"))
    one = {"sgd": optax_lab.sgd}
    found = optax_lab.compare(one, PROBLEM, TUNING, REPORTING, budget=budget)
    constant, cosine = (found.ends("loss/test", s)["sgd"] for s in budget.schedules)
    assert (constant != cosine).all()
    with pytest.raises(ValueError, match="mine: the schedule 'cosine' needs a learn"):
        one = {"mine": lambda: optax.sgd(0.1)}
        optax_lab.compare(one, PROBLEM, TUNING, REPORTING, budget=budget)


def test_without_a_problem_it_is_mnist_1d():
    task = tasks.mnist1d(validation_size=100, test_size=50)
    assert task.choose_by == "accuracy/full_validation"
    assert set(task.tuning.at_end) == {"full_train", "full_validation"}
    assert set(task.reporting.at_end) >= {"test", "frozen_test"}
    assert task.facts["data"]["test"] == ledger.digest(*task.reporting.at_end["test"])
    assert len(task.reporting.at_end["frozen_test"][1]) == 1000


@pytest.mark.parametrize("one", inclusions.INCLUSIONS, ids=lambda one: one.general)
def test_what_is_included_takes_the_same_steps(one):
    (made,) = candidates.candidates(
        expressions.optimizers([one.general]), [], plan.BUDGETS["smoke"]
    )
    assert made.name == one.general
    (found,) = [c for c in inclusions.check([made]) if c.inclusion == one]
    assert found.holds, found.apart
    assert found.apart < inclusions.ROUNDING / 3  # and not by a hair


def test_an_inclusion_that_does_not_hold_is_seen():
    wrong = lambda learning_rate, b1, b2: optax_lab.adam(learning_rate, 0.5, b2)
    (found,) = inclusions.check([comparison.candidate("adam", wrong)])
    assert not found.holds
    other = lambda learning_rate: optax.sgd(learning_rate)
    (found,) = inclusions.check([comparison.candidate("adam", other)])
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
    assert not comparison.candidate("needs", needs, space).has_defaults
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
    (line,) = told.beaten(found)
    assert line.startswith("sgd: loss/validation is ") and ", below the " in line
    wide = {"learning_rate": (0.04, 0.06)}
    wide = compared({"sgd": optax_lab.sgd}, space={"sgd": wide})
    better = wide.of("sgd", "default")[0].curves["loss/validation"][-1]
    best = min(run.curves["loss/validation"][-1] for run in wide.of("sgd", "tune"))
    assert ("sgd" in wide.beaten) == (better < best)


def test_an_optimizer_that_is_made_already_is_refused_with_how_it_is_given():
    unchecked = inspect.unwrap(optax_lab.compare)
    with pytest.raises(ValueError, match=r"sgd is a GradientTransf.*: give the funct"):
        unchecked({"sgd": optax.sgd(0.1)}, PROBLEM, TUNING)
