# What a search found: how much the learning rate matters, and what k tries reach.
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib import lines

from optax_lab.reporting import marks, style
from optax_lab.reporting.marks import Series
from optax_lab.studies import tunability

_WINDOW = np.log10(2) * (1 - 1e-9)  # decades of rates that count as nearly the same
_HUGE = 1e100  # scores as large as this have diverged
_FAR = 1e3  # what is so many times the median is outside the figure
_DEEP = 1e-16  # and what is so small a part of the highest one
_STRIP = 0.12  # of the height of the axes, for what diverged
_LETTERS = 18  # of a name beside a row
_CROSS: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 6}


class _Search(NamedTuple):
    """Holds the points of a search by rising rate, and what is read from them."""

    rates: np.ndarray
    scores: np.ndarray  # nan where it diverged
    best_rates: np.ndarray
    best_scores: np.ndarray  # the envelope
    span: tunability.Sensitivity  # of the envelope


def sensitivity(
    rates: Mapping[str, Series],
    scores: Mapping[str, Series],
    *,
    label: str = "validation accuracy",
    best: tunability.Best = "highest",
    within: float = 0.05,
    title: str | None = None,
) -> mpl_figure.Figure:
    """Draws what every point of a search is worth over its learning rate.

    A line goes through the points that are the best of some window in which rates
    differ by less than a factor of 2: a sliding window, drawn where its best is, so
    that it widens nothing. Below, a row for each optimizer has a bar over the rates at
    which this line is nearly as good as the best score, a marker at the best rate, and
    the bar's width in decades: ≥ if the search ended before the good rates did.

    Diverged points are crosses at the worse end of the axes: the floor if the highest
    score is best, else the ceiling. What is 1000 times the median loss is outside.

    Args:
      rates: By optimizer, the learning rate of each point, in any order.
      scores: By optimizer, what each point is worth: nan or inf where it diverged.
      label: What the scores are.
      best: Whether the highest or the lowest score is the best.
      within: The share of the best score that may be missing.
      title: Above the figure.

    Raises:
      ValueError: If there is nothing to draw, or rates and scores do not fit, or as
        for `tunability.rate_sensitivity`.
    """
    found = _searches(rates, scores, within, best)
    rows = 0.28 * len(found) + 0.1
    with style.new_figure(marks.width_of(len(found)), 5.2 + rows) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.9, rows))
        lost = _draw_scores(above, found, best)
        _draw_spans(below, found)
        below.set_title(f"within {100 * within:g} % of its best", loc="left", size=13)
        above.set_ylabel(label)
        style.title(figure, title)
        handles = marks.handles_of(texts_of({n: s.scores for n, s in found.items()}))
        style.legend_below(figure, handles + lost)
        figure.set_label(_told(found, label, within, best, title))
    return figure


def scores_of(name: str, values: Series) -> np.ndarray:
    """Returns the scores of a search: nan where it diverged."""
    scores = np.asarray(values, float)
    if scores.ndim != 1 or not scores.size:
        found = f"shape {scores.shape}, but must be (points,)"
        raise ValueError(f"the scores of {name!r} have {found}")
    return np.where(np.abs(scores) <= _HUGE, scores, np.nan)


def texts_of(scores: Mapping[str, np.ndarray]) -> list[str]:
    """Writes the names, and which of them diverged everywhere."""
    lost = {name: bool(np.isnan(values).all()) for name, values in scores.items()}
    return [name + ": all diverged" * all_lost for name, all_lost in lost.items()]


def _searches(
    rates: Mapping[str, Series],
    scores: Mapping[str, Series],
    within: float,
    best: tunability.Best,
) -> dict[str, _Search]:
    marks.check_names(rates=rates, scores=scores)
    found = {}
    for name, at in rates.items():
        at, values = np.asarray(at, float), scores_of(name, scores[name])
        if at.shape != values.shape or not (np.isfinite(at) & (at > 0)).all():
            must = f"{len(values)} positive numbers, one for each score"
            raise ValueError(f"the rates of {name!r} must be {must}, got {at}")
        order = np.argsort(at, kind="stable")
        top = _envelope(at[order], values[order], best)
        span = tunability.rate_sensitivity(*top, within=within, best=best)
        found[name] = _Search(at[order], values[order], *top, span)
    return found


def _envelope(
    rates: np.ndarray, scores: np.ndarray, best: tunability.Best
) -> tuple[np.ndarray, np.ndarray]:
    """Keeps the points that are the best of some window of rates.

    A window around a point fits if the nearest better points, or the ends of the
    search, are further apart than it is wide.
    """
    at = np.log10(rates)
    losses = np.where(np.isnan(scores), np.inf, tunability.sign(best) * scores)
    better = losses < losses[:, None]  # than the point: (point, other)
    left = np.where(better & (at <= at[:, None]), at, at[0]).max(axis=1)
    right = np.where(better & (at >= at[:, None]), at, at[-1]).min(axis=1)
    kept = np.flatnonzero((right - left > _WINDOW) | ~better.any(axis=1))
    kept = kept[np.unique(rates[kept], return_index=True)[1]]  # equals are one
    return rates[kept], scores[kept]


