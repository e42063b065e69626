# The rate that suits each optimizer best, looked for in the same way for all.

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import optax
from jaxtyping import Float, PRNGKeyArray, PyTree, Shaped

from optax_lab.studies import grids, landings

RATES = np.geomspace(1e-4, 1e2, 61)  # ten to a decade


class Tuned(NamedTuple):
    """Holds what a search over learning rates found.

    Attributes:
      rates: the rates that were tried.
      scores: what each is worth, lower being better: `inf` where a run diverged, or
        the target was not reached.
      best: the rate with the lowest score; of several, that with the lowest value at
        the end; nan where every rate diverged.
      score: of the best rate.
      at_edge: whether that is the first or the last one, so that a better one may lie
        beyond.
    """

    rates: Float[np.ndarray, " rates"]
    scores: Float[np.ndarray, " rates"]
    best: float
    score: float
    at_edge: bool


def tune(
    surface: Any,
    makes: Mapping[str, Callable[..., optax.GradientTransformation]],
    starts: PyTree,
    *,
    steps: int,
    rates: Float[np.ndarray, " rates"] = RATES,
    target: float | None = None,
    keys: Shaped[PRNGKeyArray, " seeds"] | None = None,
    on_lanes: Callable[[int], None] | None = None,
) -> dict[str, Tuned]:
    """Tries the same learning rates with every optimizer, for the same steps.

    A rate's score is the median over starts and seeds of the last value, without its
    noise; with a target, of the first step at or below it. Draw what is tuned for as
    many steps: a rate that is best after 100 is seldom best after 1000.

    Args:
      surface: what is minimised.
      makes: by name, what makes an optimizer from ``learning_rate=``.
      starts: points with a leading axis.
      steps: how long a descent is.
      rates: what is tried, in rising order.
      target: a value to reach soon.
      keys: of a noisy surface, one for each seed.
      on_lanes: as in `grids.descents`.
    """
    found = {}
    for name, make in makes.items():
        grid = grids.descents(
            surface.value if keys is None else surface.sample,
            make,
            starts,
            hypers={"learning_rate": rates},
            keys=keys,
            on_lanes=on_lanes,
            steps=steps,
            record_every=steps,
            target=target,
            judge=None if keys is None else surface.value,
        )
        found[name] = _tuned(surface, np.asarray(rates), grid, target)
    return found


def medians(
    surface: Any, grid: grids.Grid, axes: int, target: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the cells of a grid are worth, and their values at the end.

    Both are medians over all but the first axes, over starts and seeds; what a cell is
    worth is its first hit where there is a target. They are inf where a run diverged,
    or where the target was not reached.
    """
    points = grid.trajectory.points
    ends = landings.values_at(surface.value, points, axes=len(grid.axes) + 1)[..., -1]
    ends = np.where(np.isfinite(ends), ends, np.inf)
    hits = np.asarray(grid.trajectory.first_hit, float)
    worth = ends if target is None else np.where(hits < 0, np.inf, hits)
    middle = lambda each: np.median(each.reshape(*each.shape[:axes], -1), axis=-1)
    return middle(worth), middle(ends)


def best_of(worth: np.ndarray, ends: np.ndarray) -> tuple[int, ...] | None:
    """Returns the best cell: the lowest end decides among equals, as where none hit.

    None where every cell diverged.
    """
    if not np.isfinite(ends).any():
        return None
    first = np.lexsort((ends.ravel(), worth.ravel()))[0]
    return tuple(int(k) for k in np.unravel_index(first, worth.shape))


def _tuned(
    surface: Any,
    rates: Float[np.ndarray, " rates"],
    grid: grids.Grid,
    target: float | None,
) -> Tuned:
    worth, ends = medians(surface, grid, 1, target)
    cell = best_of(worth, ends)
    if cell is None:
        return Tuned(rates, worth, np.nan, np.inf, False)
    (k,) = cell
    at_edge = k in (0, len(rates) - 1)
    return Tuned(rates, worth, float(rates[k]), float(worth[k]), at_edge)
