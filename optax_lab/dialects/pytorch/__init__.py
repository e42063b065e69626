"""PyTorch's optimizers, `torch.optim` 2.13: its names, defaults and arithmetic.

What PyTorch refuses is refused, and so is what it forgets to check and cannot be meant:
a number below 0, but for a dampening, and a decay of 1 and more, with which an average
would never move.
"""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.dialects.pytorch.descent import ASGD, SGD, Rprop
    from optax_lab.dialects.pytorch.moments import Adam, Adamax, AdamW, NAdam, RAdam
    from optax_lab.dialects.pytorch.scaled import Adadelta, Adafactor, Adagrad, RMSprop
    from optax_lab.dialects.pytorch.whole import Muon

_MODULES = {
    "ASGD": "descent",
    "Adadelta": "scaled",
    "Adafactor": "scaled",
    "Adagrad": "scaled",
    "Adam": "moments",
    "AdamW": "moments",
    "Adamax": "moments",
    "Muon": "whole",
    "NAdam": "moments",
    "RAdam": "moments",
    "RMSprop": "scaled",
    "Rprop": "descent",
    "SGD": "descent",
}

__all__ = [
    "ASGD",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
]

if not TYPE_CHECKING:  # with these, any name would be one of ours
    __getattr__, __dir__ = lazy.attach(__name__, _MODULES)
