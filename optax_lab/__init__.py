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
    from optax_lab.dissection import anatomy
    from optax_lab.optimizers.adabelief import (
        adabelief,
        scale_by_belief,
        scale_by_yogi,
        yogi,
    )
    from optax_lab.optimizers.adafactor import (
        adafactor,
        clip_by_block_rms,
        scale_by_factored_rms,
        scale_by_param_block_rms,
    )
    from optax_lab.optimizers.adagrad import adagrad, scale_by_rss
    from optax_lab.optimizers.adam import adam, adamw, nadam, nadamw, scale_by_adam
    from optax_lab.optimizers.adamax import (
        adamax,
        adamaxw,
        amsgrad,
        scale_by_adamax,
        scale_by_amsgrad,
    )
    from optax_lab.optimizers.adan import adan, mars, scale_by_adan, scale_by_mars
    from optax_lab.optimizers.ademamix import (
        ademamix,
        aggmo,
        scale_by_ademamix,
        scale_by_aggmo,
    )
    from optax_lab.optimizers.common import add_decayed_weights, scale_by_learning_rate
    from optax_lab.optimizers.laprop import (
        adopt,
        laprop,
        scale_by_adopt,
        scale_by_laprop,
    )
    from optax_lab.optimizers.layerwise import (
        lamb,
        lars,
        novograd,
        scale_by_novograd,
        scale_by_trust_ratio,
    )
    from optax_lab.optimizers.lion import lion, scale_by_lion, scale_by_sign, signum
    from optax_lab.optimizers.monitoring import observe
    from optax_lab.optimizers.muon import muon, scale_by_muon, scale_by_shape
    from optax_lab.optimizers.parameter_averaging import (
        lookahead,
        param_ema,
        with_param_ema,
    )
    from optax_lab.optimizers.prodigy import prodigy, scale_by_prodigy
    from optax_lab.optimizers.qhm import qhadam, qhm, scale_by_qhadam, scale_by_qhm
    from optax_lab.optimizers.radam import radam, scale_by_radam
    from optax_lab.optimizers.rmsprop import (
        adadelta,
        rmsprop,
        scale_by_adadelta,
        scale_by_rms,
        scale_by_stddev,
    )
    from optax_lab.optimizers.schedule_free import (
        evaluation_params,
        schedule_free,
        schedule_free_adamw,
        schedule_free_eval_params,
        schedule_free_sgd,
    )
    from optax_lab.optimizers.sgd import ema, momentum, sgd, trace
    from optax_lab.optimizers.shampoo import (
        scale_by_shampoo,
        scale_by_soap,
        shampoo,
        soap,
    )
    from optax_lab.optimizers.sophia import (
        hutchinson_estimator_diag_hessian,
        scale_by_sophia,
        sophia,
    )
    from optax_lab.optimizers.table import OPTIMIZERS
    from optax_lab.optimizers.wrappers import cautious, grams, grokfast
    from optax_lab.problems.surfaces import SURFACES
    from optax_lab.runs.descent import descend
    from optax_lab.runs.training import train
    from optax_lab.studies.compare import compare
    from optax_lab.studies.grids import descents
    from optax_lab.studies.tuning import tune

__version__ = "0.1.0"

