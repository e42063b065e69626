# Steps divided by a running estimate of the Hessian's diagonal.

from typing import Any

import optax

from optax_lab.transforms import curvature, numerics, scaling
from optax_lab.transforms.scheduling import Hyper, number, scheduled


@scheduled
def sophia(
    learning_rate: Hyper,
    b1: Hyper = 0.965,
    b2: Hyper = 0.99,
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 1e-4,
    weight_decay_mask: Any = None,
    gamma: Hyper = 0.01,
    clip_threshold: Hyper | None = 1.0,
    update_interval: numerics.Count = 10,
    hessian_diagonal_fn: optax.GradientTransformation = curvature.HUTCHINSON,
    mu_dtype: Any = None,
    verbose: bool = False,
    print_win_rate_every_n_steps: int = 0,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Sophia: the average of gradients over that of the curvature, clipped.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(ĥₜ − νₜ₋₁),
    θₜ = θₜ₋₁ − η(clip(μ̂ₜ/max(γνₜ₋₁, ε), −c, c) + λθₜ₋₁), where ĥ is an estimate of the
    Hessian's diagonal. ν is renewed at every k-th step, from the first on; before that
    it is 0, and everything is clipped.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1), which counts estimates and not steps.
      eps: ε; what has less curvature, or a negative one, is divided by it.
      weight_decay: λ.
      weight_decay_mask: the parameters that decay, as in `optax.masked`; all when None.
      gamma: γ; where it is too small, everything is clipped.
      clip_threshold: c; None clips nothing. Complex numbers keep their angle.
      update_interval: k ≥ 1.
      hessian_diagonal_fn: a transformation whose updates are ĥ; it is given all that
        `update` is given. The default one needs the objective as `obj_fn`.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      verbose: prints the share of elements that are not clipped.
      print_win_rate_every_n_steps: how often it does so; never when 0.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `print_win_rate_every_n_steps` are Optax's, and
    so is what differs from the paper's algorithm 3: μ is read without its bias, ĥₜ
    serves from the next step on, and the signs of the estimate are −1 and 1.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.sophia(0.1, gamma=100.0)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x, obj_fn=f)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.888
    3.401

    Source: Liu et al. 2023, arXiv:2305.14342.
    """
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        curvature.scale_by_sophia(
            number(b1),
            number(b2),
            number(eps),
            number(gamma),
            number(clip_threshold),
            update_interval,
            hessian_diagonal_fn,
            mu_dtype,
            verbose,
            print_win_rate_every_n_steps,
            **dtypes,
        ),
        scaling.weight_decay(weight_decay, weight_decay_mask),
        scaling.scale_by_learning_rate(learning_rate),
    )
