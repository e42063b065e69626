# The paths of optimizers on a surface of two parameters.
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colors, lines, ticker
from matplotlib import figure as mpl_figure

from optax_lab.reporting import paths, style
from optax_lab.runs import descent

_SIDE = 160  # points of the grid along each axis
_LEVELS = 18
Grid = tuple[np.ndarray, np.ndarray, np.ma.MaskedArray]
_GREYS = colors.LinearSegmentedColormap.from_list("greys", ["#FFFFFF", "#A6A6A6"])


def surface(
    surface: Any,
    trajectories: Mapping[str, descent.Trajectory],
    *,
    title: str | None = None,
) -> mpl_figure.Figure:
    """Draws trajectories on a surface and on its contours.

    Contours are drawn at quantiles of the values in the window, so that flat and steep
    functions have equally many. Markers and arrows stand at equal distances along a
    path. What leaves the window is clipped; a run that diverged is drawn to its last
    finite point and has a cross where it was last seen. A path that would paint over a
    part of the window, as one that swings for thousands of steps, is a thin line.

    Args:
      surface: Anything with ``name``, ``formula``, ``value``, ``window``, ``minima``.
      trajectories: By label, with points of shape (rows, 2).
      title: Replaces the surface's name and formula.

    Raises:
      ValueError: If points are not in the plane.
    """
    n = max(1, len(trajectories) - 1)
    drawn = [
        paths.path_of(surface, label, run, style.mark(i), i / n)
        for i, (label, run) in enumerate(trajectories.items())
    ]
    grid = grid_of(surface)
    with style.new_figure(8.0, 4.6) as figure:
        axes = figure.subplot_mosaic(
            [["surface", "contours"]],
            per_subplot_kw={"surface": {"projection": "3d", "computed_zorder": False}},
        )
        _draw_surface(axes["surface"], surface, grid, drawn)
        _draw_plan(axes["contours"], surface, grid, drawn)
        style.title(figure, title or f"{surface.name}: {surface.formula}")
        style.legend_below(figure, handles(drawn))
        figure.set_label(_alt_text(surface, drawn))
    return figure


def grid_of(surface: Any) -> Grid:
    """Returns x, y and the surface's values all over its window."""
    x, y = np.meshgrid(*(np.linspace(low, high, _SIDE) for low, high in surface.window))
    z = paths.heights(surface, np.stack([x.ravel(), y.ravel()], axis=1))
    return x, y, np.ma.masked_invalid(z.reshape(x.shape))


def _levels(z: np.ma.MaskedArray) -> np.ndarray:
    if not z.count():
        return np.array([0.0, 1.0])
    levels = np.unique(np.quantile(z.compressed(), np.linspace(0, 1, _LEVELS)))
    return levels if len(levels) > 1 else levels[0] + np.array([0.0, 1.0])


def _draw_surface(axes: Any, surface, grid, drawn: list[paths.Path]) -> None:
    x, y, z = grid
    levels = _levels(z)
    axes.plot_surface(
        *(x, y, z),
        cmap=_GREYS,
        norm=colors.BoundaryNorm(levels, _GREYS.N),
        rcount=50,
        ccount=50,
        edgecolor="#00000018",
        linewidth=0.3,
    )
    for path in drawn:
        seen = np.column_stack([path.points, path.heights])
        seen[~path.inside] = np.nan
        axes.plot(*seen.T, **line_of(path), zorder=5)
    (xlim, ylim) = surface.window
    axes.set(xlabel="x", ylabel="y", zlabel="f", xlim=xlim, ylim=ylim)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(ticker.MaxNLocator(3))
    axes.tick_params(pad=0)
    axes.view_init(elev=42, azim=-60)
    axes.set_box_aspect((1, 1, 0.65))


def _draw_plan(axes, surface, grid: Grid, drawn: list[paths.Path]) -> None:
    draw_contours(axes, surface, grid)
    for path in drawn:
        draw_path(axes, path)
    axes.set(xlabel="x", ylabel="y")
    signs = {"start": "○", "minimum": "☆"}
    seen = seen_signs(surface, drawn)
    axes.set_title("   ".join(f"{signs[k]} {k}" for k in signs if k in seen))


def draw_contours(axes: Any, surface: Any, grid: Grid, *, size: float = 1.0) -> None:
    """Draws a surface's contours and minima, its signs at so many times their size."""
    x, y, z = grid
    levels = _levels(z)
    axes.contourf(x, y, z, levels, cmap=_GREYS, norm=colors.BoundaryNorm(levels, 256))
    axes.contour(x, y, z, levels, colors="#8C8C8C", linewidths=0.5)
    for minimum in surface.minima:
        axes.plot(*minimum, **(MINIMUM | {"markersize": 17 * size}))
    axes.set(xlim=surface.window[0], ylim=surface.window[1])
    axes.locator_params(nbins=4)
    axes.set_box_aspect(1)


