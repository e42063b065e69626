# What Keras' optimizers have in common.

from optax_lab.dialects.arguments import dialect

_CHAIN = "put {} before the optimizer with optax.chain"
OTHERS = {
    "clipnorm": (
        None,
        "clip leaf by leaf: optax.partition with optax.clip_by_global_norm",
    ),
    "clipvalue": (None, _CHAIN.format("optax.clip")),
    "global_clipnorm": (None, _CHAIN.format("optax.clip_by_global_norm")),
    "use_ema": (False, "wrap the optimizer in optax_lab.with_param_ema"),
    "ema_momentum": (0.99, "wrap the optimizer in optax_lab.with_param_ema"),
    "ema_overwrite_frequency": (None, "use optax.periodic_update"),
    "loss_scale_factor": (None, _CHAIN.format("optax.scale(1 / loss_scale_factor)")),
    "gradient_accumulation_steps": (None, "wrap the optimizer in optax.MultiSteps"),
}

optimizer = dialect("Keras", ignored=("name",), refused=OTHERS)
