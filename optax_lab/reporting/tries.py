# What k tries of a search bring: how much tuning an optimizer needs.
from collections.abc import Mapping

import numpy as np
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib import ticker

from optax_lab.reporting import marks, search, style
from optax_lab.reporting.marks import Series
from optax_lab.studies import tunability

_QUARTILES = (0.75, 0.5, 0.25)  # chances: certainty has the worst score


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
    found = {name: search.scores_of(name, values) for name, values in scores.items()}
    if not found:
        raise ValueError("scores is empty, but must hold a search to draw")
    curves = {name: _tries(values, best) for name, values in found.items()}
    every = np.concatenate([curve[[0, 2, 3]].ravel() for curve in curves.values()])
    with style.new_figure(marks.width_of(len(found)), 4.4) as figure:
        axes = figure.subplots()
        search.scale_scores(axes, every[np.isfinite(every)], best, strip=False)
        alpha = 0.16 if len(found) <= 6 else 0.07
        thin = [_draw_tries(axes, i, c, alpha) for i, c in enumerate(curves.values())]
        _scale_tries(axes, max(map(len, found.values())))
        why = "; thin: median, while all may diverge" * any(thin)
        axes.set_title(f"mean and middle half{why}", size=13)
        axes.set(xlabel="k, points tried", ylabel=f"{label}, best of k")
        style.title(figure, title)
        style.legend_below(figure, marks.handles_of(search.texts_of(found)))
        figure.set_label(_told_of_tries(curves, label, best, title))
    return figure


def _tries(scores: np.ndarray, best: tunability.Best) -> np.ndarray:
    """Returns the mean and the quartiles of the best of k, from the worst one on."""
    quartiles = (tunability.quantile_of_k(scores, q, best=best) for q in _QUARTILES)
    return np.array([tunability.best_of_k(scores, best=best), *quartiles])


def _draw_tries(axes: mpl_axes.Axes, i: int, curve: np.ndarray, alpha: float) -> bool:
    """Draws a line and its band; returns whether its mean begins after its median."""
    k, (mean, worse, median, better) = 1 + np.arange(curve.shape[1]), curve
    look, seen = marks.line_of(i), np.flatnonzero(np.isfinite(mean))
    if seen.size:
        every = seen[marks.spread(i, np.log2(k[seen]))].tolist()
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
        one, all_of_them = (marks.number(median[k], "none") for k in (0, -1))
        told.append(f"{name}: median {one} of 1, {all_of_them} of {n}")
    what = f"Expected {label} of the best of k points, over k"
    return marks.tell(title, what, f"Best of all: {marks.winner(ends, pick)}", *told)
