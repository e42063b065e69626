# How long, or how well, over two hyperparameters; what never arrives is no colour.
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array
from matplotlib import axes as mpl_axes
from matplotlib import colors, lines, patches, patheffects
from matplotlib import figure as mpl_figure

from optax_lab.reporting import scales, style

Series = Array | np.ndarray

_COLORS = "cividis"  # even in lightness, and nearly alike to all eyes
_HALO = (patheffects.withStroke(linewidth=5, foreground="white"),)
_NEVER: dict[str, Any] = {"facecolor": "white", "edgecolor": style.GREY}
_DIVERGED: dict[str, Any] = {
    "facecolor": "#C4C4C4",
    "edgecolor": style.GREY,
    "hatch": "////",
}
_HUGE = 1e100  # what is larger is as good as diverged
_DEEP = 1e-16  # of the largest value: what is smaller has the same colour


class _Map(NamedTuple):
    """Holds what is drawn, with the edges of the cells."""

    values: np.ndarray  # (x, y)
    x: np.ndarray
    y: np.ndarray
    x_edges: np.ndarray
    y_edges: np.ndarray
    x_scale: str  # "decay", "log" or "linear"
    y_scale: str
    best: tuple[int, int] | None


def heat_map(
    values: Series,
    x: Series,
    y: Series,
    *,
    labels: tuple[str, str, str],
    curves: Mapping[str, tuple[Series, Series]] | None = None,
    points: Mapping[str, tuple[float | int, float | int]] | None = None,
    title: str | None = None,
) -> mpl_figure.Figure:
    """Draws what came of every pair of two hyperparameters as the colour of a cell.

    Decays β, in [0, 1), stand at −log₁₀(1 − β), where 0.9, 0.99 and 0.999 are equally
    far apart; what is positive has a logarithmic axis if it is more evenly spaced
    there, and all else a linear one. Colours are logarithmic where all values are
    positive. The best cell, of the lowest value, has a star.

    Args:
      values: What came out, (x, y): `inf` where a target was never reached, nan where
        a run diverged.
      x: One hyperparameter, in rising order.
      y: The other hyperparameter, in rising order.
      labels: What x, y and the values are.
      curves: Theory: by label, x and y of a line.
      points: By label, x and y of a single point.
      title: Above the figure.

    Raises:
      ValueError: If shapes do not fit, or x or y is not in rising order.
    """
    numbers = np.asarray(values, float)
    lost = np.isfinite(numbers) & (np.abs(numbers) > _HUGE)
    drawn = _map_of(
        np.where(lost, np.nan, numbers), np.asarray(x, float), np.asarray(y, float)
    )
    with style.new_figure(7.0, 4.4) as figure:
        axes = figure.subplots()
        _scale(axes, drawn)
        handles = _draw_cells(figure, axes, drawn, labels[2])
        handles += _draw_best(axes, drawn, labels)
        handles += _draw_curves(axes, drawn, curves or {})
        handles += _draw_points(axes, drawn, points or {})
        axes.set(xlabel=labels[0], ylabel=labels[1])
        style.title(figure, title)
        if handles:
            style.legend_below(figure, handles)
        theory = [*(curves or {}), *(points or {})]
        figure.set_label(_alt_text(drawn, labels, theory, title))
    return figure


def _map_of(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> _Map:
    if x.ndim != 1 or y.ndim != 1 or values.shape != (*x.shape, *y.shape):
        raise ValueError(
            f"values have shape {values.shape}, but x and y are {x.shape} and {y.shape}"
        )
    for name, axis in (("x", x), ("y", y)):
        if not axis.size or not np.isfinite(axis).all() or (np.diff(axis) <= 0).any():
            raise ValueError(f"{name} must be finite numbers in rising order")
    x_scale, y_scale = scales.evenest(x), scales.evenest(y)
    found = np.where(np.isfinite(values), values, np.inf)
    best = np.unravel_index(found.argmin(), found.shape)
    return _Map(
        *(values, x, y),
        scales.edges_of(x, x_scale),
        scales.edges_of(y, y_scale),
        x_scale,
        y_scale,
        (int(best[0]), int(best[1])) if np.isfinite(found[best]) else None,
    )


def _scale(axes: mpl_axes.Axes, drawn: _Map) -> None:
    scales.set_scale(axes.xaxis, drawn.x_scale, drawn.x, drawn.x_edges)
    scales.set_scale(axes.yaxis, drawn.y_scale, drawn.y, drawn.y_edges)
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)


