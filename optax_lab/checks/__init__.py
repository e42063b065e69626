"""A student's function, held against the reference: `checks.momentum(momentum)`.

Most checks take a one-step function of arrays: they try one step that can be done by
hand, ten random ones, and what must be true whatever the formula looks like. What is
not right yet is said in a sentence, with a hint; a mistake that is often made is called
by its name. The answer is never printed. Where all is right, one line says so.
"""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.checks.averages import moving_average
    from optax_lab.checks.choices import first_epoch, optimizers
    from optax_lab.checks.descents import adam, momentum, rmsprop
    from optax_lab.checks.failure import CheckFailed

_MODULES = {
    "CheckFailed": "failure",
    "adam": "descents",
    "first_epoch": "choices",
    "momentum": "descents",
    "moving_average": "averages",
    "optimizers": "choices",
    "rmsprop": "descents",
}

__all__ = [
    "CheckFailed",
    "adam",
    "first_epoch",
    "momentum",
    "moving_average",
    "optimizers",
    "rmsprop",
]

__getattr__, __dir__ = lazy.attach(__name__, _MODULES)
