# Optimizers with Adam's averages and another step, framework by framework.

from optax_lab.dialects.explaining.forms import (
    APART,
    IN_GRADIENT,
    NONE,
    Entry,
    Facts,
    Form,
    Phrase,
)
from optax_lab.dialects.explaining.words import (
    ADDED_BEFORE,
    AFTER,
    BEFORE,
    BOTH,
    COUPLED,
    DECAYED,
    HAT,
    HATTED,
    KERAS,
    KERAS_CALL,
    MOMENTS,
    OPTAX,
    OPTAX_CALL,
    PYTORCH,
    RATE,
    SHRUNK,
    TORCH_CALL,
)

_RISING = "β₁(1 − ½·0.96^(tψ))"
_AHEAD = "(βₜ₊₁μₜ/(1 − β₁…βₜ₊₁) + (1 − βₜ)gₜ/(1 − β₁…βₜ))/(√ν̂ₜ + ε)"
_RISES = "β₁ rises with 0.96ᵗ there, and Optax's is constant"
_CONSTANT = "β₁ is constant there: ψ would have to be so large that 0.96^ψ is 0"

NADAM = Entry(
    "NAdam",
    {
        "pytorch": Form(
            "torch.optim.NAdam",
            f"{MOMENTS},  βₜ = {_RISING},  θₜ = θₜ₋₁ − η{_AHEAD}",
            Facts(AFTER, BOTH, warm_up=_RISING, decay=IN_GRADIENT),
            PYTORCH
            | {
                "ψ": "momentum_decay",
                "decoupled_weight_decay": "decoupled_weight_decay",
            },
        ),
        "keras": Form(
            "keras.optimizers.Nadam",
            f"{MOMENTS},  βₜ = β₁(1 − ½·0.96ᵗ),  {SHRUNK}{_AHEAD}",
            Facts(AFTER, BOTH, warm_up=f"{_RISING}, ψ = 1", decay=APART),
            KERAS,
        ),
        "optax": Form(
            "optax.nadam",
            f"{MOMENTS},  θₜ = θₜ₋₁ − η(β₁μₜ/(1 − β₁ᵗ⁺¹) + (1 − β₁)gₜ/(1 − β₁ᵗ))"
            "/(√ν̂ₜ + ε)",
            Facts(AFTER, BOTH, warm_up="β₁, the limit ψ → ∞", decay=NONE),
            OPTAX,
        ),
    },
    (
        Phrase(
            "",
            {"pytorch": f"torch.optim.NAdam({TORCH_CALL}, momentum_decay=ψ)"},
            {"keras": "ψ is 1 there, and no argument", "optax": _CONSTANT},
        ),
        Phrase(
            "with ψ = 1",
            {
                "pytorch": f"torch.optim.NAdam({TORCH_CALL}, momentum_decay=1)",
                "keras": f"keras.optimizers.Nadam({KERAS_CALL})",
            },
            {"optax": _CONSTANT},
        ),
        Phrase(
            "with a constant β₁",
            {
                "pytorch": f"torch.optim.NAdam({TORCH_CALL}, momentum_decay=1e6)",
                "optax": f"optax.nadam({OPTAX_CALL})",
            },
            {"keras": _RISES},
        ),
        Phrase(
            "with ψ = 1 and decay",
            {
                "pytorch": (
                    f"torch.optim.NAdam({TORCH_CALL}, momentum_decay=1, "
                    "weight_decay=λ, decoupled_weight_decay=True)"
                ),
                "keras": f"keras.optimizers.Nadam({KERAS_CALL}, weight_decay=λ)",
            },
            {"optax": _CONSTANT},
        ),
        Phrase(
            "with a constant β₁ and decay",
            {
                "pytorch": (
                    f"torch.optim.NAdam({TORCH_CALL}, momentum_decay=1e6, "
                    "weight_decay=λ, decoupled_weight_decay=True)"
                ),
                "optax": f"optax.nadamw({OPTAX_CALL}, weight_decay=λ)",
            },
            {"keras": _RISES},
        ),
    ),
)

_RECTIFIED = "ημ̂ₜ before"

RADAM = Entry(
    "RAdam",
    {
        "pytorch": Form(
            "torch.optim.RAdam",
            f"{MOMENTS},  θₜ = θₜ₋₁ − ηrₜ{HATTED} where ρₜ > 5, and {_RECTIFIED}",
            Facts(BEFORE, BOTH, threshold="ρ > 5", decay=IN_GRADIENT),
            PYTORCH | {"decoupled_weight_decay": "decoupled_weight_decay"},
        ),
        "optax": Form(
            "optax.radam",
            f"{MOMENTS},  θₜ = θₜ₋₁ − ηrₜμ̂ₜ/(√ν̂ₜ + ε) where ρₜ ≥ 5, and {_RECTIFIED}",
            Facts(AFTER, BOTH, threshold="ρ ≥ 5, an argument", decay=NONE),
            OPTAX,
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"torch.optim.RAdam({TORCH_CALL})",
                "optax": f"optax.inject_hyperparams(optax.radam)({HAT})",
            },
        ),
        Phrase(
            "with decay",
            {
                "pytorch": f"torch.optim.RAdam({TORCH_CALL}, weight_decay=λ)",
                "optax": (
                    f"optax.chain({COUPLED}, "
                    f"optax.inject_hyperparams(optax.radam)({HAT}))"
                ),
            },
        ),
        Phrase(
            "",
            {"optax": f"optax.radam({OPTAX_CALL})"},
            {"pytorch": ADDED_BEFORE},
        ),
    ),
)

_RATIO = "the trust ratio is of the decayed parameters there, and not of the decay"

LAMB = Entry(
    "LAMB",
    {
        "keras": Form(
            "keras.optimizers.Lamb",
            f"{MOMENTS},  uₜ = μ̂ₜ/(√ν̂ₜ + ε),  θ′ = θₜ₋₁(1 − ηλ),  "
            "θₜ = θ′ − η‖θ′‖/‖uₜ‖ uₜ",
            Facts(AFTER, BOTH, decay="apart from it and first, θₜ₋₁(1 − ηλ)"),
            KERAS,
        ),
        "optax": Form(
            "optax.lamb",
            f"{MOMENTS},  uₜ = μ̂ₜ/(√ν̂ₜ + ε) + λθₜ₋₁,  θₜ = θₜ₋₁ − η‖θₜ₋₁‖/‖uₜ‖ uₜ",
            Facts(AFTER, BOTH, decay="in the trust ratio, uₜ + λθₜ₋₁"),
            DECAYED,
        ),
    },
    (
        Phrase(
            "",
            {
                "keras": f"keras.optimizers.Lamb({KERAS_CALL})",
                "optax": f"optax.lamb({OPTAX_CALL})",
            },
        ),
        Phrase(
            "with decay",
            {
                "keras": f"keras.optimizers.Lamb({KERAS_CALL}, weight_decay=λ)",
                # ‖θ′‖ is (1 − ηλ)‖θ‖.
                "optax": (
                    "optax.chain(optax.scale_by_adam(β₁, β₂, ε), "
                    "optax.scale_by_trust_ratio(trust_coefficient=1 - η * λ), "
                    f"optax.add_decayed_weights(λ), {RATE})"
                ),
            },
            constant=("optax",),
        ),
        Phrase(
            "with decay",
            {"optax": f"optax.lamb({OPTAX_CALL}, weight_decay=λ)"},
            {"keras": _RATIO},
        ),
    ),
)
