# Keras' optimizers that divide gradients by what they have been.

import optax

from optax_lab.dialects import factors, links
from optax_lab.dialects.keras import frame
from optax_lab.optimizers import adafactor, adagrad, numerics, rmsprop
from optax_lab.optimizers.hyperparameters import Hyper, numbers


@frame.optimizer
def RMSprop(
    learning_rate: Hyper = 0.001,
    rho: Hyper = 0.9,
    momentum: Hyper = 0.0,
    epsilon: Hyper = 1e-7,
    centered: bool = False,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.RMSprop`: ε in the root, the rate in the momentum.

    θₜ = θₜ₋₁ − vₜ, vₜ = μvₜ₋₁ + ηₜgₜ/√(νₜ + ε); νₜ is the average of g² with its bias,
    less the square of that of g where `centered`.

    Args:
      learning_rate: η.
      rho: the average's decay in [0, 1).
      momentum: μ ≥ 0.
      epsilon: ε.
      centered: divides by the standard deviation.
      weight_decay: λ; θ shrinks by 1 − ηλ before its step.

    Sources: Keras 3.15, `keras.optimizers.RMSprop`; Hinton 2012, lecture 6e.
    """
    rho, epsilon = numbers(rho, epsilon)
    frame.check_decays(rho=rho)
    rule = rmsprop.scale_by_stddev if centered else rmsprop.scale_by_rms
    ball = [] if links.is_zero(momentum) else [links.heavy_ball(momentum, False)]
    steps = optax.chain(rule(rho, epsilon), links.learning_rate(learning_rate), *ball)
    return links.after_decay(steps, learning_rate, weight_decay)


@frame.optimizer
def Adagrad(
    learning_rate: Hyper = 0.001,
    initial_accumulator_value: Hyper = 0.1,
    epsilon: Hyper = 1e-7,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.Adagrad`, which is Optax's with a default rate.

    θₜ = θₜ₋₁ − η gₜ/√(sₜ + ε), sₜ = sₜ₋₁ + gₜ².

    Args:
      learning_rate: η.
      initial_accumulator_value: s₀.
      epsilon: ε, inside the root.
      weight_decay: λ; θ shrinks by 1 − ηλ before its step.

    Sources: Keras 3.15, `keras.optimizers.Adagrad`; Duchi et al. 2011, "Adaptive
    subgradient methods for online learning and stochastic optimization".
    """
    initial_accumulator_value, epsilon = numbers(initial_accumulator_value, epsilon)
    rule = adagrad.scale_by_rss(initial_accumulator_value, epsilon)
    return frame.stepped(rule, learning_rate, weight_decay)


@frame.optimizer
def Adadelta(
    learning_rate: Hyper = 0.001,
    rho: Hyper = 0.95,
    epsilon: Hyper = 1e-7,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.Adadelta`: gradients get the size of earlier updates.

    θₜ = θₜ₋₁ − η √(Eₜ₋₁[x] + ε) gₜ / √(Eₜ[g] + ε); the paper has η = 1.

    Args:
      learning_rate: η.
      rho: the decay of both averages, in [0, 1).
      epsilon: ε, inside both roots.
      weight_decay: λ; θ shrinks by 1 − ηλ before its step.

    Sources: Keras 3.15, `keras.optimizers.Adadelta`; Zeiler 2012, arXiv:1212.5701.
    """
    rho, epsilon = numbers(rho, epsilon)
    rule = rmsprop.scale_by_adadelta(rho, epsilon)
    return frame.stepped(rule, learning_rate, weight_decay)


@frame.optimizer
def Adafactor(
    learning_rate: Hyper = 0.001,
    beta_2_decay: Hyper = -0.8,
    epsilon_1: Hyper = 1e-30,
    epsilon_2: Hyper = 1e-3,
    clip_threshold: Hyper = 1.0,
    relative_step: bool = True,
    weight_decay: Hyper | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `keras.optimizers.Adafactor`: factored along the last two axes.

    rₜ and cₜ are averages, βₜ = 1 − t^c, of the row and column means of gₜ² + ε₁;
    νₜ = rₜcₜ/mean rₜ, uₜ = gₜ/√νₜ, θ′ = θₜ₋₁(1 − ηλ), and
    θₜ = θ′ − min(η, 1/√t) max(ε₂, RMS(θ′)) uₜ/max(1, RMS(uₜ)/d).

    Args:
      learning_rate: η.
      beta_2_decay: c ≤ 0.
      epsilon_1: ε₁.
      epsilon_2: ε₂.
      clip_threshold: d > 0; of 0 Keras stands still.
      relative_step: has no effect, as in Keras 3.15, where 1/√t bounds every rate.
      weight_decay: λ.

    Sources: Keras 3.15, `keras.optimizers.Adafactor`; Shazeer & Stern 2018,
    arXiv:1804.04235.
    """
    beta_2_decay, epsilon_1 = numbers(beta_2_decay, epsilon_1)
    epsilon_2, clip_threshold = numbers(epsilon_2, clip_threshold)
    del relative_step
    numerics.check_at_least_0("epsilon_1", epsilon_1)
    numerics.check_above_0("clip_threshold", clip_threshold)
    steps = optax.chain(
        factors.scale_by_last_factors(-1 * beta_2_decay, epsilon_1),
        adafactor.clip_by_block_rms(clip_threshold),
        adafactor.scale_by_param_block_rms(epsilon_2),
        links.relative(learning_rate),
    )
    return links.after_decay(steps, learning_rate, weight_decay)
