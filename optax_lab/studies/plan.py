# Who is tried at which points with which seeds: everything before the first training.

import contextlib
import functools
import hashlib
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from optax_lab.studies import ledger, schedules, spaces

DEFAULT = -1  # the number of the point that holds the defaults
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
      defaults: its usual hyperparameters, of those that are searched.
      source: of what code it is made, a hash of it; that of `make` when "".
    """

    name: str
    make: Callable[..., Any]
    space: Mapping[str, tuple[float, float]]
    defaults: Mapping[str, float]
    source: str = ""


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


def search(contender: Contender, tier: Tier, facts: Mapping[str, Any]) -> list[Planned]:
    """Plans the trainings that choose a contender's hyperparameters, point by point.

    Those of the defaults come last: they are not chosen, but shown beside what is.
    """
    drawn = spaces.points(contender.space, tier.points)
    columns = [drawn[name].tolist() for name in drawn]
    points = [dict(zip(drawn, row, strict=True)) for row in zip(*columns, strict=True)]
    tried = [
        _planned(contender, "tune", k, tier.schedules[0], seed, hypers, facts)
        for (k, hypers), seed in itertools.product(
            enumerate(points), range(tier.tuning_seeds)
        )
    ]
    usual = {name: float(np.float32(v)) for name, v in contender.defaults.items()}
    return tried + [
        _planned(contender, "default", DEFAULT, tier.schedules[0], seed, usual, facts)
        for seed in range(tier.tuning_seeds)
    ]


def report(
    contender: Contender,
    tier: Tier,
    facts: Mapping[str, Any],
    point: int,
    hypers: Mapping[str, float],
) -> list[Planned]:
    """Plans the trainings of what was chosen, with seeds that chose nothing."""
    seeds = range(REPORTING, REPORTING + tier.reporting_seeds)
    return [
        _planned(contender, "report", point, schedule, seed, dict(hypers), facts)
        for schedule, seed in itertools.product(tier.schedules, seeds)
    ]


def source(make: Callable[..., Any]) -> str:
    """Returns the hash of what a function is: its text and the values it holds.

    An optimizer of one's own that was changed is another optimizer, and so is one that
    was made with other numbers: by `functools.partial`, inside another function, or as
    an object that is called.
    """
    return hashlib.sha256("\n".join(_texts(make, ())).encode()).hexdigest()[:16]


def _texts(value: Any, above: tuple[int, ...]) -> Iterator[str]:
    """Yields what tells a value from others, without addresses."""
    if id(value) in above:  # a function that calls itself
        return
    above = (*above, id(value))
    if isinstance(value, functools.partial):
        yield from _texts([value.func, value.args, value.keywords], above)
    elif hasattr(value, "__array__"):
        yield ledger.digest(value)
    elif isinstance(value, Mapping | list | tuple):
        parts = itertools.chain(*value.items()) if isinstance(value, Mapping) else value
        for part in parts:
            yield from _texts(part, above)
    elif inspect.ismodule(value):
        yield value.__name__
    elif callable(value):
        yield from _texts_of_code(value, above)
    else:
        yield type(value).__qualname__ if "0x" in repr(value) else repr(value)


def _texts_of_code(value: Callable[..., Any], above: tuple[int, ...]) -> Iterator[str]:
    value = inspect.unwrap(value)
    function = inspect.isroutine(value) or inspect.isclass(value)
    try:
        yield inspect.getsource(value if function else type(value))
    except (OSError, TypeError):  # typed at a prompt, or written in C
        code = getattr(value, "__code__", None)
        name = getattr(value, "__qualname__", type(value).__qualname__)
        yield f"{name} {code and (code.co_code, code.co_names)}"
        constants = [c for c in code.co_consts if not inspect.iscode(c)] if code else []
        yield from _texts(constants, above)
    held = getattr(value, "__closure__", None) or ()
    for cell in held:
        with contextlib.suppress(ValueError):  # nothing is in it yet
            yield from _texts(cell.cell_contents, above)
    if not function:
        yield from _texts(vars(value) if hasattr(value, "__dict__") else {}, above)


def _planned(
    contender: Contender,
    role: str,
    point: int,
    schedule: str,
    seed: int,
    hypers: dict[str, float],
    facts: Mapping[str, Any],
) -> Planned:
    """Names a training by all that decides what is recorded of it."""
    decides = {
        "facts": dict(facts),
        "optimizer": contender.name,
        "source": contender.source or source(contender.make),
        "hypers": hypers,
        "schedule": schedule,
        "seed": seed,
        "role": role,
    }
    key = ledger.key_of(decides)
    return Planned(contender.name, role, point, schedule, seed, hypers, key)
