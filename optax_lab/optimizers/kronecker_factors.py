# The factors of Shampoo and SOAP: by dimension a matrix, a diagonal, or nothing.
#
# They are kept in one flat array. So trees of factors are like the parameters, and
# `ewma` averages them as it does everything.

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from optax_lab import precision
from optax_lab.optimizers import matrix_functions, numerics

# From a leaf's shape to its factors', (n, n) or (n,) or () for each of its dimensions.
# A leaf without dimensions counts as a vector of one.
Shapes = Callable[[tuple[int, ...]], list[tuple[int, ...]]]


def templates(params: PyTree, shapes: Shapes) -> PyTree:
    """Returns for each leaf the shape and dtype of its flat array of factors."""

    def template(p):
        size = sum(math.prod(s) for s in shapes(jnp.shape(p) or (1,)))
        with jax.numpy_dtype_promotion("standard"):
            dtype = jnp.promote_types(jnp.result_type(p), jnp.float32)
        return jax.ShapeDtypeStruct((size,), dtype)

    return jax.tree.map(template, params)


def zeros(params: PyTree, shapes: Shapes) -> PyTree:
    """Makes a flat array of factors for each leaf, all zeros."""
    return jax.tree.map(jnp.zeros_like, templates(params, shapes))


def _joined(factors: list[Array]) -> Array:
    return jnp.concatenate([f.reshape(-1) for f in factors])


def _split(flat: Array, shapes: list[tuple[int, ...]]) -> list[Array]:
    ends = np.cumsum([math.prod(s) for s in shapes])
    parts = jnp.split(flat, ends[:-1])
    return [part.reshape(s) for part, s in zip(parts, shapes, strict=True)]


def each(f: Callable, updates: PyTree, shapes: Shapes, *trees: PyTree) -> PyTree:
    """Maps f over the leaves' lists of factors in `trees`, as they are in the first.

    Where updates are None, the first tree's factors stay.
    """

    def of_leaf(old, g, *others):
        if g is None:
            return old
        kept = shapes(jnp.atleast_1d(g).shape)
        return _joined(f(*(_split(x, kept) for x in (old, *others))))

    old, *others = trees
    return precision.store(precision.each(of_leaf, old, updates, *others), old)


def outer(updates: PyTree, shapes: Shapes) -> PyTree:
    """Returns for each dimension the products of all pairs of slices.

    A gradient whose squares would leave the number range counts as a shorter one.
    """

    def of_leaf(g):
        unit, size = matrix_functions.scaled(jnp.atleast_1d(g))
        limit = math.sqrt(float(jnp.finfo(g.dtype).max) / (2 * (1 + g.size)))
        x = unit * jnp.minimum(size, limit)
        return _joined([_products(x, a, s) for a, s in enumerate(shapes(x.shape))])

    return precision.each(of_leaf, updates)


def _products(x: Array, axis: int, shape: tuple[int, ...]) -> Array:
    if shape == ():
        return jnp.zeros((), x.dtype)
    others = math.prod(n for a, n in enumerate(x.shape) if a != axis)
    rows = jnp.moveaxis(x, axis, 0).reshape(x.shape[axis], others)
    whole = len(shape) == 2
    return rows @ rows.conj().T if whole else jnp.sum(numerics.abs_sq(rows), axis=1)


def apply(factors: PyTree, tree: PyTree, shapes: Shapes) -> PyTree:
    """Returns every leaf multiplied by its factors, each along its dimension."""

    def of_leaf(x, flat):
        unit, size = matrix_functions.scaled(precision.saturate(jnp.atleast_1d(x)))
        for axis, factor in enumerate(_split(flat, shapes(unit.shape))):
            unit = _along(unit, axis, factor)
        return precision.saturate(size * unit).reshape(x.shape)

    return precision.each(of_leaf, tree, factors)


def apply_adjoint(factors: PyTree, tree: PyTree, shapes: Shapes) -> PyTree:
    """Returns every leaf multiplied by the adjoints of its factors."""
    adjoint = lambda leaf: [factor.conj().T for factor in leaf]
    return apply(each(adjoint, tree, shapes, factors), tree, shapes)


def _along(x: Array, axis: int, factor: Array) -> Array:
    if factor.ndim == 2:
        return jnp.moveaxis(jnp.tensordot(factor, x, (1, axis)), 0, axis)
    if factor.ndim == 1:
        others = [a for a in range(x.ndim) if a != axis]
        return x * jnp.expand_dims(factor, others)
    return x
