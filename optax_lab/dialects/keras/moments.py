# Keras' optimizers that average gradients and their squares.

import optax
from jax.typing import ArrayLike

from optax_lab import ewma, precision
from optax_lab.dialects import nadam
from optax_lab.dialects.keras import frame
from optax_lab.optimizers import adam, adamax, layerwise, numerics
from optax_lab.optimizers.hyperparameters import Hyper, numbers


@frame.optimizer
def Adam(
    learning_rate: Hyper = 0.001,
    beta_1: Hyper = 0.9,
    beta_2: Hyper = 0.999,
    epsilon: Hyper = 1e-7,
    amsgrad: bool = False,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.Adam`: ε is added before the bias is corrected.

    θₜ = θₜ₋₁ − η μ̂ₜ/(√ν̂ₜ + ε/√(1 − β₂ᵗ)): at β₂ = 0.999 the first step sees 32 times ε.
    With `amsgrad`, ν̂ₜ is the largest ν so far over today's weight 1 − β₂ᵗ.

    Args:
      learning_rate: η.
      beta_1: β₁ in [0, 1).
      beta_2: β₂ in [0, 1).
      epsilon: ε, the paper's "epsilon hat".
      amsgrad: divides by a maximum.
      weight_decay: λ; θ shrinks by 1 − ηλ before its step.

    >>> import jax.numpy as jnp
    >>> from optax_lab.dialects import keras
    >>> optimizer = keras.Adam(0.1, epsilon=0.1)
    >>> state = optimizer.init(jnp.zeros(1))
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jnp.ones(1), state)
    ...     print(f"{updates[0]:.3f}")
    -0.024
    -0.031
    -0.035

    Sources: Keras 3.15, `keras.optimizers.Adam`; Kingma & Ba 2014, arXiv:1412.6980.
    """
    beta_1, beta_2, epsilon = numbers(beta_1, beta_2, epsilon)
    rule = _adam(beta_1, beta_2, epsilon, amsgrad)
    return frame.stepped(rule, learning_rate, weight_decay)


@frame.optimizer
def AdamW(
    learning_rate: Hyper = 0.001,
    weight_decay: Hyper | None = 0.004,
    beta_1: Hyper = 0.9,
    beta_2: Hyper = 0.999,
    epsilon: Hyper = 1e-7,
    amsgrad: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.AdamW`: Keras' Adam, with a decay by default.

    θₜ = θₜ₋₁(1 − ηλ) − η μ̂ₜ/(√ν̂ₜ + ε/√(1 − β₂ᵗ)).

    Args:
      learning_rate: η.
      weight_decay: λ.
      beta_1: β₁ in [0, 1).
      beta_2: β₂ in [0, 1).
      epsilon: ε, the paper's "epsilon hat".
      amsgrad: divides by a maximum.

    Sources: Keras 3.15, `keras.optimizers.AdamW`; Loshchilov & Hutter 2017,
    arXiv:1711.05101.
    """
    beta_1, beta_2, epsilon = numbers(beta_1, beta_2, epsilon)
    if weight_decay is None:
        raise ValueError("weight_decay must be a number, got None: use Adam")
    rule = _adam(beta_1, beta_2, epsilon, amsgrad)
    return frame.stepped(rule, learning_rate, weight_decay)


@frame.optimizer
def Adamax(
    learning_rate: Hyper = 0.001,
    beta_1: Hyper = 0.9,
    beta_2: Hyper = 0.999,
    epsilon: Hyper = 1e-7,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.Adamax`: ε is added to the maximum, not within it.

    θₜ = θₜ₋₁ − η μ̂ₜ/(νₜ + ε), νₜ = max(β₂νₜ₋₁, |gₜ|).

    Args:
      learning_rate: η.
      beta_1: β₁ in [0, 1).
      beta_2: β₂ in [0, 1).
      epsilon: ε.
      weight_decay: λ; θ shrinks by 1 − ηλ before its step.

    Sources: Keras 3.15, `keras.optimizers.Adamax`; Kingma & Ba 2014, arXiv:1412.6980.
    """
    beta_1, beta_2, epsilon = numbers(beta_1, beta_2, epsilon)
    frame.check_decays(beta_1=beta_1, beta_2=beta_2)
    numerics.check_at_least_0("epsilon", epsilon)
    above = lambda nu: precision.each(lambda n: n + epsilon, ewma.raw(nu))
    rule = adamax.scale_by_adamax(beta_1, beta_2, 0.0, denominator=above)
    return frame.stepped(rule, learning_rate, weight_decay)


@frame.optimizer
def Nadam(
    learning_rate: Hyper = 0.001,
    beta_1: Hyper = 0.9,
    beta_2: Hyper = 0.999,
    epsilon: Hyper = 1e-7,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.Nadam`: Nesterov's direction, with a β₁ that rises fast.

    βₜ = β₁(1 − ½·0.96ᵗ) stands in the place of β₁ where the average of gradients is
    debiased and looked ahead of: `dialects.nadam` with a momentum decay of 1.

    Args:
      learning_rate: η.
      beta_1: β₁ in [0, 1).
      beta_2: β₂ in [0, 1).
      epsilon: ε, outside the root.
      weight_decay: λ; θ shrinks by 1 − ηλ before its step.

    Sources: Keras 3.15, `keras.optimizers.Nadam`; Dozat 2016,
    openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
    """
    beta_1, beta_2, epsilon = numbers(beta_1, beta_2, epsilon)
    frame.check_decays(beta_1=beta_1, beta_2=beta_2)
    rule = nadam.scale_by_warmed_nadam(beta_1, beta_2, epsilon, 1.0)
    return frame.stepped(rule, learning_rate, weight_decay)


@frame.optimizer
def Lamb(
    learning_rate: Hyper = 0.001,
    beta_1: Hyper = 0.9,
    beta_2: Hyper = 0.999,
    epsilon: Hyper = 1e-7,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.Lamb`: the decay is no part of the trust ratio.

    θ′ = θₜ₋₁(1 − ηλ), uₜ = μ̂ₜ/(√ν̂ₜ + ε), θₜ = θ′ − η ‖θ′‖/‖uₜ‖ uₜ, tensor by tensor;
    the ratio is 1 where a norm is 0.

    Args:
      learning_rate: η.
      beta_1: β₁ in [0, 1).
      beta_2: β₂ in [0, 1).
      epsilon: ε, outside the root.
      weight_decay: λ; θ shrinks by 1 − ηλ before its step.

    Sources: Keras 3.15, `keras.optimizers.Lamb`; You et al. 2019, arXiv:1904.00962.
    """
    beta_1, beta_2, epsilon = numbers(beta_1, beta_2, epsilon)
    frame.check_decays(beta_1=beta_1, beta_2=beta_2)
    rule = optax.chain(
        adam.scale_by_adam(beta_1, beta_2, epsilon), layerwise.scale_by_trust_ratio()
    )
    return frame.stepped(rule, learning_rate, weight_decay)


def _adam(
    beta_1: ArrayLike, beta_2: ArrayLike, epsilon: ArrayLike, amsgrad: bool
) -> optax.GradientTransformation:
    """Returns Adam's rule with an ε that is added before the bias is corrected."""
    frame.check_decays(beta_1=beta_1, beta_2=beta_2)
    below = numerics.hat(epsilon)
    if not amsgrad:
        return adam.scale_by_adam(beta_1, beta_2, denominator=below)
    return adamax.scale_by_amsgrad(
        beta_1, beta_2, bias_correction_nu=False, denominator=below
    )
