# Optimizers that average gradients and their squares, framework by framework.

from optax_lab.dialects.explaining.forms import (
    APART,
    IN_GRADIENT,
    NONE,
    Entry,
    Facts,
    Form,
    Phrase,
)

_PYTORCH = {
    "η": "lr",
    "β₁": "betas[0]",
    "β₂": "betas[1]",
    "ε": "eps",
    "λ": "weight_decay",
}
_KERAS = {
    "η": "learning_rate",
    "β₁": "beta_1",
    "β₂": "beta_2",
    "ε": "epsilon",
    "λ": "weight_decay",
}
_OPTAX = {"η": "learning_rate", "β₁": "b1", "β₂": "b2", "ε": "eps"}
_DECAYED = _OPTAX | {"λ": "weight_decay"}

_T = "params, lr=η, betas=(β₁, β₂), eps=ε"
_K = "learning_rate=η, beta_1=β₁, beta_2=β₂, epsilon=ε"
_O = "η, b1=β₁, b2=β₂, eps=ε"
_WEIGHT = "jnp.sqrt(1 - β₂ ** (t + 1))"
_HAT = f"η, b1=β₁, b2=β₂, eps=lambda t: ε / {_WEIGHT}"
_RATE = "optax.scale_by_learning_rate(η)"
_COUPLED = "optax.add_decayed_weights(λ)"

_AFTER = "after debiasing, √ν̂ + ε"
_BEFORE = "before debiasing, (√ν + ε)/√(1 − β₂ᵗ)"
_BOTH = "μ and ν"
_ADDED_BEFORE = "ε is added before debiasing there: it would have to be ε√(1−β₂ᵗ)"
_ADDED_AFTER = "ε is added after debiasing there: it would have to be ε/√(1−β₂ᵗ)"

_MOMENTS = "μₜ = β₁μₜ₋₁ + (1 − β₁)gₜ,  νₜ = β₂νₜ₋₁ + (1 − β₂)gₜ²"
_PLAIN = "θₜ = θₜ₋₁ − ημ̂ₜ/(√ν̂ₜ + ε)"
_HATTED = "μ̂ₜ/(√ν̂ₜ + ε/√(1 − β₂ᵗ))"
_SHRUNK = "θₜ = θₜ₋₁(1 − ηλ) − η"

ADAM = Entry(
    "Adam",
    {
        "pytorch": Form(
            "torch.optim.Adam",
            f"{_MOMENTS},  {_PLAIN}",
            Facts(_AFTER, _BOTH, decay=IN_GRADIENT),
            _PYTORCH
            | {
                "amsgrad": "amsgrad",
                "decoupled_weight_decay": "decoupled_weight_decay",
            },
        ),
        "keras": Form(
            "keras.optimizers.Adam",
            f"{_MOMENTS},  {_SHRUNK}{_HATTED}",
            Facts(_BEFORE, _BOTH, decay=APART),
            _KERAS | {"amsgrad": "amsgrad"},
        ),
        "optax": Form(
            "optax.adam",
            f"{_MOMENTS},  {_PLAIN}",
            Facts(_AFTER, _BOTH, decay=NONE),
            _OPTAX,
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"torch.optim.Adam({_T})",
                "optax": f"optax.adam({_O})",
            },
            {"keras": _ADDED_BEFORE},
        ),
        Phrase(
            "",
            {
                "keras": f"keras.optimizers.Adam({_K})",
                "optax": f"optax.inject_hyperparams(optax.adam)({_HAT})",
            },
            {"pytorch": _ADDED_AFTER},
        ),
        Phrase(
            "with decay",
            {
                "pytorch": f"torch.optim.Adam({_T}, weight_decay=λ)",
                "optax": f"optax.chain({_COUPLED}, optax.adam({_O}))",
            },
            {"keras": _ADDED_BEFORE},
        ),
        Phrase(
            "with decay",
            {
                "keras": f"keras.optimizers.Adam({_K}, weight_decay=λ)",
                "optax": (
                    f"optax.inject_hyperparams(optax.adamw)({_HAT}, weight_decay=λ)"
                ),
            },
            {"pytorch": _ADDED_AFTER},
        ),
    ),
)

