# Keras' optimizers that do not divide by an average.

import numpy as np
import optax

from optax_lab.dialects import ftrl, links
from optax_lab.dialects.keras import frame
from optax_lab.optimizers import lion, numerics
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers


@frame.optimizer
def SGD(
    learning_rate: Hyper = 0.01,
    momentum: Hyper = 0.0,
    nesterov: bool = False,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.SGD`: a sum of steps, each with its own rate.

    vₜ = μvₜ₋₁ − ηₜgₜ, θₜ = θₜ₋₁ + vₜ, or + μvₜ − ηₜgₜ with `nesterov`. In PyTorch and
    Optax a rate that drops slows the old gradients too; here it does not.

    Args:
      learning_rate: η.
      momentum: μ in [0, 1]; 0 keeps no sum.
      nesterov: looks one step ahead.
      weight_decay: λ; θ shrinks by 1 − ηλ before its step.

    >>> import jax.numpy as jnp
    >>> from optax_lab.dialects import keras
    >>> optimizer = keras.SGD(lambda step: 0.1 * 0.1**step, momentum=0.9)
    >>> state = optimizer.init(jnp.zeros(1))
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jnp.ones(1), state)
    ...     print(f"{updates[0]:.3f}")
    -0.100
    -0.100
    -0.091

    Source: Keras 3.15, `keras.optimizers.SGD`.
    """
    if isinstance(momentum, int | float) and momentum > 1:
        raise ValueError(f"momentum must lie in [0, 1], got {momentum}")
    still = links.is_zero(momentum)
    ball = [] if still else [links.heavy_ball(momentum, nesterov)]
    steps = optax.chain(links.learning_rate(learning_rate), *ball)
    return links.after_decay(steps, learning_rate, weight_decay)


@frame.optimizer
def Lion(
    learning_rate: Hyper = 0.001,
    beta_1: Hyper = 0.9,
    beta_2: Hyper = 0.99,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.Lion`: the sign of an average, and no decay by default.

    θₜ = θₜ₋₁(1 − ηλ) − η sign(β₁mₜ₋₁ + (1 − β₁)gₜ), m averaged with β₂.

    Args:
      learning_rate: η.
      beta_1: β₁ in (0, 1]; of 1 the sign is that of mₜ₋₁.
      beta_2: β₂ in [0, 1).
      weight_decay: λ.

    Sources: Keras 3.15, `keras.optimizers.Lion`; Chen et al. 2023, arXiv:2302.06675.
    """
    beta_1, beta_2 = numbers(beta_1, beta_2)
    numerics.check_share("beta_1", beta_1)
    frame.check_decays(beta_2=beta_2)
    # The rule looks at Python's numbers only, and would refuse a 1.
    b1 = np.ones([]) if links.is_zero(1 - beta_1) else beta_1
    rule = lion.scale_by_lion(b1, beta_2)
    return frame.stepped(rule, learning_rate, weight_decay)


@frame.optimizer
def Ftrl(
    learning_rate: Hyper = 0.001,
    learning_rate_power: Hyper = -0.5,
    initial_accumulator_value: Hyper = 0.1,
    l1_regularization_strength: Hyper = 0.0,
    l2_regularization_strength: Hyper = 0.0,
    l2_shrinkage_regularization_strength: Hyper = 0.0,
    beta: Hyper = 0.0,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.Ftrl`: follow the regularised leader, by coordinate.

    nₜ = nₜ₋₁ + gₜ², zₜ = zₜ₋₁ + gₜ + 2λ_sθₜ₋₁ − (nₜ^(−p) − nₜ₋₁^(−p))θₜ₋₁/η, and
    θₜ = (clip(zₜ, ±λ₁) − zₜ) / (nₜ^(−p)/η + 2λ₂ + β/η): the first step forgets θ₀.

    Args:
      learning_rate: η > 0; of 0 Keras makes NaN.
      learning_rate_power: p ≤ 0.
      initial_accumulator_value: n₀.
      l1_regularization_strength: λ₁.
      l2_regularization_strength: λ₂.
      l2_shrinkage_regularization_strength: λ_s.
      beta: β.
      weight_decay: λ; θ shrinks by 1 − ηλ before its step.

    Sources: Keras 3.15, `keras.optimizers.Ftrl`; McMahan et al. 2013,
    doi:10.1145/2487575.2488200.
    """
    steps = ftrl.ftrl(
        number(learning_rate),
        number(learning_rate_power),
        number(initial_accumulator_value),
        number(l1_regularization_strength),
        number(l2_regularization_strength),
        number(l2_shrinkage_regularization_strength),
        number(beta),
    )
    return links.after_decay(steps, learning_rate, weight_decay)
