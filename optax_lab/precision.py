# Computed in float32 or wider, stored in what was asked for: the two borders of a rule.

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree


def each(f: Callable, tree: PyTree, *rest: PyTree) -> PyTree:
    """Maps f over the leaves of `tree`, widened to float32 or more.

    A None in the first tree stays None; a None in the others reaches f. Dtypes promote
    inside f, whatever JAX is set to; `store` and `numerics.like` lead back.
    """

    def g(leaf, *others):
        return None if leaf is None else f(widen(leaf), *map(widen, others))

    with jax.numpy_dtype_promotion("standard"):
        return jax.tree.map(g, tree, *rest, is_leaf=_is_none)


def store(tree: PyTree, like: PyTree, *, key: PRNGKeyArray | None = None) -> PyTree:
    """Casts every leaf to the dtype of the same leaf of `like`.

    A narrower range cuts what lies beyond it, so that an average that leaves the range
    is not infinite for ever. With a key, bfloat16 is rounded up or down at random so
    that its mean is exact. float16 is always rounded to nearest.
    """
    number = itertools.count()

    def cast(old, new):
        if old is None:
            return None
        if key is not None and old.dtype == jnp.bfloat16:
            new = _round_at_random(new, jax.random.fold_in(key, next(number)))
        return saturate(new, old.dtype) if _narrows(new, old) else new.astype(old.dtype)

    return jax.tree.map(cast, like, tree, is_leaf=_is_none)


def saturate(x: Array, dtype: Any = None) -> Array:
    """Casts to a dtype (x's own when None), cutting what lies beyond its range.

    NaN stays NaN; an infinity becomes the largest finite number.
    """
    dtype = jnp.dtype(x.dtype if dtype is None else dtype)
    if jnp.issubdtype(x.dtype, jnp.complexfloating):
        part = jnp.finfo(dtype).dtype
        return jax.lax.complex(saturate(x.real, part), saturate(x.imag, part))
    largest = min(float(jnp.finfo(d).max) for d in (x.dtype, dtype))
    low, high = (jnp.asarray(end, x.dtype) for end in (-largest, largest))
    return jax.lax.clamp(low, x, high).astype(dtype)


def array(x: Any) -> Array:
    """Returns an array of JAX; integers that its own cannot hold become float32.

    Unless `jax_enable_x64` is set, JAX's have 32 bits, and it takes 3e9 for −1.29e9.
    """
    if isinstance(x, jax.Array):
        return x
    x = np.asarray(x)
    if x.dtype.kind in "iu" and x.size:
        held = jnp.iinfo(jax.dtypes.canonicalize_dtype(x.dtype))
        if x.min() < held.min or x.max() > held.max:
            return jnp.asarray(x, jnp.float32)
    return jnp.asarray(x)


def widen(x: Any) -> Any:
    """Returns an array in its dtype or float32, whichever is wider; None stays None.

    Integers are float32: those of 64 bits too, which JAX would cut to 32 otherwise.
    """
    if x is None:
        return None
    x = x if isinstance(x, jax.Array) else np.asarray(x)
    x = jnp.asarray(x, jnp.float32 if x.dtype.kind in "biu" else None)
    with jax.numpy_dtype_promotion("standard"):
        return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _narrows(new: Array, old: Array) -> bool:
    # Real numbers keep their range for free. Complex ones are always cut: where a part
    # is infinite, the next product with a real number is NaN.
    is_complex = jnp.issubdtype(new.dtype, jnp.complexfloating)
    return bool(is_complex or jnp.finfo(old.dtype).max < jnp.finfo(new.dtype).max)


def _is_none(x: Any) -> bool:
    return x is None


def _round_at_random(x: Array, key: PRNGKeyArray) -> Array:
    """Rounds to what bfloat16 holds, upward with the probability that keeps the mean.

    The derivative is that of x itself.
    """
    x = x.astype(jnp.float32)
    bits = jax.lax.bitcast_convert_type(x, jnp.uint32)
    noise = jax.random.bits(key, x.shape, jnp.uint16).astype(jnp.uint32)
    kept = (bits + noise) & jnp.uint32(0xFFFF0000)
    rounded = saturate(jax.lax.bitcast_convert_type(kept, jnp.float32), jnp.bfloat16)
    change = rounded.astype(jnp.float32) - x
    change = jnp.where(jnp.isfinite(x), change, jnp.zeros_like(x))
    return x + jax.lax.stop_gradient(change)