ADAMW = Entry(
    "AdamW",
    {
        "pytorch": Form(
            "torch.optim.AdamW",
            f"{_MOMENTS},  {_SHRUNK}μ̂ₜ/(√ν̂ₜ + ε)",
            Facts(_AFTER, _BOTH, decay=APART),
            _PYTORCH | {"amsgrad": "amsgrad"},
        ),
        "keras": Form(
            "keras.optimizers.AdamW",
            f"{_MOMENTS},  {_SHRUNK}{_HATTED}",
            Facts(_BEFORE, _BOTH, decay=APART),
            _KERAS | {"amsgrad": "amsgrad"},
        ),
        "optax": Form(
            "optax.adamw",
            f"{_MOMENTS},  {_SHRUNK}μ̂ₜ/(√ν̂ₜ + ε)",
            Facts(_AFTER, _BOTH, decay=APART),
            _DECAYED,
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"torch.optim.AdamW({_T}, weight_decay=λ)",
                "optax": f"optax.adamw({_O}, weight_decay=λ)",
            },
            {"keras": _ADDED_BEFORE},
        ),
        Phrase(
            "",
            {
                "keras": f"keras.optimizers.AdamW({_K}, weight_decay=λ)",
                "optax": (
                    f"optax.inject_hyperparams(optax.adamw)({_HAT}, weight_decay=λ)"
                ),
            },
            {"pytorch": _ADDED_AFTER},
        ),
    ),
)

_LARGEST = "nₜ = max(nₜ₋₁, νₜ)"
_OF_RAW = "of ν, and then debiased"
_OF_DEBIASED = "of ν̂"
_RAW = "the maximum is of ν there, and is debiased afterwards"
_HEAVY = f"optax.scale_by_schedule(lambda t: {_WEIGHT}), {_RATE}"

AMSGRAD = Entry(
    "AMSGrad",
    {
        "pytorch": Form(
            "torch.optim.Adam(amsgrad=True)",
            f"{_MOMENTS},  {_LARGEST},  θₜ = θₜ₋₁ − ημ̂ₜ/(√(nₜ/(1 − β₂ᵗ)) + ε)",
            Facts(_AFTER, _BOTH, maximum=_OF_RAW, decay=IN_GRADIENT),
            _PYTORCH | {"decoupled_weight_decay": "decoupled_weight_decay"},
        ),
        "keras": Form(
            "keras.optimizers.Adam(amsgrad=True)",
            f"{_MOMENTS},  {_LARGEST},  {_SHRUNK}μ̂ₜ√(1 − β₂ᵗ)/(√nₜ + ε)",
            Facts(_BEFORE, _BOTH, maximum=_OF_RAW, decay=APART),
            _KERAS,
        ),
        "optax": Form(
            "optax.amsgrad",
            f"{_MOMENTS},  nₜ = max(nₜ₋₁, ν̂ₜ),  θₜ = θₜ₋₁ − ημ̂ₜ/(√nₜ + ε)",
            Facts(_AFTER, _BOTH, maximum=_OF_DEBIASED, decay=NONE),
            _OPTAX,
            "bias_correction_nu=False takes the maximum of ν, and never debiases it.",
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"torch.optim.Adam({_T}, amsgrad=True)",
                "optax": (
                    "optax.chain(optax.inject_hyperparams(optax.scale_by_amsgrad)("
                    f"β₁, β₂, eps=lambda t: ε * {_WEIGHT}, bias_correction_nu=False), "
                    f"{_HEAVY})"
                ),
            },
            {"keras": _ADDED_BEFORE},
        ),
        Phrase(
            "",
            {
                "keras": f"keras.optimizers.Adam({_K}, amsgrad=True)",
                "optax": (
                    "optax.chain(optax.scale_by_amsgrad("
                    f"β₁, β₂, ε, bias_correction_nu=False), {_HEAVY})"
                ),
            },
            {"pytorch": _ADDED_AFTER},
        ),
        Phrase(
            "",
            {"optax": f"optax.amsgrad({_O})"},
            {"pytorch": _RAW, "keras": _RAW},
        ),
    ),
)

