"""Rules from gradient to direction, a file per family, each over `ewma`."""

from optax_lab.transforms.adaptive import (
    scale_by_adam,
    scale_by_rms,
    scale_by_stddev,
)
from optax_lab.transforms.momentum import ema, trace
from optax_lab.transforms.scaling import add_decayed_weights, scale_by_learning_rate

__all__ = [
    "add_decayed_weights",
    "ema",
    "scale_by_adam",
    "scale_by_learning_rate",
    "scale_by_rms",
    "scale_by_stddev",
    "trace",
]
