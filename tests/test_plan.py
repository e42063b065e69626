import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.studies import plan, schedules
from optax_lab.studies.plan import Budget, Candidate

FACTS = {"problem": "tiny", "data": "abc", "jax": "0"}
BUDGET = Budget(8, 2, 3, 25, ("constant", "cosine"))


def program(schedule, names):
    return f"{schedule} of {names}"


def candidate(name="adam", **space):
    entry = optax_lab.OPTIMIZERS[name]
    space = {"learning_rate": (1e-4, 1.0), **space}
    return Candidate(name, entry.make, space, {"learning_rate": 1e-3})


def test_every_point_is_tried_with_every_seed_and_the_defaults_too():
    runs = plan.search(candidate(b1=(0.5, 0.99)), BUDGET, FACTS, program)
    tried = {(run.point, run.seed) for run in runs if run.role == "tune"}
    assert tried == set(itertools.product(range(8), range(2)))
    usual = [run for run in runs if run.role == "default"]
    assert [(run.point, run.seed) for run in usual] == [(-1, 0), (-1, 1)]
    assert usual[0].hypers == {"learning_rate": float(np.float32(1e-3))}
    assert {run.schedule for run in runs} == {"constant"}
    assert len({run.key for run in runs}) == len(runs) == 18


def test_everyone_is_tried_at_the_same_rates_in_the_same_order():
    rates = [
        [run.hypers["learning_rate"] for run in plan.search(c, BUDGET, FACTS, program)]
        for c in (candidate("sgd"), candidate("adam", b1=(0.5, 0.9)))
    ]
    assert rates[0][:16] == rates[1][:16]


def test_what_is_chosen_is_reported_with_seeds_that_chose_nothing():
    hypers = {"learning_rate": 0.5}
    runs = plan.report(candidate(), BUDGET, FACTS, 3, hypers, program)
    tuned = {run.seed for run in plan.search(candidate(), BUDGET, FACTS, program)}
    assert not tuned & {run.seed for run in runs}
    assert [run.schedule for run in runs] == ["constant"] * 3 + ["cosine"] * 3
    assert {run.point for run in runs} == {3}


def test_more_points_or_seeds_keep_the_runs_that_there_were():
    few = {run.key for run in plan.search(candidate(), BUDGET, FACTS, program)}
    more = BUDGET._replace(configurations=16, tuning_seeds=3)
    many = {run.key for run in plan.search(candidate(), more, FACTS, program)}
    assert few < many


@pytest.mark.parametrize(
    "changed",
    [
        {"facts": FACTS | {"data": "abd"}},
        {"who": candidate()._replace(name="mine")},
        {"program": lambda schedule, names: "another"},
        {"who": candidate()._replace(space={"learning_rate": (1e-4, 0.9)})},
    ],
    ids=["data", "name", "program", "space"],
)
def test_whatever_decides_a_result_is_in_its_key(changed):
    runs = plan.search(candidate(), BUDGET, FACTS, program)
    usual = {"who": candidate(), "facts": FACTS, "program": program}
    given = usual | changed
    other = plan.search(given["who"], BUDGET, given["facts"], given["program"])
    tuned = lambda runs: {run.key for run in runs if run.role == "tune"}
    assert not tuned(runs) & tuned(other)


@pytest.mark.parametrize(
    ("changes", "candidates", "message"),
    [
        ({"configurations": -1}, [candidate()], "configurations is -1: a budget must"),
        ({"tuning_seeds": 0}, [candidate()], "tuning_seeds is 0: a budget must be at"),
        ({"epochs": -1}, [candidate()], "epochs is -1: a budget must be at least 1"),
        ({"configurations": 6}, [candidate()], "the space of adam: points is 6"),
        ({"schedules": ()}, [candidate()], "schedules are empty"),
        ({"schedules": ("linear",)}, [candidate()], "schedule is 'linear'"),
        ({}, [candidate(), candidate()], "'adam' is in the study twice"),
        ({}, [candidate(b1=(0.9, 0.5))], "the space of adam: b1=0.9:0.5 is empty"),
        (
            {},
            [candidate()._replace(space={}, defaults={})],
            "adam: the schedule 'cosine' needs a learning rate that is a number",
        ),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(changes, candidates, message):
    with pytest.raises(ValueError, match=message):
        plan.check(BUDGET._replace(**changes), candidates)


def test_without_configurations_or_a_space_nothing_is_searched():
    fixed = candidate()._replace(space={})
    for one, budget in ((candidate(), plan.BUDGETS["none"]), (fixed, BUDGET)):
        plan.check(budget, [one])
        assert not plan.is_searched(one, budget)
        assert plan.search(one, budget, FACTS, program) == []
    runs = plan.report(fixed, BUDGET, FACTS, plan.DEFAULT, {}, program)
    assert {(run.point, len(run.hypers)) for run in runs} == {(-1, 0)}


@pytest.mark.parametrize("budget", plan.BUDGETS)
def test_every_budget_can_be_run_with_every_optimizer(budget):
    everyone = [
        Candidate(name, entry.make, entry.space, {"learning_rate": 0.1})
        for name, entry in optax_lab.OPTIMIZERS.items()
    ]
    plan.check(plan.BUDGETS[budget], everyone)


# Schedules


@pytest.mark.parametrize("name", schedules.SHAPES)
def test_a_schedule_never_exceeds_its_peak_and_reaches_it(name):
    made = schedules.schedule(name, 0.3, 200)
    values = [float(made(k)) for k in range(201)] if callable(made) else [made]
    assert max(values) == pytest.approx(0.3, rel=1e-3)
    assert min(values) >= 0


def test_warmup_rises_for_a_twentieth_and_then_is_a_cosine_to_zero():
    made = schedules.schedule("warmup_cosine", 1.0, 200)
    values = np.array([float(made(k)) for k in range(201)])
    np.testing.assert_allclose(values[:11], np.arange(11) / 10, atol=1e-12)
    rest = 0.5 * (1 + np.cos(np.pi * np.arange(191) / 190))
    np.testing.assert_allclose(values[10:], rest, atol=1e-12)


def test_the_cosine_is_optaxs():
    made, theirs = schedules.schedule("cosine", 0.3, 50), optax.cosine_decay_schedule
    with jax.numpy_dtype_promotion("standard"):
        for k in (0, 7, 25, 50, 60):
            np.testing.assert_allclose(made(k), theirs(0.3, 50)(k), atol=1e-12)


def test_peaks_may_be_traced():
    at = lambda peak: schedules.schedule("cosine", peak, 100)(jnp.int32(50))
    found = jax.vmap(at)(jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(found, [0.5, 1.0])