_IN_MAXIMUM = "in the maximum, |g| + ε"
_ON_MAXIMUM = "on top of the maximum, ν + ε"

ADAMAX = Entry(
    "Adamax",
    {
        "pytorch": Form(
            "torch.optim.Adamax",
            "μₜ = β₁μₜ₋₁ + (1 − β₁)gₜ,  νₜ = max(β₂νₜ₋₁, |gₜ| + ε),  "
            "θₜ = θₜ₋₁ − ημ̂ₜ/νₜ",
            Facts(_IN_MAXIMUM, "μ", decay=IN_GRADIENT),
            _PYTORCH,
        ),
        "keras": Form(
            "keras.optimizers.Adamax",
            f"μₜ = β₁μₜ₋₁ + (1 − β₁)gₜ,  νₜ = max(β₂νₜ₋₁, |gₜ|),  {_SHRUNK}μ̂ₜ/(νₜ + ε)",
            Facts(_ON_MAXIMUM, "μ", decay=APART),
            _KERAS,
        ),
        "optax": Form(
            "optax.adamax",
            "μₜ = β₁μₜ₋₁ + (1 − β₁)gₜ,  νₜ = max(β₂νₜ₋₁, |gₜ| + ε),  "
            "θₜ = θₜ₋₁ − ημ̂ₜ/νₜ",
            Facts(_IN_MAXIMUM, "μ", decay=NONE),
            _OPTAX,
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"torch.optim.Adamax({_T})",
                "optax": f"optax.adamax({_O})",
            },
            {"keras": "ε is added to the maximum there, and is no part of it"},
        ),
        Phrase(
            "with decay",
            {
                "pytorch": f"torch.optim.Adamax({_T}, weight_decay=λ)",
                "optax": f"optax.chain({_COUPLED}, optax.adamax({_O}))",
            },
            {"keras": "ε is added to the maximum there, and is no part of it"},
        ),
        Phrase(
            "",
            {"keras": f"keras.optimizers.Adamax({_K})"},
            dict.fromkeys(
                ("pytorch", "optax"), "ε is part of the maximum there, and fades in it"
            ),
        ),
    ),
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
            f"{_MOMENTS},  βₜ = {_RISING},  θₜ = θₜ₋₁ − η{_AHEAD}",
            Facts(_AFTER, _BOTH, warm_up=_RISING, decay=IN_GRADIENT),
            _PYTORCH
            | {
                "ψ": "momentum_decay",
                "decoupled_weight_decay": "decoupled_weight_decay",
            },
        ),
        "keras": Form(
            "keras.optimizers.Nadam",
            f"{_MOMENTS},  βₜ = β₁(1 − ½·0.96ᵗ),  {_SHRUNK}{_AHEAD}",
            Facts(_AFTER, _BOTH, warm_up=f"{_RISING}, ψ = 1", decay=APART),
            _KERAS,
        ),
        "optax": Form(
            "optax.nadam",
            f"{_MOMENTS},  θₜ = θₜ₋₁ − η(β₁μₜ/(1 − β₁ᵗ⁺¹) + (1 − β₁)gₜ/(1 − β₁ᵗ))"
            "/(√ν̂ₜ + ε)",
            Facts(_AFTER, _BOTH, warm_up="β₁, the limit ψ → ∞", decay=NONE),
            _OPTAX,
        ),
    },
    (
        Phrase(
            "",
            {"pytorch": f"torch.optim.NAdam({_T}, momentum_decay=ψ)"},
            {"keras": "ψ is 1 there, and no argument", "optax": _CONSTANT},
        ),
        Phrase(
            "with ψ = 1",
            {
                "pytorch": f"torch.optim.NAdam({_T}, momentum_decay=1)",
                "keras": f"keras.optimizers.Nadam({_K})",
            },
            {"optax": _CONSTANT},
        ),
        Phrase(
            "with a constant β₁",
            {
                "pytorch": f"torch.optim.NAdam({_T}, momentum_decay=1e6)",
                "optax": f"optax.nadam({_O})",
            },
            {"keras": _RISES},
        ),
        Phrase(
            "with ψ = 1 and decay",
            {
                "pytorch": (
                    f"torch.optim.NAdam({_T}, momentum_decay=1, weight_decay=λ, "
                    "decoupled_weight_decay=True)"
                ),
                "keras": f"keras.optimizers.Nadam({_K}, weight_decay=λ)",
            },
            {"optax": _CONSTANT},
        ),
        Phrase(
            "with a constant β₁ and decay",
            {
                "pytorch": (
                    f"torch.optim.NAdam({_T}, momentum_decay=1e6, weight_decay=λ, "
                    "decoupled_weight_decay=True)"
                ),
                "optax": f"optax.nadamw({_O}, weight_decay=λ)",
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
            f"{_MOMENTS},  θₜ = θₜ₋₁ − ηrₜ{_HATTED} where ρₜ > 5, and {_RECTIFIED}",
            Facts(_BEFORE, _BOTH, threshold="ρ > 5", decay=IN_GRADIENT),
            _PYTORCH | {"decoupled_weight_decay": "decoupled_weight_decay"},
        ),
        "optax": Form(
            "optax.radam",
            f"{_MOMENTS},  θₜ = θₜ₋₁ − ηrₜμ̂ₜ/(√ν̂ₜ + ε) where ρₜ ≥ 5, and {_RECTIFIED}",
            Facts(_AFTER, _BOTH, threshold="ρ ≥ 5, an argument", decay=NONE),
            _OPTAX,
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"torch.optim.RAdam({_T})",
                "optax": f"optax.inject_hyperparams(optax.radam)({_HAT})",
            },
        ),
        Phrase(
            "with decay",
            {
                "pytorch": f"torch.optim.RAdam({_T}, weight_decay=λ)",
                "optax": (
                    f"optax.chain({_COUPLED}, "
                    f"optax.inject_hyperparams(optax.radam)({_HAT}))"
                ),
            },
        ),
        Phrase(
            "",
            {"optax": f"optax.radam({_O})"},
            {"pytorch": _ADDED_BEFORE},
        ),
    ),
)

