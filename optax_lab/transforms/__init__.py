"""Rules from gradient to direction, a file per family, each over `ewma`."""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.transforms.adagrad import scale_by_rss
    from optax_lab.transforms.adam import scale_by_adam
    from optax_lab.transforms.adan import scale_by_adan, scale_by_mars
    from optax_lab.transforms.belief import scale_by_belief, scale_by_yogi
    from optax_lab.transforms.curvature import (
        hutchinson_estimator_diag_hessian,
        scale_by_sophia,
    )
    from optax_lab.transforms.distance import scale_by_prodigy
    from optax_lab.transforms.factored import (
        clip_by_block_rms,
        scale_by_factored_rms,
        scale_by_param_block_rms,
    )
    from optax_lab.transforms.iterates import (
        evaluation_params,
        schedule_free,
        schedule_free_eval_params,
    )
    from optax_lab.transforms.kronecker import scale_by_shampoo, scale_by_soap
    from optax_lab.transforms.layerwise import scale_by_novograd, scale_by_trust_ratio
    from optax_lab.transforms.maxima import scale_by_adamax, scale_by_amsgrad
    from optax_lab.transforms.mixing import (
        scale_by_ademamix,
        scale_by_aggmo,
        scale_by_qhadam,
        scale_by_qhm,
    )
    from optax_lab.transforms.momentum import ema, trace
    from optax_lab.transforms.normalized import scale_by_adopt, scale_by_laprop
    from optax_lab.transforms.observing import observe
    from optax_lab.transforms.orthogonal import scale_by_muon, scale_by_shape
    from optax_lab.transforms.parameters import lookahead, param_ema, with_param_ema
    from optax_lab.transforms.rectified import scale_by_radam
    from optax_lab.transforms.rms import (
        scale_by_adadelta,
        scale_by_rms,
        scale_by_stddev,
    )
    from optax_lab.transforms.scaling import add_decayed_weights, scale_by_learning_rate
    from optax_lab.transforms.sign import scale_by_lion, scale_by_sign
    from optax_lab.transforms.wrappers import cautious, grams, grokfast

_MODULES = {
    "add_decayed_weights": "scaling",
    "cautious": "wrappers",
    "clip_by_block_rms": "factored",
    "ema": "momentum",
    "evaluation_params": "iterates",
    "grams": "wrappers",
    "grokfast": "wrappers",
    "hutchinson_estimator_diag_hessian": "curvature",
    "lookahead": "parameters",
    "observe": "observing",
    "param_ema": "parameters",
    "scale_by_adadelta": "rms",
    "scale_by_adam": "adam",
    "scale_by_adamax": "maxima",
    "scale_by_adan": "adan",
    "scale_by_ademamix": "mixing",
    "scale_by_adopt": "normalized",
    "scale_by_aggmo": "mixing",
    "scale_by_amsgrad": "maxima",
    "scale_by_belief": "belief",
    "scale_by_factored_rms": "factored",
    "scale_by_laprop": "normalized",
    "scale_by_learning_rate": "scaling",
    "scale_by_lion": "sign",
    "scale_by_mars": "adan",
    "scale_by_muon": "orthogonal",
    "scale_by_novograd": "layerwise",
    "scale_by_param_block_rms": "factored",
    "scale_by_prodigy": "distance",
    "scale_by_qhadam": "mixing",
    "scale_by_qhm": "mixing",
    "scale_by_radam": "rectified",
    "scale_by_rms": "rms",
    "scale_by_rss": "adagrad",
    "scale_by_shampoo": "kronecker",
    "scale_by_shape": "orthogonal",
    "scale_by_sign": "sign",
    "scale_by_soap": "kronecker",
    "scale_by_sophia": "curvature",
    "scale_by_stddev": "rms",
    "scale_by_trust_ratio": "layerwise",
    "scale_by_yogi": "belief",
    "schedule_free": "iterates",
    "schedule_free_eval_params": "iterates",
    "trace": "momentum",
    "with_param_ema": "parameters",
}

__all__ = [
    "add_decayed_weights",
    "cautious",
    "clip_by_block_rms",
    "ema",
    "evaluation_params",
    "grams",
    "grokfast",
    "hutchinson_estimator_diag_hessian",
    "lookahead",
    "observe",
    "param_ema",
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
    "schedule_free_eval_params",
    "trace",
    "with_param_ema",
]

if not TYPE_CHECKING:  # with these, any name would be one of ours
    __getattr__, __dir__ = lazy.attach(__name__, _MODULES)
