"""optax_lab: one moving average, every optimizer.

Every public name is loaded when it is first touched, so that `import optax_lab` costs
nothing, and neither Flax nor Matplotlib nor tensorboardX comes with it.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optax_lab import ewma
    from optax_lab.optimizers import OPTIMIZERS, adam, adamw, momentum, rmsprop, sgd
    from optax_lab.problems.surfaces import SURFACES
    from optax_lab.runs.descent import descend
    from optax_lab.runs.training import train

__version__ = "0.1.0"

_MODULES = {
    "OPTIMIZERS": "optimizers",
    "SURFACES": "problems.surfaces",
    "adam": "optimizers",
    "adamw": "optimizers",
    "descend": "runs.descent",
    "ewma": "ewma",
    "momentum": "optimizers",
    "rmsprop": "optimizers",
    "sgd": "optimizers",
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


def __getattr__(name: str):
    """Loads a public name from its module (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'optax_lab' has no attribute {name!r}")
    module = importlib.import_module(f"optax_lab.{_MODULES[name]}")
    value = module if name == _MODULES[name] else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Lists the public names, loaded or not."""
    return sorted(__all__)
