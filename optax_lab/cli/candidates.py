# The optimizers of a study, from expressions: what makes them, and what is searched.

import difflib
from collections.abc import Iterable, Sequence

from optax_lab import expressions
from optax_lab.expressions import Expression
from optax_lab.optimizers import table
from optax_lab.studies import compare, spaces
from optax_lab.studies.plan import Budget, Candidate
from optax_lab.studies.spaces import RATE

_HOW = "write name=low:high, as in b1=.8:.99"
Ranges = dict[str, tuple[float, float]]


def candidates(
    optimizers: Sequence[Expression], texts: Iterable[str], budget: Budget
) -> list[Candidate]:
    """Makes the candidates that expressions stand for.

    What is written is fixed; of the rest, what `OPTIMIZERS` declares is searched, and
    what `texts` add for those that take it. Without a search they are what is written,
    at their default rate where none is.

    Args:
      optimizers: what is compared.
      texts: ranges to be searched, such as b1=.8:.99.
      budget: whether anything is searched.

    Raises:
      ValueError: in one line, if a range is none or nobody takes it, or there is
        nothing to search of an optimizer that takes no learning rate.
    """
    ranges = dict(map(_range, texts))
    names = expressions.shortest(optimizers)
    searched = bool(budget.configurations)
    made = [
        _candidate(name, each, _space(name, each, ranges) if searched else None)
        for name, each in zip(names, optimizers, strict=True)
    ]
    for name in ranges:
        if not any(name in candidate.space for candidate in made):
            taken = {taken for each in optimizers for taken in each.parameters}
            likely = difflib.get_close_matches(name, taken - {name})
            near = f"; did you mean {' or '.join(likely)}?" if likely else ""
            raise ValueError(
                f"--space {name}: no optimizer of the study takes it{near}"
            )
    return made


def _candidate(name: str, optimizer: Expression, space: Ranges | None) -> Candidate:
    stored = optimizer.text if space is None else optimizer.as_written
    space = space or {}
    outer = optimizer.functions[0]  # an object of one's own takes nothing
    usual = compare.defaults(outer, space) if callable(outer) else {}
    if RATE in optimizer.parameters:
        if isinstance(optimizer.rate, float | int):
            usual[RATE] = float(optimizer.rate)
        elif RATE in space:
            usual[RATE] = compare.USUAL
    return Candidate(name, optimizer.make, space, usual, stored)


def _space(name: str, optimizer: Expression, ranges: Ranges) -> Ranges:
    """Finds what is searched of an optimizer: all that is declared and not written."""
    taken = [each for each in optimizer.parameters if each not in optimizer.written]
    entry = table.OPTIMIZERS.get(optimizer.call.name)
    declared = entry.space if entry else {RATE: compare.RATES}
    if unknown := declared.keys() - {*optimizer.parameters, RATE}:
        problem = f"the space of {name} has {min(unknown)}"
        raise ValueError(f"{problem}, which it does not take: {', '.join(taken)}")
    space = {k: v for k, v in (declared | ranges).items() if k in taken}
    if RATE not in optimizer.parameters and not space:
        problem = f"{optimizer.text} takes no {RATE}, which is searched"
        raise ValueError(f"{problem}; it takes {', '.join(taken)}")
    return space


def _range(text: str) -> tuple[str, tuple[float, float]]:
    name, _, ends = text.partition("=")
    low, _, high = ends.partition(":")
    try:
        found = name, (float(low), float(high))
    except ValueError:
        raise ValueError(f"--space {text}: {_HOW}") from None
    if not name.isidentifier():
        raise ValueError(f"--space {text}: {_HOW}")
    try:
        spaces.check_range(name, *found[1])
    except ValueError as error:
        raise ValueError(f"--space {text}: {error}") from error
    return found
