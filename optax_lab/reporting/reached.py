# How soon, how surely and how well a target was reached.
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import axes as mpl_axes
from matplotlib import figure as mpl_figure
from matplotlib import lines, ticker
from scipy import stats

from optax_lab.reporting import marks, style
from optax_lab.studies import scores, targets

_HUGE = 1e100  # a time as long as this is never
_STRIP = 0.16  # of the width of the axes, for what never arrives
_MARKS = 5  # on each line
_TICK: dict[str, Any] = {"linestyle": "", "marker": "|", "ms": 16, "mew": 2.4}


def accuracy_against_speed(
    speed: Mapping[str, marks.Series],
    accuracy: Mapping[str, marks.Series],
    *,
    labels: tuple[str, str] = (
        "epochs to 90 % of the training set",
        "accuracy on the fresh test set, %",
    ),
    title: str | None = None,
) -> mpl_figure.Figure:
    """Draws how well runs end against how soon they reach a target.

    A marker stands at an optimizer's median speed and mean accuracy; its bars are the
    middle half of the speeds and Student's 95 % interval of the mean. Dots are single
    seeds. What never arrives stands in a strip at the right: a dot for a run, a marker
    where half of the runs do not, a bar's end where a quarter of them do not.

    Args:
      speed: By optimizer, the time of each seed: inf where it never arrived.
      accuracy: By optimizer, what each seed ended with; nan is left out of the mean.
      labels: What the speed and the accuracy are.
      title: Above the figure.

    Raises:
      ValueError: If there is nothing to draw, or speed and accuracy do not fit.
    """
    found = _pairs(speed, accuracy)
    with style.new_figure(marks.width_of(len(found)), 5.0) as figure:
        axes = figure.subplots()
        never = _scale_speeds(axes, np.concatenate([s for s, _ in found.values()]))
        for i, pair in enumerate(found.values()):
            _draw_pair(axes, i, *pair, never)
        most = max(len(well) for _, well in found.values())
        bars = f"↔ middle half of {most} seeds, ↕ 95 % interval of the mean"
        axes.set_title(bars if most > 1 else "", size=13)
        axes.set(xlabel=labels[0], ylabel="\n".join(style.wrap(labels[1], 34)))
        style.title(figure, title)
        style.legend_below(figure, marks.handles_of(found, linestyle=""))
        figure.set_label(_told_of_pairs(found, labels, title))
    return figure


def profile(profile: targets.Profile, *, title: str | None = None) -> mpl_figure.Figure:
    """Draws on which share of the seeds an optimizer is at most τ times the best.

    Lines are steps from one τ to the next; bands are those of the profile.

    Args:
      profile: What `targets.performance_profile` returned.
      title: Above the figure.

    Raises:
      ValueError: If there is nothing to draw.
    """
    if not profile.shares or not len(profile.taus):
        raise ValueError("the profile is empty: it must have optimizers and factors")
    order = np.argsort(profile.taus)
    taus = profile.taus[order]
    with style.new_figure(marks.width_of(len(profile.shares)), 4.4) as figure:
        axes = figure.subplots()
        axes.set(xscale="log", xlim=(1, max(taus[-1], 1.1)))
        for i, (name, share) in enumerate(profile.shares.items()):
            _draw_steps(axes, i, taus, share[order], np.log(taus))
            band = (profile.low[name][order], profile.high[name][order])
            color = style.mark(i).color
            alpha = 0.14 if len(profile.shares) <= 6 else 0.06
            axes.fill_between(taus, *band, step="post", color=color, alpha=alpha, lw=0)
        _share_axis(axes, "share of the seeds")
        marks.tick_log(axes.xaxis)
        axes.set_xlabel("τ: time of at most τ times the best one's")
        style.title(figure, title)
        style.legend_below(figure, marks.handles_of(profile.shares))
        figure.set_label(_told_of_profile(profile, title))
    return figure


