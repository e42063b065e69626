# Which configurations are trained with which seeds: all before the first training.

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from optax_lab.studies import ledger, schedules, spaces

DEFAULT = -1  # the number of the point that holds the defaults
Program = Callable[[str, tuple[str, ...]], str]

REPORTING = 100  # the first seed of those that are reported, none of them tuned with


class Budget(NamedTuple):
    """How much is spent on every optimizer: the same for all.

    Attributes:
      configurations: how many are searched, a power of two; with 0, optimizers are
        trained as they are given.
      tuning_seeds: trainings of each configuration.
      reporting_seeds: trainings of what was chosen, with seeds of their own.
      epochs: of every training.
      schedules: what is chosen is reported with each; the search uses the first.
    """

    configurations: int
    tuning_seeds: int
    reporting_seeds: int
    epochs: int
    schedules: tuple[str, ...] = ("constant",)


BUDGETS: dict[str, Budget] = {
    "none": Budget(0, 0, 10, 100),
    "smoke": Budget(8, 1, 3, 25),
    "standard": Budget(32, 2, 10, 100),
    "full": Budget(64, 4, 20, 100, ("constant", "cosine", "warmup_cosine")),
}


class Candidate(NamedTuple):
    """One optimizer of a study.

    Attributes:
      name: what it is called.
      make: makes it from its hyperparameters.
      space: what is searched, (low, high) by hyperparameter.
      defaults: its usual hyperparameters, of those that are searched, and its learning
        rate, which it has wherever that is not searched.
      expression: what it is called in the store, where that is not its name.
      has_defaults: whether it can be made without what is searched; that is then tried
        beside the search.
    """

    name: str
    make: Callable[..., Any]
    space: Mapping[str, tuple[float, float]]
    defaults: Mapping[str, float]
    expression: str = ""
    has_defaults: bool = True


class Planned(NamedTuple):
    """One training that is to be run; `key` is its name in the ledger."""

    optimizer: str
    role: str  # "tune", "default" or "report"
    point: int
    schedule: str
    seed: int
    hypers: dict[str, float]
    key: str


def check(budget: Budget, candidates: Sequence[Candidate]) -> None:
    """Refuses a plan that cannot be run.

    Raises:
      ValueError: with the value and what is allowed.
    """
    least = {"configurations": 0, "tuning_seeds": min(1, budget.configurations)}
    for name, value in budget._asdict().items():
        if name == "schedules":
            for schedule in value:
                schedules.schedule(schedule, 1.0, 1)
        elif value < least.get(name, 1):
            allowed = f"a budget must be at least {least.get(name, 1)}"
            raise ValueError(f"{name} is {value}: {allowed}")
    if not budget.schedules:
        raise ValueError("schedules are empty: name at least one")
    names = [candidate.name for candidate in candidates]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{min(twice)!r} is in the study twice: give names")
    for candidate in candidates:
        if is_searched(candidate, budget):
            try:
                spaces.points(candidate.space, budget.configurations)
            except ValueError as error:
                raise ValueError(f"the space of {candidate.name}: {error}") from error
        changing = [name for name in budget.schedules if name != "constant"]
        if changing and spaces.RATE not in {*candidate.space, *candidate.defaults}:
            needs = f"schedule {changing[0]!r} needs a learning rate that is a number"
            raise ValueError(f"{candidate.name}: the {needs}")


def is_searched(candidate: Candidate, budget: Budget) -> bool:
    """Says whether a budget searches for a candidate's hyperparameters."""
    return bool(budget.configurations and candidate.space)


def search(
    candidate: Candidate, budget: Budget, facts: Mapping[str, Any], program: Program
) -> list[Planned]:
    """Plans the trainings that choose a candidate's hyperparameters, in order.

    Those of the defaults, if it has any, come last: they are not chosen, but shown
    beside what is. There are none where nothing is searched.

    Args:
      candidate: what is trained.
      budget: what is spent.
      facts: what else decides every result.
      program: (schedule, names of hyperparameters) → the hash of what will run.
    """
    if not is_searched(candidate, budget):
        return []
    drawn = spaces.points(candidate.space, budget.configurations)
    columns = [drawn[name].tolist() for name in drawn]
    points = [dict(zip(drawn, row, strict=True)) for row in zip(*columns, strict=True)]
    schedule = budget.schedules[0]
    tried = [
        _planned(candidate, "tune", k, schedule, seed, hypers, facts, program)
        for (k, hypers), seed in itertools.product(
            enumerate(points), range(budget.tuning_seeds)
        )
    ]
    if not candidate.has_defaults:
        return tried
    usual = {
        n: float(np.float32(v)) for n, v in candidate.defaults.items() if n in drawn
    }
    return tried + [
        _planned(
            candidate,
            "default",
            DEFAULT,
            schedule,
            seed,
            usual,
            facts,
            program,
        )
        for seed in range(budget.tuning_seeds)
    ]


def report(
    candidate: Candidate,
    budget: Budget,
    facts: Mapping[str, Any],
    point: int,
    hypers: Mapping[str, float],
    program: Program,
) -> list[Planned]:
    """Plans the trainings of what was chosen, with seeds that chose nothing."""
    seeds = range(REPORTING, REPORTING + budget.reporting_seeds)
    return [
        _planned(
            candidate, "report", point, schedule, seed, dict(hypers), facts, program
        )
        for schedule, seed in itertools.product(budget.schedules, seeds)
    ]


def _planned(
    candidate: Candidate,
    role: str,
    point: int,
    schedule: str,
    seed: int,
    hypers: dict[str, float],
    facts: Mapping[str, Any],
    program: Program,
) -> Planned:
    """Names a training by all that decides what is recorded of it."""
    decides = {
        "facts": dict(facts),
        "optimizer": candidate.expression or candidate.name,
        "program": program(schedule, tuple(sorted(hypers))),
        "hypers": hypers,
        "schedule": schedule,
        "seed": seed,
        "role": role,
    }
    key = ledger.key_of(decides)
    return Planned(candidate.name, role, point, schedule, seed, hypers, key)
