# Functions of two variables to watch an optimizer on. Each carries its start, its
# answer and the window to draw it in.
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

STEEPEST = 0.2  # the lab's larger curvature


class Surface(NamedTuple):
    """Holds a function of two variables and what is known about it.

    Attributes:
      name: its name in `SURFACES`.
      formula: what it computes, for a title.
      value: the function. It takes a point, shape (2,), or a grid of them, (2, *grid).
      start: where a descent usually starts, shape (2,).
      minima: where it is smallest, each of shape (2,); empty if nowhere.
      best: its smallest value, or None if it has none.
      window: ((x from, x to), (y from, y to)), the part worth drawing.
      source: where it comes from.
    """

    name: str
    formula: str
    value: Callable[[Float[Array, "2 *grid"]], Float[Array, "*grid"]]
    start: np.ndarray
    minima: tuple[np.ndarray, ...]
    best: float | None
    window: tuple[tuple[float, float], tuple[float, float]]
    source: str


def quadratic(*, rotation: float | int = 0.0, condition: float | int = 10.0) -> Surface:
    """Makes a quadratic bowl; by default the lab's, f(x, y) = 0.01x² + 0.1y².

    ::

        f(p) = ½(μu² + Lv²),   (u, v) = p turned back by the rotation,
        L = 0.2,   μ = L / condition

    The start, (−2, −2), is turned with the bowl: a method that knows no axes does the
    same as before, turned. A method that scales each coordinate loses what it lives on:
    at a learning rate of 0.1, turning by 45° takes gradient descent from 2647 steps
    until f < 10⁻⁶ to 2647, and the lab's Adam from 24 to 144.

    Args:
      rotation: by how many degrees the bowl is turned, counterclockwise.
      condition: the ratio of its larger curvature to its smaller one.

    Raises:
      ValueError: if the rotation is not finite, or the condition number not finite or
        less than 1.
    """
    if not math.isfinite(rotation):
        raise ValueError(f"rotation is {rotation}: it must be finite, in degrees")
    if not (math.isfinite(condition) and condition >= 1):
        raise ValueError(f"condition is {condition}: it must be finite and at least 1")
    flattest = STEEPEST / condition
    cos, sin = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))

    def value(point: Float[Array, "2 *grid"]) -> Float[Array, "*grid"]:
        x, y = point
        u, v = cos * x + sin * y, cos * y - sin * x
        return 0.5 * (flattest * u**2 + STEEPEST * v**2)

    turned = f", turned by {rotation:g}°" if rotation else ""
    return Surface(
        name="quadratic",
        formula=f"f(x, y) = {flattest / 2:g}x² + {STEEPEST / 2:g}y²{turned}",
        value=value,
        start=np.array([[cos, -sin], [sin, cos]]) @ np.array([-2.0, -2.0]),
        minima=(np.zeros(2),),
        best=0.0,
        window=((-3.0, 3.0), (-3.0, 3.0)),
        source="TU Delft, TI3155TU Deep Learning 2024-25, lab 4, section 2",
    )


SURFACES: dict[str, Callable[..., Surface]] = {
    "quadratic": quadratic,
}
