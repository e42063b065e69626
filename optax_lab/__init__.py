"""optax_lab: one moving average, every optimizer.

Every public name is loaded when it is first touched, so that `import optax_lab` costs
nothing, and neither Flax nor Matplotlib nor tensorboardX comes with it.
"""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab import checks as checks  # rooms, which `import *` leaves out
    from optax_lab import contract, dialects, ewma
    from optax_lab import optimizers as optimizers
    from optax_lab import problems as problems
    from optax_lab import reporting as reporting
    from optax_lab import runs as runs
    from optax_lab import studies as studies
    from optax_lab import transforms as transforms
    from optax_lab.dissection import anatomy
    from optax_lab.optimizers.adagrad import adagrad
    from optax_lab.optimizers.adam import adam, adamw, nadam, nadamw
    from optax_lab.optimizers.adan import adan, mars
    from optax_lab.optimizers.belief import adabelief, yogi
    from optax_lab.optimizers.curvature import sophia
    from optax_lab.optimizers.distance import prodigy
    from optax_lab.optimizers.factored import adafactor
    from optax_lab.optimizers.iterates import schedule_free_adamw, schedule_free_sgd
    from optax_lab.optimizers.kronecker import shampoo, soap
    from optax_lab.optimizers.layerwise import lamb, lars, novograd
    from optax_lab.optimizers.maxima import adamax, adamaxw, amsgrad
    from optax_lab.optimizers.mixing import ademamix, aggmo, qhadam, qhm
    from optax_lab.optimizers.momentum import momentum, sgd
    from optax_lab.optimizers.normalized import adopt, laprop
    from optax_lab.optimizers.orthogonal import muon
    from optax_lab.optimizers.rectified import radam
    from optax_lab.optimizers.rms import adadelta, rmsprop
    from optax_lab.optimizers.sign import lion, signum
    from optax_lab.optimizers.table import OPTIMIZERS
    from optax_lab.problems.surfaces import SURFACES
    from optax_lab.runs.descent import descend
    from optax_lab.runs.training import train
    from optax_lab.studies.compare import compare
    from optax_lab.studies.grids import descents
    from optax_lab.studies.tuning import tune
    from optax_lab.transforms.iterates import (
        evaluation_params,
        schedule_free,
        schedule_free_eval_params,
    )
    from optax_lab.transforms.observing import observe
    from optax_lab.transforms.parameters import lookahead, param_ema, with_param_ema
    from optax_lab.transforms.wrappers import cautious, grams, grokfast

__version__ = "0.1.0"

_MODULES = {
    "OPTIMIZERS": "optimizers.table",
    "SURFACES": "problems.surfaces",
    "adabelief": "optimizers.belief",
    "adadelta": "optimizers.rms",
    "adafactor": "optimizers.factored",
    "adagrad": "optimizers.adagrad",
    "adam": "optimizers.adam",
    "adamax": "optimizers.maxima",
    "adamaxw": "optimizers.maxima",
    "adamw": "optimizers.adam",
    "adan": "optimizers.adan",
    "ademamix": "optimizers.mixing",
    "adopt": "optimizers.normalized",
    "aggmo": "optimizers.mixing",
    "amsgrad": "optimizers.maxima",
    "anatomy": "dissection",
    "cautious": "transforms.wrappers",
    "compare": "studies.compare",
    "contract": "contract",
    "descend": "runs.descent",
    "descents": "studies.grids",
    "dialects": "dialects",
    "evaluation_params": "transforms.iterates",
    "ewma": "ewma",
    "grams": "transforms.wrappers",
    "grokfast": "transforms.wrappers",
    "lamb": "optimizers.layerwise",
    "laprop": "optimizers.normalized",
    "lars": "optimizers.layerwise",
    "lion": "optimizers.sign",
    "lookahead": "transforms.parameters",
    "mars": "optimizers.adan",
    "momentum": "optimizers.momentum",
    "muon": "optimizers.orthogonal",
    "nadam": "optimizers.adam",
    "nadamw": "optimizers.adam",
    "novograd": "optimizers.layerwise",
    "observe": "transforms.observing",
    "param_ema": "transforms.parameters",
    "prodigy": "optimizers.distance",
    "qhadam": "optimizers.mixing",
    "qhm": "optimizers.mixing",
    "radam": "optimizers.rectified",
    "rmsprop": "optimizers.rms",
    "schedule_free": "transforms.iterates",
    "schedule_free_adamw": "optimizers.iterates",
    "schedule_free_eval_params": "transforms.iterates",
    "schedule_free_sgd": "optimizers.iterates",
    "sgd": "optimizers.momentum",
    "shampoo": "optimizers.kronecker",
    "signum": "optimizers.sign",
    "soap": "optimizers.kronecker",
    "sophia": "optimizers.curvature",
    "train": "runs.training",
    "tune": "studies.tuning",
    "with_param_ema": "transforms.parameters",
    "yogi": "optimizers.belief",
}

__all__ = [
    "OPTIMIZERS",
    "SURFACES",
    "adabelief",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamaxw",
    "adamw",
    "adan",
    "ademamix",
    "adopt",
    "aggmo",
    "amsgrad",
    "anatomy",
    "cautious",
    "compare",
    "contract",
    "descend",
    "descents",
    "dialects",
    "evaluation_params",
    "ewma",
    "grams",
    "grokfast",
    "lamb",
    "laprop",
    "lars",
    "lion",
    "lookahead",
    "mars",
    "momentum",
    "muon",
    "nadam",
    "nadamw",
    "novograd",
    "observe",
    "param_ema",
    "prodigy",
    "qhadam",
    "qhm",
    "radam",
    "rmsprop",
    "schedule_free",
    "schedule_free_adamw",
    "schedule_free_eval_params",
    "schedule_free_sgd",
    "sgd",
    "shampoo",
    "signum",
    "soap",
    "sophia",
    "train",
    "tune",
    "with_param_ema",
    "yogi",
]

if not TYPE_CHECKING:  # with these, any name would be one of ours
    __getattr__, __dir__ = lazy.attach(__name__, _MODULES)
