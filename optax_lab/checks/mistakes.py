# Mistakes that are often made: what they look like, and a hint that is not the answer.

import itertools
from collections.abc import Iterable, Sequence

from optax_lab.checks import hints_steps, hints_tasks

HINTS = {**hints_steps.HINTS, **hints_tasks.HINTS}


def guesses(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns what is tried to explain an answer: each mistake, then each two."""
    return [(name,) for name in names] + list(itertools.combinations(names, 2))


def told(names: Iterable[str]) -> list[str]:
    """Returns the lines that say what mistakes look like, each with its hint."""
    lines = []
    for seen, hint in map(HINTS.__getitem__, names):
        lines += [f"  It looks like {seen}.", f"  Hint: {hint}"]
    return lines
