# Surfaces with one minimum and nothing else to fall into.

import math

import jax
import jax.numpy as jnp

from optax_lab.problems.surfaces import moves
from optax_lab.problems.surfaces.surface import Surface, plane

STEEPEST = 0.2  # the lab's larger curvature

_LAB = "TU Delft, TI3155TU Deep Learning 2024-25, lab 4, section 2"
_LIBRARY = "Surjanovic & Bingham, Virtual Library of Simulation Experiments"


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
    _check_condition(condition)
    flattest = STEEPEST / condition
    bowl = plane(
        "quadratic",
        f"f(x, y) = {flattest / 2:g}x² + {STEEPEST / 2:g}y²",
        lambda x, y: 0.5 * (flattest * x**2 + STEEPEST * y**2),
        start=(-2, -2),
        minima=((0, 0),),
        best=0.0,
        window=((-3, 3), (-3, 3)),
        source=_LAB,
    )
    if not rotation:
        return bowl
    return moves.rotate(bowl, rotation)._replace(window=bowl.window)


def sphere() -> Surface:
    """Makes f(x, y) = x² + y², on which every direction is alike."""
    return plane(
        "sphere",
        "f(x, y) = x² + y²",
        lambda x, y: x**2 + y**2,
        start=(-4, 3),
        minima=((0, 0),),
        best=0.0,
        window=((-5, 5), (-5, 5)),
        source=_LIBRARY,
    )


def booth() -> Surface:
    """Makes Booth's quadratic, of condition 9 and turned by 45°."""
    return plane(
        "booth",
        "f(x, y) = (x + 2y − 7)² + (2x + y − 5)²",
        lambda x, y: (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2,
        start=(0, -8),
        minima=((1, 3),),
        best=0.0,
        window=((-10, 10), (-10, 10)),
        source=_LIBRARY,
    )


def matyas() -> Surface:
    """Makes Matyas' quadratic, of condition 25 and turned by 45°."""
    return plane(
        "matyas",
        "f(x, y) = 0.26(x² + y²) − 0.48xy",
        lambda x, y: 0.26 * (x**2 + y**2) - 0.48 * x * y,
        start=(-8, 4),
        minima=((0, 0),),
        best=0.0,
        window=((-10, 10), (-10, 10)),
        source=_LIBRARY,
    )


def absolute(*, condition: float | int = 10.0) -> Surface:
    """Makes f(x, y) = |x| + κ|y|, whose gradient never becomes small.

    A method that follows the sign of the gradient sees no condition κ here; one that
    follows the gradient itself circles the minimum at a distance of its step.

    Args:
      condition: κ, the ratio of the larger slope to the smaller one.

    Raises:
      ValueError: if the condition is not finite or less than 1.
    """
    _check_condition(condition)
    size = lambda x: x * jnp.sign(x)  # whose derivative at 0 is 0, not 1
    return plane(
        "absolute",
        f"f(x, y) = |x| + {condition:g}|y|",
        lambda x, y: size(x) + condition * size(y),
        start=(-2, -1),
        minima=((0, 0),),
        best=0.0,
        window=((-3, 3), (-3, 3)),
        source="the model problem of methods that follow signs",
    )


def quartic() -> Surface:
    """Makes f(x, y) = x⁴ + y⁴, so flat at its minimum that its curvature is 0 there."""
    return plane(
        "quartic",
        "f(x, y) = x⁴ + y⁴",
        lambda x, y: x**4 + y**4,
        start=(-2, 1),
        minima=((0, 0),),
        best=0.0,
        window=((-3, 3), (-3, 3)),
        source="the model problem of minima without curvature",
    )


def log_sum_exp() -> Surface:
    """Makes Boyd and Vandenberghe's smooth, convex function that is no quadratic."""

    def f(x, y):
        terms = jnp.stack([x + 3 * y - 0.1, x - 3 * y - 0.1, -x - 0.1])
        return jax.nn.logsumexp(terms)

    return plane(
        "log_sum_exp",
        "f(x, y) = ln(exp(x + 3y − 0.1) + exp(x − 3y − 0.1) + exp(−x − 0.1))",
        f,
        start=(-2, 1),
        minima=((-0.5 * math.log(2), 0),),
        best=math.log(2 * math.sqrt(2)) - 0.1,
        window=((-3, 3), (-2, 2)),
        source="Boyd & Vandenberghe, Convex Optimization, section 9.3.2",
    )


def _check_condition(condition: float | int) -> None:
    if not (math.isfinite(condition) and condition >= 1):
        raise ValueError(f"condition is {condition}: it must be finite and at least 1")
