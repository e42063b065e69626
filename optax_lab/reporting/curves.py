# Curves over samples and over epochs.
import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Float
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib import lines

from optax_lab.reporting import marks, style

Series = Array | np.ndarray
Runs = Mapping[str, np.ndarray]  # by tag, (runs, epochs)

_TRAIN = "train"
_FAR = 1e3  # values more than so many times the median are left out
_HUGE = 1e100  # and these are not drawn at all, like inf


def smoothing(
    x: Float[Series, " n"],
    noisy: Float[Series, " n"],
    clean: Float[Series, " n"],
    curves: Mapping[str, Float[Series, " n"]],
) -> mpl_figure.Figure:
    """Draws a noisy signal, what it would be without noise, and averages of it."""
    with style.new_figure(7.0, 3.9) as figure:
        axes = figure.subplots()
        handles = axes.plot(x, noisy, ".", color="#8C8C8C", ms=5, label="noisy samples")
        handles += axes.plot(x, clean, color="black", lw=2.4, label="without noise")
        for i, (label, curve) in enumerate(curves.items()):
            look = style.mark(i)
            handles += axes.plot(
                *(x, curve),
                color=look.color,
                linestyle=look.line,
                linewidth=max(4.2 - 1.2 * i, 1.8),
                label=label,
            )
        axes.set(xlabel="x", ylabel="signal")
        axes.margins(x=0.01)
        style.legend_below(figure, handles)
        figure.set_label(
            f"{len(np.asarray(x))} noisy samples of a signal, the signal without noise,"
            f" and {len(curves)} averages of the samples: {', '.join(curves)}"
        )
    return figure


def learning_curves(
    histories: Mapping[str, Mapping[str, Series]],
    *,
    metrics: Sequence[str] | None = None,
    title: str | None = None,
) -> mpl_figure.Figure:
    """Draws every metric over the epochs, one panel for each.

    Lines are medians over runs, bands the middle half of them, which a logarithmic
    axis can show (a mean less a deviation may be negative). Training is dashed, every
    other split solid. A run is left out where it is not finite, and the legend says
    how many were. A loss has a logarithmic axis.

    Args:
      histories: By label, then by tag (``loss/train``, ``accuracy/validation``, …),
        values of shape (epochs,) or (runs, epochs).
      metrics: The first parts of the tags to draw: all but ``optimizer`` unless given.
      title: Above the figure.

    Raises:
      ValueError: If there is nothing to draw, or values have other axes.
    """
    metrics = _metrics(histories) if metrics is None else tuple(metrics)
    runs = {label: _runs(label, history) for label, history in histories.items()}
    splits = _splits(runs, metrics)
    if not splits:
        raise ValueError(f"histories have no tag like 'loss/train' for {metrics}")
    width = marks.width_of(len(runs))
    with style.new_figure(width, 0.4 + 2.9 * len(metrics)) as figure:
        panels = figure.subplots(len(metrics), 1, sharex=True, squeeze=False)[:, 0]
        for axes, metric in zip(panels, metrics, strict=True):
            _draw_metric(axes, metric, runs, splits)
        panels[0].set_title(_count(runs))
        panels[-1].set_xlabel("epoch")
        if title:
            style.title(figure, title)
        style.legend_below(figure, _handles(runs, splits))
        figure.set_label(_alt_text(metrics, runs, splits))
    return figure


def _metrics(histories: Mapping[str, Mapping[str, Series]]) -> tuple[str, ...]:
    firsts = (tag.split("/")[0] for history in histories.values() for tag in history)
    return tuple(dict.fromkeys(name for name in firsts if name != "optimizer"))


def _runs(label: str, history: Mapping[str, Series]) -> Runs:
    """Gives every series a leading axis of runs."""
    columns = {tag: np.atleast_2d(np.asarray(v, float)) for tag, v in history.items()}
    shapes = {values.shape[:1] for values in columns.values()}
    if len(shapes) > 1 or any(v.ndim != 2 or not v.size for v in columns.values()):
        found = {tag: np.shape(values) for tag, values in history.items()}
        raise ValueError(
            f"{label!r} has {found}, but must have (epochs,) or (runs, epochs)"
        )
    return columns


