# Adam and AdamW, framework by framework.

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
    DECAYED,
    HAT,
    HATTED,
    KERAS,
    KERAS_CALL,
    MOMENTS,
    OPTAX,
    OPTAX_CALL,
    PLAIN,
    PYTORCH,
    SHRUNK,
    TORCH_CALL,
)

ADAM = Entry(
    "Adam",
    {
        "pytorch": Form(
            "torch.optim.Adam",
            f"{MOMENTS},  {PLAIN}",
            Facts(AFTER, BOTH, decay=IN_GRADIENT),
            PYTORCH
            | {
                "amsgrad": "amsgrad",
                "decoupled_weight_decay": "decoupled_weight_decay",
            },
        ),
        "keras": Form(
            "keras.optimizers.Adam",
            f"{MOMENTS},  {SHRUNK}{HATTED}",
            Facts(BEFORE, BOTH, decay=APART),
            KERAS | {"amsgrad": "amsgrad"},
        ),
        "optax": Form(
            "optax.adam",
            f"{MOMENTS},  {PLAIN}",
            Facts(AFTER, BOTH, decay=NONE),
            OPTAX,
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"torch.optim.Adam({TORCH_CALL})",
                "optax": f"optax.adam({OPTAX_CALL})",
            },
            {"keras": ADDED_BEFORE},
        ),
        Phrase(
            "",
            {
                "keras": f"keras.optimizers.Adam({KERAS_CALL})",
                "optax": f"optax.inject_hyperparams(optax.adam)({HAT})",
            },
            {"pytorch": ADDED_AFTER},
        ),
        Phrase(
            "with decay",
            {
                "pytorch": f"torch.optim.Adam({TORCH_CALL}, weight_decay=λ)",
                "optax": f"optax.chain({COUPLED}, optax.adam({OPTAX_CALL}))",
            },
            {"keras": ADDED_BEFORE},
        ),
        Phrase(
            "with decay",
            {
                "keras": f"keras.optimizers.Adam({KERAS_CALL}, weight_decay=λ)",
                "optax": (
                    f"optax.inject_hyperparams(optax.adamw)({HAT}, weight_decay=λ)"
                ),
            },
            {"pytorch": ADDED_AFTER},
        ),
    ),
)

ADAMW = Entry(
    "AdamW",
    {
        "pytorch": Form(
            "torch.optim.AdamW",
            f"{MOMENTS},  {SHRUNK}μ̂ₜ/(√ν̂ₜ + ε)",
            Facts(AFTER, BOTH, decay=APART),
            PYTORCH | {"amsgrad": "amsgrad"},
        ),
        "keras": Form(
            "keras.optimizers.AdamW",
            f"{MOMENTS},  {SHRUNK}{HATTED}",
            Facts(BEFORE, BOTH, decay=APART),
            KERAS | {"amsgrad": "amsgrad"},
        ),
        "optax": Form(
            "optax.adamw",
            f"{MOMENTS},  {SHRUNK}μ̂ₜ/(√ν̂ₜ + ε)",
            Facts(AFTER, BOTH, decay=APART),
            DECAYED,
        ),
    },
    (
        Phrase(
            "",
            {
                "pytorch": f"torch.optim.AdamW({TORCH_CALL}, weight_decay=λ)",
                "optax": f"optax.adamw({OPTAX_CALL}, weight_decay=λ)",
            },
            {"keras": ADDED_BEFORE},
        ),
        Phrase(
            "",
            {
                "keras": f"keras.optimizers.AdamW({KERAS_CALL}, weight_decay=λ)",
                "optax": (
                    f"optax.inject_hyperparams(optax.adamw)({HAT}, weight_decay=λ)"
                ),
            },
            {"pytorch": ADDED_AFTER},
        ),
    ),
)
