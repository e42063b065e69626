# What a training example may become, so that there are more of them.

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from optax_lab import limits


def shifts(
    most: int,
) -> Callable[[PRNGKeyArray, Float[Array, "batch n"]], Float[Array, "batch n"]]:
    """Makes what turns every signal in a circle, by up to `most` places either way.

    Each example of a batch draws its own shift, from −most to most alike. It goes into
    `runs.training.Problem(augment=…)`. The signals of MNIST-1D were put at random
    places when they were made, so their labels do not change.

    Args:
      most: how many places at most.

    Raises:
      ValueError: if `most` is negative.

    >>> import jax, jax.numpy as jnp
    >>> signals = jnp.arange(4, dtype=jnp.float32)[None]
    >>> shifts(1)(jax.random.key(0), signals).shape
    (1, 4)
    """
    limits.whole(most=most)
    if most < 0:
        raise ValueError(f"most is {most}: it must be at least 0")

    def augment(key, inputs):
        batch, n = inputs.shape
        by = jax.random.randint(key, (batch, 1), -most, most + 1)
        places = (jnp.arange(n)[None] - by) % n
        return jnp.take_along_axis(inputs, places, axis=1)

    return augment
