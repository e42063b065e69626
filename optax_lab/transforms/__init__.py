"""Rules from gradient to direction, a file per family, each over `ewma`."""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.transforms.adam import scale_by_adam
    from optax_lab.transforms.momentum import ema, trace
    from optax_lab.transforms.rms import scale_by_rms, scale_by_stddev
    from optax_lab.transforms.scaling import (
        add_decayed_weights,
        scale_by_learning_rate,
    )

_MODULES = {
    "add_decayed_weights": "scaling",
    "ema": "momentum",
    "scale_by_adam": "adam",
    "scale_by_learning_rate": "scaling",
    "scale_by_rms": "rms",
    "scale_by_stddev": "rms",
    "trace": "momentum",
}

__all__ = [
    "add_decayed_weights",
    "ema",
    "scale_by_adam",
    "scale_by_learning_rate",
    "scale_by_rms",
    "scale_by_stddev",
    "trace",
]

__getattr__, __dir__ = lazy.attach(__name__, _MODULES)