def _draw_cells(figure: Any, axes: Any, drawn: _Map, label: str) -> list:
    """Draws the cells, and the diverged ones by leaving the ground to be seen."""
    cells, edges = drawn.values.T, (drawn.x_edges, drawn.y_edges)
    axes.patch.set(**_DIVERGED, linewidth=0)
    never = np.ma.masked_where(~np.isinf(cells), np.zeros_like(cells))
    axes.pcolormesh(*edges, never, cmap=colors.ListedColormap(["white"]))
    found = np.ma.masked_invalid(cells)
    mesh = axes.pcolormesh(*edges, found, cmap=_COLORS, norm=_norm(found))
    if found.count():
        bar = figure.colorbar(mesh, ax=axes, label=label, pad=0.03)
        bar.outline.set_visible(False)
        if isinstance(mesh.norm, colors.LogNorm):
            scales.tick(bar.ax.yaxis, np.array([mesh.norm.vmin, mesh.norm.vmax]))
    looks = (
        (np.isinf(cells).any(), _NEVER, "never reached"),
        (np.isnan(cells).any(), _DIVERGED, "diverged"),
    )
    return [patches.Patch(**look, label=text) for found, look, text in looks if found]


def _norm(found: np.ma.MaskedArray) -> colors.Normalize:
    if not found.count():
        return colors.Normalize(0, 1)
    low, high = float(found.min()), float(found.max())
    if low <= 0:
        return colors.Normalize(low, high)
    return colors.LogNorm(max(low, _DEEP * high), high)


def _draw_best(axes: mpl_axes.Axes, drawn: _Map, labels: tuple) -> list[lines.Line2D]:
    if drawn.best is None:
        return []
    return axes.plot(
        *(drawn.x[drawn.best[0]], drawn.y[drawn.best[1]]),
        linestyle="",
        marker="*",
        markersize=20,
        color=style.COLORS[1],
        markeredgecolor="white",
        markeredgewidth=1.5,
        label=_best(drawn, labels),
    )


def _best(drawn: _Map, labels: tuple) -> str:
    if drawn.best is None:
        return "no cell reached it"
    i, j = drawn.best
    at = f"{labels[0]} {drawn.x[i]:.3g}, {labels[1]} {drawn.y[j]:.4g}"
    return f"best: {drawn.values[i, j]:,.5g} at {at}"


def _draw_curves(axes: mpl_axes.Axes, drawn: _Map, curves: Mapping) -> list:
    handles = []
    for i, (label, (x, y)) in enumerate(curves.items()):
        x, y = np.asarray(x, float), np.asarray(y, float)
        seen = scales.seen_on(drawn.x_scale, x) & scales.seen_on(drawn.y_scale, y)
        handles += axes.plot(
            np.where(seen, x, np.nan),
            np.where(seen, y, np.nan),
            color="black",
            linestyle=style.LINES[1 + i % 3],
            linewidth=2.2,
            path_effects=_HALO,
            label=label,
        )
    return handles


def _draw_points(axes: mpl_axes.Axes, drawn: _Map, points: Mapping) -> list:
    handles = []
    for i, (label, (x, y)) in enumerate(points.items()):
        inside = drawn.x_edges[0] <= x <= drawn.x_edges[-1]
        inside = inside and drawn.y_edges[0] <= y <= drawn.y_edges[-1]
        handles += axes.plot(
            *(([x], [y]) if inside else ([], [])),
            linestyle="",
            marker=style.MARKERS[i % len(style.MARKERS)],
            markersize=11,
            color="white",
            markeredgecolor="black",
            markeredgewidth=2,
            label=label if inside else f"{label} (outside)",
        )
    return handles


def _alt_text(drawn: _Map, labels: tuple, theory: list[str], title: str | None) -> str:
    x, y, values = drawn.x, drawn.y, drawn.values
    counts = {
        "reached": np.isfinite(values).sum(),
        "never reached": np.isinf(values).sum(),
        "diverged": np.isnan(values).sum(),
    }
    told = ", ".join(f"{n} {name}" for name, n in counts.items())
    return (
        (f"{title}. " if title else "")
        + f"{labels[2]} as colours over {labels[0]} from {x[0]:g} to {x[-1]:g} and "
        f"{labels[1]} from {y[0]:g} to {y[-1]:g}. "
        f"Of {style.count(values.size, 'cell')}: {told}. "
        + _best(drawn, labels)
        + (f". With {', '.join(theory)}." if theory else ".")
    )
