# Surfaces elsewhere: shifted, turned, stretched and shaken, with all that is known.
#
# A method that does well because a minimum lies at 0, or valleys along the axes, is
# found out by moving them.

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from optax_lab.problems.surfaces.surface import Surface

Numbers = ArrayLike | Sequence[float | int]
Map = Callable[[Float[Array, " n"]], Float[Array, " n"]]


def shift(surface: Surface, by: Numbers) -> Surface:
    """Moves a surface, its start and its minima by a vector.

    Args:
      surface: any surface; of n coordinates, all leaves of a point counted together.
      by: how far, a number for all coordinates or n of them.
    """
    offset = _spread(by, surface)
    return _move(
        surface,
        lambda p: p + offset.astype(p.dtype),
        lambda p: p - offset.astype(p.dtype),
        lambda half: half,
        "shifted",
    )


def rotate(surface: Surface, by: ArrayLike) -> Surface:
    """Turns a surface about the middle of its window, counterclockwise.

    The window grows until it holds what it held before.

    Args:
      surface: any surface of n ≥ 2 coordinates.
      by: degrees in the plane of the first two coordinates, or an orthogonal matrix of
        shape (n, n).

    Raises:
      ValueError: if an angle is not finite, or a matrix has another shape or is not
        orthogonal.
    """
    matrix, text = _rotation(by, len(surface.window))
    middle = _middle(surface)

    def turn(p: Array, by: Array) -> Array:
        about = middle.astype(p.dtype)
        return about + by.astype(p.dtype) @ (p - about)

    return _move(
        surface,
        lambda p: turn(p, matrix),
        lambda p: turn(p, matrix.T),
        lambda half: jnp.abs(matrix) @ half,
        text,
    )


def rescale(surface: Surface, by: Numbers) -> Surface:
    """Stretches a surface along the axes, away from the middle of its window.

    Args:
      surface: any surface of n coordinates.
      by: a factor for all coordinates, or n of them; none is 0.

    Raises:
      ValueError: if a factor is 0 or not finite.
    """
    factors, middle = _spread(by, surface), _middle(surface)
    if _known(factors) and not (jnp.isfinite(factors) & (factors != 0)).all():
        raise ValueError(f"factors are {by}: they must be finite, and none of them 0")

    def stretch(p: Array, by: Array) -> Array:
        about = middle.astype(p.dtype)
        return about + by.astype(p.dtype) * (p - about)

    return _move(
        surface,
        lambda p: stretch(p, factors),
        lambda p: stretch(p, 1 / factors),
        lambda half: jnp.abs(factors) * half,
        "stretched",
    )


def randomize(
    surface: Surface,
    key: PRNGKeyArray,
    *,
    reach: float | int = 0.2,
    stretch: float | int = 1.0,
) -> Surface:
    """Turns a surface at random and shifts it, as every trial of a fair test does.

    Every direction is equally likely. The key may be traced: `jax.vmap` over keys runs
    as many surfaces.

    Args:
      surface: any surface.
      key: what the rotation, the shift and the stretch are drawn from.
      reach: the furthest shift of a coordinate, in widths of its window.
      stretch: the largest factor by which a coordinate is stretched, or shrunk, before
        the surface is turned; 1 leaves it.
    """
    n = len(surface.window)
    shift_key, turn_key, stretch_key = jax.random.split(key, 3)
    if stretch != 1:
        powers = jax.random.uniform(stretch_key, (n,), float, -1, 1)
        surface = rescale(surface, stretch**powers)
    low, high = jnp.asarray(surface.window, float).T
    by = jax.random.uniform(shift_key, (n,), float, -reach, reach) * (high - low)
    if n > 1:
        surface = rotate(surface, jax.random.orthogonal(turn_key, n))
    return shift(surface, by)


def noisy(surface: Surface, scale: float | int) -> Surface:
    """Adds noise to the gradient: a random slope at every step.

    ::

        f(p) + σ⟨z, p⟩,   z ~ N(0, 1) in every coordinate, anew for every key

    Its gradient is ∇f + σz, and its mean is f. What is known of the surface stays.

    Args:
      surface: any surface; noise that it has already stays.
      scale: σ ≥ 0, the standard deviation of every coordinate of the gradient.

    Raises:
      ValueError: if the scale is negative or not finite.
    """
    if not 0 <= scale < math.inf:
        raise ValueError(f"scale is {scale}: it must be in [0, ∞)")
    before = surface.sample or (lambda point, key: surface.value(point))

    def sample(point: PyTree, key: PRNGKeyArray) -> Scalar:
        inner, own = jax.random.split(key)
        flat, _ = ravel_pytree(point)
        slope = jax.random.normal(own, flat.shape, flat.dtype)
        return before(point, inner) + scale * jnp.sum(slope * flat)

    text = f"{surface.formula}, noise of {scale:g} in the gradient"
    return surface._replace(sample=sample, formula=text)


def _move(surface: Surface, forth: Map, back: Map, widen: Map, text: str) -> Surface:
    """Takes every point of a surface somewhere else.

    Args:
      surface: what is moved.
      forth: where a point goes, as an array of all its coordinates.
      back: where it came from.
      widen: half the sides of a box, to those of a box that holds it when moved.
      text: what is done, in a word.
    """

    def under(there: Map, point: PyTree) -> PyTree:
        flat, unravel = ravel_pytree(point)
        return unravel(there(flat))

    shaken = surface.sample
    if (sample := surface.sample) is not None:
        shaken = lambda point, key: sample(under(back, point), key)
    low, high = jnp.asarray(surface.window, float).T
    middle, half = forth((low + high) / 2), widen((high - low) / 2)
    return surface._replace(
        formula=f"{surface.formula}, {text}",
        value=lambda point: surface.value(under(back, point)),
        start=under(forth, surface.start),
        minima=tuple(under(forth, minimum) for minimum in surface.minima),
        window=tuple(zip(middle - half, middle + half, strict=True)),
        sample=shaken,
    )


def _known(array: Array) -> bool:
    """Says whether numbers can be looked at: those of a traced array cannot."""
    return not isinstance(array, jax.core.Tracer)


def _middle(surface: Surface) -> Float[Array, " n"]:
    return jnp.asarray(surface.window, float).mean(axis=1)


def _spread(by: Numbers, surface: Surface) -> Float[Array, " n"]:
    """Gives every coordinate its number."""
    n, by = len(surface.window), jnp.asarray(by, float)
    if by.shape not in ((), (n,)):
        raise ValueError(f"{by} has shape {by.shape}: () or ({n},) is needed")
    return jnp.broadcast_to(by, (n,))


def _rotation(by: Any, n: int) -> tuple[Float[Array, "n n"], str]:
    """Returns an orthogonal matrix, and what is done with it in words."""
    if jnp.ndim(by):
        if jnp.shape(by) != (n, n):
            raise ValueError(f"a rotation has shape {jnp.shape(by)}, not ({n}, {n})")
        matrix = jnp.asarray(by, float)
        if _known(matrix) and jnp.abs(matrix @ matrix.T - jnp.eye(n)).max() > 1e-4:
            raise ValueError("a rotation is a matrix that is not orthogonal")
        return matrix, "turned"
    if n < 2:
        raise ValueError("a surface of one coordinate cannot be turned")
    if not math.isfinite(by):
        raise ValueError(f"a rotation is {by}: it must be finite, in degrees")
    cos, sin = math.cos(math.radians(by)), math.sin(math.radians(by))
    block = jnp.array([[cos, -sin], [sin, cos]])
    return jnp.eye(n).at[:2, :2].set(block), f"turned by {by:g}°"
