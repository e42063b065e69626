# Adafactor, framework by framework.

from optax_lab.dialects.explaining.forms import Entry, Facts, Form, Phrase

_PYTORCH = "torch.optim.Adafactor(params, lr=η, beta2_decay=-γ, d=κ"
_KERAS = "keras.optimizers.Adafactor(learning_rate=η, beta_2_decay=-γ, clip_threshold=κ"
_OPTAX = (
    "optax.adafactor(lambda t: jnp.minimum(η, (t + 1) ** -0.5), "
    "min_dim_size_to_factor=1, decay_rate=γ, clipping_threshold=κ"
)
_BOUND = "min(η, 1/√t)"
_LAST = "the last two"
_UPDATE = "uₜ = gₜ/√νₜ"
_CLIPPED = "uₜ/max(1, RMS(uₜ)/κ)"
_LARGEST = {
    "optax": "the last two axes are the largest; Optax computes its decays in float32, "
    "and ends up to 1e-6 apart"
}
_TINY = {"pytorch": "ε₁ is too small to act"}
_FLOAT32 = {"optax": 1e-6}

_UNBOUND = "1/√t bounds the rate there"
_AFTER = "the root mean square of θ is taken after the decay there"

ADAFACTOR = Entry(
    "Adafactor",
    {
        "pytorch": Form(
            "torch.optim.Adafactor",
            "rₜ, cₜ: averages of the row and column means of gₜ², with 1 − t^−γ for β,"
            f"  νₜ = max(ε₁², rₜcₜ/max(ε₁, mean rₜ)),  {_UPDATE},  "
            f"θₜ = θₜ₋₁(1 − ηλ) − min(η, 1/√t) max(ε₂, RMS(θₜ₋₁)) {_CLIPPED}",
            Facts(
                "a floor of ν, max(ε₁², ν)",
                bound=_BOUND,
                factored=_LAST,
                decay="apart from it, −ηλθₜ₋₁",
            ),
            {
                "η": "lr",
                "γ": "-beta2_decay",
                "ε₁": "eps[0]",
                "ε₂": "eps[1]",
                "κ": "d",
                "λ": "weight_decay",
            },
        ),
        "keras": Form(
            "keras.optimizers.Adafactor",
            "rₜ, cₜ: averages of the row and column means of gₜ² + ε₁, with 1 − t^−γ "
            f"for β,  νₜ = rₜcₜ/mean rₜ,  {_UPDATE},  θ′ = θₜ₋₁(1 − ηλ),  "
            f"θₜ = θ′ − min(η, 1/√t) max(ε₂, RMS(θ′)) {_CLIPPED}",
            Facts(
                "added to squares, gₜ² + ε₁",
                bound=_BOUND,
                factored=_LAST,
                decay="apart from it and first, θₜ₋₁(1 − ηλ)",
            ),
            {
                "η": "learning_rate",
                "γ": "-beta_2_decay",
                "ε₁": "epsilon_1",
                "ε₂": "epsilon_2",
                "κ": "clip_threshold",
                "λ": "weight_decay",
            },
            "relative_step=False has no effect in Keras 3.15.",
        ),
        "optax": Form(
            "optax.adafactor",
            "rₜ, cₜ: averages of the row and column means of gₜ² + ε₁, with 1 − t^−γ "
            f"for β,  νₜ = rₜcₜ/mean rₜ,  {_UPDATE},  "
            f"θₜ = θₜ₋₁ − η max(0.001, RMS(θₜ₋₁)) {_CLIPPED} − λθₜ₋₁",
            Facts(
                "added to squares, gₜ² + ε₁",
                bound="η",
                factored="the two largest, from a size of 128 on",
                decay="apart from it and from η, −λθₜ₋₁",
            ),
            {
                "η": "learning_rate",
                "γ": "decay_rate",
                "ε₁": "eps",
                "κ": "clipping_threshold",
                "λ": "weight_decay_rate",
            },
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"{_PYTORCH})",
                "keras": f"{_KERAS})",
                "optax": f"{_OPTAX})",
            },
            caveats=_TINY | _LARGEST,
            tolerance=_FLOAT32,
        ),
        Phrase(
            "",
            {"optax": "optax.adafactor(η, decay_rate=γ, clipping_threshold=κ)"},
            {"pytorch": _UNBOUND, "keras": _UNBOUND},
        ),
        Phrase(
            "with its own ε₁",
            {"keras": f"{_KERAS}, epsilon_1=ε₁)", "optax": f"{_OPTAX}, eps=ε₁)"},
            {"pytorch": "ε₁ is a floor there, and is not added"},
            caveats=_LARGEST,
            tolerance=_FLOAT32,
        ),
        Phrase(
            "with decay",
            {
                "pytorch": f"{_PYTORCH}, weight_decay=λ)",
                "optax": f"optax.chain({_OPTAX}), optax.add_decayed_weights(-η * λ))",
            },
            {"keras": _AFTER},
            caveats=_TINY | _LARGEST,
            tolerance=_FLOAT32,
        ),
        Phrase(
            "with decay",
            {
                "keras": f"{_KERAS}, weight_decay=λ)",
                # RMS(θ′) is (1 − ηλ) RMS(θ).
                "optax": (
                    "optax.chain(optax.scale_by_factored_rms("
                    "min_dim_size_to_factor=1, decay_rate=γ), "
                    "optax.clip_by_block_rms(κ), "
                    "optax.scale_by_param_block_rms(0.001 / (1 - η * λ)), "
                    "optax.scale_by_learning_rate("
                    "lambda t: (1 - η * λ) * jnp.minimum(η, (t + 1) ** -0.5)), "
                    "optax.add_decayed_weights(-η * λ))"
                ),
            },
            {"pytorch": "the root mean square of θ is taken before the decay there"},
            caveats=_LARGEST,
            tolerance=_FLOAT32,
        ),
    ),
)
