# The optimizers of a study, from expressions: what makes them, and what is searched.

import difflib
from collections.abc import Iterable, Sequence

from optax_lab import comparison
from optax_lab.cli import choices
from optax_lab.cli.choices import Optimizer
from optax_lab.optimizers import table
from optax_lab.studies import spaces
from optax_lab.studies.plan import Contender

_HOW = "write name=low:high, as in b1=.8:.99"


def contenders(
    optimizers: Sequence[Optimizer], texts: Iterable[str]
) -> list[Contender]:
    """Makes the contenders that expressions stand for.

    What is in an expression is fixed; of the rest, what `OPTIMIZERS` declares is
    searched, and what `texts` add for those that take it.

    Args:
      optimizers: who takes part.
      texts: ranges to be searched, such as b1=.8:.99.

    Raises:
      ValueError: in one line, if a range is none or nobody takes it, or an optimizer
        takes no learning rate.
    """
    ranges = dict(map(_range, texts))
    found = [_contender(optimizer, ranges) for optimizer in optimizers]
    taken = {n for each in optimizers for n in choices.hyperparameters(each.expression)}
    for name in ranges:
        if not any(name in contender.space for contender in found):
            likely = difflib.get_close_matches(name, taken - {name})
            near = f"; did you mean {' or '.join(likely)}?" if likely else ""
            raise ValueError(
                f"--space {name}: no optimizer of the study takes it{near}"
            )
    return found


def _contender(
    optimizer: Optimizer, ranges: dict[str, tuple[float, float]]
) -> Contender:
    name = choices.head(optimizer.expression)
    make = choices.tunable(optimizer.expression)
    taken = choices.hyperparameters(optimizer.expression)
    fixed = choices.given(optimizer.expression) - {spaces.RATE}
    taken = [parameter for parameter in taken if parameter not in fixed]
    if spaces.RATE not in taken:
        told = f"{optimizer.expression} takes no {spaces.RATE}, which is searched"
        raise ValueError(f"{told}; it takes {', '.join(taken)}")
    entry = table.OPTIMIZERS.get(name.partition("(")[0])
    declared = entry.space if entry else {spaces.RATE: comparison.RATES}
    if unknown := declared.keys() - {*taken, *fixed, spaces.RATE}:
        told = f"the space of {name} has {min(unknown)}"
        raise ValueError(f"{told}, which it does not take: {', '.join(taken)}")
    space = {k: v for k, v in (declared | ranges).items() if k in taken}
    rate = (
        optimizer.rate if isinstance(optimizer.rate, float | int) else comparison.USUAL
    )
    functions = choices.functions(optimizer.expression)
    usual = comparison.defaults(functions[0], space) | {spaces.RATE: float(rate)}
    return Contender(name, make, space, usual)


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
