# Adagrad, framework by framework.

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

_SUM = "sₜ = sₜ₋₁ + gₜ²"

ADAGRAD = Entry(
    "Adagrad",
    {
        "pytorch": Form(
            "torch.optim.Adagrad",
            f"{_SUM},  θₜ = θₜ₋₁ − η/(1 + (t − 1)δ) · gₜ/(√sₜ + ε)",
            Facts("outside the root, √s + ε", decay=IN_GRADIENT),
            {
                "η": "lr",
                "δ": "lr_decay",
                "s₀": "initial_accumulator_value",
                "ε": "eps",
                "λ": "weight_decay",
            },
        ),
        "keras": Form(
            "keras.optimizers.Adagrad",
            f"{_SUM},  θₜ = θₜ₋₁(1 − ηλ) − ηgₜ/√(sₜ + ε)",
            Facts("in the root, √(s + ε)", decay=APART),
            {
                "η": "learning_rate",
                "s₀": "initial_accumulator_value",
                "ε": "epsilon",
                "λ": "weight_decay",
            },
        ),
        "optax": Form(
            "optax.adagrad",
            f"{_SUM},  θₜ = θₜ₋₁ − ηgₜ/√(sₜ + ε)",
            Facts("in the root, √(s + ε)", decay=NONE),
            {
                "η": "learning_rate",
                "s₀": "initial_accumulator_value",
                "ε": "eps",
            },
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": (
                    "torch.optim.Adagrad(params, lr=η, initial_accumulator_value=s₀, "
                    "eps=ε)"
                ),
                # A mean times its count is a sum; s₀ counts as the first of its terms.
                "optax": (
                    "optax.chain(optax.inject_hyperparams(optax.scale_by_rms)("
                    "decay=lambda t: (t + 1) / (t + 2.0), "
                    "eps=lambda t: ε / jnp.sqrt(t + 2.0), initial_scale=s₀, "
                    "eps_in_sqrt=False), "
                    "optax.scale_by_schedule(lambda t: 1 / jnp.sqrt(t + 2.0)), "
                    f"{RATE})"
                ),
            },
            {"keras": IS_INSIDE},
        ),
        Phrase(
            "",
            {
                "keras": (
                    "keras.optimizers.Adagrad(learning_rate=η, "
                    "initial_accumulator_value=s₀, epsilon=ε)"
                ),
                "optax": "optax.adagrad(η, initial_accumulator_value=s₀, eps=ε)",
            },
            {"pytorch": IS_OUTSIDE},
        ),
        Phrase(
            "with decay",
            {
                "keras": (
                    "keras.optimizers.Adagrad(learning_rate=η, "
                    "initial_accumulator_value=s₀, epsilon=ε, weight_decay=λ)"
                ),
                "optax": (
                    "optax.chain(optax.scale_by_rss(s₀, ε), "
                    f"optax.add_decayed_weights(λ), {RATE})"
                ),
            },
            {"pytorch": IS_OUTSIDE},
        ),
    ),
)
