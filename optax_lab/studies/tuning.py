# The rate that suits each optimizer best, looked for in the same way for all.

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jaxtyping import Float, PRNGKeyArray, PyTree, Shaped

from optax_lab.studies import grids, landings

RATES = np.geomspace(1e-4, 1e2, 61)  # ten to a decade


class Tuned(NamedTuple):
    """Holds what a search over learning rates found.

    Attributes:
      rates: the rates that were tried.
      scores: what each is worth, lower being better: `inf` where a run diverged.
      best: the rate with the lowest score, the smallest of several.
      at_edge: whether that is the first or the last one, so that a better one may lie
        beyond.
    """

    rates: Float[np.ndarray, " rates"]
    scores: Float[np.ndarray, " rates"]
    best: float
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
    noise; with a target, of the first recorded step at or below it. Draw what is tuned
    for as many steps: a rate that is best after 100 is seldom best after 1000.

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
    lanes = len(rates) * len(jax.tree.leaves(starts)[0])
    every = steps if target is None else grids.thinned(lanes, steps)
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
            record_every=every,
        )
        found[name] = _tuned(surface, np.asarray(rates), grid, target, every)
    return found


def _tuned(
    surface: Any, rates: np.ndarray, grid: grids.Grid, target, every: int
) -> Tuned:
    points = grid.trajectory.points
    values = landings.values_at(surface.value, points, axes=len(grid.axes) + 1)
    if target is None:
        scores = np.where(np.isfinite(values[..., -1]), values[..., -1], np.inf)
    else:
        scores = landings.first_hits(values, target, record_every=every)
    scores = np.median(scores.reshape(len(rates), -1), axis=1)
    k = int(np.argmin(scores))
    return Tuned(rates, scores, float(rates[k]), k in (0, len(rates) - 1))