_MODULES = {
    "OPTIMIZERS": "optimizers.table",
    "SURFACES": "problems.surfaces",
    "adabelief": "optimizers.adabelief",
    "adadelta": "optimizers.rmsprop",
    "adafactor": "optimizers.adafactor",
    "adagrad": "optimizers.adagrad",
    "adam": "optimizers.adam",
    "adamax": "optimizers.adamax",
    "adamaxw": "optimizers.adamax",
    "adamw": "optimizers.adam",
    "adan": "optimizers.adan",
    "add_decayed_weights": "optimizers.common",
    "ademamix": "optimizers.ademamix",
    "adopt": "optimizers.laprop",
    "aggmo": "optimizers.ademamix",
    "amsgrad": "optimizers.adamax",
    "anatomy": "dissection",
    "cautious": "optimizers.wrappers",
    "clip_by_block_rms": "optimizers.adafactor",
    "compare": "studies.compare",
    "contract": "contract",
    "descend": "runs.descent",
    "descents": "studies.grids",
    "dialects": "dialects",
    "ema": "optimizers.sgd",
    "evaluation_params": "optimizers.schedule_free",
    "ewma": "ewma",
    "grams": "optimizers.wrappers",
    "grokfast": "optimizers.wrappers",
    "hutchinson_estimator_diag_hessian": "optimizers.sophia",
    "lamb": "optimizers.layerwise",
    "laprop": "optimizers.laprop",
    "lars": "optimizers.layerwise",
    "lion": "optimizers.lion",
    "lookahead": "optimizers.parameter_averaging",
    "mars": "optimizers.adan",
    "momentum": "optimizers.sgd",
    "muon": "optimizers.muon",
    "nadam": "optimizers.adam",
    "nadamw": "optimizers.adam",
    "novograd": "optimizers.layerwise",
    "observe": "optimizers.monitoring",
    "param_ema": "optimizers.parameter_averaging",
    "prodigy": "optimizers.prodigy",
    "qhadam": "optimizers.qhm",
    "qhm": "optimizers.qhm",
    "radam": "optimizers.radam",
    "rmsprop": "optimizers.rmsprop",
    "scale_by_adadelta": "optimizers.rmsprop",
    "scale_by_adam": "optimizers.adam",
    "scale_by_adamax": "optimizers.adamax",
    "scale_by_adan": "optimizers.adan",
    "scale_by_ademamix": "optimizers.ademamix",
    "scale_by_adopt": "optimizers.laprop",
    "scale_by_aggmo": "optimizers.ademamix",
    "scale_by_amsgrad": "optimizers.adamax",
    "scale_by_belief": "optimizers.adabelief",
    "scale_by_factored_rms": "optimizers.adafactor",
    "scale_by_laprop": "optimizers.laprop",
    "scale_by_learning_rate": "optimizers.common",
    "scale_by_lion": "optimizers.lion",
    "scale_by_mars": "optimizers.adan",
    "scale_by_muon": "optimizers.muon",
    "scale_by_novograd": "optimizers.layerwise",
    "scale_by_param_block_rms": "optimizers.adafactor",
    "scale_by_prodigy": "optimizers.prodigy",
    "scale_by_qhadam": "optimizers.qhm",
    "scale_by_qhm": "optimizers.qhm",
    "scale_by_radam": "optimizers.radam",
    "scale_by_rms": "optimizers.rmsprop",
    "scale_by_rss": "optimizers.adagrad",
    "scale_by_shampoo": "optimizers.shampoo",
    "scale_by_shape": "optimizers.muon",
    "scale_by_sign": "optimizers.lion",
    "scale_by_soap": "optimizers.shampoo",
    "scale_by_sophia": "optimizers.sophia",
    "scale_by_stddev": "optimizers.rmsprop",
    "scale_by_trust_ratio": "optimizers.layerwise",
    "scale_by_yogi": "optimizers.adabelief",
    "schedule_free": "optimizers.schedule_free",
    "schedule_free_adamw": "optimizers.schedule_free",
    "schedule_free_eval_params": "optimizers.schedule_free",
    "schedule_free_sgd": "optimizers.schedule_free",
    "sgd": "optimizers.sgd",
    "shampoo": "optimizers.shampoo",
    "signum": "optimizers.lion",
    "soap": "optimizers.shampoo",
    "sophia": "optimizers.sophia",
    "trace": "optimizers.sgd",
    "train": "runs.training",
    "tune": "studies.tuning",
    "with_param_ema": "optimizers.parameter_averaging",
    "yogi": "optimizers.adabelief",
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
    "add_decayed_weights",
    "ademamix",
    "adopt",
    "aggmo",
    "amsgrad",
    "anatomy",
    "cautious",
    "clip_by_block_rms",
    "compare",
    "contract",
    "descend",
    "descents",
    "dialects",
    "ema",
    "evaluation_params",
    "ewma",
    "grams",
    "grokfast",
    "hutchinson_estimator_diag_hessian",
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
    "scale_by_adadelta",
    "scale_by_adam",
    "scale_by_adamax",
    "scale_by_adan",
    "scale_by_ademamix",
    "scale_by_adopt",
    "scale_by_aggmo",
    "scale_by_amsgrad",
    "scale_by_belief",
    "scale_by_factored_rms",
    "scale_by_laprop",
    "scale_by_learning_rate",
    "scale_by_lion",
    "scale_by_mars",
    "scale_by_muon",
    "scale_by_novograd",
    "scale_by_param_block_rms",
    "scale_by_prodigy",
    "scale_by_qhadam",
    "scale_by_qhm",
    "scale_by_radam",
    "scale_by_rms",
    "scale_by_rss",
    "scale_by_shampoo",
    "scale_by_shape",
    "scale_by_sign",
    "scale_by_soap",
    "scale_by_sophia",
    "scale_by_stddev",
    "scale_by_trust_ratio",
    "scale_by_yogi",
    "schedule_free",
    "schedule_free_adamw",
    "schedule_free_eval_params",
    "schedule_free_sgd",
    "sgd",
    "shampoo",
    "signum",
    "soap",
    "sophia",
    "trace",
    "train",
    "tune",
    "with_param_ema",
    "yogi",
]

if not TYPE_CHECKING:  # with these, any name would be one of ours
    __getattr__, __dir__ = lazy.attach(__name__, _MODULES)
