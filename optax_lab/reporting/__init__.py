"""What a person looks at: figures, and TensorBoard's files."""

from typing import TYPE_CHECKING

from optax_lab import lazy

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy.attach(__name__, {})
