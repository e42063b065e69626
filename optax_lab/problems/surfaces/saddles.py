# Surfaces with a point that is flat and no minimum, where descents lose their time.

from optax_lab.problems.surfaces.surface import Surface, plane


def saddle() -> Surface:
    """Makes f(x, y) = x² − y² + y⁴: down into a saddle, and out of it at its side.

    A descent along the valley y ≈ 0 comes to the saddle at the origin; how long it
    takes to leave it is what this surface shows.
    """
    edge = 0.5**0.5
    return plane(
        "saddle",
        "f(x, y) = x² − y² + y⁴",
        lambda x, y: x**2 - y**2 + y**4,
        start=(-1.2, 1e-3),
        minima=((0, edge), (0, -edge)),
        best=-0.25,
        window=((-1.5, 1.5), (-1.5, 1.5)),
        source="a hyperbolic saddle with a floor, so that descents end",
    )


def monkey_saddle() -> Surface:
    """Makes f(x, y) = x³ − 3xy², flat to second order at 0 and without a minimum.

    Every descent leaves it in the end and falls forever: it diverges, or is stopped.
    """
    return plane(
        "monkey_saddle",
        "f(x, y) = x³ − 3xy²",
        lambda x, y: x**3 - 3 * x * y**2,
        start=(1.2, 0.01),
        minima=(),
        best=None,
        window=((-2, 2), (-2, 2)),
        source="the real part of (x + iy)³",
    )
