# A function to watch an optimizer on, with its start, its answer and its window.

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

Pair = tuple[float | int, float | int]
AnyArray = Array | np.ndarray


class Surface(NamedTuple):
    """Holds a function and what is known about it.

    Attributes:
      name: its name in `SURFACES`.
      formula: what it computes, for a title.
      value: the function: a point, any pytree of arrays, to a number.
      start: where a descent usually starts: one point.
      minima: where it is smallest; empty if nowhere, or if no such point is isolated.
      best: its smallest value, or None if it has none.
      window: (from, to) for each coordinate, the part worth drawing or starting from.
      source: where it comes from.
      runner_up: the value of its second-best local minimum, None if it has none or
        none is known: what is lower lies in the basin of a minimum.
      sample: a noisy value, ``sample(point, key)``, whose mean is `value`; None where
        there is no noise.
    """

    name: str
    formula: str
    value: Callable[[PyTree], Scalar]
    start: PyTree
    minima: tuple[PyTree, ...]
    best: float | None
    window: tuple[Pair, ...]
    source: str
    runner_up: float | None = None
    sample: Callable[[PyTree, PRNGKeyArray], Scalar] | None = None

    @property
    def is_plane(self) -> bool:
        """Whether its points are arrays of two numbers, so that it can be drawn."""
        return getattr(self.start, "shape", None) == (2,)


def plane(
    name: str,
    formula: str,
    f: Callable[[Scalar, Scalar], Scalar],
    *,
    start: Pair,
    minima: tuple[Pair, ...],
    best: float | None,
    window: tuple[Pair, Pair],
    source: str,
    runner_up: float | None = None,
) -> Surface:
    """Makes a surface of a function of x and y."""

    def value(point: Float[AnyArray, "2"]) -> Scalar:
        x, y = jnp.asarray(point)
        return f(x, y)

    points = tuple(np.array(minimum, float) for minimum in minima)
    begin = np.array(start, float)
    spans = tuple((float(low), float(high)) for low, high in window)
    return Surface(name, formula, value, begin, points, best, spans, source, runner_up)


def starts(surface: Surface, key: PRNGKeyArray, n: int) -> PyTree:
    """Draws n points uniformly from the window: every leaf has a leading axis of n."""
    flat, unravel = ravel_pytree(surface.start)
    low, high = jnp.asarray(surface.window, flat.dtype).T
    drawn = jax.random.uniform(key, (n, len(flat)), flat.dtype)
    return jax.vmap(unravel)(low[None] + (high - low)[None] * drawn)


def objective(surface: Surface) -> Callable[..., Scalar]:
    """Returns what a descent is given: `sample` where there is noise, else `value`."""
    return surface.value if surface.sample is None else surface.sample
