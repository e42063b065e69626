# What PyTorch's optimizers have in common.

import optax
from jax.typing import ArrayLike

from optax_lab import ewma
from optax_lab.dialects import links
from optax_lab.dialects.arguments import dialect
from optax_lab.optimizers.hyperparameters import Hyper

# How to execute, which is XLA's business here.
_FOREACH = ("foreach", "differentiable")

optimizer = dialect("PyTorch", ignored=(*_FOREACH, "capturable"))
fusable = dialect("PyTorch", ignored=(*_FOREACH, "fused"), signed=("dampening",))
fusable_capturable = dialect("PyTorch", ignored=(*_FOREACH, "capturable", "fused"))
foreach_only = dialect("PyTorch", ignored=("foreach",))
plain = dialect("PyTorch")

Betas = tuple[ArrayLike, ArrayLike]


def front(maximize: bool, weight_decay: Hyper) -> optax.GradientTransformation:
    """Returns what PyTorch does to gradients first: ∓g, and then + λθ."""
    return optax.chain(links.ascent(maximize), links.coupled(weight_decay))


def check_betas(betas: Betas) -> Betas:
    """Refuses numbers outside [0, 1)."""
    for index, beta in enumerate(betas):
        ewma.check_decay(f"betas[{index}]", beta)
    return betas
