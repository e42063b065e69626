# PyTorch's optimizers that average gradients and their squares.

import optax
from jax.typing import ArrayLike

from optax_lab.dialects import links, nadam
from optax_lab.dialects.pytorch import frame
from optax_lab.dialects.pytorch.frame import Betas
from optax_lab.optimizers import adam, adamax, numerics, radam
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers


@frame.fusable_capturable
def Adam(
    lr: Hyper = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 0,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
    decoupled_weight_decay: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.Adam`, whose weight decay is part of the gradient.

    θₜ = θₜ₋₁ − η μ̂ₜ/(√ν̂ₜ + ε) of gₜ + λθₜ₋₁. With `amsgrad`, ν̂ₜ is the largest ν so
    far over the weight 1 − β₂ᵗ of today (Optax takes the largest ν̂ so far).

    A state counts steps, and PyTorch those of each parameter: the two differ where a
    gradient is None at some steps only.

    Args:
      lr: η.
      betas: β₁ and β₂ in [0, 1).
      eps: ε, outside the root.
      weight_decay: λ.
      amsgrad: divides by a maximum.
      maximize: goes up instead of down.
      decoupled_weight_decay: makes it `AdamW`.

    >>> import jax.numpy as jnp
    >>> from optax_lab.dialects import pytorch
    >>> optimizer = pytorch.Adam(lr=0.1, amsgrad=True)
    >>> state = optimizer.init(jnp.zeros(1))
    >>> for g in (1.0, 0.1, 0.1):
    ...     updates, state = optimizer.update(jnp.array([g]), state)
    ...     print(f"{updates[0]:.3f}")
    -0.100
    -0.074
    -0.063

    Sources: PyTorch 2.13, `torch.optim.Adam`; Kingma & Ba 2014, arXiv:1412.6980; Reddi
    et al. 2018, arXiv:1904.09237 (amsgrad).
    """
    return _decayed(
        _adam(betas, number(eps), amsgrad),
        lr,
        weight_decay,
        maximize,
        decoupled_weight_decay,
    )


@frame.fusable_capturable
def AdamW(
    lr: Hyper = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 1e-2,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.AdamW`: Adam with decoupled weight decay.

    θₜ = θₜ₋₁ − η (μ̂ₜ/(√ν̂ₜ + ε) + λθₜ₋₁). With `amsgrad`, ν̂ₜ is the largest ν so far
    over the weight 1 − β₂ᵗ of today.

    Args:
      lr: η.
      betas: β₁ and β₂ in [0, 1).
      eps: ε, outside the root.
      weight_decay: λ; a hundred times Optax's default.
      amsgrad: divides by a maximum.
      maximize: goes up instead of down.

    Sources: PyTorch 2.13, `torch.optim.AdamW`; Loshchilov & Hutter 2017,
    arXiv:1711.05101.
    """
    return _decayed(
        _adam(betas, number(eps), amsgrad), lr, weight_decay, maximize, True
    )


@frame.optimizer
def Adamax(
    lr: Hyper = 2e-3,
    betas: Betas = (0.9, 0.999),
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 0,
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.Adamax`: the average of gradients over a fading maximum.

    θₜ = θₜ₋₁ − η μ̂ₜ/νₜ, νₜ = max(β₂νₜ₋₁, |gₜ| + ε), of gₜ + λθₜ₋₁.

    A state counts steps, and PyTorch those of each parameter: the two differ where a
    gradient is None at some steps only.

    Args:
      lr: η.
      betas: β₁ and β₂ in [0, 1).
      eps: ε, within the maximum.
      weight_decay: λ.
      maximize: goes up instead of down.

    Sources: PyTorch 2.13, `torch.optim.Adamax`; Kingma & Ba 2014, arXiv:1412.6980.
    """
    rule = adamax.scale_by_adamax(*frame.check_betas(betas), number(eps))
    return _decayed(rule, lr, weight_decay, maximize)


@frame.optimizer
def NAdam(
    lr: Hyper = 2e-3,
    betas: Betas = (0.9, 0.999),
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 0,
    momentum_decay: Hyper = 4e-3,
    decoupled_weight_decay: bool = False,
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.NAdam`: Nesterov's direction, with a β₁ that rises.

    βₜ = β₁(1 − ½·0.96^(tψ)) stands in the place of β₁ where the average of gradients is
    debiased and looked ahead of: `dialects.nadam`. Optax's is the limit ψ → ∞.

    A state counts steps, and PyTorch those of each parameter: the two differ where a
    gradient is None at some steps only.

    Args:
      lr: η.
      betas: β₁ and β₂ in [0, 1).
      eps: ε, outside the root.
      weight_decay: λ, added to the gradient.
      momentum_decay: ψ.
      decoupled_weight_decay: decays the parameters instead of the gradient.
      maximize: goes up instead of down.

    Sources: PyTorch 2.13, `torch.optim.NAdam`; Dozat 2016,
    openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
    """
    b1, b2 = frame.check_betas(betas)
    eps, momentum_decay = numbers(eps, momentum_decay)
    rule = nadam.scale_by_warmed_nadam(b1, b2, eps, momentum_decay)
    return _decayed(rule, lr, weight_decay, maximize, decoupled_weight_decay)


@frame.optimizer
def RAdam(
    lr: Hyper = 1e-3,
    betas: Betas = (0.9, 0.999),
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 0,
    decoupled_weight_decay: bool = False,
    *,
    maximize: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.RAdam`: Adam as far as its denominator's variance allows.

    Where ρₜ > 5 the step is −η rₜ μ̂ₜ/(√ν̂ₜ + ε/√(1 − β₂ᵗ)), and −η μ̂ₜ before: ε is
    added before the bias is corrected.

    A state counts steps, and PyTorch those of each parameter: the two differ where a
    gradient is None at some steps only.

    Args:
      lr: η.
      betas: β₁ and β₂ in [0, 1).
      eps: ε.
      weight_decay: λ, added to the gradient.
      decoupled_weight_decay: decays the parameters instead of the gradient.
      maximize: goes up instead of down.

    Sources: PyTorch 2.13, `torch.optim.RAdam`; Liu et al. 2019, arXiv:1908.03265.
    """
    b1, b2 = frame.check_betas(betas)
    rule = radam.scale_by_radam(b1, b2, denominator=numerics.hat(number(eps)))
    return _decayed(rule, lr, weight_decay, maximize, decoupled_weight_decay)


def _adam(betas: Betas, eps: ArrayLike, amsgrad: bool) -> optax.GradientTransformation:
    b1, b2 = frame.check_betas(betas)
    if not amsgrad:
        return adam.scale_by_adam(b1, b2, eps)
    largest = numerics.outside(eps)  # reads the largest ν without today's bias
    return adamax.scale_by_amsgrad(
        b1, b2, bias_correction_nu=False, denominator=largest
    )


def _decayed(
    rule: optax.GradientTransformation,
    lr: Hyper,
    weight_decay: Hyper,
    maximize: bool,
    is_decoupled: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Puts a rule between what PyTorch does to gradients and to parameters."""
    inside, outside = (0, weight_decay) if is_decoupled else (weight_decay, 0)
    return optax.chain(
        frame.front(maximize, inside),
        rule,
        links.learning_rate(lr),
        links.decoupled(lr, outside),
    )
