# How deep runs are, and how steep it is there, after every step.
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib import lines, ticker

from optax_lab.reporting import style

Series = Array | np.ndarray
Lanes = Mapping[str, np.ndarray]  # by name, (lanes, rows)

_NAMES = {"above_best": "f − f*", "value": "f", "gradient_norm": "‖∇f‖"}
_MANY = 300  # steps, from which on their axis is logarithmic
_FAR = 1e3  # what is so many times the start is above the figure
_DEEP = 1e-16  # and what is so small a part of it, below
_HUGE = 1e100  # as good as infinite, and its inverse as good as 0
_MARKS = 6  # on each line


class _Band(NamedTuple):
    """Holds the quartiles of a series, masked where they are not finite."""

    low: np.ma.MaskedArray
    middle: np.ma.MaskedArray
    high: np.ma.MaskedArray


def descent_curves(
    curves: Mapping[str, Mapping[str, Series]],
    *,
    record_every: int = 1,
    title: str | None = None,
) -> mpl_figure.Figure:
    """Draws how deep runs are after every step and, below, how steep it is there.

    Lines are medians over lanes, bands the middle half of them; a lane that diverged
    counts as infinitely high, and the legend says how many did. A run whose value is
    not finite to its end has a cross where its line was last seen; its gradient's norm
    may overflow before. Axes are logarithmic: what reaches 0 falls out of the figure.
    Only values that may be negative have a linear axis. More than 300 steps stand on a
    logarithmic axis too.

    Args:
      curves: By label, then by name, values of shape (rows,) or (lanes, rows): either
        ``above_best`` or ``value``, and ``gradient_norm``. `above_best` is drawn where
        all labels have it.
      record_every: Steps from one row to the next.
      title: Above the figure.

    Raises:
      ValueError: If there is nothing to draw, or values have other axes.
    """
    runs = {label: _lanes(label, named) for label, named in curves.items()}
    names = _panels(runs)
    with style.new_figure(7.0, 0.4 + 2.9 * len(names)) as figure:
        panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        lost = _lost(names[0], runs)
        for axes, name in zip(panels, names, strict=True):
            _draw_panel(axes, name, runs, record_every, lost)
        rows = max(v.shape[1] for lanes in runs.values() for v in lanes.values())
        scale_steps(panels[-1], 0, (rows - 1) * record_every)
        panels[0].set_title(_count(runs))
        style.title(figure, title)
        style.legend_below(figure, _handles(_texts(names[0], runs, record_every)))
        figure.set_label(_alt_text(names, runs, record_every, title))
    return figure


def scale_steps(axes: mpl_axes.Axes, first: int, last: int) -> None:
    """Gives an axis of steps its scale: logarithmic, with a place for 0, if many."""
    if last > _MANY:
        axes.set_xscale("symlog", linthresh=1, linscale=0.3)
        axes.set_xticks([0.0, *(10.0**k for k in range(int(np.log10(last)) + 1))])
        axes.set_xlim(first, 1.1 * last)
    else:
        axes.set_xlim(first, max(last, first + 1))
        whole = ticker.MaxNLocator(8, integer=True, steps=(1, 2, 5, 10), min_n_ticks=1)
        axes.xaxis.set_major_locator(whole)
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.set_xlabel("step")


def marked(i: int, steps: np.ndarray) -> list[int]:
    """Chooses where the i-th line has its markers: evenly on the axis of the steps."""
    place = (np.arange(_MARKS) + 0.25 * (i % 4)) / _MARKS  # coinciding lines show all
    first, last = max(steps[0], 1), max(steps[-1], 1)
    if last > _MANY:
        at = first * (last / first) ** place
    else:
        at = steps[0] + (last - steps[0]) * place
    return np.unique(np.searchsorted(steps[:-1], at)).tolist()


def _lanes(label: str, named: Mapping[str, Series]) -> Lanes:
    """Gives every series of a label a leading axis of lanes."""
    lanes = {name: np.atleast_2d(np.asarray(v, float)) for name, v in named.items()}
    shapes = {values.shape for values in lanes.values()}
    if len(shapes) > 1 or any(len(shape) != 2 or 0 in shape for shape in shapes):
        found = {name: np.shape(values) for name, values in named.items()}
        raise ValueError(
            f"{label!r} has {found}, but must have (rows,) or (lanes, rows), all alike"
        )
    return lanes


def _panels(runs: Mapping[str, Lanes]) -> list[str]:
    """Chooses what is drawn: what lies above the best where all have it."""
    depth = [n for n in ("above_best", "value") if all(n in r for r in runs.values())]
    if not runs or not depth:
        raise ValueError("curves must all hold 'above_best', or all hold 'value'")
    steep = any("gradient_norm" in named for named in runs.values())
    return [depth[0], *["gradient_norm"] * steep]


def _lost(depth: str, runs: Mapping[str, Lanes]) -> list[bool]:
    """Tells which lines are lost before their end, by how deep they are alone."""
    ends = (_band(lanes[depth]).middle[-1] for lanes in runs.values())
    return [end is np.ma.masked for end in ends]


