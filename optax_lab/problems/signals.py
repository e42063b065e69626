# Noisy series to smooth with a moving average.
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class Signal(NamedTuple):
    """Holds a noisy series and the series without the noise.

    Attributes:
      x: where it is sampled.
      clean: the series without noise.
      noisy: the series as observed.
    """

    x: Float[Array, " n"]
    clean: Float[Array, " n"]
    noisy: Float[Array, " n"]


def sine(
    key: PRNGKeyArray,
    n: int = 400,
    periods: float | int = 1.0,
    offset: float | int = 2.0,
    noise: float | int = 1.0,
) -> Signal:
    """Makes a sine with uniform noise: the lab's series, by default.

    clean = sin(x + 2) + offset and noisy = clean + U[−noise, noise), sampled at `n`
    points from x = 0 to x = 2π · periods, both included. The noise has a standard
    deviation of noise/√3.

    Args:
      key: draws the noise, and nothing else.
      n: the number of samples.
      periods: the number of full periods.
      offset: the mean of the sine.
      noise: the noise's largest size.

    Raises:
      ValueError: if `n` is less than 1, `periods` not positive, `noise` negative, or
        one of them not finite.

    Source: TU Delft, TI3155TU Deep Learning 2024-25, lab 4, section 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}: it must be at least 1")
    if not 0 < periods < math.inf:
        raise ValueError(f"periods is {periods}: it must be finite and positive")
    if not math.isfinite(offset):
        raise ValueError(f"offset is {offset}: it must be finite")
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise is {noise}: it must be finite and at least 0")
    x = jnp.linspace(0.0, 2 * math.pi * periods, n)
    clean = jnp.sin(x + 2) + offset
    return Signal(x, clean, clean + noise * jax.random.uniform(key, (n,), minval=-1))
