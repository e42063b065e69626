# PyTorch's optimizers that do not divide by an average.

import optax
from jax.typing import ArrayLike

from optax_lab.dialects import links, steps
from optax_lab.dialects.pytorch import frame
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers


@frame.fusable
def SGD(
    lr: Hyper = 1e-3,
    momentum: Hyper = 0,
    dampening: Hyper = 0,
    weight_decay: Hyper = 0,
    nesterov: bool = False,
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.SGD`: a heavy ball that starts at its first gradient.

    v₁ = g₁,  vₜ = μvₜ₋₁ + (1 − τ)gₜ,  θₜ = θₜ₋₁ − η vₜ, or η(gₜ + μvₜ) with `nesterov`.
    The decay λθₜ₋₁ is added to gₜ first.

    A state has one first step, and PyTorch one for each parameter: where a gradient is
    None at first, and `dampening` is not 0, the two differ.

    Args:
      lr: η.
      momentum: μ ≥ 0; 0 keeps no sum.
      dampening: τ, of either sign; it spares the first gradient.
      weight_decay: λ.
      nesterov: looks one step ahead; needs a momentum and no dampening.
      maximize: goes up instead of down.

    >>> import jax.numpy as jnp
    >>> from optax_lab.dialects import pytorch
    >>> optimizer = pytorch.SGD(lr=0.1, momentum=0.9, dampening=0.5)
    >>> state = optimizer.init(jnp.zeros(1))
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jnp.ones(1), state)
    ...     print(f"{updates[0]:.3f}")
    -0.100
    -0.140
    -0.176

    Source: PyTorch 2.13, `torch.optim.SGD`; Sutskever et al. 2013, "On the importance
    of initialization and momentum in deep learning".
    """
    still = links.is_zero(momentum)
    is_dampened = isinstance(dampening, int | float) and dampening != 0
    if nesterov and (still or is_dampened):
        raise ValueError(
            "nesterov needs a momentum above 0 and a dampening of 0, got "
            f"momentum={momentum} and dampening={dampening}"
        )
    ball = [
        links.dampened(dampening, momentum),
        links.heavy_ball(momentum, nesterov),
    ]
    return optax.chain(
        frame.front(maximize, weight_decay),
        *([] if still else ball),
        links.learning_rate(lr),
    )


@frame.optimizer
def Rprop(
    lr: Hyper = 1e-2,
    etas: tuple[ArrayLike, ArrayLike] = (0.5, 1.2),
    step_sizes: tuple[ArrayLike, ArrayLike] = (1e-6, 50),
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.Rprop`: every element's step grows until its sign turns.

    Δₜ = Δₜ₋₁ · (η⁺ where gₜgₜ₋₁ > 0, η⁻ where it is below 0), kept within
    `step_sizes`; θₜ = θₜ₋₁ − sign(gₜ)Δₜ, and no step where the sign has just turned.

    Args:
      lr: Δ₀; a schedule gives its first value.
      etas: η⁻ and η⁺.
      step_sizes: the least and the largest Δ.
      maximize: goes up instead of down.

    Source: PyTorch 2.13, `torch.optim.Rprop`; Riedmiller & Braun 1993, "A direct
    adaptive method for faster backpropagation learning: the RPROP algorithm".
    """
    return optax.chain(
        links.ascent(maximize), steps.rprop(number(lr), etas, step_sizes)
    )


@frame.optimizer
def ASGD(
    lr: Hyper = 1e-2,
    lambd: Hyper = 1e-4,
    alpha: Hyper = 0.75,
    t0: Hyper = 1e6,
    weight_decay: Hyper = 0,
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.ASGD`: gradient descent that averages where it has been.

    θₜ = θₜ₋₁ − ηₜ₋₁(gₜ + λθₜ₋₁), ηₜ = lr/(1 + λ·lr·t)^α; the state's `ax` is the
    average of θ from step t₀ on. `weight_decay` times θ is added to gₜ first.

    Args:
      lr: η₀; a schedule arrives a step late, as in PyTorch.
      lambd: λ.
      alpha: α.
      t0: t₀.
      weight_decay: a second decay, inside the gradient.
      maximize: goes up instead of down.

    Source: PyTorch 2.13, `torch.optim.ASGD`; Polyak & Juditsky 1992,
    doi:10.1137/0330046.
    """
    lr, lambd, alpha, t0 = numbers(lr, lambd, alpha, t0)
    rule = steps.asgd(lr, lambd, alpha, t0)
    return optax.chain(frame.front(maximize, weight_decay), rule)
