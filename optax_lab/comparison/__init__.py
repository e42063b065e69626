"""Which optimizer is better, and how sure that is: a study of anyone's in one call."""

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from optax_lab import transforms
from optax_lab.comparison import tasks
from optax_lab.optimizers import table
from optax_lab.runs import training
from optax_lab.studies import plan, spaces, study, tunability
from optax_lab.studies.ledger import Record
from optax_lab.studies.plan import Contender, Tier
from optax_lab.studies.results import Study

__all__ = ["RATES", "Study", "Tier", "compare", "contender"]

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
    tier: str | Tier = "smoke",
    space: Mapping[str, spaces.Space] | None = None,
    path: str | os.PathLike | None = None,
    evaluate_at: Callable = transforms.evaluation_params,
    on_plan: Callable[[int], None] = lambda runs: None,
    on_run: Callable[[Record], None] = lambda record: None,
) -> Study:
    """Searches for every optimizer alike, and reports what was chosen with other seeds.

    All are tried at the same Sobol points of their spaces, and trained from the same
    parameters on the same batches. An optimizer that fails is recorded with its error,
    and the others go on. Two optimizers are compared by what `Study.ends` returns of
    them, as in `studies.verdicts.compare_all(study.ends("accuracy/test", lost=0.1))`:
    with less than 6 reporting seeds, of which "smoke" has 3, no two can be told apart.

    Args:
      optimizers: what makes each of them from its hyperparameters, by name; they are
        given by name, `learning_rate` among them.
      problem: what is learned; MNIST-1D by the lab's network if it is None.
      tuning: its data to train on, and to choose hyperparameters by.
      reporting: its data to train on, and to report by; those of `tuning` if None.
      choose_by: the tag that chooses, such as "accuracy/validation"; by default the
        loss on the one split of `tuning`.
      best: whether its "lowest" or its "highest" value is the best: known of losses and
        accuracies, and to be said of any other metric.
      tier: "smoke", "standard", "full", or how much is spent on each.
      space: what is searched, by optimizer: (low, high) by hyperparameter. By default
        what OPTIMIZERS declares of ours, and learning rates from 1e-5 to 10 of others.
      path: the file that keeps every run; called again with it, only what is missing is
        run. One that is thrown away when None.
      evaluate_at: as in `train`.
      on_plan: told how many runs are about to be run, before the search and before
        the report.
      on_run: told every run that has ended.

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
    space = dict(space or {})
    if unknown := set(space) - set(optimizers):
        known = ", ".join(optimizers)
        raise ValueError(f"a space of {min(unknown)!r}, which is none of {known}")
    return study.conduct(
        [contender(name, make, space.get(name)) for name, make in optimizers.items()],
        task,
        _tier(tier),
        path=path,
        evaluate_at=evaluate_at,
        on_plan=on_plan,
        on_run=on_run,
    )


def contender(
    name: str, make: Callable[..., Any], space: spaces.Space | None = None
) -> Contender:
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
    usual = {spaces.RATE: USUAL} | defaults(make, space)
    if entry:
        usual[spaces.RATE] = entry.learning_rate
    if _required(make, space) - usual.keys():
        usual = {}
    return Contender(name, make, space, usual)


def _check_taken(name: str, make: Callable[..., Any], space: spaces.Space) -> None:
    """Refuses hyperparameters that a function does not take by name."""
    try:
        parameters = inspect.signature(make).parameters
    except ValueError:  # of what is written in C
        return
    kinds = {parameter.kind for parameter in parameters.values()}
    missing = [] if inspect.Parameter.VAR_KEYWORD in kinds else [*space]
    for each in missing:
        if each not in parameters:
            takes = ", ".join(parameters) or "nothing"
            raise ValueError(f"{name} takes no {each}, which is searched: {takes}")


def defaults(make: Callable[..., Any], names: Iterable[str]) -> dict[str, float]:
    """Returns the numbers that a function takes for these arguments unless said."""
    try:
        parameters = inspect.signature(make).parameters
    except ValueError:  # of what is written in C
        return {}
    found = {name: parameters[name].default for name in names if name in parameters}
    return {k: float(v) for k, v in found.items() if isinstance(v, int | float)}


def _required(make: Callable[..., Any], names: Iterable[str]) -> set[str]:
    """Returns which of these arguments a function cannot do without."""
    try:
        parameters = inspect.signature(make).parameters
    except ValueError:  # of what is written in C
        return set()
    empty = inspect.Parameter.empty
    return {n for n in names if n in parameters and parameters[n].default is empty}


def _tier(tier: str | Tier) -> Tier:
    if isinstance(tier, Tier):
        return tier
    if tier not in plan.TIERS:
        known = ", ".join(plan.TIERS)
        raise ValueError(f"tier is {tier!r}: it must be {known}, or a Tier")
    return plan.TIERS[tier]
