# PyTorch's optimizers that divide gradients by what they have been.

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from optax_lab import ewma
from optax_lab.dialects import factors, links
from optax_lab.dialects.pytorch import frame
from optax_lab.optimizers import adafactor, adagrad, numerics, rmsprop
from optax_lab.optimizers.hyperparameters import Hyper, numbers


@frame.optimizer
def RMSprop(
    lr: Hyper = 1e-2,
    alpha: Hyper = 0.99,
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 0,
    momentum: Hyper = 0,
    centered: bool = False,
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.RMSprop`: ε outside the root, the rate outside the momentum.

    θₜ = θₜ₋₁ − η vₜ, vₜ = μvₜ₋₁ + gₜ/(√νₜ + ε), of gₜ + λθₜ₋₁; νₜ is the average of
    |g|² with its bias, less the square of that of g where `centered`.

    Args:
      lr: η.
      alpha: the average's decay in [0, 1); PyTorch takes any, 1 dividing by ε alone.
      eps: ε.
      weight_decay: λ.
      momentum: μ ≥ 0.
      centered: divides by the standard deviation.
      maximize: goes up instead of down.

    >>> import jax.numpy as jnp
    >>> from optax_lab.dialects import pytorch
    >>> optimizer = pytorch.RMSprop(lr=0.1)
    >>> state = optimizer.init(jnp.zeros(1))
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jnp.ones(1), state)
    ...     print(f"{updates[0]:.3f}")
    -1.000
    -0.709
    -0.580

    Sources: PyTorch 2.13, `torch.optim.RMSprop`; Hinton 2012, lecture 6e; Graves 2013,
    arXiv:1308.0850 (centered).
    """
    alpha, eps = numbers(alpha, eps)
    ewma.check_decay("alpha", alpha)
    rule = rmsprop.scale_by_stddev if centered else rmsprop.scale_by_rms
    ball = [] if links.is_zero(momentum) else [links.heavy_ball(momentum, False)]
    return optax.chain(
        frame.front(maximize, weight_decay),
        rule(alpha, eps, eps_in_sqrt=False),
        *ball,
        links.learning_rate(lr),
    )


@frame.fusable
def Adagrad(
    lr: Hyper = 1e-2,
    lr_decay: Hyper = 0,
    weight_decay: Hyper = 0,
    initial_accumulator_value: Hyper = 0,
    eps: Hyper = 1e-10,
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.Adagrad`: ε outside the root, and a sum that starts at 0.

    θₜ = θₜ₋₁ − η/(1 + (t − 1)δ) · gₜ/(√sₜ + ε), sₜ = sₜ₋₁ + |gₜ|², of gₜ + λθₜ₋₁.

    Args:
      lr: η.
      lr_decay: δ.
      weight_decay: λ.
      initial_accumulator_value: s₀.
      eps: ε.
      maximize: goes up instead of down.

    Sources: PyTorch 2.13, `torch.optim.Adagrad`; Duchi et al. 2011, "Adaptive
    subgradient methods for online learning and stochastic optimization".
    """
    initial_accumulator_value, eps = numbers(initial_accumulator_value, eps)
    rule = adagrad.scale_by_rss(
        initial_accumulator_value, denominator=numerics.outside(eps)
    )
    return optax.chain(
        frame.front(maximize, weight_decay),
        rule,
        links.slowed(lr_decay),
        links.learning_rate(lr),
    )


@frame.optimizer
def Adadelta(
    lr: Hyper = 1.0,
    rho: Hyper = 0.9,
    eps: Hyper = 1e-6,
    weight_decay: Hyper = 0,
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.Adadelta`: gradients get the size of the updates before them.

    θₜ = θₜ₋₁ − η √(Eₜ₋₁[x] + ε) gₜ / √(Eₜ[g] + ε), of gₜ + λθₜ₋₁.

    Args:
      lr: η.
      rho: the decay of both averages, in [0, 1); PyTorch takes 1, which is SGD.
      eps: ε, inside both roots.
      weight_decay: λ.
      maximize: goes up instead of down.

    Sources: PyTorch 2.13, `torch.optim.Adadelta`; Zeiler 2012, arXiv:1212.5701.
    """
    rho, eps = numbers(rho, eps)
    return optax.chain(
        frame.front(maximize, weight_decay),
        rmsprop.scale_by_adadelta(rho, eps),
        links.learning_rate(lr),
    )


@frame.foreach_only
def Adafactor(
    lr: Hyper = 1e-2,
    beta2_decay: Hyper = -0.8,
    eps: tuple[ArrayLike | None, ArrayLike] = (None, 1e-3),
    d: Hyper = 1.0,
    weight_decay: Hyper = 0.0,
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.Adafactor`: factored along the last two axes.

    rₜ and cₜ are averages, βₜ = 1 − t^c, of the row and column means of |gₜ|²;
    νₜ = max(ε₁², rₜcₜ / max(ε₁, mean rₜ)), uₜ = gₜ/√νₜ, and
    θₜ = θₜ₋₁(1 − ηλ) − min(η, 1/√t) max(ε₂, RMS(θₜ₋₁)) uₜ/max(1, RMS(uₜ)/d).

    Args:
      lr: η.
      beta2_decay: c ≤ 0.
      eps: ε₁, the machine's epsilon of the parameters' dtype when None, and ε₂.
      d: the largest root mean square of a tensor's uₜ, at least 1.
      weight_decay: λ.
      maximize: goes up instead of down.

    Sources: PyTorch 2.13, `torch.optim.Adafactor`; Shazeer & Stern 2018,
    arXiv:1804.04235.
    """
    beta2_decay, d = numbers(beta2_decay, d)
    if isinstance(d, int | float) and not d >= 1:
        raise ValueError(f"d must be at least 1, got {d}")
    least, smallest = eps
    for place, value in enumerate(eps):
        numerics.check_at_least_0(f"eps[{place}]", value)
    floor = lambda dtype: jnp.finfo(dtype).eps if least is None else least
    return optax.chain(
        links.ascent(maximize),
        factors.scale_by_last_factors(-1 * beta2_decay, floor=floor),
        adafactor.clip_by_block_rms(d),
        adafactor.scale_by_param_block_rms(smallest),
        links.relative(lr),
        links.decoupled(lr, weight_decay),
    )
