"""Rules made whole: the named optimizers, a file per family, and the table of them."""

from typing import TYPE_CHECKING

from optax_lab import lazy

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.attach(__name__, {})
