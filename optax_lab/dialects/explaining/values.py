# What an explanation says, and how it prints.

import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from optax_lab.dialects.explaining.forms import FRAMEWORKS

ONLY_THERE = "only there"  # what the last difference is called
_WIDTH = 88


class Side(NamedTuple):
    """Describes an optimizer in one framework.

    Attributes:
      framework: "pytorch", "keras" or "optax".
      call: what it is called there, "" where there is none.
      equation: one step.
      note: what else is to be known.
    """

    framework: str
    call: str
    equation: str
    note: str


class Difference(NamedTuple):
    """Says what one thing is in each framework, in the order of the sides."""

    what: str
    values: tuple[str, ...]


class Conversion(NamedTuple):
    """Holds a call in one framework, and the code in another that steps as it does.

    Symbols stand for values. In code for Optax, `t` counts steps from 0.

    Attributes:
      source: the framework of `code`.
      target: the framework of `becomes`.
      case: what the call has besides the plain form.
      code: the call.
      becomes: the code that reproduces it, or None where nothing does.
      why: the reason where nothing does.
      note: under which conditions it does.
      at_defaults: `becomes` at the defaults of the source, for its plain form only.
      here: what steps as the source does as an Optax transformation.
    """

    source: str
    target: str
    case: str
    code: str
    becomes: str | None
    why: str
    note: str
    at_defaults: str | None
    here: str

    def __str__(self) -> str:
        """Writes the call, and what becomes of it."""
        lines = [f"  {self.case}:"] if self.case else []
        lines.append(_wrapped(self.code, "  "))
        if self.becomes is None:
            lines.append(_wrapped(f"cannot be expressed: {self.why}", "    "))
            if self.target == "optax" and self.here != self.code:
                lines.append(_wrapped(f"here: {self.here}", "    "))
            return "\n".join(lines)
        lines.append(_wrapped(self.becomes, "    = "))
        if self.note:
            lines.append(_wrapped(self.note, "    if "))
        if self.at_defaults:
            lines.append(f"    at the defaults of {FRAMEWORKS[self.source]}:")
            lines.append(_wrapped(self.at_defaults, "    = "))
        return "\n".join(lines)


class Explanation(NamedTuple):
    """Says what an optimizer is in several frameworks; prints as text.

    Attributes:
      optimizer: its name here.
      title: what people call it.
      sides: what it is in each framework.
      differences: what is not the same in all that have it, in the order of these.
      conversions: what becomes of a call of one framework in another.
    """

    optimizer: str
    title: str
    sides: tuple[Side, ...]
    differences: tuple[Difference, ...]
    conversions: tuple[Conversion, ...]

    def __str__(self) -> str:
        """Writes the equations, what differs, and what becomes of each call."""
        names = [FRAMEWORKS[side.framework] for side in self.sides if side.call]
        parts = [f"{self.title} in {_listed(names)}", *map(_side, self.sides)]
        rows = [(row.what, *row.values) for row in self.differences]
        short = [row for row in rows if row[0] != ONLY_THERE]
        if rows:
            parts.append("\n".join(aligned([("what differs", *names), *short])))
        for _, *lists in rows[len(short) :]:
            told = zip(names, lists, strict=True)
            parts.append("\n".join(_wrapped(x, f"only in {n}: ") for n, x in told))
        pairs = dict.fromkeys((c.source, c.target) for c in self.conversions)
        for pair in pairs:
            title = "from {} to {}".format(*map(FRAMEWORKS.__getitem__, pair))
            every = [c for c in self.conversions if (c.source, c.target) == pair]
            parts.append("\n".join([title, *map(str, every)]))
        return "\n\n".join(parts)


class Row(NamedTuple):
    """Says of an optimizer how each framework's becomes another's.

    Attributes:
      optimizer: its name here.
      cells: by (source, target), what becomes of it.
    """

    optimizer: str
    cells: dict[tuple[str, str], str]


class Overview(tuple[Row, ...]):
    """Every optimizer in every pair of frameworks; prints as a Markdown table."""

    def __str__(self) -> str:
        """Writes a line for each optimizer, and a column for each pair."""
        pairs = list(self[0].cells)
        names = [tuple(map(FRAMEWORKS.__getitem__, pair)) for pair in pairs]
        head = ("optimizer", *("{} → {}".format(*pair) for pair in names))
        rows = [(f"`{row.optimizer}`", *row.cells.values()) for row in self]
        rows = [head, ("---",) * len(head), *rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def aligned(rows: list[tuple[str, ...]]) -> Iterable[str]:
    """Writes rows as columns that are as wide as they have to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield "  ".join(cell.ljust(width) for cell, width in cells).rstrip()


def _side(side: Side) -> str:
    if not side.call:
        return f"{FRAMEWORKS[side.framework]} has none"
    lines = [side.call, *(f"  {part}" for part in side.equation.split(",  "))]
    return "\n".join([*lines, _wrapped(side.note, "  ")] if side.note else lines)


def _wrapped(text: str, start: str) -> str:
    """Breaks text at spaces; code stays valid, as all its spaces are in brackets."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * (len(start) - len(start.lstrip()) + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