def scale_scores(
    axes: mpl_axes.Axes, found: np.ndarray, best: tunability.Best, *, strip: bool
) -> None:
    """Chooses what is seen, with a strip free at the worse end if one is needed."""
    low, high = (found.min(), found.max()) if found.size else (0.0, 1.0)
    if best == "lowest" and found.size:
        high = found[found <= (_FAR * np.median(np.abs(found)) or np.inf)].max()
    log = best == "lowest" and low > 0 and high > 10 * low
    low = max(low, _DEEP * high) if log else low
    low, high = np.log10([low, high]) if log else (low, high)
    margin = 0.05 * (high - low) or 0.05 * abs(low) or 0.05
    free = 1.5 * _STRIP * (high - low + margin) * strip
    low, high = low - margin, high + margin
    low, high = (low - free, high) if best == "highest" else (low, high + free)
    axes.set_ylim((10.0**low, 10.0**high) if log else (low, high))
    if log:
        axes.set_yscale("log")
        marks.tick_log(axes.yaxis)


def _draw_scores(
    axes: mpl_axes.Axes, found: Mapping[str, _Search], best: tunability.Best
) -> list[lines.Line2D]:
    """Draws points and envelopes; returns what the legend says of the diverged."""
    rates = np.concatenate([search.rates for search in found.values()])
    scores = np.concatenate([search.scores for search in found.values()])
    lost = np.isnan(scores)
    scale_scores(axes, scores[~lost], best, strip=bool(lost.any()))
    margin = max((rates.max() / rates.min()) ** 0.04, 1.2)
    axes.set(xscale="log", xlim=(rates.min() / margin, rates.max() * margin))
    marks.tick_log(axes.xaxis)
    for i, search in enumerate(found.values()):
        height = 0.015 + _STRIP * (i + 0.5) / len(found)
        _draw_search(axes, i, search, height if best == "highest" else 1 - height)
    cross = lines.Line2D([], [], color=style.GREY, label="diverged", **_CROSS)
    return [cross] * bool(lost.any())


def _draw_search(axes: mpl_axes.Axes, i: int, search: _Search, height: float) -> None:
    points = {**marks.marker_of(i, 5), "linestyle": "", "alpha": 0.4, "zorder": 1}
    axes.plot(search.rates, search.scores, **points)
    seen = np.flatnonzero(np.isfinite(search.best_scores))
    if seen.size:
        at = np.log10(search.best_rates[seen])
        look = marks.line_of(i, markevery=seen[marks.spread(i, at)].tolist())
        axes.plot(search.best_rates, search.best_scores, **look)
    lost = search.rates[np.isnan(search.scores)]
    place = axes.get_xaxis_transform()
    look = {"color": style.mark(i).color, "transform": place, **_CROSS}
    axes.plot(lost, np.full(len(lost), height), **look)


def _draw_spans(axes: mpl_axes.Axes, found: Mapping[str, _Search]) -> None:
    """Draws a row for each optimizer, from the top."""
    place = {"transform": axes.get_yaxis_transform(), "size": 13, "va": "center"}
    for i, (*_, span) in enumerate(found.values()):
        if np.isfinite(span.best_rate):
            size, look = (span.high - span.low, 0.62), marks.marker_of(i)
            axes.barh(i, *size, left=span.low, color=look["color"], alpha=0.45)
            axes.plot(span.best_rate, i, **look, linestyle="")
        axes.text(1.02, i, _width(span), **place)
    head = {"xycoords": "axes fraction", "textcoords": "offset points", "size": 13}
    axes.annotate("decades", (1.02, 1), (0, 6), **head)  # as high as the title
    names = [n if len(n) <= _LETTERS else f"{n[: _LETTERS - 1]}…" for n in found]
    axes.set_yticks(range(len(found)), names)
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(len(found) - 0.5, -0.5), xlabel="learning rate")


def _width(span: tunability.Sensitivity) -> str:
    if np.isnan(span.best_rate):
        return "none"
    return f"{'≥ ' * (span.low_censored or span.high_censored)}{span.width_decades:.2f}"


def _told(
    found: Mapping[str, _Search],
    label: str,
    within: float,
    best: tunability.Best,
    title: str | None,
) -> str:
    pick = min if best == "lowest" else max
    told, spans = [], {name: search.span for name, search in found.items()}
    for name, span in spans.items():
        lost, n = np.isnan(found[name].scores).sum(), len(found[name].scores)
        near = f"best {span.best:.4g} at {span.best_rate:.3g}, {_width(span)} decades, "
        known = near * bool(np.isfinite(span.best_rate))
        told.append(f"{name}: {known}{lost} of {n} diverged")
    widths = {
        n: s.width_decades if s.diverged < 1 else np.nan for n, s in spans.items()
    }
    return marks.tell(
        title,
        f"{label} of every point of a search over its learning rate, and the decades "
        f"over which it is within {100 * within:g} % of the best",
        f"Best: {marks.winner({n: s.best for n, s in spans.items()}, pick)}; "
        f"widest: {marks.winner(widths, max)}",
        *told,
    )
