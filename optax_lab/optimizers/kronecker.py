# Descent along gradients seen through the averages of their outer products.

from typing import Any

import optax

from optax_lab.transforms import kronecker, numerics, scaling
from optax_lab.transforms.scheduling import Hyper, number, scheduled


@scheduled
def shampoo(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper | None = 0.99,
    eps: Hyper = 1e-6,
    precondition_frequency: numerics.Count = 10,
    max_precond_dim: int = 1024,
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Shampoo: gradients divided by roots of the average of their outer products.

    For a matrix, Lₜ = Lₜ₋₁ + (1 − β₂)(gₜgₜᴴ − Lₜ₋₁), the same of gₜᴴgₜ for Rₜ,
    θₜ = θₜ₋₁ − η ((L̂ₜ + εI)^(−1/4) μ̂ₜ (R̂ₜ + εI)^(−1/4) + λθₜ₋₁), μ the average of g
    with β₁. A leaf of k dimensions has k such factors, with the power −1/2k; a number
    counts as a vector of one.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1); None for the paper's sum, Lₜ = Lₜ₋₁ + gₜgₜᴴ.
      eps: ε; it has the unit of a squared gradient.
      precondition_frequency: the roots are taken every so many steps, and at each of
        the first so many. Static.
      max_precond_dim: of a longer dimension's factor only the diagonal is kept.
      weight_decay: λ.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".

    Optax has no such name. `b1=0, b2=None` is the paper's algorithm, whose sum starts
    at εI; the average of g is from the authors' code, that of outer products is ours.
    They are float32 at least: rounded further they would not be positive any more.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum((x - jnp.eye(2)) ** 2)
    >>> x = jnp.array([[1.0, -2.0], [2.0, 1.0]])
    >>> optimizer = optax_lab.shampoo(0.5)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.500
    2.034
    0.574

    Sharded: on a mesh of explicit axes `update` fails where they cut a matrix; use axes
    of type `Auto`. Flax's partitioned variables take no state of another shape than
    theirs, as the factors are.

    Source: Gupta, Koren & Singer 2018, arXiv:1802.09568.
    """
    return optax.chain(
        kronecker.scale_by_shampoo(
            number(b1),
            number(b2),
            number(eps),
            precondition_frequency,
            max_precond_dim,
            mu_dtype=mu_dtype,
            rounding=rounding,
        ),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def soap(
    learning_rate: Hyper,
    b1: Hyper = 0.95,
    b2: Hyper = 0.95,
    shampoo_beta: Hyper | None = None,
    eps: Hyper = 1e-8,
    precondition_frequency: numerics.Count = 10,
    max_precond_dim: int = 10_000,
    weight_decay: Hyper = 0.01,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes SOAP: Adam in the eigenvectors of the average of outer products.

    For a matrix, Lₜ = Lₜ₋₁ + (1 − β)(gₜgₜᴴ − Lₜ₋₁), the same of gₜᴴgₜ for Rₜ,
    with eigenvectors P and Q, νₜ = νₜ₋₁ + (1 − β₂)(|PᴴgₜQ|² − νₜ₋₁), and
    θₜ = θₜ₋₁ − η (P (Pᴴμ̂ₜQ / (√ν̂ₜ + ε)) Qᴴ + λθₜ₋₁), μ the average of g with β₁. The
    first step only makes P and Q. Leaves with fewer than two dimensions take AdamW, and
    those with more have a factor for each.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      shampoo_beta: β, of the outer products; β₂ when None.
      eps: ε.
      precondition_frequency: every so many steps P ← QR(LₜP) and Q ← QR(RₜQ). Static.
      max_precond_dim: a longer dimension is not rotated.
      weight_decay: λ.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    Optax has no such name; the arguments and the defaults are those of the authors'
    code. Deviations from it: ε is added to √ν̂ₜ, as in Adam, not to √νₜ; None, not −1,
    stands for β₂; weight decay acts in the first step too.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum((x - jnp.eye(2)) ** 2)
    >>> x = jnp.array([[1.0, -2.0], [2.0, 1.0]])
    >>> optimizer = optax_lab.soap(0.5)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    7.920
    4.861
    1.946

    Sharded: on a mesh of explicit axes `update` fails where they cut a matrix; use axes
    of type `Auto`. Flax's partitioned variables take no state of another shape than
    theirs, as the factors are.

    Source: Vyas et al. 2024, arXiv:2409.11321.
    """
    return optax.chain(
        kronecker.scale_by_soap(
            number(b1),
            number(b2),
            number(shampoo_beta),
            number(eps),
            precondition_frequency,
            max_precond_dim,
            mu_dtype=mu_dtype,
            nu_dtype=nu_dtype,
            rounding=rounding,
        ),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )
