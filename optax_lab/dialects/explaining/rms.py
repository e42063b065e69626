# Optimizers that divide by a root mean square, framework by framework.

from optax_lab.dialects.explaining.forms import (
    APART,
    IN_GRADIENT,
    NONE,
    Entry,
    Facts,
    Form,
    Phrase,
)
from optax_lab.dialects.explaining.words import IS_INSIDE, IS_OUTSIDE, RATE

_INSIDE = "in the root, √(ν + ε)"
_OUTSIDE = "outside the root, √ν + ε"
_COUPLED = "PyTorch adds the decay to the gradient, which is averaged and divided"
_APART = "Keras' decay is apart from the gradient, and is not divided"
_AVERAGE = "νₜ = ανₜ₋₁ + (1 − α)gₜ²"
_RMS_PYTORCH = "torch.optim.RMSprop(params, lr=η, alpha=α, eps=ε"
_RMS_KERAS = "keras.optimizers.RMSprop(learning_rate=η, rho=α, epsilon=ε"
_RMS_OPTAX = "optax.rmsprop(η, decay=α, eps=ε"
_RMS_OUTSIDE = "optax.scale_by_rms(α, ε, eps_in_sqrt=False), optax.trace(μ), "

RMSPROP = Entry(
    "RMSprop",
    {
        "pytorch": Form(
            "torch.optim.RMSprop",
            f"{_AVERAGE},  vₜ = μvₜ₋₁ + gₜ/(√νₜ + ε),  θₜ = θₜ₋₁ − ηvₜ",
            Facts(_OUTSIDE, "none", rate="outside the momentum", decay=IN_GRADIENT),
            {
                "η": "lr",
                "α": "alpha",
                "ε": "eps",
                "μ": "momentum",
                "λ": "weight_decay",
                "centered": "centered",
            },
        ),
        "keras": Form(
            "keras.optimizers.RMSprop",
            f"{_AVERAGE},  vₜ = μvₜ₋₁ + ηgₜ/√(νₜ + ε),  θₜ = θₜ₋₁(1 − ηλ) − vₜ",
            Facts(_INSIDE, "none", rate="inside the momentum", decay=APART),
            {
                "η": "learning_rate",
                "α": "rho",
                "ε": "epsilon",
                "μ": "momentum",
                "λ": "weight_decay",
                "centered": "centered",
            },
        ),
        "optax": Form(
            "optax.rmsprop",
            f"{_AVERAGE},  vₜ = μvₜ₋₁ + ηgₜ/√(νₜ + ε),  θₜ = θₜ₋₁ − vₜ",
            Facts(_INSIDE, "none", rate="inside the momentum", decay=NONE),
            {
                "η": "learning_rate",
                "α": "decay",
                "ε": "eps",
                "μ": "momentum",
                "centered": "centered",
            },
            "Switches: eps_in_sqrt=False moves ε, bias_correction=True debiases ν.",
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"{_RMS_PYTORCH})",
                "optax": f"{_RMS_OPTAX}, eps_in_sqrt=False)",
            },
            {"keras": IS_INSIDE},
        ),
        Phrase(
            "",
            {"keras": f"{_RMS_KERAS})", "optax": f"{_RMS_OPTAX})"},
            {"pytorch": IS_OUTSIDE},
        ),
        Phrase(
            "centered",
            {
                "pytorch": f"{_RMS_PYTORCH}, centered=True)",
                "optax": f"{_RMS_OPTAX}, eps_in_sqrt=False, centered=True)",
            },
            {"keras": IS_INSIDE},
        ),
        Phrase(
            "with momentum",
            {
                "pytorch": f"{_RMS_PYTORCH}, momentum=μ)",
                "optax": f"optax.chain({_RMS_OUTSIDE}{RATE})",
            },
            {"keras": IS_INSIDE},
        ),
        Phrase(
            "with momentum",
            {
                "pytorch": f"{_RMS_PYTORCH}, momentum=μ)",
                "optax": f"{_RMS_OPTAX}, eps_in_sqrt=False, momentum=μ)",
            },
            {"keras": IS_INSIDE},
            constant=("pytorch",),
        ),
        Phrase(
            "with momentum and decay",
            {
                "pytorch": f"{_RMS_PYTORCH}, momentum=μ, weight_decay=λ)",
                "optax": (
                    f"optax.chain(optax.add_decayed_weights(λ), {_RMS_OUTSIDE}{RATE})"
                ),
            },
            {"keras": IS_INSIDE},
        ),
        Phrase(
            "centered, with momentum",
            {
                "keras": f"{_RMS_KERAS}, momentum=μ, centered=True)",
                "optax": f"{_RMS_OPTAX}, momentum=μ, centered=True)",
            },
            {"pytorch": IS_OUTSIDE},
        ),
        Phrase(
            "with decay",
            {
                "keras": f"{_RMS_KERAS}, weight_decay=λ)",
                "optax": (
                    "optax.chain(optax.scale_by_rms(α, ε), "
                    f"optax.add_decayed_weights(λ), {RATE})"
                ),
            },
            {"pytorch": IS_OUTSIDE},
        ),
        Phrase(
            "debiased",
            {
                "optax": f"{_RMS_OPTAX}, eps_in_sqrt=False, bias_correction=True)",
                "pytorch": "torch.optim.Adam(params, lr=η, betas=(0.0, α), eps=ε)",
            },
            {"keras": "RMSprop is not debiased there, and Adam has another ε"},
        ),
    ),
)