MINIMUM: dict[str, Any] = {
    "marker": "*",
    "markersize": 17,
    "markerfacecolor": "white",
    "markeredgecolor": "black",
    "linestyle": "",
    "zorder": 6,
}
START: dict[str, Any] = {
    "marker": "o",
    "markersize": 9,
    "markerfacecolor": "white",
    "markeredgecolor": "black",
    "markeredgewidth": 2,
    "linestyle": "",
    "zorder": 5,
}


def draw_path(axes: Any, path: paths.Path, *, size: float = 1.0) -> None:
    """Draws a path, its start and where it was lost, at so many times their size."""
    axes.plot(*path.points[:1].T, **(START | {"markersize": 9 * size}))
    if not path.inside.any():
        return
    axes.plot(
        *path.points.T,
        **line_of(path, size),
        marker=path.mark.marker,
        markevery=path.marked.tolist(),
        markersize=8 * size,
        markerfacecolor=path.mark.color,
        markeredgecolor="white",
    )
    _draw_arrows(axes, path, size)
    if path.diverged:
        axes.plot(*last_seen(path), **cross(path.mark.color, size))


def line_of(path: paths.Path, size: float = 1.0) -> dict[str, Any]:
    """Returns the look of a path's line: thin and translucent if it is crowded."""
    color = path.mark.color
    if path.crowded:
        return {"color": colors.to_rgba(color, 0.45), "linewidth": 0.8 * size}
    line = {"linestyle": path.mark.line, "linewidth": path.width * size}
    return {"color": color} | line


def last_seen(path: paths.Path) -> np.ndarray:
    """Returns the last point of a path that is in the window."""
    return path.points[np.flatnonzero(path.inside)[-1:]].T


def cross(color: str, size: float = 1.0) -> dict[str, Any]:
    """Returns the look of the cross where a run was lost."""
    return {
        "color": color,
        "linestyle": "",
        "marker": "X",
        "markersize": 15 * size,
        "markeredgecolor": "black",
    }


def _draw_arrows(axes, path: paths.Path, size: float) -> None:
    """Draws heads of arrows, halfway between the markers."""
    here = (path.marked[1:] + path.marked[:-1]) // 2
    tails, heads = path.points[here], path.points[here + 1]
    lengths = np.linalg.norm(heads - tails, axis=1, keepdims=True)
    real = lengths[:, 0] > 0  # not a step beyond the far end, which is nan
    at = (tails + heads)[real] / 2
    direction = (heads - tails)[real] / lengths[real]
    axes.quiver(
        *(*at.T, *direction.T),
        color=path.mark.color,
        angles="xy",
        pivot="mid",
        scale_units="inches",
        scale=5.5 / size,
        width=0.012,
        headwidth=5.5,
        headlength=7,
        headaxislength=5,
        edgecolor="white",
        linewidth=0.8,
        zorder=4,
    )


def handles(drawn: list[paths.Path]) -> list[lines.Line2D]:
    """Makes the legend's entries: what each path is called and how it ended."""
    return [
        lines.Line2D(
            *([], []),
            color=path.mark.color,
            linestyle=path.mark.line,
            linewidth=path.width,
            marker="X" if path.diverged else path.mark.marker,
            markersize=11 if path.diverged else 8,
            markeredgecolor="black" if path.diverged else "white",
            label=path.text,
        )
        for path in drawn
    ]


def seen_signs(surface: Any, drawn: Sequence[paths.Path]) -> list[str]:
    """Names the signs that are in the window."""
    (x0, x1), (y0, y1) = surface.window
    near = any(x0 <= x <= x1 and y0 <= y <= y1 for x, y in surface.minima)
    begun = any(path.inside[:1].any() for path in drawn)
    lost = any(path.diverged and path.inside.any() for path in drawn)
    return ["start"] * begun + ["minimum"] * near + ["diverged"] * lost


def sign_handles(surface: Any, drawn: Sequence[paths.Path]) -> list[lines.Line2D]:
    """Makes the legend's entries for the signs that are in the window."""
    looks = {"start": START, "minimum": MINIMUM, "diverged": cross(style.GREY, 0.8)}
    seen = seen_signs(surface, drawn)
    return [lines.Line2D([], [], **looks[text], label=text) for text in seen]


def _alt_text(surface: Any, drawn: list[paths.Path]) -> str:
    (x0, x1), (y0, y1) = surface.window
    return (
        f"{surface.name}, {surface.formula}, as a surface and as contours for x from "
        f"{x0:g} to {x1:g} and y from {y0:g} to {y1:g}, with the paths of "
        f"{style.count(len(drawn), 'run')}. " + ". ".join(path.told for path in drawn)
    )
