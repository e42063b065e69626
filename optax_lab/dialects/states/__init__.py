"""Optimizer states, carried over from PyTorch, Keras and Optax, and back.

A run that one framework began goes on in another, at the step it had come to.
"""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.dialects.states.keras import from_keras, to_keras
    from optax_lab.dialects.states.optax import from_optax, to_optax
    from optax_lab.dialects.states.pytorch import from_pytorch, to_pytorch

_MODULES = {
    "from_keras": "keras",
    "from_optax": "optax",
    "from_pytorch": "pytorch",
    "to_keras": "keras",
    "to_optax": "optax",
    "to_pytorch": "pytorch",
}

__all__ = [
    "from_keras",
    "from_optax",
    "from_pytorch",
    "to_keras",
    "to_optax",
    "to_pytorch",
]

if not TYPE_CHECKING:  # with these, any name would be one of ours
    __getattr__, __dir__ = lazy.attach(__name__, _MODULES)
