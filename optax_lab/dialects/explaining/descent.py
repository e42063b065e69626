# Optimizers that do not divide by an average, framework by framework.

from optax_lab.dialects.explaining.forms import (
    APART,
    IN_GRADIENT,
    NONE,
    Entry,
    Facts,
    Form,
    Phrase,
)

_AHEAD = "gₜ + μvₜ"
_COUPLED = "PyTorch adds the decay to the gradient, so that it goes into the momentum"
_APART = "Keras' decay is apart from the gradient, and never in the momentum"

SGD = Entry(
    "SGD",
    {
        "pytorch": Form(
            "torch.optim.SGD",
            "v₁ = g₁,  vₜ = μvₜ₋₁ + (1 − τ)gₜ,  θₜ = θₜ₋₁ − ηvₜ",
            Facts(rate="outside the momentum", decay=IN_GRADIENT, nesterov=_AHEAD),
            {
                "η": "lr",
                "μ": "momentum",
                "τ": "dampening",
                "λ": "weight_decay",
                "nesterov": "nesterov",
            },
        ),
        "keras": Form(
            "keras.optimizers.SGD",
            "vₜ = μvₜ₋₁ + ηgₜ,  θₜ = θₜ₋₁(1 − ηλ) − vₜ",
            Facts(rate="inside the momentum", decay=APART, nesterov=_AHEAD),
            {
                "η": "learning_rate",
                "μ": "momentum",
                "λ": "weight_decay",
                "nesterov": "nesterov",
            },
        ),
        "optax": Form(
            "optax.sgd",
            "vₜ = μvₜ₋₁ + gₜ,  θₜ = θₜ₋₁ − ηvₜ",
            Facts(rate="outside the momentum", decay=NONE, nesterov=_AHEAD),
            {"η": "learning_rate", "μ": "momentum", "nesterov": "nesterov"},
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": "torch.optim.SGD(params, lr=η)",
                "keras": "keras.optimizers.SGD(learning_rate=η)",
                "optax": "optax.sgd(η)",
            },
        ),
        Phrase(
            "with momentum",
            {
                "pytorch": "torch.optim.SGD(params, lr=η, momentum=μ)",
                "keras": "keras.optimizers.SGD(learning_rate=η, momentum=μ)",
                "optax": "optax.sgd(η, momentum=μ)",
            },
            constant=("keras",),
        ),
        Phrase(
            "with momentum",
            {
                "pytorch": "torch.optim.SGD(params, lr=η, momentum=μ)",
                "keras": "keras.optimizers.SGD(learning_rate=η, momentum=μ)",
                "optax": (
                    "optax.chain(optax.scale_by_learning_rate(η), optax.trace(μ))"
                ),
            },
            constant=("pytorch",),
        ),
        Phrase(
            "with Nesterov's momentum",
            {
                "pytorch": "torch.optim.SGD(params, lr=η, momentum=μ, nesterov=True)",
                "keras": (
                    "keras.optimizers.SGD(learning_rate=η, momentum=μ, nesterov=True)"
                ),
                "optax": "optax.sgd(η, momentum=μ, nesterov=True)",
            },
            constant=("keras",),
        ),
        Phrase(
            "with Nesterov's momentum",
            {
                "pytorch": "torch.optim.SGD(params, lr=η, momentum=μ, nesterov=True)",
                "keras": (
                    "keras.optimizers.SGD(learning_rate=η, momentum=μ, nesterov=True)"
                ),
                "optax": (
                    "optax.chain(optax.scale_by_learning_rate(η), "
                    "optax.trace(μ, nesterov=True))"
                ),
            },
            constant=("pytorch",),
        ),
        Phrase(
            "with dampening",
            {
                "pytorch": "torch.optim.SGD(params, lr=η, momentum=μ, dampening=τ)",
                "optax": (
                    "optax.chain(optax.scale_by_schedule("
                    "lambda t: jnp.where(t == 0, 1.0, 1 - τ)), "
                    "optax.sgd(η, momentum=μ))"
                ),
            },
            {
                "keras": "it has no dampening; all but the first rate would have to be "
                "multiplied by 1 − τ"
            },
        ),
        Phrase(
            "with decay",
            {
                "pytorch": "torch.optim.SGD(params, lr=η, weight_decay=λ)",
                "keras": "keras.optimizers.SGD(learning_rate=η, weight_decay=λ)",
                "optax": "optax.chain(optax.add_decayed_weights(λ), optax.sgd(η))",
            },
        ),
        Phrase(
            "with momentum and decay",
            {
                "pytorch": (
                    "torch.optim.SGD(params, lr=η, momentum=μ, weight_decay=λ)"
                ),
                "optax": (
                    "optax.chain(optax.add_decayed_weights(λ), "
                    "optax.sgd(η, momentum=μ))"
                ),
            },
            {"keras": _APART},
        ),
        Phrase(
            "with momentum and decay",
            {
                "keras": (
                    "keras.optimizers.SGD(learning_rate=η, momentum=μ, weight_decay=λ)"
                ),
                "optax": (
                    "optax.chain(optax.trace(μ), optax.add_decayed_weights(λ), "
                    "optax.scale_by_learning_rate(η))"
                ),
            },
            {"pytorch": _COUPLED},
            constant=("optax",),
        ),
    ),
)

ASGD = Entry(
    "ASGD",
    {
        "pytorch": Form(
            "torch.optim.ASGD",
            "θₜ = θₜ₋₁ − ηₜ₋₁(gₜ + δθₜ₋₁),  ηₜ = η/(1 + δηt)^α,  "
            "the average of θ from step t₀ on is kept beside it",
            Facts(decay=IN_GRADIENT),
            {"η": "lr", "δ": "lambd", "α": "alpha", "λ": "weight_decay"},
        )
    },
    (
        Phrase(
            "",
            {
                "pytorch": "torch.optim.ASGD(params, lr=η, lambd=δ, alpha=α)",
                "optax": (
                    "optax.chain(optax.add_decayed_weights(δ), "
                    "optax.sgd(lambda t: η / (1 + δ * η * t) ** α))"
                ),
            },
            note="the average of θ, which no step depends on, is not needed",
        ),
    ),
)

FTRL = Entry(
    "Ftrl",
    {
        "keras": Form(
            "keras.optimizers.Ftrl",
            "sₜ = sₜ₋₁ + gₜ²,  zₜ = zₜ₋₁ + gₜ − (√sₜ − √sₜ₋₁)θₜ₋₁/η,  "
            "θₜ = −ηzₜ/√sₜ, without its penalties",
            Facts(decay="apart from it and first, θₜ₋₁(1 − ηλ)"),
            {
                "η": "learning_rate",
                "s₀": "initial_accumulator_value",
                "λ": "weight_decay",
            },
        )
    },
    (
        Phrase(
            "",
            {
                "keras": (
                    "keras.optimizers.Ftrl(learning_rate=η, "
                    "initial_accumulator_value=s₀)"
                )
            },
        ),
    ),
)
