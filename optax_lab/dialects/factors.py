# Adafactor's averages as PyTorch and Keras keep them: along the last two axes.

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Int, PyTree

from optax_lab import ewma, precision
from optax_lab.optimizers import adafactor, numerics


class LastFactorsState(NamedTuple):
    """Holds the averages of rows and of columns.

    Of a tensor with fewer than two axes, `v_row` is the average itself, and `v_col`
    one number without meaning.
    """

    count: Int[Array, ""]
    v_row: ewma.Ewma
    v_col: ewma.Ewma


def scale_by_last_factors(
    decay_rate: ArrayLike,
    epsilon: ArrayLike = 0.0,
    floor: Callable[[Any], ArrayLike] = lambda dtype: 0.0,
) -> optax.GradientTransformation:
    """Divides gradients by the root of an average of squares, factored where it can be.

    rₜ and cₜ are averages, with βₜ = 1 − t^(−c), of the row and the column means of
    gₜ² + ε over the last two axes, νₜ = rₜcₜ / max(φ, mean rₜ), and the update is
    gₜ/√max(φ², νₜ). Of tensors with fewer axes ν is the average of gₜ² + ε itself.

    Args:
      decay_rate: c.
      epsilon: ε, Keras' ε₁.
      floor: φ, PyTorch's ε₁, a function of the gradient's dtype.

    Source: Shazeer & Stern 2018, arXiv:1804.04235, algorithm 4, which factors matrices.
    """

    def init_fn(params):
        shapes = [jax.eval_shape(part, params) for part in (_rows, _columns)]
        start = lambda shape: ewma.init(shape, dtype=numerics.statistic_dtype())
        return LastFactorsState(jnp.zeros([], jnp.int32), *map(start, shapes))

    def update_fn(updates, state, params=None):
        del params
        with jax.numpy_dtype_promotion("standard"):
            count = jnp.asarray(state.count, state.v_row.weight.dtype)
            decay = adafactor.power_decay(count, decay_rate)
        squares = precision.each(lambda x: numerics.square(x) + epsilon, updates)
        rows = ewma.update(state.v_row, _rows(squares), decay)
        columns = ewma.update(state.v_col, _columns(squares), decay)

        def divide(g, row, column, least):
            nu = _joined(row, column, least) if g.ndim > 1 else row
            return g / numerics.root(jnp.maximum(nu, least**2))

        floors = jax.tree.map(lambda g: floor(g.dtype), updates)
        step = precision.each(divide, updates, rows.average, columns.average, floors)
        count = jnp.asarray(optax.safe_increment(state.count))
        return numerics.like(step, updates), LastFactorsState(count, rows, columns)

    return optax.GradientTransformation(init_fn, update_fn)


def _joined(row: Array, column: Array, least: Array) -> Array:
    mean = numerics.positive(jnp.mean(row, -2, keepdims=True))
    return column * (row / jnp.maximum(mean, least))


def _rows(tree: PyTree) -> PyTree:
    mean = lambda x: jnp.mean(x, -1, keepdims=True) if x.ndim > 1 else x
    return precision.each(lambda x: numerics.bounded(mean(x)), tree)


def _columns(tree: PyTree) -> PyTree:
    mean = lambda x: jnp.mean(x, -2, keepdims=True) if x.ndim > 1 else jnp.zeros((1,))
    return precision.each(lambda x: numerics.bounded(mean(x)), tree)
