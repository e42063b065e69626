# What an optimizer remembers on its way down, and how far a gradient takes it.
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Array
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib import lines

from optax_lab.views import descents, style

Series = Array | np.ndarray
Numbers = Mapping[str, np.ndarray]

_WIDE = 100.0  # times the least: values that differ so much have a logarithmic axis
_TINY = 1e-100  # as good as 0


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
    coordinate takes for a gradient of 1. Averages that are positive and differ by more
    than a hundred times have a logarithmic axis.

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
    n = len(kept) + bool(shares) + 1
    with style.new_figure(7.0, 0.6 + 1.8 * n) as figure:
        panels = figure.subplots(n, 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, values) in zip(panels, kept.items(), strict=False):
            _draw(axes, name, values.T)
            _scale(axes, values)
        handles = _draw(panels[-1], "|update| / |gradient|", ratios.T)
        _scale(panels[-1], ratios, wide=1.0)
        if shares:
            of = list(shares.values())
            handles += _draw(panels[-2], "weights", of, len(coordinates))
            panels[-2].set(ylim=(-0.08, 1.08), yticks=(0, 0.5, 1))
        descents.scale_steps(panels[-1], 1, len(ratios))
        style.title(figure, title)
        for handle, label in zip(handles, [*coordinates, *shares], strict=True):
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
    """Gives an axis of positive values that differ much a logarithmic scale."""
    found = np.abs(values[np.isfinite(values)])
    found = found[(found > _TINY) & (found < 1 / _TINY)]
    if found.size and not (values < 0).any() and found.max() >= wide * found.min():
        margin = max((found.max() / found.min()) ** 0.08, 1.2)
        limits = found.min() / margin, found.max() * margin
        axes.set(yscale="log", ylim=limits)


def _alt_text(
    kept: Numbers,
    ratios: np.ndarray,
    shares: Numbers,
    coordinates: Sequence[str],
    title: str | None,
) -> str:
    at_end = lambda row: " and ".join(
        f"{value:.3g} in {name}" for name, value in zip(coordinates, row, strict=True)
    )
    told = [f"{name}, at the end {at_end(values[-1])}" for name, values in kept.items()]
    told += [f"{k} grows from {v[0]:.3g} to {v[-1]:.3g}" for k, v in shares.items()]
    told.append(
        f"|update| / |gradient| goes from {at_end(ratios[0])} to {at_end(ratios[-1])}"
    )
    heading = f"{title}. " if title else ""
    return f"{heading}State over {len(ratios)} steps: {'. '.join(told)}."
