"""What other frameworks mean by the same names: `dialects.pytorch`, `dialects.keras`.

Each holds a framework's optimizers under its own class names, with its arguments, its
defaults and its arithmetic, as Optax transformations.
"""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.dialects import keras, pytorch, states
    from optax_lab.dialects.explaining import explain

_MODULES = {
    "explain": "explaining",
    "keras": "keras",
    "pytorch": "pytorch",
    "states": "states",
}

__all__ = ["explain", "keras", "pytorch", "states"]

if not TYPE_CHECKING:  # with these, any name would be one of ours
    __getattr__, __dir__ = lazy.attach(__name__, _MODULES)
