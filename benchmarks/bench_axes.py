"""The axes of benchmarks' figures: where they begin and end, and their numbers."""

import math
from collections.abc import Sequence

from matplotlib import ticker

SHARES = ("%", "points")  # on linear axes
# Of an axis at least, so that noise does not look like a difference.
SPAN, RATIO = 5.0, 1.1  # of shares, in points; of others, the largest over the smallest
FEW, MANY = 4, 9  # numbers on an axis
STEPS = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3))


def number(ax, ends: Sequence[float], unit: str) -> None:
    """Gives an axis limits around some numbers, and numbers to read them by."""
    low, high = min(ends), max(ends)
    if low > 0 and unit not in SHARES:
        ax.set_xscale("log")
        wider = math.sqrt(max(1.0, RATIO * low / high))
        ticks = logarithmic(low / wider, high * wider)
        ax.set_xticks([], minor=True)
    else:
        least = SPAN if unit in SHARES else (RATIO - 1) * abs(high) or 1.0
        wider = max(0.0, least - (high - low)) / 2
        ticks = linear(low - wider, high + wider)
    ax.set_xticks(ticks)
    ax.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.6g}"))
    ax.set_xlim(*_around(ticks[0], ticks[-1], ax.get_xscale() == "log"))


def linear(low: float, high: float) -> list[float]:
    """Returns round numbers from below the lowest to above the highest."""
    found = ticker.MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(x) for x in found]


def logarithmic(low: float, high: float) -> list[float]:
    """Returns round numbers from below the lowest to above the highest, by ratios."""
    tens = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in (*STEPS, (1,)):
        every = [float(f"{step * 10.0**ten:.3g}") for ten in tens for step in steps]
        below = max((x for x in every if x <= low), default=every[0])
        above = min((x for x in every if x >= high), default=every[-1])
        ticks = [x for x in every if below <= x <= above]
        if len(ticks) <= MANY:
            break
    thinned = ticks[:: -(-len(ticks) // MANY)]
    return linear(low, high) if len(thinned) < FEW else [*thinned[:-1], above]


def _around(low: float, high: float, logarithmic: bool) -> tuple[float, float]:
    """Returns limits a little outside, where marks are whole."""
    if logarithmic:
        beyond = (high / low) ** 0.02
        return low / beyond, high * beyond
    beyond = 0.02 * (high - low)
    return low - beyond, high + beyond
