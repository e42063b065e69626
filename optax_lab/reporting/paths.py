# What of a trajectory can be drawn on a plane, and where its markers stand.
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from optax_lab.reporting import style
from optax_lab.runs import descent

_MARKS = 4  # along a path
_CELLS = 32  # into which a window is cut along each axis
_FULL = 4.0  # times a cell's side: a line as long as this in it leaves little else seen
_PAINTED = 0.03  # of the cells: a path that fills more of them is drawn thin
_PIECES = 1_000_000  # into which a path is cut at most, or nearly so

_OUTCOMES = {  # of how many steps, and how many these are
    "converged": "converged in {}",
    "max_steps": "not converged in {}",
    "diverged": "diverged at step {1:,}",
}
_BRIEF = {
    "converged": "converged in {:,}",
    "max_steps": "not converged",
    "diverged": "diverged at {:,}",
}


class Path(NamedTuple):
    """The part of a trajectory that can be drawn."""

    points: np.ndarray  # (n, 2): to its end or its last finite point; nan far away
    heights: np.ndarray  # (n,)
    inside: np.ndarray  # (n,): which points are in the window
    marked: np.ndarray  # indices of the points with a marker
    mark: style.Mark
    width: float
    crowded: bool  # whether it would paint over what lies under it
    diverged: bool
    brief: str  # how it ended, in few letters
    text: str  # what it is called and how it ended
    told: str  # and where


def path_of(
    surface: Any, label: str, run: descent.Trajectory, mark: style.Mark, share: float
) -> Path:
    """Takes what can be drawn of a trajectory.

    Args:
      surface: What it went down.
      label: What it is called.
      run: The trajectory, with points of shape (rows, 2).
      mark: How it is told apart.
      share: Its place among all paths, from 0 to 1. Later ones are thinner, so that
        what lies under them can still be seen.

    Raises:
      ValueError: If the points are not in the plane.
    """
    status, steps = descent.STATUS[run.status], int(run.steps_taken)
    points = _moving(label, run)
    low, high = np.transpose(surface.window)
    inside = ((points >= low) & (points <= high)).all(axis=1)
    if status == "diverged" and inside.any():
        left = np.flatnonzero(inside)[-1] + 2  # with the step that leaves the window
        points, inside = points[:left], inside[:left]
    # Matplotlib clips lines, but overflows on coordinates that are far too large.
    far = (np.abs(points - (low + high) / 2) > 1e3 * (high - low)).any(axis=1)
    points = np.where(far[:, None], np.nan, points)
    text = f"{label}: {_OUTCOMES[status].format(style.count(steps, 'step'), steps)}"
    x, y = np.asarray(run.points)[-1]
    return Path(
        points,
        heights(surface, points),
        inside,
        _evenly(points, inside, share),
        mark,
        4.4 - 2.6 * share,
        _is_crowded((points - low) / (high - low)),
        status == "diverged",
        _BRIEF[status].format(steps),
        text,
        f"{text}, at ({x:.3g}, {y:.3g})",
    )


def _is_crowded(points: np.ndarray) -> bool:
    """Tells whether a path fills many cells of the window, which is [0, 1]²."""
    ends, n = _CELLS * points, len(points)
    pieces = max(2, min(_CELLS, _PIECES // n)) if n else 0  # of each step
    steps = np.diff(ends, axis=0)
    lengths = np.repeat(np.linalg.norm(steps, axis=1) / max(pieces, 1), pieces)
    places = (np.arange(pieces) + 0.5)[:, None] / max(pieces, 1)
    at = (ends[:-1, None] + places * steps[:, None]).reshape(-1, 2)
    seen = ((at >= 0) & (at < _CELLS)).all(axis=1)
    cells = at[seen].astype(int) @ (_CELLS, 1)
    filled = np.bincount(cells, lengths[seen], _CELLS**2) > _FULL
    return bool(filled.mean() > _PAINTED)


def heights(surface: Any, points: np.ndarray) -> np.ndarray:
    """Returns the surface's values at many points, (n, 2) → (n,)."""
    values = jax.jit(jax.vmap(surface.value))  # one program, not one per operation
    return np.asarray(values(jnp.asarray(points, float)), float)


def _moving(label: str, run: descent.Trajectory) -> np.ndarray:
    """The points up to the last finite one, without the repeated end."""
    points = np.asarray(run.points, float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(
            f"{label!r} has points of shape {points.shape}, but must have (rows, 2)"
        )
    finite = np.isfinite(points).all(axis=1) & np.isfinite(np.asarray(run.values))
    points = points[: len(points) if finite.all() else finite.argmin()]
    moved = np.flatnonzero((points[1:] != points[:-1]).any(axis=1))
    return points[: moved[-1] + 2 if len(moved) else 1]


def _evenly(points: np.ndarray, inside: np.ndarray, share: float) -> np.ndarray:
    """Chooses points at equal distances along the path, and its last one.

    Every path begins at a distance of its own, so that equal paths show all markers.
    """
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    lengths = np.where(inside[1:] & inside[:-1], lengths, 0.0)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    distances = (np.arange(_MARKS) + 0.25 + 0.75 * share) / _MARKS
    chosen = np.searchsorted(along, [*(distances * along[-1]), along[-1]])
    return np.unique(np.minimum(chosen, len(points) - 1))