def shares_reached(
    times: Mapping[str, targets.Times],
    *,
    label: str = "epochs",
    title: str | None = None,
) -> mpl_figure.Figure:
    """Draws which share of the runs has reached a target by any time.

    It is 1 − S, with Kaplan and Meier's S. A line ends where its last run was last
    looked at, unless all runs have arrived; a tick is where a run was censored.

    Args:
      times: By optimizer, when runs arrived, or were last looked at.
      label: What times are counted in.
      title: Above the figure.

    Raises:
      ValueError: If there is nothing to draw, or as for `targets.survival`.
    """
    if not times:
        raise ValueError("times is empty, but must hold an optimizer to draw")
    found = {name: targets.survival(one) for name, one in times.items()}
    end = max(float(np.max(one.times)) for one in times.values())
    with style.new_figure(marks.width_of(len(times)), 4.4) as figure:
        axes = figure.subplots()
        axes.set_xlim(0, 1.03 * end)
        for i, one in enumerate(times.values()):
            _draw_arrivals(axes, i, one, end)
        _share_axis(axes, "share of the runs that have arrived")
        axes.set_xlabel(label)
        style.title(figure, title)
        texts = _counted(times)
        handles = marks.handles_of(texts if len(times) <= 6 else times)
        if any(np.any(one.censored) for one in times.values()):
            tick = lines.Line2D([], [], color=style.GREY, label="censored", **_TICK)
            handles.append(tick)
        style.legend_below(figure, handles)
        figure.set_label(_told_of_shares(found, texts, label, title))
    return figure


