# What Keras' optimizers have in common.


import optax
from jax.typing import ArrayLike

from optax_lab import ewma
from optax_lab.dialects import links
from optax_lab.dialects.arguments import dialect
from optax_lab.optimizers.hyperparameters import Hyper

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
    "loss_scale_factor": (1.0, _CHAIN.format("optax.scale(1 / loss_scale_factor)")),
    "gradient_accumulation_steps": (None, "wrap the optimizer in optax.MultiSteps"),
}

optimizer = dialect("Keras", ignored=("name",), refused=OTHERS)


def check_decays(**decays: ArrayLike) -> None:
    """Refuses by its name what no average can forget with."""
    for name, decay in decays.items():
        ewma.check_decay(name, decay)


def stepped(
    rule: optax.GradientTransformation,
    learning_rate: Hyper,
    weight_decay: Hyper | None,
) -> optax.GradientTransformationExtraArgs:
    """Returns a rule's steps, which follow the decay of the parameters."""
    steps = optax.chain(rule, links.learning_rate(learning_rate))
    return links.after_decay(steps, learning_rate, weight_decay)
