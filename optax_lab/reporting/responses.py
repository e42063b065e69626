# What comes out of an optimizer when a pulse, or a step, of gradients goes in.
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure

from optax_lab.reporting import style

Both = tuple[Float[np.ndarray, " steps"], Float[np.ndarray, " steps"]]

_MARKS = 6  # on each line


def responses(
    series: Mapping[str, Both], *, title: str | None = None
) -> mpl_figure.Figure:
    """Draws impulse responses and, below them, step responses.

    Values are drawn as shares of the largest one of each line, since lines differ by
    thousands; steps have a logarithmic axis, on which short and long memories are seen
    together.

    Args:
      series: By label, the values after each step when the gradients are 0, 1, 0, 0, …
        and when they are 1, 1, 1, …
      title: Above the figure.

    Raises:
      ValueError: If there is nothing to draw.
    """
    if not series:
        raise ValueError("series is empty, but must hold a response to draw")
    with style.new_figure(7.0, 6.0) as figure:
        above, below = figure.subplots(2, 1, sharex=True)
        for i, (label, (impulse, step)) in enumerate(series.items()):
            _draw(above, i, label, impulse[1:])
            _draw(below, i, label, step)
        for axes in (above, below):
            axes.set_ylim(bottom=min(axes.get_ylim()[0], -0.05))  # 0 is seen
        above.set(title="one gradient of 1, then none", xscale="log")
        above.xaxis.set_major_formatter("{x:g}")
        below.set(title="gradients of 1 throughout", xlabel="step")
        figure.supylabel("share of the largest value", fontsize=14)
        figure.suptitle(title or "")
        style.legend_below(figure, below.get_lines())
        figure.set_label(_alt_text(series, title))
    return figure


def _draw(axes: mpl_axes.Axes, i: int, label: str, values: np.ndarray) -> None:
    """Draws a line, thinner than those before it, that lie under it where they meet."""
    look, steps = style.mark(i), np.arange(1, len(values) + 1)
    # At even distances on the axis, and elsewhere on each line.
    at = np.geomspace(1, len(values), _MARKS) * (1 + 0.15 * i)
    axes.plot(
        *(steps, _shares(values)),
        color=look.color,
        linestyle=look.line,
        linewidth=max(4.6 - 1.2 * i, 1.8),
        marker=look.marker,
        markevery=np.unique(np.clip(at, 1, len(values)).astype(int) - 1).tolist(),
        markersize=8,
        markeredgecolor="white",
        label=label,
    )


def _shares(values: np.ndarray) -> np.ndarray:
    seen = np.ma.masked_invalid(values)
    largest = np.abs(seen).max() if seen.count() else 0
    return seen / largest if largest else seen


def _alt_text(series: Mapping[str, Both], title: str | None) -> str:
    told = []
    for label, (impulse, step) in series.items():
        fallen = np.flatnonzero(np.abs(_shares(impulse[1:])) < 0.5)
        fades = f"at step {fallen[0] + 1}" if fallen.size else "never"
        goes = f"from {step[0]:.3g} to {step[-1]:.3g}"
        told.append(f"{label}: below half of its largest value {fades}, and {goes}")
    of = f" of {title}" if title else ""
    return (
        f"Values{of} over a logarithmic axis of steps, after one gradient of 1 and"
        f" during gradients of 1. {'. '.join(told)}."
    )
