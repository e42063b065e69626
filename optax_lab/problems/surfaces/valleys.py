# Surfaces with curved floors: the minimum is easy to approach and hard to reach.

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Scalar

from optax_lab import limits
from optax_lab.problems.surfaces.surface import AnyArray, Surface, plane

_LIBRARY = "Surjanovic & Bingham, Virtual Library of Simulation Experiments"
_ROSENBROCK = "Rosenbrock 1960, doi:10.1093/comjnl/3.3.175"


def rosenbrock() -> Surface:
    """Makes Rosenbrock's banana, with condition 2508 at its minimum."""
    return plane(
        "rosenbrock",
        "f(x, y) = (1 − x)² + 100(y − x²)²",
        lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
        start=(-1.2, 1),
        minima=((1, 1),),
        best=0.0,
        window=((-2, 2), (-1, 3)),
        source=_ROSENBROCK,
    )


def rosenbrock_chain(*, n: int = 10) -> Surface:
    """Makes Rosenbrock's function of n variables, each bound to the next.

    ::

        f(x) = Σᵢ (1 − xᵢ)² + 100(xᵢ₊₁ − xᵢ²)²,   i = 1 … n − 1

    From n = 4 on it has a second minimum, near (−1, 1, …, 1).

    Args:
      n: how many variables, 2 or more.

    Raises:
      ValueError: if n is less than 2.
    """
    limits.whole(n=n)
    if n < 2:
        raise ValueError(f"n is {n}: it must be at least 2")

    def value(x: Float[AnyArray, " n"]) -> Scalar:
        here, next_ = jnp.asarray(x[:-1]), jnp.asarray(x[1:])
        return jnp.sum((1 - here) ** 2 + 100 * (next_ - here**2) ** 2)

    return Surface(
        "rosenbrock_chain",
        f"f(x) = Σᵢ (1 − xᵢ)² + 100(xᵢ₊₁ − xᵢ²)², x ∈ ℝ^{n}",
        value,
        np.resize([-1.2, 1.0], n),
        (np.ones(n),),
        0.0,
        ((-2.0, 2.0),) * n,
        _ROSENBROCK,
    )


def beale() -> Surface:
    """Makes Beale's function: flat in the middle, with steep corners."""

    def f(x, y):
        first = (1.5 - x + x * y) ** 2
        second = (2.25 - x + x * y**2) ** 2
        return first + second + (2.625 - x + x * y**3) ** 2

    return plane(
        "beale",
        "f(x, y) = (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
        f,
        start=(1, 1.5),
        minima=((3, 0.5),),
        best=0.0,
        window=((-4.5, 4.5), (-4.5, 4.5)),
        source=_LIBRARY,
    )


def goldstein_price() -> Surface:
    """Makes Goldstein and Price's function, whose values span six decades."""

    def f(x, y):
        ring = 19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2
        cross = 18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2
        first = 1 + (x + y + 1) ** 2 * ring
        return first * (30 + (2 * x - 3 * y) ** 2 * cross)

    return plane(
        "goldstein_price",
        "f(x, y) = Goldstein and Price's polynomial of degree 8",
        f,
        start=(-1.5, 1),
        minima=((0, -1),),
        best=3.0,
        window=((-2, 2), (-2, 2)),
        source=_LIBRARY,
        runner_up=30.0,
    )


def three_hump_camel() -> Surface:
    """Makes the camel with three minima, the best of them in the middle."""
    return plane(
        "three_hump_camel",
        "f(x, y) = 2x² − 1.05x⁴ + x⁶/6 + xy + y²",
        lambda x, y: 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2,
        start=(-3, 3),
        minima=((0, 0),),
        best=0.0,
        window=((-5, 5), (-5, 5)),
        source=_LIBRARY,
        runner_up=0.29863844223685816,
    )


def six_hump_camel() -> Surface:
    """Makes the camel with six minima, two of them the best."""
    return plane(
        "six_hump_camel",
        "f(x, y) = (4 − 2.1x² + x⁴/3)x² + xy + (4y² − 4)y²",
        lambda x, y: (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2,
        start=(-2.5, 1.5),
        minima=((0.08984201, -0.71265640), (-0.08984201, 0.71265640)),
        best=-1.0316284534898772,
        window=((-3, 3), (-2, 2)),
        source=_LIBRARY,
        runner_up=-0.2154638243837194,
    )


def mccormick() -> Surface:
    """Makes McCormick's function: a slope with waves across it, and no end below.

    Its best known minimum, −1.9132 at (−0.547, −1.547), is that of its window: half a
    wave further down there is a lower one.
    """
    return plane(
        "mccormick",
        "f(x, y) = sin(x + y) + (x − y)² − 1.5x + 2.5y + 1",
        lambda x, y: jnp.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1,
        start=(3, 3),
        minima=(),
        best=None,
        window=((-1.5, 4), (-3, 4)),
        source=_LIBRARY,
    )
