# Averages of |g|² kept as two vectors.

from typing import Any

import jax.numpy as jnp
import optax

from optax_lab import ewma
from optax_lab.transforms import factored as rules
from optax_lab.transforms import momentum as momenta
from optax_lab.transforms import numerics, scaling
from optax_lab.transforms.scheduling import Hyper, numbers, scheduled


@scheduled
def adafactor(
    learning_rate: Hyper | None = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: Hyper = 0.8,
    decay_offset: Hyper = 0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: Hyper | None = 1.0,
    momentum: Hyper | None = None,
    dtype_momentum: Any = jnp.float32,
    weight_decay_rate: Hyper | None = None,
    eps: Hyper = 1e-30,
    factored: bool = True,
    weight_decay_mask: Any = None,
    *,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Adafactor: the average of |g|² of a matrix is kept as two vectors.

    rₜ, cₜ: averages of the row and the column means of |gₜ|² + ε, with βₜ = 1 − t^(−c);
    uₜ = gₜ/√(rₜcₜ / mean rₜ),  ûₜ = uₜ / max(1, RMS(uₜ)/d),
    θₜ = θₜ₋₁ − η max(10⁻³, RMS(θₜ₋₁)) ûₜ, the root mean squares of one tensor. In
    tensors that are not factored the average itself stands below the root.

    Args:
      learning_rate: η; 1 when None. The paper has min(0.01, 1/√t).
      min_dim_size_to_factor: how long the two longest axes must be to be factored.
      decay_rate: c.
      decay_offset: the count at which t is 1, where a fine-tuning begins.
      multiply_by_parameter_scale: False leaves out max(10⁻³, RMS(θ)).
      clipping_threshold: d, at least 1 in the paper; None for no clipping.
      momentum: β of an average of the finished steps; None for none.
      dtype_momentum: what that average is stored in.
      weight_decay_rate: λ; subtracts λθ, whatever the learning rate. None for none.
      eps: ε.
      factored: False averages |g|² + ε itself for every tensor.
      weight_decay_mask: the parameters that decay, as in `optax.masked`.
      nu_dtype: what r and c are stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `weight_decay_mask` are Optax's. Deviation: a
    `decay_offset` ahead of the state's count makes it NaN there for good (pull request
    #1791); here β is 0 until the offset is reached.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adafactor(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.101
    3.407
    2.862

    Sharded: Flax's partitioned variables take no state of another shape than theirs, as
    rows and columns is.

    Source: Shazeer & Stern 2018, arXiv:1804.04235, algorithms 4 and 5, sections 6 to 8.
    """
    decay_rate, decay_offset, eps = numbers(decay_rate, decay_offset, eps)
    clipping_threshold, momentum, weight_decay_rate = numbers(
        clipping_threshold, momentum, weight_decay_rate
    )
    ewma.check_decay("momentum", momentum)
    numerics.check_at_least_0("weight_decay_rate", weight_decay_rate)
    numerics.check_at_least_0("eps", eps)
    numerics.check_above_0("clipping_threshold", clipping_threshold)
    rule = rules.scale_by_factored_rms(
        factored,
        decay_rate,
        decay_offset,
        min_dim_size_to_factor,
        eps,
        nu_dtype=nu_dtype,
        rounding=rounding,
    )
    parts = [rule]
    if clipping_threshold is not None:
        parts.append(rules.clip_by_block_rms(clipping_threshold))
    if learning_rate is not None:
        parts.append(scaling.scale_by_learning_rate(learning_rate, flip_sign=False))
    if multiply_by_parameter_scale:
        parts.append(rules.scale_by_param_block_rms())
    if momentum is not None:
        parts.append(momenta.ema(momentum, False, dtype_momentum, rounding=rounding))
    if weight_decay_rate is not None:
        parts.append(scaling.weight_decay(weight_decay_rate, weight_decay_mask))
    return optax.chain(*parts, scaling.scale_by_learning_rate(1.0))
