# PyTorch's optimizer of whole matrices.

import optax
from jax.typing import ArrayLike
from optax.contrib import MuonDimensionNumbers

from optax_lab.dialects import links
from optax_lab.dialects.pytorch import frame
from optax_lab.optimizers import muon
from optax_lab.optimizers.hyperparameters import Hyper

_ADJUSTMENTS = (None, "original", "match_rms_adamw")
# A weight of PyTorch maps its second axis to its first.
_WEIGHT = MuonDimensionNumbers(reduction_axis=1, output_axis=0)


@frame.plain
def Muon(
    lr: Hyper = 1e-3,
    weight_decay: Hyper = 0.1,
    momentum: Hyper = 0.95,
    nesterov: bool = True,
    ns_coefficients: tuple[float, float, float] = muon.NS_COEFFS["standard"],
    eps: ArrayLike = 1e-7,
    ns_steps: int = 5,
    adjust_lr_fn: str | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Makes `torch.optim.Muon`: steps along the average of gradients, made orthogonal.

    mₜ = mₜ₋₁ + (1 − β)(gₜ − mₜ₋₁), with its bias; oₜ ≈ UVᵀ of mₜ = USVᵀ (of
    (1 − β)gₜ + βmₜ with `nesterov`), and θₜ = θₜ₋₁(1 − ηλ) − η √max(1, n/m) oₜ for a
    matrix of n rows and m columns, which are its outputs and inputs in PyTorch.

    Deviation: Newton–Schulz runs in float32 or wider, in PyTorch in bfloat16.

    Args:
      lr: η.
      weight_decay: λ.
      momentum: β in [0, 1); PyTorch takes any, and of 1 only decays.
      nesterov: looks one step ahead.
      ns_coefficients: (a, b, c) of each Newton–Schulz step.
      eps: what keeps a small matrix small.
      ns_steps: how many steps, static.
      adjust_lr_fn: "original" for the factor above, as None; "match_rms_adamw" for
        0.2√max(n, m).

    Sources: PyTorch 2.13, `torch.optim.Muon`; Jordan 2024,
    kellerjordan.github.io/posts/muon; Liu et al. 2025, arXiv:2502.16982.

    Raises:
      ValueError: if a parameter is no matrix.
    """
    if adjust_lr_fn not in _ADJUSTMENTS:
        allowed = ", ".join(map(repr, _ADJUSTMENTS))
        raise ValueError(f"adjust_lr_fn must be one of {allowed}, got {adjust_lr_fn!r}")
    rms = 0.2 if adjust_lr_fn == "match_rms_adamw" else None
    return optax.chain(
        links.average(momentum, nesterov),
        muon.orthogonalize(
            ns_coefficients, ns_steps, eps, weight_dimension_numbers=_WEIGHT
        ),
        muon.scale_by_shape(_WEIGHT, rms),
        links.learning_rate(lr),
        links.decoupled(lr, weight_decay),
    )