def _draw_panel(
    axes: mpl_axes.Axes,
    name: str,
    runs: Mapping[str, Lanes],
    every: int,
    lost: Sequence[bool],
) -> None:
    bands = {
        i: _band(lanes[name]) for i, lanes in enumerate(runs.values()) if name in lanes
    }
    parts = [part for band in bands.values() for part in band]
    found = np.ma.concatenate(parts).compressed()
    starts = np.ma.concatenate([part[:1] for part in parts]).compressed()
    if (found > 1 / _HUGE).any() and (name != "value" or (found >= 0).all()):
        axes.set(yscale="log", ylim=_log_limits(found, starts))
    else:
        axes.set_ylim(_linear_limits(found))
    for i, band in bands.items():
        _draw_band(axes, i, band, every, lost[i])
    axes.set_ylabel(_NAMES[name])


def _band(lanes: np.ndarray) -> _Band:
    """Takes the quartiles, for which what is lost is higher than everything."""
    finite = np.where(np.abs(lanes) <= _HUGE, lanes, 4 * _HUGE)
    quartiles = np.quantile(finite, (0.25, 0.5, 0.75), axis=0)
    # What lies between something and what is lost, is lost.
    return _Band(*(np.ma.masked_where(row > _HUGE, row) for row in quartiles))


def _log_limits(found: np.ndarray, starts: np.ndarray) -> tuple[float, float]:
    """Chooses what is seen: not all of what explodes, nor of what vanishes."""
    found, starts = found[found > 1 / _HUGE], starts[starts > 1 / _HUGE]
    start = starts.max() if starts.size else found.max()
    low, high = max(found.min(), _DEEP * start), min(found.max(), _FAR * start)
    margin = max((high / low) ** 0.05, 1.1)
    return low / margin, high * margin


def _linear_limits(found: np.ndarray) -> tuple[float, float]:
    if not found.size:
        return -1.0, 1.0
    found = found[np.abs(found) <= (_FAR * np.median(np.abs(found)) or np.inf)]
    margin = 0.05 * np.ptp(found) or 0.05 * abs(found[0]) or 0.05
    return found.min() - margin, found.max() + margin


def _look(i: int) -> dict[str, Any]:
    """Returns the look of the i-th line, thinner than those that may lie under it."""
    color, marker, line = style.mark(i)
    return {
        "color": color,
        "linestyle": line,
        "linewidth": max(3.6 - 0.5 * i, 1.8),
        "marker": marker,
        "markersize": 8,
        "markeredgecolor": "white",
    }


def _draw_band(
    axes: mpl_axes.Axes, i: int, band: _Band, every: int, lost: bool
) -> None:
    look, steps = _look(i), np.arange(len(band.middle)) * every
    low, middle, high = (_near(axes, part) for part in band)
    axes.plot(steps, middle, **look, markevery=marked(i, steps))
    if np.ma.any(low < high.filled(np.inf)):
        high = high.filled(_near(axes, _HUGE))
        axes.fill_between(steps, low, high, color=look["color"], alpha=0.18, lw=0)
    bottom, top = axes.get_ylim()
    seen = middle.filled(np.nan)
    last = np.flatnonzero((seen >= bottom) & (seen <= top))[-1:]
    if last.size and lost:
        axes.plot(steps[last], seen[last], "X", color=look["color"], ms=14, mec="black")


def _near(axes: mpl_axes.Axes, values: Any) -> Any:
    """Brings what is far outside near: Matplotlib clips lines, but overflows."""
    bottom, top = axes.get_ylim()
    if axes.get_yscale() == "log":
        return np.ma.clip(values, bottom * (bottom / top), top * (top / bottom))
    return np.ma.clip(values, bottom - 9 * (top - bottom), top + 9 * (top - bottom))


def _count(runs: Mapping[str, Lanes]) -> str:
    most = max(len(v) for lanes in runs.values() for v in lanes.values())
    return f"median and middle half of {most} runs" if most > 1 else ""


def _texts(depth: str, runs: Mapping[str, Lanes], every: int) -> list[str]:
    return [_text(label, lanes[depth], every) for label, lanes in runs.items()]


def _text(label: str, lanes: np.ndarray, every: int) -> str:
    """Says how many lanes diverged, or when the only one did."""
    bad = ~np.isfinite(lanes)
    lost = np.flatnonzero(bad.any(axis=1))
    if not lost.size:
        return label
    if len(lanes) == 1:
        return f"{label}: diverged at step {bad[0].argmax() * every:,}"
    return f"{label}: {lost.size} of {len(lanes)} diverged"


def _handles(texts: Sequence[str]) -> list[lines.Line2D]:
    return [
        lines.Line2D([], [], **_look(i), label=text) for i, text in enumerate(texts)
    ]


def _alt_text(
    names: Sequence[str], runs: Mapping[str, Lanes], every: int, title: str | None
) -> str:
    told = []
    texts = _texts(names[0], runs, every)
    for text, lanes in zip(texts, runs.values(), strict=True):
        ends = {n: _band(lanes[n]).middle[-1] for n in names if n in lanes}
        said = [
            f"{_NAMES[n]} {v:.3g}" for n, v in ends.items() if v is not np.ma.masked
        ]
        at_end = f", at the end {', '.join(said)}" * bool(said)
        told.append(text + at_end)
    heading = f"{title}. " if title else ""
    what = " and ".join(_NAMES[name] for name in names)
    return f"{heading}{what} over steps. {'. '.join(told)}."
