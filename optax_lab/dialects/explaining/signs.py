# Optimizers that step by a sign, framework by framework.

from optax_lab.dialects.explaining.forms import APART, Entry, Facts, Form, Phrase

RPROP = Entry(
    "Rprop",
    {
        "pytorch": Form(
            "torch.optim.Rprop",
            "Δₜ = Δₜ₋₁ · (η₊ where gₜgₜ₋₁ > 0, η₋ where it is < 0), in [Δ₋, Δ₊],  "
            "θₜ = θₜ₋₁ − sign(gₜ)Δₜ, and gₜ counts as 0 where its sign has turned",
            Facts(timing="step t is made of gₜ"),
            {
                "η": "lr",
                "η₋": "etas[0]",
                "η₊": "etas[1]",
                "Δ₋": "step_sizes[0]",
                "Δ₊": "step_sizes[1]",
            },
        ),
        "optax": Form(
            "optax.rprop",
            "Δₜ = Δₜ₋₁ · (η₊ where gₜuₜ₋₁ > 0, η₋ where it is < 0), in [Δ₋, Δ₊],  "
            "uₜ = sign(gₜ)Δₜ, 0 where its sign has turned,  θₜ = θₜ₋₁ − uₜ₋₁, "
            "and no step where the sign has turned",
            Facts(timing="step t is made of gₜ₋₁"),
            {
                "η": "learning_rate",
                "η₋": "eta_minus",
                "η₊": "eta_plus",
                "Δ₋": "min_step_size",
                "Δ₊": "max_step_size",
            },
            "It lags by a step, a defect of Optax 0.2.8; its first step is 0.",
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": (
                    "torch.optim.Rprop(params, lr=η, etas=(η₋, η₊), "
                    "step_sizes=(Δ₋, Δ₊))"
                )
            },
            {"optax": "its rprop takes every step one gradient late"},
        ),
        Phrase(
            "",
            {
                "optax": (
                    "optax.rprop(η, eta_minus=η₋, eta_plus=η₊, min_step_size=Δ₋, "
                    "max_step_size=Δ₊)"
                )
            },
            {"pytorch": "Optax's rprop takes every step one gradient late"},
        ),
    ),
)

LION = Entry(
    "Lion",
    {
        "keras": Form(
            "keras.optimizers.Lion",
            "θₜ = θₜ₋₁(1 − ηλ) − η sign(β₁μₜ₋₁ + (1 − β₁)gₜ),  "
            "μₜ = β₂μₜ₋₁ + (1 − β₂)gₜ",
            Facts(decay=APART),
            {
                "η": "learning_rate",
                "β₁": "beta_1",
                "β₂": "beta_2",
                "λ": "weight_decay",
            },
        ),
        "optax": Form(
            "optax.lion",
            "θₜ = θₜ₋₁ − η(sign(β₁μₜ₋₁ + (1 − β₁)gₜ) + λθₜ₋₁),  "
            "μₜ = β₂μₜ₋₁ + (1 − β₂)gₜ",
            Facts(decay=APART),
            {"η": "learning_rate", "β₁": "b1", "β₂": "b2", "λ": "weight_decay"},
        ),
    },
    (
        Phrase(
            "",
            {
                "keras": (
                    "keras.optimizers.Lion(learning_rate=η, beta_1=β₁, beta_2=β₂)"
                ),
                "optax": "optax.lion(η, b1=β₁, b2=β₂, weight_decay=0.0)",
            },
        ),
        Phrase(
            "",
            {
                "keras": (
                    "keras.optimizers.Lion(learning_rate=η, beta_1=β₁, beta_2=β₂, "
                    "weight_decay=λ)"
                ),
                "optax": "optax.lion(η, b1=β₁, b2=β₂, weight_decay=λ)",
            },
        ),
    ),
)
