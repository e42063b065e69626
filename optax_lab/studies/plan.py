# Who is tried at which points with which seeds: everything before the first training.

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from optax_lab.studies import ledger, schedules, spaces

DEFAULT = -1  # the number of the point that holds the defaults
Program = Callable[[str, tuple[str, ...]], str]

REPORTING = 100  # the first seed of those that are reported, none of them tuned with


class Tier(NamedTuple):
    """How much is spent: the same for everyone.

    Attributes:
      points: of the search, a power of two.
      tuning_seeds: trainings at each point.
      reporting_seeds: trainings of what was chosen, with seeds of their own.
      epochs: of every training.
      schedules: what is chosen is reported with each; the search uses the first.
    """

    points: int
    tuning_seeds: int
    reporting_seeds: int
    epochs: int
    schedules: tuple[str, ...] = ("constant",)


TIERS: dict[str, Tier] = {
    "smoke": Tier(8, 1, 3, 25),
    "standard": Tier(32, 2, 10, 100),
    "full": Tier(64, 4, 20, 100, ("constant", "cosine", "warmup_cosine")),
}


class Contender(NamedTuple):
    """One optimizer of a study.

    Attributes:
      name: what it is called.
      make: makes it from its hyperparameters.
      space: what is searched, (low, high) by hyperparameter.
      defaults: its usual hyperparameters, of those that are searched. They are tried
        beside the search; nothing is where they are empty, since one has no default.
    """

    name: str
    make: Callable[..., Any]
    space: Mapping[str, tuple[float, float]]
    defaults: Mapping[str, float]


class Planned(NamedTuple):
    """One training that is to be run; `key` is its name in the ledger."""

    optimizer: str
    role: str  # "tune", "default" or "report"
    point: int
    schedule: str
    seed: int
    hypers: dict[str, float]
    key: str


def check(tier: Tier, contenders: Sequence[Contender]) -> None:
    """Refuses a plan that cannot be run.

    Raises:
      ValueError: with the value and what is allowed.
    """
    for name, value in tier._asdict().items():
        if name == "schedules":
            for schedule in value:
                schedules.schedule(schedule, 1.0, 1)
        elif value < 1:
            raise ValueError(f"{name} is {value}: a budget must be at least 1")
    if not tier.schedules:
        raise ValueError("schedules are empty: name at least one")
    names = [contender.name for contender in contenders]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{min(twice)!r} is in the study twice: give names")
    for contender in contenders:
        try:
            spaces.points(contender.space, tier.points)
        except ValueError as error:
            raise ValueError(f"the space of {contender.name}: {error}") from error


def search(
    contender: Contender, tier: Tier, facts: Mapping[str, Any], program: Program
) -> list[Planned]:
    """Plans the trainings that choose a contender's hyperparameters, point by point.

    Those of the defaults, if it has any, come last: they are not chosen, but shown
    beside what is.

    Args:
      contender: who is tried.
      tier: what is spent.
      facts: what else decides every result.
      program: (schedule, names of hyperparameters) → the hash of what will run.
    """
    drawn = spaces.points(contender.space, tier.points)
    columns = [drawn[name].tolist() for name in drawn]
    points = [dict(zip(drawn, row, strict=True)) for row in zip(*columns, strict=True)]
    tried = [
        _planned(contender, "tune", k, tier.schedules[0], seed, hypers, facts, program)
        for (k, hypers), seed in itertools.product(
            enumerate(points), range(tier.tuning_seeds)
        )
    ]
    if not contender.defaults:
        return tried
    usual = {name: float(np.float32(v)) for name, v in contender.defaults.items()}
    return tried + [
        _planned(
            contender,
            "default",
            DEFAULT,
            tier.schedules[0],
            seed,
            usual,
            facts,
            program,
        )
        for seed in range(tier.tuning_seeds)
    ]


def report(
    contender: Contender,
    tier: Tier,
    facts: Mapping[str, Any],
    point: int,
    hypers: Mapping[str, float],
    program: Program,
) -> list[Planned]:
    """Plans the trainings of what was chosen, with seeds that chose nothing."""
    seeds = range(REPORTING, REPORTING + tier.reporting_seeds)
    return [
        _planned(
            contender, "report", point, schedule, seed, dict(hypers), facts, program
        )
        for schedule, seed in itertools.product(tier.schedules, seeds)
    ]


def _planned(
    contender: Contender,
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
        "optimizer": contender.name,
        "program": program(schedule, tuple(sorted(hypers))),
        "hypers": hypers,
        "schedule": schedule,
        "seed": seed,
        "role": role,
    }
    key = ledger.key_of(decides)
    return Planned(contender.name, role, point, schedule, seed, hypers, key)
