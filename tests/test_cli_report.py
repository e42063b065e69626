# A report concludes as much as its intervals allow, and no more.

import numpy as np
import pytest

from optax_lab.reporting import report
from optax_lab.reporting import results as told
from optax_lab.studies import ledger, plan, results, tasks
from tests.tiny import DATA, PROBLEM

TEST = "accuracy/test"
TASK = tasks.own(PROBLEM, DATA, choose_by=TEST)


def candidates(names):
    return [plan.Candidate(name, None, {}, {"learning_rate": 0.1}) for name in names]


def reported(accuracies, schedule="constant"):
    """Makes a study of runs whose accuracies on the test set are known."""
    curves = {"accuracy/train": np.array([0.5, 0.95], "f4")}
    curves |= {"loss/train": np.array([2.0, 1.0], "f4")}
    curves |= {TEST: np.array([0.1, 0.2], "f4")}
    records = [
        ledger.Record(
            *(f"{name}-{seed}", name, "report", 0, schedule, 100 + seed, {}),
            *("ok", "", 1.0, {TEST: value, "loss/test": 1 - value}, curves),
        )
        for name, values in accuracies.items()
        for seed, value in enumerate(values)
    ]
    seeds = len(next(iter(accuracies.values())))
    budget = plan.Budget(1, 1, seeds, 2, (schedule,))
    of_them = candidates(accuracies)
    return results.Study(budget, TASK, of_them, records, dict.fromkeys(accuracies, 0))


def near(mean, seeds=20, seed=0):
    return mean + 0.01 * np.random.default_rng(seed).normal(size=seeds)


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        (
            {"a": near(0.7), "b": near(0.6, seed=1)},
            "`a` has the best mean accuracy, test, 69.82 % (69.41 to 70.23). ",
        ),
        (
            {"a": near(0.7), "b": near(0.6, seed=1)},
            "It can be told from everyone else.",
        ),
        ({"a": near(0.7), "b": near(0.7, seed=1)}, "Nobody can be told from it."),
        (
            {"a": near(0.6), "b": near(0.7), "c": near(0.7, seed=2)},
            "; from everyone else it can.",
        ),
        (
            {"a": near(0.7, 5), "b": near(0.6, 5)},
            "5 seeds cannot tell anyone from it: not even if all of them agreed would "
            "one of 1 pair be separable.",
        ),
        ({"a": near(0.7, 1), "b": near(0.6, 1)}, "that takes two runs each."),
        ({"a": near(0.7)}, "Nobody was compared with it"),
    ],
)
def test_what_is_concluded_follows_from_the_test(accuracies, said):
    (line,) = report.conclusions(reported(accuracies))
    assert said in line


def test_six_seeds_of_two_optimizers_can_be_told_apart_and_five_cannot():
    apart = lambda n: reported({"a": near(0.9, n), "b": near(0.1, n)})
    (pair,) = told.pairs(apart(6), "constant")
    assert pair.separable
    assert "It can be told" in report.conclusions(apart(6))[0]
    (pair,) = told.pairs(apart(5), "constant")
    assert not pair.separable


def test_without_a_run_that_ended_well_nothing_is_concluded():
    empty = results.Study(plan.Budget(1, 1, 1, 1), TASK, [], [], {})
    assert report.conclusions(empty) == [
        "Nothing: no run of what was chosen ended well."
    ]


@pytest.mark.parametrize(("seeds", "least"), [(3, "0.25"), (6, "0.031")])
def test_the_table_of_pairs_says_what_so_few_seeds_can_say(seeds, least):
    found = reported({"a": near(0.9, seeds), "b": near(0.1, seeds)})
    table = told._pairs(found, "constant", told.pairs(found, "constant"))
    assert f"p_holm is at least {least} with {seeds} seeds" in table.title
    assert ("none can be separable" in table.title) == (seeds == 3)
    assert ("that takes 6 seeds" in table.title) == (seeds == 3)
    assert table.rows[0]["low"] > 0  # and beside it:
    assert table.rows[0]["verdict"] == ("separable" if seeds == 6 else "not separable")


def test_the_table_of_pairs_has_the_better_one_first_and_points_for_a_unit():
    found = reported({"a": near(0.6, 6), "b": near(0.9, 6, seed=1)})
    table = told._pairs(found, "constant", told.pairs(found, "constant"))
    assert "in points, first − second" in table.title
    (row,), (shown,) = table.rows, table.shown
    assert (row["first"], row["second"]) == ("b", "a")
    assert row["difference"] == pytest.approx(0.3, abs=0.02)
    assert float(shown["difference"]) == pytest.approx(30, abs=2)
    assert set(shown) >= {"first", "second", "95 % interval", "verdict"}


def test_of_one_seed_no_two_are_compared_and_no_interval_is_given():
    found = reported({"a": near(0.6, 1), "b": near(0.9, 1, seed=1)})
    made = {table.name: table for table in told.all_of(found)}
    assert made["pairs_constant"].rows == []
    assert "takes two optimizers with two runs each" in made["pairs_constant"].title
    assert {row["95 % interval"] for row in made["results_constant"].shown} == {"-"}
    assert "a single seed" in made["results_constant"].title


def test_the_table_of_results_prints_and_its_rows_are_the_numbers():
    found = reported({"a": near(0.6, 6), "b": near(0.9, 6, seed=1)})
    table = found.table()
    assert [row["optimizer"] for row in table.rows] == ["b", "a"]
    assert [row["like"] for row in table.rows] == ["a", "b"]
    for row in table.rows:
        values = found.ends(TEST)[row["optimizer"]]
        assert row["accuracy, test"] == pytest.approx(values.mean())
        assert row["low"] < row["accuracy, test"] < row["high"]
        assert row["epochs to 90 %"] == 2
        assert row["learning rate"] == 0.1
        assert row["reached 99 %"] == 0
        assert row["seconds"] == 1.0
    printed = str(table).splitlines()
    assert printed[0] == table.title
    assert printed[2].split()[:2] == ["optimizer", "like"]
    assert "never" in printed[3]