_DELTA = "νₜ = ρνₜ₋₁ + (1 − ρ)gₜ²,  uₜ = gₜ√(xₜ₋₁ + ε)/√(νₜ + ε)"
_SIZES = "xₜ = ρxₜ₋₁ + (1 − ρ)uₜ²"
_DELTA_ARGUMENTS = {
    "η": "learning_rate",
    "ρ": "rho",
    "ε": "epsilon",
    "λ": "weight_decay",
}
_BOTH = "in both roots"

ADADELTA = Entry(
    "Adadelta",
    {
        "pytorch": Form(
            "torch.optim.Adadelta",
            f"{_DELTA},  {_SIZES},  θₜ = θₜ₋₁ − ηuₜ",
            Facts(_BOTH, decay=IN_GRADIENT),
            _DELTA_ARGUMENTS | {"η": "lr", "ε": "eps"},
        ),
        "keras": Form(
            "keras.optimizers.Adadelta",
            f"{_DELTA},  {_SIZES},  θₜ = θₜ₋₁(1 − ηλ) − ηuₜ",
            Facts(_BOTH, decay=APART),
            _DELTA_ARGUMENTS,
        ),
        "optax": Form(
            "optax.adadelta",
            f"{_DELTA},  {_SIZES},  θₜ = θₜ₋₁ − ηuₜ",
            Facts(_BOTH, decay=IN_GRADIENT),
            _DELTA_ARGUMENTS | {"ε": "eps"},
            "With its default, learning_rate=None, it ascends: name a rate.",
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": "torch.optim.Adadelta(params, lr=η, rho=ρ, eps=ε)",
                "keras": (
                    "keras.optimizers.Adadelta(learning_rate=η, rho=ρ, epsilon=ε)"
                ),
                "optax": "optax.adadelta(η, rho=ρ, eps=ε)",
            },
        ),
        Phrase(
            "with decay",
            {
                "pytorch": (
                    "torch.optim.Adadelta(params, lr=η, rho=ρ, eps=ε, weight_decay=λ)"
                ),
                "optax": "optax.adadelta(η, rho=ρ, eps=ε, weight_decay=λ)",
            },
            {"keras": _APART},
        ),
        Phrase(
            "with decay",
            {
                "keras": (
                    "keras.optimizers.Adadelta(learning_rate=η, rho=ρ, epsilon=ε, "
                    "weight_decay=λ)"
                ),
                "optax": (
                    "optax.chain(optax.scale_by_adadelta(ρ, ε), "
                    f"optax.add_decayed_weights(λ), {RATE})"
                ),
            },
            {"pytorch": _COUPLED},
        ),
    ),
)
