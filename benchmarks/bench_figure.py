"""Draws what a benchmark measured: a panel per measure, a mark per contender.

A panel of several cases has a line for each of them, and its contenders' marks are told
by the legend. One of a single case has a labelled line for each contender.
"""

import textwrap
from collections.abc import Sequence

import bench_axes
from bench import Report, Row
from matplotlib import figure as mpl_figure

from optax_lab.reporting import style

LETTERS, BELOW = 34, 48  # of a line of labels, and of an axis's


def draw(report: Report, measures: Sequence[str] = ()) -> mpl_figure.Figure:
    """Returns a figure of rows: medians as marks, quartiles as bars.

    Args:
      report: what was found.
      measures: those that are drawn, a panel each; all unless given.
    """
    measures = measures or names(row.measure for row in report.rows)
    panels = [[row for row in report.rows if row.measure == m] for m in measures]
    contenders = names(row.contender for rows in panels for row in rows)
    heights = [_height(rows) for rows in panels]
    height = sum(heights) + 1.0 * len(panels) + 0.6
    with style.new_figure(9.0, height) as figure:
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
        marks = {}
        for ax, rows in zip(axes[:, 0], panels, strict=True):
            (_by_contender if _one_case(rows) else _by_case)(ax, rows, contenders)
            marks |= dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
        style.title(figure, plain(report.title))
        if marks:
            style.legend_below(figure, [marks[c] for c in contenders if c in marks])
    return figure


def names(of) -> list[str]:
    """Returns what differs, in the order in which it comes."""
    return list(dict.fromkeys(of))


def plain(text: str) -> str:
    """Returns Markdown as it is drawn."""
    return text.replace("`", "")


def _one_case(rows: list[Row]) -> bool:
    return len({row.case for row in rows}) == 1


def _height(rows: list[Row]) -> float:
    """Returns the inches of a panel: each mark has its place."""
    cases, contenders = names(r.case for r in rows), names(r.contender for r in rows)
    if _one_case(rows):
        return 0.28 * len(contenders)
    return max(0.42, 0.2 + 0.07 * len(contenders)) * len(cases)


def _by_contender(ax, rows: list[Row], contenders: list[str]) -> None:
    """Draws a single case, whose name stands under the axis."""
    for y, row in enumerate(rows):
        _mark(ax, row, y, contenders.index(row.contender))
    labels = [textwrap.fill(plain(row.contender), LETTERS) for row in rows]
    _finish(ax, rows, labels, plain(rows[0].case))


def _by_case(ax, rows: list[Row], contenders: list[str]) -> None:
    """Draws several cases, a line each."""
    cases = names(row.case for row in rows)
    for row in rows:
        i = contenders.index(row.contender)
        y = cases.index(row.case) + 0.7 * (i + 0.5) / len(contenders) - 0.35
        _mark(ax, row, y, i, label=row.contender)
    for y in range(1, len(cases)):
        ax.axhline(y - 0.5, color="#D9D9D9", lw=1)
    _finish(ax, rows, [textwrap.fill(plain(case), LETTERS) for case in cases])


def _mark(ax, row: Row, y: float, i: int, **label: str) -> None:
    """Draws a median and its quartiles."""
    mark, (low, middle, high) = style.mark(i), row.quartiles
    inside = "white" if i >= len(style.MARKERS) else mark.color  # a second round
    ax.plot([low, high], [y, y], color=mark.color, lw=2)
    look = {"color": mark.color, "mfc": inside, **label}
    ax.plot(middle, y, mark.marker, ls="none", **look)


def _finish(ax, rows: list[Row], labels: list[str], of: str = "") -> None:
    """Says what the lines of a panel are, and what its axis measures."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    unit = rows[0].unit
    bench_axes.number(ax, [end for row in rows for end in row.quartiles], unit)
    told = [f"{rows[0].measure}, {unit}".removesuffix(", "), *([of] if of else [])]
    between = "; " if len("; ".join(told)) <= BELOW else "\n"
    ax.set_xlabel(between.join(told))
