# Every optimizer, with a rate that works and the ranges worth searching.

from collections.abc import Callable
from typing import NamedTuple

import optax

from optax_lab.optimizers import adam, momentum, rms


class Entry(NamedTuple):
    """Describes an optimizer to those who iterate over all of them.

    Attributes:
      make: the optimizer's function; its first argument is the learning rate.
      learning_rate: a rate that works on MNIST-1D with batches of 100.
      space: the ranges worth searching, by argument; the learning rate comes first.
    """

    make: Callable[..., optax.GradientTransformationExtraArgs]
    learning_rate: float
    space: dict[str, tuple[float, float]]


_RATES = (1e-5, 1e1)  # wide enough for every optimizer, so that all share one axis

OPTIMIZERS: dict[str, Entry] = {
    "sgd": Entry(
        momentum.sgd, 0.05, {"learning_rate": _RATES, "momentum": (0.5, 0.99)}
    ),
    "momentum": Entry(
        momentum.momentum, 0.5, {"learning_rate": _RATES, "decay": (0.5, 0.99)}
    ),
    "rmsprop": Entry(
        rms.rmsprop, 1e-3, {"learning_rate": _RATES, "decay": (0.9, 0.999)}
    ),
    "adam": Entry(
        adam.adam,
        1e-3,
        {"learning_rate": _RATES, "b1": (0.5, 0.99), "b2": (0.9, 0.999)},
    ),
    "adamw": Entry(
        adam.adamw,
        1e-3,
        {
            "learning_rate": _RATES,
            "b1": (0.5, 0.99),
            "b2": (0.9, 0.999),
            "weight_decay": (1e-4, 1.0),
        },
    ),
}
