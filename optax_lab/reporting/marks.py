# What the figures of studies share: marks for many, and what their text tells.
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Array
from matplotlib import lines, ticker

from optax_lab.reporting import style

Series = Array | np.ndarray
_MARKS = 5  # on each line


def width_of(n: int) -> float:
    """Returns how many inches a figure of n optimizers needs for its legend."""
    return 7.0 if n <= 6 else 8.0


def marker_of(i: int, size: float | int = 8) -> dict[str, Any]:
    """Returns the i-th marker: hollow from the eighth on, where the shapes repeat."""
    look = style.mark(i)
    hollow = i // len(style.MARKERS) % 2 == 1
    return {
        "color": look.color,
        "marker": look.marker,
        "markersize": size,
        "markerfacecolor": "white" if hollow else look.color,
        "markeredgecolor": look.color if hollow else "white",
        "markeredgewidth": 0.2 * size if hollow else 0.8,
    }


def line_of(i: int, **more: Any) -> dict[str, Any]:
    """Returns the i-th line, thinner than those before it, that may lie under it."""
    width = max(3.4 - 0.4 * i, 1.8)
    return {"linestyle": style.mark(i).line, "linewidth": width} | marker_of(i) | more


def handles_of(labels: Iterable[str], **more: Any) -> list[lines.Line2D]:
    """Returns what a legend shows of the marks of labels."""
    looks = [line_of(i, label=label, **more) for i, label in enumerate(labels)]
    return [lines.Line2D([], [], **look) for look in looks]


def spread(i: int, at: np.ndarray) -> np.ndarray:
    """Chooses where the i-th line has its markers: evenly on its axis."""
    place = (np.arange(_MARKS) + 0.25 * (i % 4)) / _MARKS  # coinciding lines show all
    return np.unique(np.searchsorted(at[:-1], at[0] + (at[-1] - at[0]) * place))


def tick_log(axis: Any) -> None:
    """Gives a logarithmic axis as many numbers as it has room for."""
    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    some = (1, 3) if decades > 1.5 else (1, 2, 5)
    few = (1, 1.2, 1.5, 2, 3, 4, 5, 7) if decades < 1 else some
    axis.set_major_locator(ticker.LogLocator(subs=(1,) if decades > 3 else few))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.4g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def check_names(**mappings: Mapping[str, Any]) -> None:
    """Raises a ValueError unless two mappings have the same names, and some."""
    (first, a), (second, b) = mappings.items()
    if not a or set(a) != set(b):
        found = f"{list(a)} and {list(b)}"
        raise ValueError(f"{first} and {second} must have the same names, got {found}")


def winner(numbers: Mapping[str, float], pick: Callable = min) -> str:
    """Names all that have the lowest finite number, or the highest, and says it."""
    finite = {name: value for name, value in numbers.items() if np.isfinite(value)}
    if not finite:
        return "none"
    value = pick(finite.values())
    names = [name for name in finite if finite[name] == value]
    told = " and ".join(names) if len(names) <= 3 else f"{len(names)} of {len(numbers)}"
    return f"{told}, {value:.4g}"


def tell(title: str | None, *sentences: str) -> str:
    """Joins what an alternative text says."""
    return " ".join(f"{sentence}." for sentence in (title, *sentences) if sentence)


def number(value: float, lost: str = "never") -> str:
    """Says a number, or what it means that it is none."""
    return f"{value:.4g}" if np.isfinite(value) else lost
