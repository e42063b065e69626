# What is measured of a step: lengths, ratios, angles, and averages that stand still.

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from optax_lab import precision


def norm(tree: PyTree) -> Float[Array, ""]:
    """Returns ‖x‖ = √Σ|xᵢ|² over all leaves, in float32 or wider; None counts nothing.

    Numbers are divided by the largest of them before they are squared, so that the norm
    is neither 0 nor infinite where they are not.
    """
    sizes = jax.tree.leaves(precision.each(jnp.abs, tree))
    with jax.numpy_dtype_promotion("standard"):
        peaks = [jnp.max(x, initial=0) for x in sizes]
        largest = functools.reduce(jnp.maximum, peaks, jnp.zeros([], jnp.float32))
        scales = (largest > 0) & (largest < jnp.inf)
        scale = jnp.where(scales, largest, jnp.ones_like(largest))
        return scale * jnp.sqrt(_total([jnp.sum((x / scale) ** 2) for x in sizes]))


def ratio(a: PyTree, b: PyTree) -> Float[Array, ""]:
    """Returns ‖a‖ / ‖b‖; 0 where a is 0, and infinity where only b is."""
    above, below = norm(a), norm(b)
    with jax.numpy_dtype_promotion("standard"):
        return above / jnp.where(above == 0, 1, below)


def cosine(a: PyTree, b: PyTree) -> Float[Array, ""]:
    """Returns the cosine of the angle between two trees alike, Re⟨a, b⟩ / (‖a‖ ‖b‖).

    It is 0 where one of them is 0.
    """
    lengths = norm(a), norm(b)
    p, q = (jnp.where(length == 0, 1, length) for length in lengths)
    product = lambda x, y: jnp.sum(jnp.real((x / p) * jnp.conj(y / q)))
    return jnp.clip(_total(precision.each(product, a, b)), -1, 1)


def unchanged(before: PyTree, after: PyTree, gradient: PyTree) -> Float[Array, ""]:
    """Returns the share of elements that a step left as they were.

    Counted are the elements whose gradient is not 0; without any, the share is 0. The
    three trees are alike.
    """
    arrived = lambda g: jnp.sum(g != 0, dtype=jnp.float32)
    stood = lambda g, a, b: jnp.sum((g != 0) & (a == b), dtype=jnp.float32)
    total = _total(precision.each(arrived, gradient))
    after = jax.tree.map(_as_stored, after)
    still = _total(precision.each(stood, gradient, after, before))
    return still / jnp.maximum(total, 1)


def _as_stored(x: Array) -> Array:
    """Returns x without the digits beyond its dtype that a compiler may still carry."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    info = jnp.finfo(x.dtype)
    return jax.lax.reduce_precision(x, info.nexp, info.nmant)


def _total(numbers: PyTree) -> Float[Array, ""]:
    """Sums numbers of any dtypes; none of them make 0."""
    with jax.numpy_dtype_promotion("standard"):
        return sum(jax.tree.leaves(numbers), jnp.zeros([], jnp.float32))
