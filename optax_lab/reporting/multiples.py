# The same surface many times over: what changes from one panel to the next is seen.
from collections.abc import Mapping
from typing import Any

from matplotlib import figure as mpl_figure
from matplotlib import lines

from optax_lab.reporting import paths, style, surfaces
from optax_lab.runs import descent

Runs = Mapping[str, descent.Trajectory]  # by label

_SIZES = {1: 1.0, 2: 1.0, 3: 0.75, 4: 0.65}  # of the signs, by the number of columns
_SIGNS: dict[str, str] = dict(zip(style.MARKERS, "●■▲◆▼✚✖", strict=True))
_TOLD = 2  # paths whose end a panel's title has room for


def multiples(
    surface: Any, panels: Mapping[str, Runs], *, title: str | None = None
) -> mpl_figure.Figure:
    """Draws the contours of a surface once for every panel, with the panel's paths.

    A label has the same mark in all panels. Where a panel has one or two paths, its
    title says how they ended. Everything else is as in `surfaces.surface`.

    Args:
      surface: Anything with ``name``, ``formula``, ``value``, ``window``, ``minima``.
      panels: By the panel's title, then by label, with points of shape (rows, 2).
      title: Replaces the surface's name and formula.

    Raises:
      ValueError: If there are no panels, or points are not in the plane.
    """
    if not panels:
        raise ValueError("panels is empty, but must hold a panel to draw")
    labels = list(dict.fromkeys(label for runs in panels.values() for label in runs))
    drawn = {name: _paths(surface, labels, runs) for name, runs in panels.items()}
    told = {name: _outcomes(panel) for name, panel in drawn.items()}
    longest = max((len(line) for lines in told.values() for line in lines), default=0)
    columns = _columns(len(panels), longest)
    width = 8.0 if columns > 1 else 5.0
    across, rows = width / columns, -(-len(panels) // columns)
    names = [
        "\n".join(style.wrap(name, int(8 * across)) + lines)
        for name, lines in told.items()
    ]
    with style.new_figure(width, _height(rows, across, names)) as figure:
        places = figure.add_gridspec(rows, columns)
        grid = surfaces.grid_of(surface)
        for i, (name, text) in enumerate(zip(drawn, names, strict=True)):
            axes = figure.add_subplot(places[divmod(i, columns)])
            surfaces.draw_contours(axes, surface, grid, size=_SIZES[columns])
            for path in drawn[name].values():
                surfaces.draw_path(axes, path, size=_SIZES[columns])
            axes.set_title(text, fontsize=13)
            _label_outside(axes, i, columns, len(panels))
        style.title(figure, title or f"{surface.name}: {surface.formula}")
        style.legend_below(figure, _handles(surface, labels, drawn))
        figure.set_label(_alt_text(surface, drawn))
    return figure


def _columns(n: int, longest: int) -> int:
    """Chooses how many panels stand side by side, so that few places stay empty."""
    columns = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3, 9: 3}.get(n, 4)
    return min(columns, 3) if longest > 9 * 8.0 / columns else columns


def _height(rows: int, across: float, names: list[str]) -> float:
    """Returns a figure's height in inches, with room for all lines of its panels."""
    lines = max(len(name.splitlines()) for name in names)
    return rows * (across + 0.22 * lines) + 0.75


def _paths(surface: Any, labels: list[str], runs: Runs) -> dict[str, paths.Path]:
    """Takes the paths of a panel, each with the mark that its label has everywhere."""
    drawn = {}
    for label, run in runs.items():
        i, share = labels.index(label), _share(labels.index(label), len(labels))
        drawn[label] = paths.path_of(surface, label, run, style.mark(i), share)
    return drawn


def _share(i: int, n: int) -> float:
    return i / (n - 1) if n > 1 else 0.5


def _label_outside(axes: Any, i: int, columns: int, n: int) -> None:
    """Names the coordinates at the left and where no panel stands below."""
    left, lowest = i % columns == 0, i + columns >= n
    axes.set(xlabel="x" * lowest, ylabel="y" * left)
    axes.tick_params(labelbottom=lowest, labelleft=left)


def _outcomes(drawn: Mapping[str, paths.Path]) -> list[str]:
    """Says how the paths of a panel ended, if they are few."""
    if len(drawn) > _TOLD:
        return []
    sign = lambda path: f"{_SIGNS[path.mark.marker]} " * (len(drawn) > 1)
    return [sign(path) + path.brief for path in drawn.values()]


def _handles(
    surface: Any, labels: list[str], drawn: Mapping[str, Mapping[str, paths.Path]]
) -> list[lines.Line2D]:
    every = {label: path for panel in drawn.values() for label, path in panel.items()}
    shown = [every[label]._replace(text=label, diverged=False) for label in labels]
    whole = [path for panel in drawn.values() for path in panel.values()]
    return surfaces.handles(shown) + surfaces.sign_handles(surface, whole)


def _alt_text(surface: Any, drawn: Mapping[str, Mapping[str, paths.Path]]) -> str:
    (x0, x1), (y0, y1) = surface.window
    told = [
        f"{name}: {'; '.join(path.told for path in panel.values())}"
        for name, panel in drawn.items()
    ]
    return (
        f"{surface.name}, {surface.formula}, as contours for x from {x0:g} to {x1:g} "
        f"and y from {y0:g} to {y1:g}, in {style.count(len(drawn), 'panel')} with "
        "paths. " + ". ".join(told)
    )
