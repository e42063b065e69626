"""A student's function, held against the reference: `checks.momentum(momentum)`.

Most checks take a one-step function of arrays: they try one step that can be done by
hand, ten random ones, and what must be true whatever the formula looks like. What is
not right yet is said in a sentence, with a hint; a mistake that is often made is called
by its name. The answer is never printed. Where all is right, one line says so.
"""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.checks.adams import adam, rmsprop_corrected
    from optax_lab.checks.averages import moving_average
    from optax_lab.checks.basics import batched, descend, slope
    from optax_lab.checks.choices import optimizers
    from optax_lab.checks.descents import momentum, rmsprop
    from optax_lab.checks.epochs import first_epoch
    from optax_lab.checks.failure import CheckFailed
    from optax_lab.checks.intervals import paired_interval
    from optax_lab.checks.stopping import has_converged
    from optax_lab.checks.turns import rotated

_MODULES = {
    "CheckFailed": "failure",
    "adam": "adams",
    "batched": "basics",
    "descend": "basics",
    "first_epoch": "epochs",
    "has_converged": "stopping",
    "momentum": "descents",
    "moving_average": "averages",
    "optimizers": "choices",
    "paired_interval": "intervals",
    "rmsprop": "descents",
    "rmsprop_corrected": "adams",
    "rotated": "turns",
    "slope": "basics",
}

__all__ = [
    "CheckFailed",
    "adam",
    "batched",
    "descend",
    "first_epoch",
    "has_converged",
    "momentum",
    "moving_average",
    "optimizers",
    "paired_interval",
    "rmsprop",
    "rmsprop_corrected",
    "rotated",
    "slope",
]

if not TYPE_CHECKING:  # with these, any name would be one of ours
    __getattr__, __dir__ = lazy.attach(__name__, _MODULES)