def _splits(runs: Mapping[str, Runs], metrics: Sequence[str]) -> dict[str, Any]:
    """Gives every split its line: training dashed, the first of the others solid."""
    tags = (tag.partition("/") for history in runs.values() for tag in history)
    names = dict.fromkeys(split for metric, _, split in tags if metric in metrics)
    solid, dashed, *rest = style.LINES
    others = [split for split in names if split not in (_TRAIN, "")]
    looks = dict(zip(others, itertools.cycle([solid, *rest]), strict=False))
    return ({_TRAIN: dashed} if _TRAIN in names else {}) | looks


def _draw_metric(
    axes: mpl_axes.Axes, metric: str, runs: Mapping[str, Runs], splits: Mapping
) -> None:
    drawn = []
    for i, history in enumerate(runs.values()):
        for split, line in splits.items():
            if (values := history.get(f"{metric}/{split}")) is not None:
                drawn.append((i, line, *_quartiles(values)))
    middles = np.ma.concatenate([middle for *_, middle, _ in drawn]).compressed()
    far = _FAR * np.median(np.abs(middles)) if middles.size else 0.0
    for i, line, low, middle, high in drawn:
        seen = np.ma.masked_where(np.abs(middle) > (far or np.inf), middle)
        _draw_series(axes, i, line, seen, (low, high))
    axes.set_ylabel(metric)
    if metric == "loss" and middles.size and middles.min() > 0:
        axes.set_yscale("log", nonpositive="clip")


def _quartiles(values: np.ndarray) -> list[np.ma.MaskedArray]:
    """Returns the lower quartile, the median and the upper one of the finite values."""
    finite = np.where(np.abs(values) <= _HUGE, values, np.nan)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        found = np.nanquantile(finite, (0.25, 0.5, 0.75), axis=0)
    return [np.ma.masked_invalid(row) for row in found]


def _draw_series(
    axes: mpl_axes.Axes, i: int, line: Any, middle: np.ma.MaskedArray, band: tuple
) -> None:
    """Draws a median and its band, and a cross where it ends before its time."""
    mark, epochs = style.mark(i), np.arange(1, len(middle) + 1)
    training, every = line == style.LINES[1], max(1, len(epochs) // 6)
    axes.plot(
        *(epochs, middle),
        linestyle=line,
        linewidth=1.8 if training else 2.6,
        markevery=(i * every // 4 % every, every),  # lines that coincide show theirs
        **marks.marker_of(i, 5 if training else 8),
    )
    if np.ma.any(band[0] < band[1]):
        axes.fill_between(epochs, *band, color=mark.color, alpha=0.18, lw=0)
    last = np.flatnonzero(~np.ma.getmaskarray(middle))[-1:]
    if last.size and last[0] < len(epochs) - 1:
        axes.plot(epochs[last], middle[last], "X", color=mark.color, ms=13, mec="black")


def _count(runs: Mapping[str, Runs]) -> str:
    most = max(len(values) for history in runs.values() for values in history.values())
    return f"median and middle half of {most} runs" if most > 1 else ""


def _text(label: str, history: Runs) -> str:
    """Says how many runs diverged, or when the only one did."""
    bad = [~np.isfinite(values) for values in history.values()]
    lost = np.any([b.any(axis=1) for b in bad], axis=0)
    if not lost.any():
        return label
    if len(lost) == 1:
        first = min(b[0].argmax() for b in bad if b.any()) + 1
        return f"{label}: diverged at epoch {first}"
    return f"{label}: {lost.sum()} of {len(lost)} diverged"


def _handles(runs: Mapping[str, Runs], splits: Mapping[str, Any]) -> list[lines.Line2D]:
    handles = []
    for i, (label, history) in enumerate(runs.items()):
        look = marks.marker_of(i, 9)
        handles.append(
            lines.Line2D([], [], linewidth=2.6, label=_text(label, history), **look)
        )
    for split, line in splits.items():
        handles.append(
            lines.Line2D([], [], color=style.GREY, linestyle=line, lw=2, label=split)
        )
    return handles


def _alt_text(metrics: Sequence[str], runs: Mapping[str, Runs], splits) -> str:
    told = []
    for label, history in runs.items():
        ends = (
            f"{tag} {np.mean(values[:, -1]):.3g}"
            for tag, values in history.items()
            if tag.split("/")[0] in metrics
        )
        told.append(f"{_text(label, history)}, at the end {', '.join(ends)}")
    return f"{' and '.join(metrics)} over epochs. {'. '.join(told)}."
