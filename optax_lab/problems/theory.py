# What theory says of gradient descent on a quadratic, to be drawn beside what happens.

from typing import Any, NamedTuple

import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float


class Curvatures(NamedTuple):
    """The largest and the smallest eigenvalue of a Hessian, L and μ."""

    largest: float
    smallest: float


class Best(NamedTuple):
    """The rate and the β of the heavy ball with which a quadratic shrinks fastest."""

    rate: float
    beta: float


def curvatures(surface: Any) -> Curvatures | None:
    """Returns the curvatures at the minimum of a quadratic surface.

    None where there is no such minimum, or the Hessian is not the same at the start:
    what follows from two numbers holds for quadratics only.
    """
    if len(surface.minima) != 1:
        return None
    flat, unravel = ravel_pytree(surface.minima[0])
    hessian = jax.hessian(lambda point: surface.value(unravel(point)))
    there = np.asarray(hessian(flat))
    here = np.asarray(hessian(ravel_pytree(surface.start)[0]))
    # A third point, because a function may bend between two that are alike.
    between = np.asarray(hessian(flat + 0.37 * (ravel_pytree(surface.start)[0] - flat)))
    scale = np.abs(there).max()
    same = all(np.abs(h - there).max() <= 1e-4 * scale for h in (here, between))
    values = np.linalg.eigvalsh(there)
    if not same or not values[0] > 0:
        return None
    return Curvatures(float(values[-1]), float(values[0]))


def stability_limit(
    largest: float, beta: Float[np.ndarray, " n"] | float = 0.0, *, average: bool
) -> Any:
    """Returns the rate from which on gradient descent with momentum diverges.

    2(1 + β)/L for a sum vₜ = βvₜ₋₁ + gₜ, and 1/(1 − β) times that for an average; at
    β = 0 it is gradient descent's 2/L.

    Args:
      largest: L.
      beta: β of the momentum, a number or many.
      average: whether the momentum is an average (`momentum`) or a sum (`sgd`).

    Source: Polyak 1964, doi:10.1016/0041-5553(64)90137-5.
    """
    limit = 2 * (1 + np.asarray(beta)) / largest
    return limit / (1 - np.asarray(beta)) if average else limit


def best_rate(found: Curvatures) -> float:
    """Returns 2/(L + μ), with which gradient descent shrinks both ends alike."""
    return 2 / (found.largest + found.smallest)


def best_heavy_ball(found: Curvatures, *, average: bool) -> Best:
    """Returns Polyak's α* = 4/(√L + √μ)² and β* = ((√κ − 1)/(√κ + 1))², κ = L/μ.

    Args:
      found: L and μ.
      average: whether the momentum is an average, whose rate is α*/(1 − β*).
    """
    high, low = np.sqrt(found.largest), np.sqrt(found.smallest)
    beta = ((high - low) / (high + low)) ** 2
    rate = 4 / (high + low) ** 2
    return Best(float(rate / (1 - beta) if average else rate), float(beta))
