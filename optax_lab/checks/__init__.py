"""A student's function, held against the reference: `checks.momentum(momentum)`.

Each check takes a one-step function of arrays. It tries one step that can be done by
hand, ten random ones, and what must be true whatever the formula looks like. What is
not right yet is said in a sentence, with a hint; a mistake that is often made is called
by its name. The answer is never printed. Where all is right, one line says so.
"""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.checks.averages import moving_average
    from optax_lab.checks.descents import adam, momentum, rmsprop
    from optax_lab.checks.failure import CheckFailed

_MODULES = {
    "CheckFailed": "failure",
    "adam": "descents",
    "momentum": "descents",
    "moving_average": "averages",
    "rmsprop": "descents",
}

__all__ = ["CheckFailed", "adam", "momentum", "moving_average", "rmsprop"]

__getattr__, __dir__ = lazy.attach(__name__, _MODULES)
