# What an optimizer remembers on its way down, and how far a gradient takes it.
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Array
from matplotlib import artist, lines, ticker
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure

from optax_lab.reporting import descents, style

Series = Array | np.ndarray
Numbers = Mapping[str, np.ndarray]

_WIDE = 100.0  # times the least: averages that differ so much have a logarithmic axis
_WIDE_STEPS = 10.0  # and effective steps
_ALIKE = 1e-3  # of the largest: what differs less does not change
_TINY = 1e-100  # as good as 0
_MOST = 6  # coordinates that have lines of their own


def states(
    averages: Mapping[str, Series],
    effective: Series,
    weights: Mapping[str, Series],
    *,
    coordinates: Sequence[str] = ("x", "y"),
    title: str | None = None,
) -> mpl_figure.Figure:
    """Draws an optimizer's averages, their weights, and its effective steps.

    One panel for every average, with a line for every coordinate; one for the weights,
    which grow from 0 to 1 as averages lose their bias; one for the step that each
    coordinate takes for a gradient of 1. More than 6 coordinates are drawn as their
    median and their middle half. Averages that are positive and differ by more than a
    hundred times have a logarithmic axis.

    Args:
      averages: By name, values after every step, (steps, n).
      effective: |update| / |gradient|, (steps, n).
      weights: By the average's name, its weight after every step, (steps,).
      coordinates: What the n coordinates are called.
      title: Above the figure.

    Raises:
      ValueError: If shapes do not fit.
    """
    kept = {name: np.asarray(values, float) for name, values in averages.items()}
    shares = {f"weight of {k}": np.asarray(v, float) for k, v in weights.items()}
    ratios = np.abs(np.asarray(effective, float))
    _check(kept, ratios, shares, coordinates)
    many = len(coordinates) > _MOST
    if many:
        kept = {name: _quartiles(values) for name, values in kept.items()}
        ratios = _quartiles(ratios)
    n = len(kept) + bool(shares) + 1
    with style.new_figure(7.0, 0.6 + 1.8 * n) as figure:
        panels = figure.subplots(n, 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, values) in zip(panels, kept.items(), strict=False):
            _draw_all(axes, name, values, many)
            _scale(axes, values)
        handles = _draw_all(panels[-1], "|update| / |gradient|", ratios, many)
        _scale(panels[-1], ratios, wide=_WIDE_STEPS)
        if shares:
            of = list(shares.values())
            handles += _draw(panels[-2], "weights", of, 1 if many else len(coordinates))
            panels[-2].set(ylim=(-0.08, 1.08), yticks=(0, 0.5, 1))
        descents.scale_steps(panels[-1], 1, len(ratios))
        style.title(figure, title)
        both = [f"median of {len(coordinates)} coordinates", "middle half of them"]
        labels = [*(both if many else coordinates), *shares]
        for handle, label in zip(handles, labels, strict=True):
            handle.set_label(label)
        style.legend_below(figure, handles)
        figure.set_label(_alt_text(kept, ratios, shares, coordinates, title))
    return figure


def _check(
    kept: Numbers, ratios: np.ndarray, shares: Numbers, coordinates: Sequence[str]
) -> None:
    if ratios.ndim != 2 or not ratios.size or ratios.shape[1] != len(coordinates):
        raise ValueError(
            f"effective has shape {ratios.shape}, but must be (steps, n) "
            f"with the {len(coordinates)} coordinates {', '.join(coordinates)}"
        )
    wanted = dict.fromkeys(kept, ratios.shape) | dict.fromkeys(shares, ratios.shape[:1])
    for name, values in (*kept.items(), *shares.items()):
        if values.shape != wanted[name]:
            raise ValueError(
                f"{name!r} has shape {values.shape}, but must have {wanted[name]}"
            )


def _quartiles(values: np.ndarray) -> np.ndarray:
    """Returns the quartiles over the coordinates that are finite, (steps, 3)."""
    values = np.where(np.abs(values) <= 1 / _TINY, values, np.nan)
    known = np.isfinite(values).any(axis=1)
    found = np.full((len(values), 3), np.nan)
    if known.any():
        found[known] = np.nanquantile(values[known], (0.25, 0.5, 0.75), axis=1).T
    return found


def _draw_all(
    axes: mpl_axes.Axes, name: str, values: np.ndarray, many: bool
) -> list[artist.Artist]:
    """Draws a line for every coordinate, or a band if these are quartiles of many."""
    if not many:
        return [*_draw(axes, name, values.T)]
    low, middle, high = values.T
    steps, color = np.arange(1, len(values) + 1), style.mark(0).color
    band = axes.fill_between(steps, low, high, color=color, alpha=0.25, lw=0)
    return [*_draw(axes, name, [middle]), band]


def _draw(
    axes: mpl_axes.Axes,
    name: str,
    series: Sequence[np.ndarray] | np.ndarray,
    i: int = 0,
) -> list[lines.Line2D]:
    """Draws a line for every row, the first of them with the i-th mark."""
    drawn = []
    for k, values in enumerate(series, start=i):
        look, steps = style.mark(k), np.arange(1, len(values) + 1)
        drawn += axes.plot(
            *(steps, np.ma.masked_where(~(np.abs(values) <= 1 / _TINY), values)),
            color=look.color,
            linestyle=look.line,
            linewidth=max(3.6 - 0.8 * (k - i), 1.8),
            marker=look.marker,
            markevery=descents.marked(k, steps),
            markersize=8,
            markeredgecolor="white",
        )
    axes.set_title(name, loc="left")
    return drawn


def _scale(axes: mpl_axes.Axes, values: np.ndarray, wide: float = _WIDE) -> None:
    """Gives an axis of positive values that differ much a logarithmic scale.

    What does not change stands in the middle of an axis that begins or ends at 0.
    """
    size = np.abs(values)
    found = values[(size > _TINY) & (size < 1 / _TINY)]
    if not found.size or np.ptp(found) <= _ALIKE * np.abs(found).max():
        level = float(np.median(found)) if found.size else 1.0
        low, high = sorted((-0.1 * level, 2.1 * level))
        axes.set(ylim=(low, high), yticks=(0.0, level, 2 * level))
        axes.yaxis.set_major_formatter("{x:.3g}")
    elif not (values < 0).any() and found.max() >= wide * found.min():
        margin = max((found.max() / found.min()) ** 0.08, 1.2)
        axes.set(yscale="log", ylim=(found.min() / margin, found.max() * margin))
        axes.yaxis.set_major_locator(ticker.LogLocator(numticks=4))
        axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    else:
        axes.yaxis.set_major_locator(ticker.MaxNLocator(4, steps=(1, 2, 2.5, 5, 10)))


def _alt_text(
    kept: Numbers,
    ratios: np.ndarray,
    shares: Numbers,
    coordinates: Sequence[str],
    title: str | None,
) -> str:
    many = len(coordinates) > _MOST
    places = [""] * 3 if many else [f" in {name}" for name in coordinates]
    at_end = lambda row: " and ".join(
        f"{value:.3g}{place}" for place, value in zip(places, row, strict=True)
    )
    told = [f"{name}, at the end {at_end(values[-1])}" for name, values in kept.items()]
    told += [f"{k} grows from {v[0]:.3g} to {v[-1]:.3g}" for k, v in shares.items()]
    told.append(
        f"|update| / |gradient| goes from {at_end(ratios[0])} to {at_end(ratios[-1])}"
    )
    heading = f"{title}. " if title else ""
    over = f"{style.count(len(ratios), 'step')}" + (
        f", as quartiles of {len(coordinates)} coordinates" * many
    )
    return f"{heading}State over {over}: {'. '.join(told)}."
