# Keras' optimizer of whole matrices, with Adam for the rest.

import re
from collections.abc import Callable

import jax
import optax
from jax.typing import ArrayLike
from jaxtyping import PyTree

from optax_lab.dialects import links
from optax_lab.dialects.keras import frame
from optax_lab.optimizers import adam, muon, numerics, partition
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers

_NORM = 1e-7  # what Keras adds to the norm, whatever its epsilon


@frame.optimizer
def Muon(
    learning_rate: Hyper = 0.001,
    adam_beta_1: Hyper = 0.9,
    adam_beta_2: Hyper = 0.999,
    adam_weight_decay: Hyper | None = 0.004,
    epsilon: Hyper = 1e-7,
    weight_decay: Hyper | None = 0.004,
    *,
    exclude_layers: list[str] | None = None,
    exclude_embeddings: bool = True,
    muon_a: float = 3.4445,
    muon_b: float = -4.7750,
    muon_c: float = 2.0315,
    adam_lr_ratio: Hyper = 1,
    momentum: Hyper = 0.95,
    ns_steps: int = 5,
    nesterov: bool = True,
    rms_rate: ArrayLike | None = 0.2,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.Muon`: a heavy ball, made orthogonal.

    mₜ = βmₜ₋₁ + gₜ, oₜ ≈ UVᵀ of mₜ = USVᵀ (of gₜ + βmₜ with `nesterov`), and
    θₜ = θₜ₋₁(1 − ηλ) − η ρ√max(n, m) oₜ for an n × m matrix. All other leaves, and
    those that are excluded by their path ("layer/kernel"), take Keras' AdamW.

    Args:
      learning_rate: η.
      adam_beta_1: Adam's β₁.
      adam_beta_2: Adam's β₂.
      adam_weight_decay: Adam's λ.
      epsilon: Adam's ε.
      weight_decay: Muon's λ.
      exclude_layers: regular expressions; where one is found in a path, Adam steps.
      exclude_embeddings: gives Adam the paths with "embedding" in them.
      muon_a: a of the Newton–Schulz steps.
      muon_b: b of them.
      muon_c: c of them.
      adam_lr_ratio: what η is multiplied by for Adam's steps, not for its decay.
      momentum: β ≥ 0.
      ns_steps: how many steps, static.
      nesterov: looks one step ahead.
      rms_rate: ρ; None leaves ρ√max(n, m) out.

    Sources: Keras 3.15, `keras.optimizers.Muon`; Jordan 2024,
    kellerjordan.github.io/posts/muon; Liu et al. 2025, arXiv:2502.16982.
    """
    beta_1, beta_2 = numbers(adam_beta_1, adam_beta_2)
    frame.check_decays(adam_beta_1=beta_1, adam_beta_2=beta_2)
    shape = muon.scale_by_shape(None, rms_rate)
    matrices = optax.chain(
        links.heavy_ball(momentum, nesterov),
        muon.orthogonalize((muon_a, muon_b, muon_c), ns_steps, _NORM),
        optax.identity() if rms_rate is None else shape,
        links.learning_rate(learning_rate),
        links.decoupled(learning_rate, weight_decay),
    )
    rest = optax.chain(
        adam.scale_by_adam(beta_1, beta_2, denominator=numerics.hat(number(epsilon))),
        links.learning_rate(number(learning_rate) * number(adam_lr_ratio)),
        links.decoupled(learning_rate, adam_weight_decay),
    )
    labels = _labels(exclude_layers or [], exclude_embeddings)
    return partition.partition({"muon": matrices, "adam": rest}, labels)


def _labels(
    exclude_layers: list[str], exclude_embeddings: bool
) -> Callable[[PyTree], PyTree]:
    """Returns what names each leaf's half by its shape and its path."""

    def label(path, leaf):
        where = jax.tree_util.keystr(path, simple=True, separator="/")
        is_embedding = exclude_embeddings and "embedding" in where.lower()
        is_excluded = any(re.search(layer, where) for layer in exclude_layers)
        return "muon" if leaf.ndim == 2 and not is_embedding | is_excluded else "adam"

    return lambda tree: jax.tree_util.tree_map_with_path(label, tree)
