"""Keras' optimizers, `keras.optimizers` 3.15: its names, defaults and arithmetic.

Keras checks few numbers. What it refuses is refused, and so is what cannot be meant: a
rate, a decay, a momentum or an ε below 0, and a β or ρ of 1 and more, with which an
average would never move.
"""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.dialects.keras.descent import SGD, Ftrl, Lion
    from optax_lab.dialects.keras.moments import Adam, Adamax, AdamW, Lamb, Nadam
    from optax_lab.dialects.keras.scaled import Adadelta, Adafactor, Adagrad, RMSprop
    from optax_lab.dialects.keras.whole import Muon

_MODULES = {
    "Adadelta": "scaled",
    "Adafactor": "scaled",
    "Adagrad": "scaled",
    "Adam": "moments",
    "AdamW": "moments",
    "Adamax": "moments",
    "Ftrl": "descent",
    "Lamb": "moments",
    "Lion": "descent",
    "Muon": "whole",
    "Nadam": "moments",
    "RMSprop": "scaled",
    "SGD": "descent",
}

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "RMSprop",
]

if not TYPE_CHECKING:  # with these, any name would be one of ours
    __getattr__, __dir__ = lazy.attach(__name__, _MODULES)
