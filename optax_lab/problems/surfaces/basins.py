# Surfaces with many minima: where a descent ends depends on where it begins.

import math

import jax.numpy as jnp

from optax_lab.problems.surfaces.surface import Surface, plane

_LIBRARY = "Surjanovic & Bingham, Virtual Library of Simulation Experiments"
_TURN = 2 * math.pi


def himmelblau() -> Surface:
    """Makes Himmelblau's function, with four minima that are equally good."""
    return plane(
        "himmelblau",
        "f(x, y) = (x² + y − 11)² + (x + y² − 7)²",
        lambda x, y: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
        start=(0, 0),
        minima=(
            (3, 2),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.283185991286170),
            (3.584428340330492, -1.848126526964404),
        ),
        best=0.0,
        window=((-5, 5), (-5, 5)),
        source="Himmelblau 1972, Applied Nonlinear Programming",
    )


def branin() -> Surface:
    """Makes Branin's function, with three minima that are equally good."""
    bend, slope = 5.1 / (4 * math.pi**2), 5 / math.pi

    def f(x, y):
        valley = (y - bend * x**2 + slope * x - 6) ** 2
        return valley + 10 * (1 - 1 / (8 * math.pi)) * jnp.cos(x) + 10

    return plane(
        "branin",
        "f(x, y) = (y − 5.1x²/4π² + 5x/π − 6)² + 10(1 − 1/8π)cos x + 10",
        f,
        start=(2.5, 12.5),
        minima=((-math.pi, 12.275), (math.pi, 2.275), (3 * math.pi, 2.475)),
        best=10 / (8 * math.pi),
        window=((-5, 10), (0, 15)),
        source=_LIBRARY,
    )


def rastrigin() -> Surface:
    """Makes Rastrigin's function: a bowl with a minimum at every pair of integers."""

    def f(x, y):
        waves = jnp.cos(_TURN * x) + jnp.cos(_TURN * y)
        return 20 + x**2 + y**2 - 10 * waves

    return plane(
        "rastrigin",
        "f(x, y) = 20 + x² + y² − 10(cos 2πx + cos 2πy)",
        f,
        start=(-2, 3.5),
        minima=((0, 0),),
        best=0.0,
        window=((-5.12, 5.12), (-5.12, 5.12)),
        source=_LIBRARY,
        runner_up=0.9949590570932898,
    )


def ackley() -> Surface:
    """Makes Ackley's function, which has a cusp at its minimum: no gradient is there.

    Automatic differentiation gives 0 at that one point, as the slopes around it cancel.
    """

    def f(x, y):
        square = 0.5 * (x**2 + y**2)
        off = square > 0  # the derivative of the root is infinite at 0
        distance = jnp.where(off, jnp.sqrt(jnp.where(off, square, 1)), 0)
        waves = 0.5 * (jnp.cos(_TURN * x) + jnp.cos(_TURN * y))
        # Differences of exponentials from their values at 0, where they are exact.
        return -20 * jnp.expm1(-0.2 * distance) - math.e * jnp.expm1(waves - 1)

    return plane(
        "ackley",
        "f(x, y) = 20 + e − 20exp(−0.2√½(x² + y²)) − exp(½(cos 2πx + cos 2πy))",
        f,
        start=(-3.5, 2.5),
        minima=((0, 0),),
        best=0.0,
        window=((-5, 5), (-5, 5)),
        source=_LIBRARY,
        runner_up=2.579927557029872,
    )


def styblinski_tang() -> Surface:
    """Makes Styblinski and Tang's function, with a minimum in each of four corners."""
    return plane(
        "styblinski_tang",
        "f(x, y) = ½(x⁴ − 16x² + 5x + y⁴ − 16y² + 5y)",
        lambda x, y: (
            0.5 * (x**4 - 16 * x**2 + 5 * x) + 0.5 * (y**4 - 16 * y**2 + 5 * y)
        ),
        start=(4, -4.5),
        minima=((-2.903534027771, -2.903534027771),),
        best=-78.33233140754282,
        window=((-5, 5), (-5, 5)),
        source=_LIBRARY,
        runner_up=-64.19561235905536,
    )


def levy13() -> Surface:
    """Makes Lévy's function number 13: waves over a bowl, in both directions."""

    def f(x, y):
        in_x = (x - 1) ** 2 * (1 + jnp.sin(1.5 * _TURN * y) ** 2)
        in_y = (y - 1) ** 2 * (1 + jnp.sin(_TURN * y) ** 2)
        return jnp.sin(1.5 * _TURN * x) ** 2 + in_x + in_y

    return plane(
        "levy13",
        "f(x, y) = sin²3πx + (x − 1)²(1 + sin²3πy) + (y − 1)²(1 + sin²2πy)",
        f,
        start=(-4, 5),
        minima=((1, 1),),
        best=0.0,
        window=((-10, 10), (-10, 10)),
        source=_LIBRARY,
        runner_up=0.10987365835883793,
    )


def easom() -> Surface:
    """Makes Easom's function: a hole in a plain that has no slope to speak of."""

    def f(x, y):
        far = (x - math.pi) ** 2 + (y - math.pi) ** 2
        return -jnp.cos(x) * jnp.cos(y) * jnp.exp(-far)

    return plane(
        "easom",
        "f(x, y) = −cos x cos y exp(−(x − π)² − (y − π)²)",
        f,
        start=(1.8, 4.2),
        minima=((math.pi, math.pi),),
        best=-1.0,
        window=((-10, 10), (-10, 10)),
        source=_LIBRARY,
        runner_up=-8.110223891570074e-05,
    )


def griewank() -> Surface:
    """Makes Griewank's function: small waves on a very wide bowl."""

    def f(x, y):
        waves = jnp.cos(x) * jnp.cos(y / math.sqrt(2))
        return 1 + (x**2 + y**2) / 4000 - waves

    return plane(
        "griewank",
        "f(x, y) = 1 + (x² + y²)/4000 − cos x cos(y/√2)",
        f,
        start=(-4, 6),
        minima=((0, 0),),
        best=0.0,
        window=((-10, 10), (-10, 10)),
        source=_LIBRARY,
        runner_up=0.007396040334115065,
    )


def bohachevsky() -> Surface:
    """Makes Bohachevsky's first function: waves on an elliptic bowl."""

    def f(x, y):
        waves = 0.3 * jnp.cos(1.5 * _TURN * x) + 0.4 * jnp.cos(2 * _TURN * y)
        return x**2 + 2 * y**2 + 0.7 - waves

    return plane(
        "bohachevsky",
        "f(x, y) = x² + 2y² + 0.7 − 0.3cos 3πx − 0.4cos 4πy",
        f,
        start=(-4, 3),
        minima=((0, 0),),
        best=0.0,
        window=((-5, 5), (-5, 5)),
        source=_LIBRARY,
        runner_up=0.4129268302758149,
    )
