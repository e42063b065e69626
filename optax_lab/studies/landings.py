# How far down runs came, and how soon: never how near they are to a known answer.

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, PyTree, Scalar

from optax_lab import precision
from optax_lab.studies import resolution

Values = Float[np.ndarray, "*lanes rows"] | Float[Array, "*lanes rows"]


def values_at(
    value: Callable[[PyTree], Scalar], points: PyTree, axes: int = 1
) -> Float[np.ndarray, "*axes"]:
    """Returns the values of a function at points with so many leading axes.

    A noisy descent records what it saw; this is what was there.
    """
    over = value
    for _ in range(axes):
        over = jax.vmap(over)
    return np.asarray(jax.jit(over)(jax.tree.map(precision.array, points)))


def gradient_norms(
    value: Callable[[PyTree], Scalar], points: PyTree, axes: int = 1
) -> Float[np.ndarray, "*axes"]:
    """Returns ‖∇f‖ at points with so many leading axes."""
    return values_at(
        lambda point: optax.tree.norm(jax.grad(value)(point)), points, axes
    )


def above_best(surface: Any, values: Values) -> Float[np.ndarray, "*lanes rows"]:
    """Returns f − f*: how far values are above the smallest one, 0 but for rounding.

    Raises:
      ValueError: if the surface has no isolated minimum. Where f* is not taken, or on
        a whole line, f − f* ranks nothing.
    """
    if not surface.minima:
        raise ValueError(f"{surface.name} has no isolated minimum: f − f* says nothing")
    values = np.asarray(values)
    above = values - surface.best
    rounding = 4 * resolution.relative(values) * abs(surface.best)
    return np.where(np.abs(above) <= rounding, 0, above)


def first_hits(values: Values, target: float | int) -> Float[np.ndarray, "*lanes"]:
    """Returns the first row in which a value is at or below a target, inf if never.

    Of runs that record every step, it is a step; of others, `descend` counts it.

    >>> first_hits(np.array([[3.0, 2.0, 1.0, 2.0], [3.0, 3.0, np.nan, 3.0]]), 2)
    array([ 1., inf])
    """
    values = np.asarray(values)
    hit = values <= resolution.as_measured(target, values)
    return np.where(hit.any(axis=-1), hit.argmax(axis=-1) * 1.0, np.inf)


def basin_hits(
    surface: Any, ends: Float[np.ndarray, "*lanes"]
) -> Bool[np.ndarray, "*lanes"]:
    """Says which runs ended in the basin of a best minimum, by their last values.

    What lies lower than the second-best local minimum can only go down to a best one.
    Lower means by a thousandth of its height above the best: rounding is no hit.

    Raises:
      ValueError: if the surface has no second-best minimum, or none that is isolated.
    """
    if surface.runner_up is None or not surface.minima:
        raise ValueError(f"{surface.name} has no second-best minimum to end up in")
    height = surface.runner_up - surface.best
    return np.asarray(ends) < surface.runner_up - 1e-3 * height
