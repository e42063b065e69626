# What a search found: how much the learning rate matters, and what k tries reach.
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib import lines, ticker

from optax_lab.studies import tunability
from optax_lab.views import reached, style
from optax_lab.views.reached import Series

_WINDOW = np.log10(2) * (1 - 1e-9)  # decades of rates that count as nearly the same
_HUGE = 1e100  # scores as large as this have diverged
_FAR = 1e3  # what is so many times the median is outside the figure
_DEEP = 1e-16  # and what is so small a part of the highest one
_STRIP = 0.12  # of the height of the axes, for what diverged
_QUARTILES = (0.75, 0.5, 0.25)  # chances: certainty has the worst score
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
    with style.new_figure(reached.width_of(len(found)), 5.2 + rows) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.9, rows))
        lost = _draw_scores(above, found, best)
        _draw_spans(below, found)
        below.set_title(f"within {100 * within:g} % of its best", loc="left", size=13)
        above.set_ylabel(label)
        style.title(figure, title)
        handles = reached.handles_of(_texts({n: s.scores for n, s in found.items()}))
        style.legend_below(figure, handles + lost)
        figure.set_label(_told(found, label, within, best, title))
    return figure


def tuning_curve(
    scores: Mapping[str, Series],
    *,
    label: str = "validation accuracy",
    best: tunability.Best = "highest",
    title: str | None = None,
) -> mpl_figure.Figure:
    """Draws what the best of k points of a search is expected to be worth.

    Bands are the middle half of what k tries find; their worse side may be outside,
    since for a few tries it is so far away that nothing else would be seen. While all
    k tries may diverge there is no mean: a thin line is their median there.

    Args:
      scores: By optimizer, what each point is worth: nan or inf where it diverged.
      label: What the scores are.
      best: Whether the highest or the lowest score is the best.
      title: Above the figure.

    Raises:
      ValueError: If there is nothing to draw.
    """
    found = {name: _scores(name, values) for name, values in scores.items()}
    if not found:
        raise ValueError("scores is empty, but must hold a search to draw")
    curves = {name: _tries(values, best) for name, values in found.items()}
    every = np.concatenate([curve[[0, 2, 3]].ravel() for curve in curves.values()])
    with style.new_figure(reached.width_of(len(found)), 4.4) as figure:
        axes = figure.subplots()
        _scale_scores(axes, every[np.isfinite(every)], best, strip=False)
        alpha = 0.16 if len(found) <= 6 else 0.07
        thin = [_draw_tries(axes, i, c, alpha) for i, c in enumerate(curves.values())]
        _scale_tries(axes, max(map(len, found.values())))
        why = "; thin: median, while all may diverge" * any(thin)
        axes.set_title(f"mean and middle half{why}", size=13)
        axes.set(xlabel="k, points tried", ylabel=f"{label}, best of k")
        style.title(figure, title)
        style.legend_below(figure, reached.handles_of(_texts(found)))
        figure.set_label(_told_of_tries(curves, label, best, title))
    return figure


def _scores(name: str, values: Series) -> np.ndarray:
    """Returns the scores of a search: nan where it diverged."""
    scores = np.asarray(values, float)
    if scores.ndim != 1 or not scores.size:
        found = f"shape {scores.shape}, but must be (points,)"
        raise ValueError(f"the scores of {name!r} have {found}")
    return np.where(np.abs(scores) <= _HUGE, scores, np.nan)


def _texts(scores: Mapping[str, np.ndarray]) -> list[str]:
    lost = {name: bool(np.isnan(values).all()) for name, values in scores.items()}
    return [name + ": all diverged" * all_lost for name, all_lost in lost.items()]


def _searches(
    rates: Mapping[str, Series],
    scores: Mapping[str, Series],
    within: float,
    best: tunability.Best,
) -> dict[str, _Search]:
    reached.check_names(rates=rates, scores=scores)
    found = {}
    for name, at in rates.items():
        at, values = np.asarray(at, float), _scores(name, scores[name])
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


