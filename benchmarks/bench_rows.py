"""What a benchmark finds: rows, claims, and how their numbers are said."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SEED = 0  # of the bootstrap


class Row(NamedTuple):
    """Holds what was measured of one contender at one case, turn by turn."""

    case: str
    contender: str
    measure: str
    unit: str
    values: tuple[float, ...]

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """The lower quartile, the median and the upper quartile of all turns."""
        low, middle, high = np.percentile(self.values, [25, 50, 75])
        return float(low), float(middle), float(high)


class Claim(NamedTuple):
    """Holds a number that may be told, with its interval and its goal.

    Attributes:
      what: what was measured, as the README's table says it.
      value: the median over turns, unless `what` says something else.
      low: the lower end of its 95 % interval.
      high: the upper end.
      unit: "×", "%", "s", …
      at_least: the goal, or its lower end, or None.
      at_most: the goal, or its upper end, or None.
    """

    what: str
    value: float
    low: float
    high: float
    unit: str = "×"
    at_least: float | None = None
    at_most: float | None = None

    @property
    def goal(self) -> str:
        """The goal in words."""
        low, high = self.at_least, self.at_most
        if low is not None and high is not None:
            return f"{low:g} to {high:g} {self.unit}".rstrip()
        if low is not None:
            return f"≥ {low:g} {self.unit}".rstrip()
        return "–" if high is None else f"≤ {high:g} {self.unit}".rstrip()

    @property
    def met(self) -> bool | None:
        """Whether the value keeps the goal; None where there is none."""
        if self.at_least is None and self.at_most is None:
            return None
        low = -np.inf if self.at_least is None else self.at_least
        return bool(
            low <= self.value <= (np.inf if self.at_most is None else self.at_most)
        )

    @property
    def told(self) -> str:
        """The number with its interval."""
        if self.low == self.value == self.high:
            return f"{short(self.value)} {self.unit}".rstrip()
        ends = f"{short(self.low)} to {short(self.high)}"
        return f"{short(self.value)} {self.unit}".rstrip() + f" ({ends})"


def interval(values: Sequence) -> tuple[float, float, float]:
    """Returns the median and the ends of its 95 % interval, by the bootstrap."""
    values = np.asarray(values, float)
    drawn = np.random.default_rng(SEED).choice(values, (2000, len(values)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return float(np.median(values)), float(low), float(high)


def short(x: float) -> str:
    """Says a number with three digits that count; counts are said in whole."""
    if not np.isfinite(x):
        return f"{x:g}"
    if x == round(x) and abs(x) < 1e6:
        return f"{x:,.0f}"
    if abs(x) >= 1000:
        return f"{x:,.0f}" if abs(x) < 1e6 else f"{x:.2e}"
    return f"{x:.2e}" if abs(x) < 1e-3 else f"{x:#.3g}".rstrip(".")


def spread(row: Row) -> str:
    """Says a row's median and quartiles."""
    low, middle, high = row.quartiles
    if len(set(row.values)) == 1:
        return short(middle)
    return f"{short(middle)} ({short(low)} to {short(high)})"
