# Tables: numbers for programs, and the same as a person reads them.

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

# Columns of shares, and those in which inf means that nothing was reached.
_SHARES = ("converged", "diverged", "failed", "hit", "best_basin")
_TIMES = ("first_hit", "score")


class Table(NamedTuple):
    """Holds results twice: numbers for programs, text for people, who `print` it.

    Attributes:
      name: what the rows are called in JSON.
      title: what is written above the table.
      rows: the numbers.
      shown: the text, the same rows.
    """

    name: str
    title: str
    rows: list[dict[str, Any]]
    shown: list[dict[str, str]]

    def __str__(self) -> str:
        """Writes the table in columns, as wide as they need to be.

        >>> print(of("one", "Numbers", [{"n": 1, "half": 0.5}, {"n": 20, "half": 10}]))
        Numbers
        <BLANKLINE>
        n   half
        1   0.5
        20  10
        """
        if not self.shown:
            return f"{self.title}: none"
        lines = [list(self.shown[0]), *(list(row.values()) for row in self.shown)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        return "\n".join([self.title, "", *padded])

    @property
    def markdown(self) -> str:
        """The table in Markdown, without its title."""
        if not self.shown:
            return "none"
        heads = list(self.shown[0])
        rows = [heads, ["---"] * len(heads), *(row.values() for row in self.shown)]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def of(name: str, title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """Writes rows of numbers as a table, a column that some rows lack included."""
    columns = dict.fromkeys(key for row in rows for key in row)
    full = [{key: row.get(key) for key in columns} for row in rows]
    shown = [{key: _text(key, value) for key, value in row.items()} for row in full]
    return Table(name, title, full, shown)


def percent(value: float) -> str:
    """Writes a share in percent."""
    return "-" if np.isnan(value) else f"{100 * value:.2f}"


def _text(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if key in _SHARES:
        return f"{100 * value:.0f} %"
    if key in _TIMES and value == np.inf:
        return "never"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
