"""One optimizer on one problem: down a surface, or training a network."""

from typing import TYPE_CHECKING

from optax_lab import lazy

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.attach(__name__, {})