_RATIO = "the trust ratio is of the decayed parameters there, and not of the decay"

LAMB = Entry(
    "LAMB",
    {
        "keras": Form(
            "keras.optimizers.Lamb",
            f"{_MOMENTS},  uₜ = μ̂ₜ/(√ν̂ₜ + ε),  θ′ = θₜ₋₁(1 − ηλ),  "
            "θₜ = θ′ − η‖θ′‖/‖uₜ‖ uₜ",
            Facts(_AFTER, _BOTH, decay="apart from it and first, θₜ₋₁(1 − ηλ)"),
            _KERAS,
        ),
        "optax": Form(
            "optax.lamb",
            f"{_MOMENTS},  uₜ = μ̂ₜ/(√ν̂ₜ + ε) + λθₜ₋₁,  θₜ = θₜ₋₁ − η‖θₜ₋₁‖/‖uₜ‖ uₜ",
            Facts(_AFTER, _BOTH, decay="in the trust ratio, uₜ + λθₜ₋₁"),
            _DECAYED,
        ),
    },
    (
        Phrase(
            "",
            {
                "keras": f"keras.optimizers.Lamb({_K})",
                "optax": f"optax.lamb({_O})",
            },
        ),
        Phrase(
            "with decay",
            {
                "keras": f"keras.optimizers.Lamb({_K}, weight_decay=λ)",
                # ‖θ′‖ is (1 − ηλ)‖θ‖.
                "optax": (
                    "optax.chain(optax.scale_by_adam(β₁, β₂, ε), "
                    "optax.scale_by_trust_ratio(trust_coefficient=1 - η * λ), "
                    f"optax.add_decayed_weights(λ), {_RATE})"
                ),
            },
            constant=("optax",),
        ),
        Phrase(
            "with decay",
            {"optax": f"optax.lamb({_O}, weight_decay=λ)"},
            {"keras": _RATIO},
        ),
    ),
)
