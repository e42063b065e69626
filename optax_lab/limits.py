# Arguments that are refused where they come in, by name, with what is allowed.

import operator
from typing import Any

import jax
import jax.numpy as jnp


def whole(**values: Any) -> None:
    """Refuses values that are no whole numbers.

    Raises:
      ValueError: with the argument's name and its value.

    >>> whole(seed=1, steps=10)
    """
    for name, value in values.items():
        try:
            operator.index(value)
        except TypeError:
            raise ValueError(
                f"{name} is {value!r}: it must be a whole number"
            ) from None


def key(key: Any) -> None:
    """Refuses what is no key of random numbers.

    Raises:
      ValueError: with its value, and how a key is made.
    """
    dtype = getattr(key, "dtype", jnp.dtype(bool))
    is_raw = dtype == jnp.uint32 and jnp.ndim(key) > 0  # as `jax.random.PRNGKey` makes
    if not (jnp.issubdtype(dtype, jax.dtypes.prng_key) or is_raw):
        raise ValueError(f"key is {key!r}: make one by jax.random.key(0), for example")
