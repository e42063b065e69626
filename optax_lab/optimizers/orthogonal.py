# Descent along the average of gradients, made orthogonal.

from typing import Any

import jax
import optax

from optax_lab import ewma
from optax_lab.transforms import adam, numerics, orthogonal, partition, scaling
from optax_lab.transforms.scheduling import Hyper, number, numbers, scheduled


@scheduled
def muon(
    learning_rate: Hyper,
    ns_coeffs: Any = orthogonal.NS_COEFFS["standard"],
    ns_steps: numerics.Count = 5,
    beta: Hyper = 0.95,
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 0.0,
    weight_decay_mask: Any = None,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    adam_b1: Hyper = 0.9,
    adam_b2: Hyper = 0.999,
    adam_eps_root: Hyper = 0.0,
    adam_weight_decay: Hyper = 0.0,
    adam_learning_rate: Hyper | None = None,
    muon_weight_dimension_numbers: orthogonal.DimensionNumbers = None,
    consistent_rms: Hyper | None = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Muon: steps along the average of gradients, made orthogonal.

    μₜ = μₜ₋₁ + (1 − β)(gₜ − μₜ₋₁), oₜ ≈ UVᴴ where μ̂ₜ = USVᴴ, by Newton–Schulz steps
    x ← ax + (bA + cA²)x, A = xxᴴ, from x = μ̂ₜ/(‖μ̂ₜ‖ + ε), and
    θₜ = θₜ₋₁ − η (√max(1, m/n) oₜ + λθₜ₋₁) for a matrix that maps n numbers to m.
    Leaves that are no matrices take AdamW.

    Args:
      learning_rate: η.
      ns_coeffs: (a, b, c), or one for each step; "standard" or "dion".
      ns_steps: the number of steps where `ns_coeffs` is one (a, b, c). Static.
      beta: β in [0, 1).
      eps: ε, Muon's and Adam's.
      weight_decay: λ.
      weight_decay_mask: the matrices that decay, as in `optax.masked`; all when None.
      mu_dtype: what averages of g are stored in; the parameters' dtype when None.
      nesterov: puts βμₜ/wₜ₊₁ + (1 − β)gₜ/wₜ in the place of μ̂ₜ, in Adam too.
      adaptive: multiplies oₜ by ⟨μ̂ₜ, oₜ⟩.
      preconditioning: what μ̂ₜ is divided by before the steps: "frobenius", "spectral",
        "schatten" or "aol", as in `scale_by_muon`.
      adam_b1: Adam's β₁ in [0, 1).
      adam_b2: Adam's β₂ in [0, 1).
      adam_eps_root: Adam's ε inside the root.
      adam_weight_decay: AdamW's λ.
      adam_learning_rate: AdamW's η; `learning_rate` when None.
      muon_weight_dimension_numbers: by leaf, an `optax.contrib.MuonDimensionNumbers`,
        or None for AdamW; a tree, a prefix of one, or a function of the parameters.
        When None, leaves with two axes map the first to the second.
      consistent_rms: ρ; puts ρ√max(n, m) in the place of √max(1, m/n).
      nu_dtype: what Adam's ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `consistent_rms` are Optax's. Deviations:
    those of `scale_by_muon`, and a gradient may be None. The state's class and keys are
    Optax's, without a `MaskedState` between: each half has zeros of shape (1,) for the
    leaves of the other.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum((x - jnp.eye(2)) ** 2)
    >>> x = jnp.array([[1.0, -2.0], [2.0, 1.0]])
    >>> optimizer = optax_lab.muon(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    7.138
    6.325
    5.562

    Sharded: on a mesh of explicit axes `update` fails where they cut a matrix; use axes
    of type `Auto`.

    Sources: Jordan 2024, kellerjordan.github.io/posts/muon; Liu et al. 2025,
    arXiv:2502.16982 (weight decay, consistent_rms); Bernstein & Newhouse 2024,
    arXiv:2409.20325 (adaptive).
    """
    _check_adam(adam_b1, adam_b2, adam_eps_root, adam_weight_decay, adam_learning_rate)
    adam_b1, adam_b2, adam_eps_root = numbers(adam_b1, adam_b2, adam_eps_root)
    axes = muon_weight_dimension_numbers
    spec = orthogonal.of_matrices if axes is None else axes
    dtypes = {"mu_dtype": mu_dtype, "rounding": rounding}
    matrices = optax.chain(
        orthogonal.scale_by_muon(
            ns_coeffs,
            ns_steps,
            number(beta),
            number(eps),
            nesterov=nesterov,
            adaptive=adaptive,
            preconditioning=preconditioning,
            weight_dimension_numbers=spec,
            **dtypes,
        ),
        orthogonal.scale_by_shape(spec, number(consistent_rms)),
        scaling.weight_decay(weight_decay, weight_decay_mask),
        scaling.scale_by_learning_rate(learning_rate),
    )
    dtypes |= {"nesterov": nesterov, "nu_dtype": nu_dtype}
    rest = optax.chain(
        adam.scale_by_adam(adam_b1, adam_b2, number(eps), adam_eps_root, **dtypes),
        scaling.weight_decay(adam_weight_decay),
        scaling.scale_by_learning_rate(
            learning_rate if adam_learning_rate is None else adam_learning_rate
        ),
    )

    def labels(tree):
        axes = orthogonal.dimension_numbers(spec, tree)
        return jax.tree.map(lambda _, a: "adam" if a is None else "muon", tree, axes)

    return partition.partition({"muon": matrices, "adam": rest}, labels)


def _check_adam(b1, b2, eps_root, weight_decay, learning_rate):
    """Names Adam's arguments as they are called here."""
    ewma.check_decay("adam_b1", b1)
    ewma.check_decay("adam_b2", b2)
    numerics.check_at_least_0("adam_eps_root", eps_root)
    numerics.check_at_least_0("adam_weight_decay", weight_decay)
    numerics.check_at_least_0("adam_learning_rate", learning_rate)
