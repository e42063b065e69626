# A report concludes as much as its intervals allow, and no more.

import numpy as np
import pytest

from optax_lab.cli import findings, report, verdicts
from optax_lab.studies import ledger, plan, results


def reported(accuracies, schedule="constant"):
    """Makes a study of runs whose accuracies on the test set are known."""
    records = [
        ledger.Record(
            *(f"{name}-{seed}", name, "report", 0, schedule, 100 + seed, {}),
            *("ok", "", 1.0, {findings.TEST: value}, {}),
        )
        for name, values in accuracies.items()
        for seed, value in enumerate(values)
    ]
    seeds = len(next(iter(accuracies.values())))
    tier = plan.Tier(1, 1, seeds, 1, (schedule,))
    return results.Study(tier, records, dict.fromkeys(accuracies, 0))


def near(mean, seeds=20, seed=0):
    return mean + 0.01 * np.random.default_rng(seed).normal(size=seeds)


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        (
            {"a": near(0.7), "b": near(0.6, seed=1)},
            "`a` has the best mean on the fresh test set, 69.8 % (69.4 to 70.2)",
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
    (pair,) = findings.pairs(findings.tests_of(apart(6), "constant"))
    assert pair.separable
    assert "It can be told" in report.conclusions(apart(6))[0]
    (pair,) = findings.pairs(findings.tests_of(apart(5), "constant"))
    assert not pair.separable


def test_without_a_run_that_ended_well_nothing_is_concluded():
    empty = results.Study(plan.Tier(1, 1, 1, 1), [], {})
    assert report.conclusions(empty) == [
        "Nothing: no run of what was chosen ended well."
    ]


@pytest.mark.parametrize(("seeds", "least"), [(3, "0.25"), (6, "0.031")])
def test_the_table_of_pairs_says_what_so_few_seeds_can_say(seeds, least):
    found = reported({"a": near(0.9, seeds), "b": near(0.1, seeds)})
    pairs = findings.pairs(findings.tests_of(found, "constant"))
    table = findings._pairs("constant", pairs, seeds)
    assert f"p_holm is at least {least} with {seeds} seeds" in table.title
    assert ("none can be separable" in table.title) == (seeds == 3)
    assert table.rows[0]["low"] > 0  # and beside it:
    assert table.rows[0]["verdict"] == ("separable" if seeds == 6 else "not separable")


def test_both_tables_of_pairs_have_the_better_one_first_and_points_for_a_unit():
    accuracies = {"a": near(0.6, 6), "b": near(0.9, 6, seed=1)}
    found = reported(accuracies)
    pairs = findings.pairs(findings.tests_of(found, "constant"))
    studied = findings._pairs("constant", pairs, 6)
    outcomes = [verdicts.Outcome(name) for name in accuracies]
    for outcome in outcomes:
        for seed, value in enumerate(accuracies[outcome.optimizer]):
            outcome.finals[seed] = {"accuracy/test": value}
    plain = verdicts._pairs(outcomes)
    for table in (studied, plain):
        assert "in points, first − second" in table.title
        (row,), (shown,) = table.rows, table.shown
        assert (row["first"], row["second"]) == ("b", "a")
        assert row["difference"] == pytest.approx(0.3, abs=0.02)
        assert float(shown["difference"]) == pytest.approx(30, abs=2)
        assert set(shown) >= {"first", "second", "95 % interval", "verdict"}
