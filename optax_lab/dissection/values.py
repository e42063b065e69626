# What an anatomy says, and how it prints.

import math
import textwrap
from collections.abc import Iterable
from typing import Literal, NamedTuple

from optax_lab.dissection.probes import Response

_HEAD = ("kept", "kind", "β", "start", "gain", "dtype", "bytes/parameter")


class Kept(NamedTuple):
    """Describes one of the things that an optimizer keeps beside the parameters.

    Attributes:
      name: the field that holds it, or its path where another has that name.
      path: where it is in the state.
      kind: "average" for an `Ewma` and for what responds like one, "sum" for what adds
        whole gradients to what it remembers, and "other".
      decay: β, the ratio of successive values once no gradient comes; nan where there
        is no such number.
      start: the value before the first gradient, or "first" where it starts at that.
      gain: where it ends when every gradient is 1.
      dtype: what it is stored in.
      bytes_per_parameter: how much room it takes.
      response: its values.
    """

    name: str
    path: str
    kind: Literal["average", "sum", "other"]
    decay: float
    start: float | Literal["first"]
    gain: float
    dtype: str
    bytes_per_parameter: float
    response: Response


class Anatomy(NamedTuple):
    """Describes an optimizer; prints as text.

    Attributes:
      name: what it is called.
      equation: what its documentation says that it computes, "" where it is silent.
      kept: what it keeps beside the parameters.
      bytes_per_parameter: how much room its whole state takes.
      update: what is taken from the parameters, divided by the learning rate.
    """

    name: str
    equation: str
    kept: tuple[Kept, ...]
    bytes_per_parameter: float
    update: Response

    def __str__(self) -> str:
        """Writes the equation, and a line for all that is kept."""
        rows = [tuple(cells(kept).values()) for kept in self.kept or [None]]
        equation = textwrap.indent(self.equation, "  ")
        room = f"state: {self.bytes_per_parameter:.4g} bytes per parameter"
        parts = (self.name, equation, _aligned([_HEAD, *rows]), room)
        return "\n".join(part for part in parts if part)


class Anatomies(tuple[Anatomy, ...]):
    """The anatomies of several optimizers; prints as one table."""

    def __str__(self) -> str:
        """Writes a line for all that any of them keeps."""
        rows = [("optimizer", *_HEAD)]
        for one in self:
            rows += [(one.name, *cells(kept).values()) for kept in one.kept or [None]]
        return _aligned(rows)


def cells(kept: Kept | None) -> dict[str, str]:
    """Writes what a person reads of it, by heading; None is nothing."""
    row = ("nothing", *[""] * 6)
    if kept is not None:
        measured = map(number, (kept.decay, kept.start, kept.gain))
        room = f"{kept.bytes_per_parameter:.4g}"
        row = (kept.name, kept.kind, *measured, kept.dtype, room)
    return dict(zip(_HEAD, row, strict=True))


def number(value: float | str) -> str:
    """Writes a number that was measured, in up to six digits; nan is a dash."""
    if isinstance(value, str):
        return value
    return "–" if math.isnan(value) else f"{value + 0:.6g}"


def _aligned(rows: Iterable[tuple[str, ...]]) -> str:
    """Writes rows in columns as wide as their widest cell."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    pad = lambda row: "  ".join(map(str.ljust, row, widths)).rstrip()
    return "\n".join(map(pad, rows))
