# Every optimizer, with a rate that works and the ranges worth searching.

from collections.abc import Callable
from typing import NamedTuple

import optax

from optax_lab.optimizers import (
    adabelief,
    adafactor,
    adagrad,
    adam,
    adamax,
    adan,
    ademamix,
    laprop,
    layerwise,
    lion,
    monitoring,
    muon,
    parameter_averaging,
    prodigy,
    qhm,
    radam,
    rmsprop,
    schedule_free,
    sgd,
    shampoo,
    sophia,
    wrappers,
)


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
_ADAM = {"learning_rate": _RATES, "b1": (0.5, 0.99), "b2": (0.9, 0.999)}

OPTIMIZERS: dict[str, Entry] = {
    "sgd": Entry(sgd.sgd, 0.05, {"learning_rate": _RATES, "momentum": (0.5, 0.99)}),
    "momentum": Entry(
        sgd.momentum, 0.5, {"learning_rate": _RATES, "decay": (0.5, 0.99)}
    ),
    "rmsprop": Entry(
        rmsprop.rmsprop, 1e-3, {"learning_rate": _RATES, "decay": (0.9, 0.999)}
    ),
    "adagrad": Entry(
        adagrad.adagrad,
        0.05,
        {"learning_rate": _RATES, "initial_accumulator_value": (1e-4, 1.0)},
    ),
    "adadelta": Entry(
        rmsprop.adadelta,
        1.0,
        {"learning_rate": _RATES, "rho": (0.8, 0.999), "eps": (1e-8, 1e-2)},
    ),
    "adam": Entry(adam.adam, 1e-3, _ADAM),
    "adamw": Entry(adam.adamw, 1e-3, _ADAM | {"weight_decay": (1e-4, 1.0)}),
    "nadam": Entry(adam.nadam, 1e-3, _ADAM),
    "nadamw": Entry(adam.nadamw, 1e-3, _ADAM | {"weight_decay": (1e-4, 1.0)}),
    "amsgrad": Entry(adamax.amsgrad, 1e-3, _ADAM),
    "adamax": Entry(adamax.adamax, 2e-3, _ADAM),
    "adamaxw": Entry(adamax.adamaxw, 2e-3, _ADAM | {"weight_decay": (1e-4, 1.0)}),
    "radam": Entry(radam.radam, 2e-3, _ADAM),
    "adabelief": Entry(adabelief.adabelief, 1e-3, _ADAM | {"eps_root": (1e-16, 1e-6)}),
    "yogi": Entry(adabelief.yogi, 1e-2, _ADAM | {"eps": (1e-8, 1e-1)}),
    "lion": Entry(
        lion.lion,
        3e-4,
        {
            "learning_rate": _RATES,
            "b1": (0.5, 0.99),
            "b2": (0.9, 0.999),
            "weight_decay": (1e-3, 10.0),
        },
    ),
    "signum": Entry(lion.signum, 3e-4, {"learning_rate": _RATES, "beta": (0.5, 0.99)}),
    "lamb": Entry(layerwise.lamb, 5e-3, _ADAM | {"weight_decay": (1e-4, 1.0)}),
    "lars": Entry(
        layerwise.lars, 3.0, {"learning_rate": _RATES, "momentum": (0.5, 0.99)}
    ),
    "novograd": Entry(
        layerwise.novograd,
        3e-2,
        {"learning_rate": _RATES, "b1": (0.5, 0.99), "b2": (0.1, 0.99)},
    ),
    "adafactor": Entry(
        adafactor.adafactor, 3e-2, {"learning_rate": _RATES, "decay_rate": (0.5, 1.0)}
    ),
    "schedule_free_sgd": Entry(
        schedule_free.schedule_free_sgd,
        0.5,
        {"learning_rate": _RATES, "b1": (0.5, 0.99)},
    ),
    "schedule_free_adamw": Entry(
        schedule_free.schedule_free_adamw, 2.5e-3, _ADAM | {"weight_decay": (1e-4, 1.0)}
    ),
    "adan": Entry(adan.adan, 2e-3, _ADAM | {"b3": (0.9, 0.999)}),
    "mars": Entry(adan.mars, 3e-3, _ADAM | {"gamma": (1e-3, 0.1)}),
    "laprop": Entry(laprop.laprop, 1e-3, _ADAM),
    "adopt": Entry(laprop.adopt, 1e-3, _ADAM | {"b2": (0.9, 0.9999)}),
    "ademamix": Entry(
        ademamix.ademamix, 1e-3, _ADAM | {"b3": (0.99, 0.9999), "alpha": (0.5, 10.0)}
    ),
    "qhm": Entry(
        qhm.qhm,
        0.5,
        {"learning_rate": _RATES, "decay": (0.9, 0.999), "nu": (0.3, 1.0)},
    ),
    "qhadam": Entry(
        qhm.qhadam,
        1e-3,
        _ADAM | {"b1": (0.5, 0.999), "nu1": (0.3, 1.0), "nu2": (0.3, 1.0)},
    ),
    "aggmo": Entry(ademamix.aggmo, 0.02, {"learning_rate": _RATES}),
    "muon": Entry(
        muon.muon,
        0.02,
        {"learning_rate": _RATES, "beta": (0.5, 0.99), "weight_decay": (1e-4, 1.0)},
    ),
    "shampoo": Entry(shampoo.shampoo, 0.05, _ADAM | {"eps": (1e-8, 1e-2)}),
    "soap": Entry(shampoo.soap, 3e-3, _ADAM | {"weight_decay": (1e-4, 1.0)}),
    "prodigy": Entry(
        prodigy.prodigy, 1.0, {"learning_rate": _RATES, "estim_lr_coef": (0.1, 10.0)}
    ),
    "sophia": Entry(
        sophia.sophia,
        1e-3,
        _ADAM | {"gamma": (1e-3, 1.0), "weight_decay": (1e-4, 1.0)},
    ),
}

# What goes over any of them, by the name that expressions know it by.
WRAPPERS: dict[str, Callable[..., optax.GradientTransformationExtraArgs]] = {
    "cautious": wrappers.cautious,
    "grams": wrappers.grams,
    "grokfast": wrappers.grokfast,
    "lookahead": parameter_averaging.lookahead,
    "observe": monitoring.observe,
    "schedule_free": schedule_free.schedule_free,
    "with_param_ema": parameter_averaging.with_param_ema,
}
