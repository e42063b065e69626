# Optimizers that divide by a maximum, framework by framework.

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
    ADDED_AFTER,
    ADDED_BEFORE,
    AFTER,
    BEFORE,
    BOTH,
    COUPLED,
    KERAS,
    KERAS_CALL,
    MOMENTS,
    OPTAX,
    OPTAX_CALL,
    PYTORCH,
    RATE,
    SHRUNK,
    TORCH_CALL,
    WEIGHT,
)

_LARGEST = "nₜ = max(nₜ₋₁, νₜ)"
_OF_RAW = "of ν, and then debiased"
_OF_DEBIASED = "of ν̂"
_RAW = "the maximum is of ν there, and is debiased afterwards"
_HEAVY = f"optax.scale_by_schedule(lambda t: {WEIGHT}), {RATE}"

AMSGRAD = Entry(
    "AMSGrad",
    {
        "pytorch": Form(
            "torch.optim.Adam(amsgrad=True)",
            f"{MOMENTS},  {_LARGEST},  θₜ = θₜ₋₁ − ημ̂ₜ/(√(nₜ/(1 − β₂ᵗ)) + ε)",
            Facts(AFTER, BOTH, maximum=_OF_RAW, decay=IN_GRADIENT),
            PYTORCH | {"decoupled_weight_decay": "decoupled_weight_decay"},
        ),
        "keras": Form(
            "keras.optimizers.Adam(amsgrad=True)",
            f"{MOMENTS},  {_LARGEST},  {SHRUNK}μ̂ₜ√(1 − β₂ᵗ)/(√nₜ + ε)",
            Facts(BEFORE, BOTH, maximum=_OF_RAW, decay=APART),
            KERAS,
        ),
        "optax": Form(
            "optax.amsgrad",
            f"{MOMENTS},  nₜ = max(nₜ₋₁, ν̂ₜ),  θₜ = θₜ₋₁ − ημ̂ₜ/(√nₜ + ε)",
            Facts(AFTER, BOTH, maximum=_OF_DEBIASED, decay=NONE),
            OPTAX,
            "bias_correction_nu=False takes the maximum of ν, and never debiases it.",
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"torch.optim.Adam({TORCH_CALL}, amsgrad=True)",
                "optax": (
                    "optax.chain(optax.inject_hyperparams(optax.scale_by_amsgrad)("
                    f"β₁, β₂, eps=lambda t: ε * {WEIGHT}, bias_correction_nu=False), "
                    f"{_HEAVY})"
                ),
            },
            {"keras": ADDED_BEFORE},
        ),
        Phrase(
            "",
            {
                "keras": f"keras.optimizers.Adam({KERAS_CALL}, amsgrad=True)",
                "optax": (
                    "optax.chain(optax.scale_by_amsgrad("
                    f"β₁, β₂, ε, bias_correction_nu=False), {_HEAVY})"
                ),
            },
            {"pytorch": ADDED_AFTER},
        ),
        Phrase(
            "",
            {"optax": f"optax.amsgrad({OPTAX_CALL})"},
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
            PYTORCH,
        ),
        "keras": Form(
            "keras.optimizers.Adamax",
            f"μₜ = β₁μₜ₋₁ + (1 − β₁)gₜ,  νₜ = max(β₂νₜ₋₁, |gₜ|),  {SHRUNK}μ̂ₜ/(νₜ + ε)",
            Facts(_ON_MAXIMUM, "μ", decay=APART),
            KERAS,
        ),
        "optax": Form(
            "optax.adamax",
            "μₜ = β₁μₜ₋₁ + (1 − β₁)gₜ,  νₜ = max(β₂νₜ₋₁, |gₜ| + ε),  "
            "θₜ = θₜ₋₁ − ημ̂ₜ/νₜ",
            Facts(_IN_MAXIMUM, "μ", decay=NONE),
            OPTAX,
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"torch.optim.Adamax({TORCH_CALL})",
                "optax": f"optax.adamax({OPTAX_CALL})",
            },
            {"keras": "ε is added to the maximum there, and is no part of it"},
        ),
        Phrase(
            "with decay",
            {
                "pytorch": f"torch.optim.Adamax({TORCH_CALL}, weight_decay=λ)",
                "optax": f"optax.chain({COUPLED}, optax.adamax({OPTAX_CALL}))",
            },
            {"keras": "ε is added to the maximum there, and is no part of it"},
        ),
        Phrase(
            "",
            {"keras": f"keras.optimizers.Adamax({KERAS_CALL})"},
            dict.fromkeys(
                ("pytorch", "optax"), "ε is part of the maximum there, and fades in it"
            ),
        ),
    ),
)
