"""Which optimizer is better, and how sure that is: a study of anyone's in one call."""

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from optax_lab.optimizers import schedule_free, table
from optax_lab.runs import training
from optax_lab.studies import plan, spaces, study, tasks, tunability
from optax_lab.studies.ledger import Record
from optax_lab.studies.plan import Budget, Candidate
from optax_lab.studies.results import Study

__all__ = ["RATES", "Budget", "Study", "candidate", "compare"]

RATES = (1e-5, 1e1)  # of an optimizer that is not in OPTIMIZERS
USUAL = 1e-3  # the rate of one that has none of its own


def compare(
    optimizers: Mapping[str, Callable[..., Any]],
    problem: training.Problem | None = None,
    tuning: training.Data | None = None,
    reporting: training.Data | None = None,
    *,
    choose_by: str | None = None,
    best: tunability.Best | None = None,
    budget: str | Budget = "smoke",
    space: Mapping[str, spaces.Space] | None = None,
    path: str | os.PathLike | None = None,
    evaluate_at: Callable = schedule_free.evaluation_params,
    on_plan: Callable[[int], None] = lambda runs: None,
    on_run: Callable[[Record], None] = lambda record: None,
) -> Study:
    """Searches for every optimizer alike, and reports what was chosen with other seeds.

    All are tried at the same Sobol points of their spaces, and trained from the same
    parameters on the same batches. With the budget "none" they are trained as they are,
    at their default hyperparameters. An optimizer that fails is recorded with its
    error, and the others go on.

    What comes back has a table, a report with figures, event files and a frame:
    `study.table()`, `study.report(folder)`, `study.tensorboard(folder)`,
    `study.frame()`. Two optimizers are compared by what `study.ends` returns of them,
    as in `studies.verdicts.compare_all(study.ends("accuracy/test"))`: with less than 6
    reporting seeds, of which "smoke" has 3, no two can be told apart.

    Args:
      optimizers: what makes each of them from its hyperparameters, by name; they are
        given by name, `learning_rate` among them.
      problem: what is learned; MNIST-1D by the lab's network if it is None.
      tuning: its data to train on, and to choose hyperparameters by.
      reporting: its data to train on, and to report by; those of `tuning` if None.
      choose_by: the tag that chooses, such as "accuracy/validation"; by default the
        loss on the one split of `tuning`. What is reported first is the same metric.
      best: whether its "lowest" or its "highest" value is the best: known of losses and
        accuracies, and to be said of any other metric.
      budget: "none", "smoke", "standard", "full", or how much is spent on each.
      space: what is searched, by optimizer: (low, high) by hyperparameter. By default
        what OPTIMIZERS declares of ours, and learning rates from 1e-5 to 10 of others.
      path: the file that keeps every run; called again with it, only what is missing is
        run. One that is thrown away when None.
      evaluate_at: as in `train`.
      on_plan: called with how many runs are about to be run, before the search and
        before the report.
      on_run: called with every run that has ended.

    Raises:
      ValueError: if the plan cannot be run, the data do not fit the problem, or the
        file holds another study.
      OSError: if the file cannot be written.
    """
    if problem is None:
        if (tuning, reporting, choose_by, best) != (None, None, None, None):
            raise ValueError("tuning, reporting, choose_by and best need a problem")
        task = tasks.mnist1d()
    else:
        task = tasks.own(problem, tuning, reporting, choose_by, best)
    if not optimizers:
        raise ValueError("optimizers are empty: name at least one")
    for name, make in optimizers.items():
        if not callable(make):
            raise ValueError(
                f"{name} is a {type(make).__name__}: give the function that makes it "
                "from its hyperparameters, or lambda: … with the budget 'none'"
            )
    budget, space = _budget(budget), dict(space or {})
    if space and not budget.configurations:
        raise ValueError("a space is searched: it needs a budget with configurations")
    if unknown := set(space) - set(optimizers):
        known = ", ".join(optimizers)
        raise ValueError(f"a space of {min(unknown)!r}, which is none of {known}")
    ranges = space if budget.configurations else {name: {} for name in optimizers}
    return study.conduct(
        [candidate(name, make, ranges.get(name)) for name, make in optimizers.items()],
        task,
        budget,
        path=path,
        evaluate_at=evaluate_at,
        on_plan=on_plan,
        on_run=on_run,
    )


def candidate(
    name: str, make: Callable[..., Any], space: spaces.Space | None = None
) -> Candidate:
    """Finds what is searched of an optimizer, and where it is by default.

    Args:
      name: what it is called in the study.
      make: makes it from its hyperparameters.
      space: what is searched; what OPTIMIZERS declares, or learning rates, if None.

    Raises:
      ValueError: if it does not take what is searched.
    """
    own = (entry for entry in table.OPTIMIZERS.values() if entry.make is make)
    entry = next(own, None)
    if space is None:
        space = entry.space if entry else {spaces.RATE: RATES}
    _check_taken(name, make, space)
    rate = entry.learning_rate if entry else _usual_rate(make, space)
    usual = defaults(make, space) | ({} if rate is None else {spaces.RATE: rate})
    missing = _required(make, space) - usual.keys()
    return Candidate(name, make, space, usual, has_defaults=not missing)


def _usual_rate(make: Callable[..., Any], space: spaces.Space) -> float | None:
    """Returns the learning rate that a function takes by default, or should take."""
    parameter = parameters(make).get(spaces.RATE)
    if parameter is None:
        return USUAL if takes_any(make) else None
    if isinstance(parameter.default, int | float):
        return float(parameter.default)
    is_required = parameter.default is parameter.empty
    return USUAL if is_required or spaces.RATE in space else None


def _check_taken(name: str, make: Callable[..., Any], space: spaces.Space) -> None:
    """Refuses hyperparameters that a function does not take by name."""
    taken = parameters(make)
    for each in [] if takes_any(make) else space:
        if each not in taken:
            takes = ", ".join(taken) or "nothing"
            raise ValueError(f"{name} takes no {each}, which is searched: {takes}")


def defaults(make: Callable[..., Any], names: Iterable[str]) -> dict[str, float]:
    """Returns the numbers that a function takes for these arguments unless said."""
    taken = parameters(make)
    values = {name: taken[name].default for name in names if name in taken}
    return {k: float(v) for k, v in values.items() if isinstance(v, int | float)}


def _required(make: Callable[..., Any], names: Iterable[str]) -> set[str]:
    """Returns which of these arguments a function cannot do without."""
    taken = parameters(make)
    return {n for n in names if n in taken and taken[n].default is taken[n].empty}


_ANY = {"any": inspect.Parameter("any", inspect.Parameter.VAR_KEYWORD)}


def parameters(make: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Returns the parameters of a function; **any of one that does not tell them."""
    try:
        return inspect.signature(make).parameters
    except ValueError:  # of what is written in C
        return _ANY


def takes_any(make: Callable[..., Any]) -> bool:
    """Says whether a function takes arguments of any name."""
    return any(each.kind is each.VAR_KEYWORD for each in parameters(make).values())


def _budget(budget: str | Budget) -> Budget:
    if isinstance(budget, Budget):
        return budget
    if budget not in plan.BUDGETS:
        known = ", ".join(plan.BUDGETS)
        raise ValueError(f"budget is {budget!r}: it must be {known}, or a Budget")
    return plan.BUDGETS[budget]