def _pairs(
    speed: Mapping[str, marks.Series], accuracy: Mapping[str, marks.Series]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    marks.check_names(speed=speed, accuracy=accuracy)
    found = {}
    for name, soon in speed.items():
        soon, well = np.asarray(soon, float), np.asarray(accuracy[name], float)
        if soon.ndim != 1 or soon.shape != well.shape or not soon.size:
            shapes = f"{soon.shape} and {well.shape}"
            raise ValueError(f"{name!r} has {shapes}, but must have (seeds,) twice")
        if not (soon >= 0).all():
            raise ValueError(f"speed of {name!r} must be at least 0 or inf, got {soon}")
        found[name] = (np.where(soon < _HUGE, soon, np.inf), well)
    return found


def _quartiles(soon: np.ndarray) -> np.ndarray:
    """Takes quartiles: what lies between something and never, is never."""
    found = np.quantile(np.minimum(soon, 8 * _HUGE), (0.25, 0.5, 0.75))
    return np.where(found < _HUGE, found, np.inf)


def _scale_speeds(axes: mpl_axes.Axes, speeds: np.ndarray) -> float:
    """Scales the axis of speeds; returns where on it is what never arrives."""
    found = speeds[np.isfinite(speeds)]
    low, high = (found.min(), found.max()) if found.size else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.1 * low or 0.1
    low, edge = low - margin, high + margin
    axes.set_xlim(low, edge)
    if found.size == speeds.size:
        return float(np.inf)
    ticks = [t for t in axes.get_xticks() if low <= t <= edge and found.size]
    end = edge + _STRIP * (edge - low)
    axes.axvspan(edge, end, color="#EFEFEF", zorder=0, lw=0)
    axes.set_xlim(low, end)
    never = (edge + end) / 2
    axes.set_xticks([*ticks, never], [*(f"{t:,.4g}" for t in ticks), "never"])
    return never


def _draw_pair(
    axes: mpl_axes.Axes, i: int, soon: np.ndarray, well: np.ndarray, never: float
) -> None:
    """Draws the seeds of an optimizer as dots, and their middle with its bars."""
    color = style.mark(i).color
    dots: dict[str, Any] = {"color": color, "ms": 7, "alpha": 0.4, "mew": 0}
    axes.plot(np.minimum(soon, never), well, ".", **dots, zorder=1)
    low, x, high = np.minimum(_quartiles(soon), never)
    y, *ends = _mean(well)
    axes.plot([low, high], [y, y], color=color, lw=1.8, zorder=3)
    axes.plot([x, x], ends, color=color, lw=1.8, zorder=3)
    axes.plot([x], [y], **marks.marker_of(i, 12), linestyle="", zorder=4)


def _mean(well: np.ndarray) -> scores.Interval:
    """Takes the mean of what is known, and its interval."""
    known = well[np.isfinite(well)]
    if not known.size:
        return scores.Interval(np.nan, np.nan, np.nan)
    return scores.mean_interval(known)


def _draw_steps(
    axes: mpl_axes.Axes, i: int, at: np.ndarray, share: np.ndarray, place: np.ndarray
) -> None:
    look = marks.line_of(i, markevery=marks.spread(i, place).tolist(), clip_on=False)
    axes.plot(at, share, drawstyle="steps-post", **look)


def _draw_arrivals(axes: mpl_axes.Axes, i: int, one: targets.Times, end: float) -> None:
    """Draws 1 − S in steps, from 0 on, and a tick where a run was censored."""
    data = stats.CensoredData.right_censored(one.times, one.censored)
    curve = stats.ecdf(data).cdf
    at, share = np.append(0.0, curve.quantiles), np.append(0.0, curve.probabilities)
    last = end if share[-1] == 1 else at[-1]
    at, share = np.append(at, last), np.append(share, share[-1])
    _draw_steps(axes, i, at, share, at)
    ticks = np.unique(one.times[one.censored])
    levels = share[np.searchsorted(at[:-1], ticks, side="right") - 1]
    axes.plot(ticks, levels, color=style.mark(i).color, **_TICK)


def _share_axis(axes: mpl_axes.Axes, label: str) -> None:
    axes.set(ylim=(-0.03, 1.03), ylabel=label)
    axes.yaxis.set_major_formatter(ticker.PercentFormatter(1.0, symbol=" %"))


def _counted(times: Mapping[str, targets.Times]) -> list[str]:
    counts = {name: (~one.censored).sum() for name, one in times.items()}
    return [f"{name}: {n} of {len(times[name].times)}" for name, n in counts.items()]


def _told_of_pairs(found: Mapping, labels: tuple[str, str], title: str | None) -> str:
    soon = {name: float(_quartiles(pair[0])[1]) for name, pair in found.items()}
    well = {name: _mean(pair[1])[0] for name, pair in found.items()}
    told = [
        f"{name}: median {marks.number(soon[name])}, mean {well[name]:.4g}, "
        f"{np.isinf(pair[0]).sum()} of {len(pair[0])} never"
        for name, pair in found.items()
    ]
    best = f"Soonest: {marks.winner(soon)}; highest: {marks.winner(well, max)}"
    return marks.tell(title, f"{labels[1]} against {labels[0]}", best, *told)


def _told_of_profile(profile: targets.Profile, title: str | None) -> str:
    best, ends = [], (profile.taus.argmin(), profile.taus.argmax())
    for k in ends:
        at = {name: float(share[k]) for name, share in profile.shares.items()}
        best.append(
            f"Highest share at τ = {profile.taus[k]:.3g}: {marks.winner(at, max)}"
        )
    told = [
        f"{n}: {s[ends[0]]:.3g} to {s[ends[1]]:.3g}" for n, s in profile.shares.items()
    ]
    what = (
        "Share of the seeds on which a time is at most τ times the best one's, over τ"
    )
    return marks.tell(title, what, *best, *told)


def _told_of_shares(
    found: Mapping[str, targets.Reached],
    texts: list[str],
    label: str,
    title: str | None,
) -> str:
    medians = {name: one.median for name, one in found.items()}
    rates = {name: one.rate for name, one in found.items()}
    most = marks.winner(rates, max)
    best = f"Soonest median: {marks.winner(medians)}; most runs: {most}"
    told = [
        f"{text}, half of the runs by: {marks.number(one.median)}"
        for text, one in zip(texts, found.values(), strict=True)
    ]
    return marks.tell(
        title, f"Share of the runs that have arrived, over {label}", best, *told
    )
