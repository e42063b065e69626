"""optax_lab: one moving average, every optimizer.

Every public name is loaded when it is first touched, so that `import optax_lab` costs
nothing, and neither Flax nor Matplotlib nor tensorboardX comes with it.
"""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab import ewma
    from optax_lab.optimizers.adam import adam, adamw
    from optax_lab.optimizers.momentum import momentum, sgd
    from optax_lab.optimizers.rms import rmsprop
    from optax_lab.optimizers.table import OPTIMIZERS
    from optax_lab.problems.surfaces import SURFACES
    from optax_lab.runs.descent import descend
    from optax_lab.runs.training import train

__version__ = "0.1.0"

_MODULES = {
    "OPTIMIZERS": "optimizers.table",
    "SURFACES": "problems.surfaces",
    "adam": "optimizers.adam",
    "adamw": "optimizers.adam",
    "descend": "runs.descent",
    "ewma": "ewma",
    "momentum": "optimizers.momentum",
    "rmsprop": "optimizers.rms",
    "sgd": "optimizers.momentum",
    "train": "runs.training",
}

__all__ = [
    "OPTIMIZERS",
    "SURFACES",
    "adam",
    "adamw",
    "descend",
    "ewma",
    "momentum",
    "rmsprop",
    "sgd",
    "train",
]


__getattr__, __dir__ = lazy.attach(__name__, _MODULES)
