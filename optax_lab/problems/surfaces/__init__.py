"""Functions to watch an optimizer on, in the plane and in more dimensions."""

from optax_lab.problems.surfaces.bowls import quadratic
from optax_lab.problems.surfaces.moves import noisy, randomize, rescale, rotate, shift
from optax_lab.problems.surfaces.surface import Surface, objective, plane, starts
from optax_lab.problems.surfaces.table import SURFACES

__all__ = [
    "SURFACES",
    "Surface",
    "noisy",
    "objective",
    "plane",
    "quadratic",
    "randomize",
    "rescale",
    "rotate",
    "shift",
    "starts",
]
