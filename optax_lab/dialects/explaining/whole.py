# Muon, framework by framework.

from optax_lab.dialects.explaining.forms import APART, Entry, Facts, Form, Phrase

_AXES = (
    "lambda tree: jax.tree.map(lambda _: optax.contrib.MuonDimensionNumbers(), tree)"
)


def _chain(eps: str, size: str) -> str:
    """Spells Muon of a heavy ball: `scale_by_muon` remembers nothing at β = 0."""
    return (
        "optax.chain(optax.trace(μ, nesterov=True), "
        f"optax.contrib.scale_by_muon(beta=0.0, eps={eps}, nesterov=False, "
        f"weight_dimension_numbers={_AXES}), "
        f"optax.stateless_with_tree_map(lambda u, _: {size} * u), "
        "optax.add_decayed_weights(λ), optax.scale_by_learning_rate(η))"
    )


_PYTORCH = "torch.optim.Muon(params, lr=η, weight_decay=λ, momentum=μ, "
_KERAS = "keras.optimizers.Muon(learning_rate=η, weight_decay=λ, momentum=μ"
_RMS = 'adjust_lr_fn="match_rms_adamw"'
_MATRICES = "every parameter is a matrix"
_BFLOAT16 = {"pytorch": "PyTorch itself iterates in bfloat16"}
_DEBIASED = "the average is not debiased there, and Nesterov's step shows it"
_SIZE = "it has no such factor, only ρ√max(n, m) or none"

MUON = Entry(
    "Muon",
    {
        "pytorch": Form(
            "torch.optim.Muon",
            "μₜ = μμₜ₋₁ + (1 − μ)gₜ,  oₜ ≈ UVᵀ of USVᵀ = (1 − μ)gₜ + μμₜ,  "
            "θₜ = θₜ₋₁(1 − ηλ) − η√max(1, n/m) oₜ for n rows and m columns",
            Facts(
                "against the norm of μₜ",
                "none",
                "an average",
                size="√max(1, n/m) for n rows, m columns, or 0.2√max(n, m)",
                others="refused",
                decay=APART,
                nesterov="(1 − μ)gₜ + μμₜ",
            ),
            {
                "η": "lr",
                "μ": "momentum",
                "λ": "weight_decay",
                "ε": "eps",
                "nesterov": "nesterov",
                "ns_steps": "ns_steps",
            },
            "Its Newton–Schulz steps are in bfloat16.",
        ),
        "keras": Form(
            "keras.optimizers.Muon",
            "μₜ = μμₜ₋₁ + gₜ,  oₜ ≈ UVᵀ of USVᵀ = gₜ + μμₜ,  "
            "θₜ = θₜ₋₁(1 − ηλ) − ηρ√max(n, m) oₜ for n rows and m columns",
            Facts(
                "1e-7 against the norm of μₜ",
                "none",
                "a sum",
                size="ρ√max(n, m), ρ = 0.2, or none",
                others="take Keras' AdamW",
                decay=APART,
                nesterov="gₜ + μμₜ",
            ),
            {
                "η": "learning_rate",
                "μ": "momentum",
                "λ": "weight_decay",
                "ρ": "rms_rate",
                "nesterov": "nesterov",
                "ns_steps": "ns_steps",
            },
            "Its argument epsilon is Adam's.",
        ),
        "optax": Form(
            "optax.contrib.muon",
            "μₜ = μμₜ₋₁ + (1 − μ)gₜ,  oₜ ≈ UVᵀ of USVᵀ = (1 − μ)gₜ/(1 − μᵗ) + "
            "μμₜ/(1 − μᵗ⁺¹),  θₜ = θₜ₋₁ − η(√max(1, m/n) oₜ + λθₜ₋₁) for n rows and "
            "m columns",
            Facts(
                "against the norm of μ̂ₜ",
                "μ",
                "an average",
                size="√max(1, m/n) for n rows, m columns, or ρ√max(n, m)",
                others="take AdamW",
                decay=APART,
                nesterov="(1 − μ)ĝₜ + μμ̂ₜ",
            ),
            {
                "η": "learning_rate",
                "μ": "beta",
                "λ": "weight_decay",
                "ε": "eps",
                "ρ": "consistent_rms",
                "nesterov": "nesterov",
                "ns_steps": "ns_steps",
            },
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"{_PYTORCH}eps=ε)",
                "optax": _chain(
                    "ε / (1 - μ)", "max(1, u.shape[0] / u.shape[1]) ** 0.5"
                ),
            },
            {"keras": _SIZE},
            note=_MATRICES,
            caveats=_BFLOAT16,
        ),
        Phrase(
            "",
            {
                "keras": f"{_KERAS})",
                "pytorch": f"{_PYTORCH}eps=1e-7 * (1 - μ), {_RMS})",
                "optax": _chain("1e-7", "0.2 * max(u.shape) ** 0.5"),
            },
            note=_MATRICES,
            caveats=_BFLOAT16,
        ),
        Phrase(
            "",
            {"optax": "optax.contrib.muon(η, beta=μ, weight_decay=λ)"},
            {"pytorch": _DEBIASED, "keras": _DEBIASED},
        ),
        Phrase(
            "without Nesterov's step",
            {
                "optax": (
                    "optax.contrib.muon(η, beta=μ, weight_decay=λ, nesterov=False, "
                    "consistent_rms=0.2)"
                ),
                "keras": f"{_KERAS}, nesterov=False)",
                "pytorch": f"{_PYTORCH}nesterov=False, {_RMS})",
            },
            note=f"ε is small beside the norm, and {_MATRICES}",
            caveats=_BFLOAT16,
            tolerance={"keras": 1e-6, "pytorch": 1e-6},
        ),
    ),
)
