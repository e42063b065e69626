"""What a benchmark finds: rows, claims, and how their numbers are said."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FEWEST = 6  # values of which a median has a 95 % interval


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
      turns: of how many values `low` and `high` are the lowest and the highest, where
        these are too few for an interval; None if they are the interval's ends.
      values: what `value` is the median of, where it is known.
    """

    what: str
    value: float
    low: float
    high: float
    unit: str = "×"
    at_least: float | None = None
    at_most: float | None = None
    turns: int | None = None
    values: tuple[float, ...] = ()

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
        return None if self._goals is None else self._holds(self.value, self.value)

    @property
    def sure(self) -> bool:
        """Whether all of the interval says of the goal what the value says."""
        if self._goals is None or self.met:
            return self._goals is None or self._holds(self.low, self.high)
        least, most = self._goals
        return not (self.low <= most and self.high >= least)

    @property
    def _goals(self) -> tuple[float, float] | None:
        if self.at_least is None and self.at_most is None:
            return None
        least = -np.inf if self.at_least is None else self.at_least
        return least, np.inf if self.at_most is None else self.at_most

    def _holds(self, low: float, high: float) -> bool:
        least, most = self._goals or (-np.inf, np.inf)
        return bool(least <= low and high <= most)

    @property
    def told(self) -> str:
        """The number with its interval, or with what all turns were."""
        number = f"{short(self.value)} {self.unit}".rstrip()
        if self.low == self.value == self.high:
            return number
        of = f", all of {self.turns}" if self.turns else ""
        return f"{number} ({short(self.low)} to {short(self.high)}{of})"


def interval(values: Sequence) -> tuple[float, float, float]:
    """Returns the median and the ends of its 95 % interval: two of the values.

    They are as near as they can be while the median lies between them with at least
    95 %, whatever its distribution. For fewer than `FEWEST` values there are none: the
    ends are then the lowest and the highest.
    """
    values = np.asarray(values, float)
    low, high = values.min(), values.max()
    if len(values) >= FEWEST and np.isfinite(values).all():
        from scipy import stats  # slow to import

        low, high = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    return float(np.median(values)), float(low), float(high)


def claimed(
    what: str, values: Sequence, unit: str = "×", **goal: float | None
) -> Claim:
    """Makes the claim of a median of some values."""
    values = tuple(map(float, values))
    turns = len(values) if len(values) < FEWEST else None
    return Claim(what, *interval(values), unit, **goal, turns=turns, values=values)


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
