# Paths that grow on the contours of a surface, all by the same clock.
import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib import animation, lines
from matplotlib import figure as mpl_figure
from PIL import Image

from optax_lab.reporting import paths, style, surfaces
from optax_lab.runs import descent

_MANY = 300  # steps, from which on the clock is logarithmic
_DPI = 80
_REST = 1.0  # seconds that the last frame stands still


class _Walker(NamedTuple):
    """A path and its artists."""

    path: paths.Path
    steps: np.ndarray  # of its points
    line: lines.Line2D
    head: lines.Line2D


def animate(
    surface: Any,
    trajectories: Mapping[str, descent.Trajectory],
    path: str | os.PathLike,
    *,
    seconds: float | int = 6.0,
    fps: int = 15,
    record_every: int = 1,
    on_frame: Callable[[int, int], None] | None = None,
) -> pathlib.Path:
    """Writes a film of trajectories that grow on the contours of a surface.

    All runs have the same clock: the step, which is in the title. Where the longest run
    has more than 300 of them, the clock's pace grows with the step, so that the first
    steps are seen as well as the last. A run that is at its end stays there, with a
    cross if it diverged. The last frame stands still for one second more.

    The film is written beside its place and moved there when it is whole.

    Args:
      surface: Anything with ``name``, ``value``, ``window`` and ``minima``.
      trajectories: By label, with points of shape (rows, 2).
      path: Where to: a .gif, or an .mp4 if there is ffmpeg.
      seconds: How long the clock runs.
      fps: Frames per second.
      record_every: Steps from one row of a trajectory to the next.
      on_frame: Told how many frames are drawn, and of how many.

    Returns:
      The path.

    Raises:
      ValueError: If the format cannot be written, if there is no time for a frame, or
        if points are not in the plane.
    """
    path = pathlib.Path(path)
    writer = _writer(path, fps)
    frames = round(seconds * fps)
    if frames < 1:
        raise ValueError(f"{seconds} seconds at {fps} fps have no frame: ask for more")
    with style.new_figure(6.4, 6.1) as figure, _whole(path) as part:
        walkers = _draw(figure, surface, trajectories, record_every)
        writer.metadata["comment"] = _alt_text(surface, walkers)
        clock = _clock(max((int(w.steps[-1]) for w in walkers), default=0), frames)
        with writer.saving(figure, part, _DPI):
            for done, now in enumerate(clock, start=1):
                _move(walkers, now)
                _tell(figure, surface, now)
                writer.grab_frame()
                if on_frame is not None:
                    on_frame(done, frames)
            for _ in range(round(fps * _REST)):
                writer.grab_frame()
    return path


class _Gif(animation.PillowWriter):
    """Writes all frames in the last one's colours, so that a file holds but changes."""

    def finish(self) -> None:
        if not self._frames:  # something failed before the first, and is being raised
            return
        first, last = self._frames[0], self._frames[-1]
        colors = last.quantize()
        plain = Image.Dither.NONE
        frames = [f.quantize(palette=colors, dither=plain) for f in self._frames]
        palette: Any = frames[0].getpalette()
        ground: Any = frames[0].getpixel((0, 0))
        palette[3 * ground : 3 * ground + 3] = first.getpixel((0, 0))  # not nearly
        for frame in frames:
            frame.putpalette(palette)
        frames[0].info["comment"] = self.metadata["comment"]
        self._frames = frames
        super().finish()


def _writer(path: pathlib.Path, fps: int) -> animation.AbstractMovieWriter:
    suffix = path.suffix.lower()
    if suffix == ".gif":
        return _Gif(fps=fps, metadata={})
    if suffix != ".mp4":
        raise ValueError(f"a film is written as .gif or .mp4, not {suffix!r}")
    if not animation.writers.is_available("ffmpeg"):
        raise ValueError("an .mp4 needs ffmpeg, which is not here: write a .gif")
    return animation.FFMpegWriter(fps=fps, metadata={})


@contextlib.contextmanager
def _whole(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Hands out a name beside a path, and moves what is there when it is whole."""
    part = path.with_name(f".{path.stem}.part{path.suffix.lower()}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _clock(last: int, frames: int) -> np.ndarray:
    """Returns the step, with its fraction, that every frame shows."""
    if frames == 1:
        return np.array([float(last)])
    if last <= _MANY:
        return np.linspace(0, last, frames)
    return np.geomspace(1, last + 1, frames) - 1  # both ends of which are exact


def _draw(
    figure: mpl_figure.Figure,
    surface: Any,
    trajectories: Mapping[str, descent.Trajectory],
    every: int,
) -> list[_Walker]:
    """Draws all that stands still, and what will move."""
    n = max(1, len(trajectories) - 1)
    drawn = {
        label: paths.path_of(surface, label, run, style.mark(i), i / n)
        for i, (label, run) in enumerate(trajectories.items())
    }
    axes = figure.subplots()
    surfaces.draw_contours(axes, surface, surfaces.grid_of(surface))
    axes.set(xlabel="x", ylabel="y")
    walkers = [
        _walker(axes, path, every) for path in drawn.values() if len(path.points)
    ]
    shown = [path._replace(text=label, diverged=False) for label, path in drawn.items()]
    signs = surfaces.sign_handles(surface, list(drawn.values()))
    style.legend_below(figure, surfaces.handles(shown) + signs)
    _tell(figure, surface, 0.0)
    for _ in range(2):  # a layout with a legend settles at the second time
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return walkers


def _walker(axes: Any, path: paths.Path, every: int) -> _Walker:
    look = path.mark
    (line,) = axes.plot([], [], **surfaces.line_of(path))
    (head,) = axes.plot(
        *([], []), marker=look.marker, color=look.color, ms=11, mec="white", zorder=7
    )
    axes.plot(*path.points[:1].T, **surfaces.START)
    return _Walker(path, np.arange(len(path.points)) * every, line, head)


def _move(walkers: list[_Walker], now: float) -> None:
    """Brings every path to a step."""
    for walker in walkers:
        points, steps = walker.path.points, walker.steps
        at = [np.interp(now, steps, points[:, k]) for k in (0, 1)]
        walker.line.set_data(*np.vstack([points[steps <= now], at]).T)
        walker.head.set_data(*np.transpose([at]))
        if walker.path.diverged and now >= steps[-1] and walker.path.inside.any():
            walker.head.set(**surfaces.cross(walker.path.mark.color))
            walker.head.set_data(*surfaces.last_seen(walker.path))


def _tell(figure: mpl_figure.Figure, surface: Any, now: float) -> None:
    figure.axes[0].set_title(f"{surface.name}, step {int(now):,}", loc="left")


def _alt_text(surface: Any, walkers: list[_Walker]) -> str:
    told = "".join(f" {walker.path.text}." for walker in walkers)
    return f"Paths that grow on the contours of {surface.name}.{told}"