def _scale_scores(
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
        reached.tick_log(axes.yaxis)


def _draw_scores(
    axes: mpl_axes.Axes, found: Mapping[str, _Search], best: tunability.Best
) -> list[lines.Line2D]:
    """Draws points and envelopes; returns what the legend says of the diverged."""
    rates = np.concatenate([search.rates for search in found.values()])
    scores = np.concatenate([search.scores for search in found.values()])
    lost = np.isnan(scores)
    _scale_scores(axes, scores[~lost], best, strip=bool(lost.any()))
    margin = max((rates.max() / rates.min()) ** 0.04, 1.2)
    axes.set(xscale="log", xlim=(rates.min() / margin, rates.max() * margin))
    reached.tick_log(axes.xaxis)
    for i, search in enumerate(found.values()):
        height = 0.015 + _STRIP * (i + 0.5) / len(found)
        _draw_search(axes, i, search, height if best == "highest" else 1 - height)
    cross = lines.Line2D([], [], color=style.GREY, label="diverged", **_CROSS)
    return [cross] * bool(lost.any())


def _draw_search(axes: mpl_axes.Axes, i: int, search: _Search, height: float) -> None:
    points = {**reached.marker_of(i, 5), "linestyle": "", "alpha": 0.4, "zorder": 1}
    axes.plot(search.rates, search.scores, **points)
    seen = np.flatnonzero(np.isfinite(search.best_scores))
    if seen.size:
        at = np.log10(search.best_rates[seen])
        look = reached.line_of(i, markevery=seen[reached.spread(i, at)].tolist())
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
            size, look = (span.high - span.low, 0.62), reached.marker_of(i)
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
    return reached.tell(
        title,
        f"{label} of every point of a search over its learning rate, and the decades "
        f"over which it is within {100 * within:g} % of the best",
        f"Best: {reached.winner({n: s.best for n, s in spans.items()}, pick)}; "
        f"widest: {reached.winner(widths, max)}",
        *told,
    )


def _tries(scores: np.ndarray, best: tunability.Best) -> np.ndarray:
    """Returns the mean and the quartiles of the best of k, from the worst one on."""
    quartiles = (tunability.quantile_of_k(scores, q, best=best) for q in _QUARTILES)
    return np.array([tunability.best_of_k(scores, best=best), *quartiles])


def _draw_tries(axes: mpl_axes.Axes, i: int, curve: np.ndarray, alpha: float) -> bool:
    """Draws a line and its band; returns whether its mean begins after its median."""
    k, (mean, worse, median, better) = 1 + np.arange(curve.shape[1]), curve
    look, seen = reached.line_of(i), np.flatnonzero(np.isfinite(mean))
    if seen.size:
        every = seen[reached.spread(i, np.log2(k[seen]))].tolist()
        axes.plot(k, np.where(np.isfinite(mean), mean, np.nan), **look, markevery=every)
    early = np.isfinite(median) & (k <= len(k) - len(seen) + 1) & (len(seen) < len(k))
    axes.plot(
        k[early], median[early], color=look["color"], ls=look["linestyle"], lw=1.4
    )
    worse = np.clip(worse, *axes.get_ylim())  # it may be infinite
    axes.fill_between(
        *(k, worse, better),
        where=np.isfinite(better),
        color=look["color"],
        alpha=alpha,
        lw=0,
    )
    return bool(early.any())


def _scale_tries(axes: mpl_axes.Axes, most: int) -> None:
    axes.set_xscale("log", base=2)
    axes.set(xlim=(0.92, 1.08 * most), xticks=2 ** np.arange(most.bit_length()))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(ticker.NullLocator())


def _told_of_tries(
    curves: Mapping[str, np.ndarray],
    label: str,
    best: tunability.Best,
    title: str | None,
) -> str:
    pick, told = min if best == "lowest" else max, []
    ends = {name: float(curve[0, -1]) for name, curve in curves.items()}
    for name, (mean, _, median, _) in curves.items():
        n = len(mean)
        one, all_of_them = (reached.number(median[k], "none") for k in (0, -1))
        told.append(f"{name}: median {one} of 1, {all_of_them} of {n}")
    what = f"Expected {label} of the best of k points, over k"
    return reached.tell(
        title, what, f"Best of all: {reached.winner(ends, pick)}", *told
    )
