"""Rules, and the optimizers that are made of them: a file per family, and a table."""

from typing import TYPE_CHECKING

from optax_lab import lazy

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.attach(__name__, {})
