"""Draws what a benchmark measured: a panel per measure, a mark per contender."""

from collections.abc import Sequence

from bench import Report, Row
from matplotlib import figure as mpl_figure
from matplotlib import ticker

from optax_lab.views import style


def draw(report: Report, measures: Sequence[str] = ()) -> mpl_figure.Figure:
    """Returns a figure of rows: medians as marks, quartiles as bars.

    Args:
      report: what was found.
      measures: those that are drawn, a panel each; all unless given.
    """
    measures = measures or list(dict.fromkeys(row.measure for row in report.rows))
    of = {m: [row for row in report.rows if row.measure == m] for m in measures}
    lines = [len({row.case for row in rows}) for rows in of.values()]
    drawn = [row for rows in of.values() for row in rows]
    contenders = list(dict.fromkeys(row.contender for row in drawn))
    height = 0.42 * sum(lines) + 1.0 * len(measures) + 0.3 * len(contenders) + 0.6
    with style.new_figure(9.0, height) as figure:
        panels = figure.subplots(len(measures), 1, squeeze=False, height_ratios=lines)
        for ax, (measure, rows) in zip(panels[:, 0], of.items(), strict=True):
            _panel(ax, rows, contenders)
            ax.set_xlabel(f"{measure}, {rows[0].unit}")
        style.title(figure, report.title)
        marks = {}
        for ax in panels[:, 0]:
            marks |= dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
        style.legend_below(figure, [marks[name] for name in contenders])
    return figure


def _panel(ax, rows: list[Row], contenders: list[str]) -> None:
    cases = list(dict.fromkeys(row.case for row in rows))
    for row in rows:
        i = contenders.index(row.contender)
        mark, (low, middle, high) = style.mark(i), row.quartiles
        inside = "white" if i >= len(style.MARKERS) else mark.color  # a second round
        y = cases.index(row.case) + 0.6 * (i + 0.5) / len(contenders) - 0.3
        ax.plot([low, high], [y, y], color=mark.color, lw=2)
        look = {"color": mark.color, "mfc": inside, "label": row.contender}
        ax.plot(middle, y, mark.marker, ls="none", **look)
    ax.set_yticks(range(len(cases)), [case.replace("`", "") for case in cases])
    ax.set_ylim(len(cases) - 0.5, -0.5)
    if all(low > 0 for row in rows for low in row.quartiles):
        ax.set_xscale("log")
        _plain_numbers(ax)
    for y in range(1, len(cases)):
        ax.axhline(y - 0.5, color="#D9D9D9", lw=1)


def _plain_numbers(ax) -> None:
    """Says 0.2 and 30 on a logarithmic axis, and more of them where it is short."""
    low, high = ax.get_xlim()
    ax.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    some = (1, 2, 5) if high / low < 100 else (1,)
    some = range(1, 10) if high / low < 10 else some
    told = lambda x, _: f"{x:g}" if int(f"{x:.0e}"[0]) in some else ""
    ax.xaxis.set_minor_formatter(ticker.FuncFormatter(told))
