# Descent along the gradient, a sum of gradients, or their average.

from typing import Any

import optax

from optax_lab.transforms import momentum as momenta
from optax_lab.transforms import numerics, scaling
from optax_lab.transforms.scheduling import Hyper, number, scheduled


@scheduled
def sgd(
    learning_rate: Hyper,
    momentum: Hyper | None = None,
    nesterov: bool = False,
    accumulator_dtype: Any = None,
    *,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes stochastic gradient descent, with heavy-ball momentum where it is given.

    θₜ = θₜ₋₁ − η gₜ. With momentum β the sum tₜ = βtₜ₋₁ + gₜ stands for the gradient,
    or gₜ + βtₜ with `nesterov`. It averages nothing: a sum has 1/(1 − β) times the
    gain of an average, so `momentum(η/(1 − β), β)` takes the same steps.

    Args:
      learning_rate: η.
      momentum: β; None for none.
      nesterov: looks one step ahead.
      accumulator_dtype: what t is stored in; the parameters' dtype when None.
      rounding: how a t is rounded whose `accumulator_dtype` is bfloat16, "stochastic"
        or "nearest", at which it stalls; so does that of bfloat16 parameters when None.

    The signature and the defaults up to `accumulator_dtype` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.sgd(0.1, momentum=0.9)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.200
    1.058
    0.019

    Sources: Polyak 1964, doi:10.1016/0041-5553(64)90137-5; Sutskever et al. 2013,
    "On the importance of initialization and momentum in deep learning".
    """
    return optax.chain(
        momenta.heavy_ball(momentum, nesterov, accumulator_dtype, rounding),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def momentum(
    learning_rate: Hyper,
    decay: Hyper = 0.9,
    *,
    debias: bool = False,
    accumulator_dtype: Any = None,
    weight_decay: Hyper | None = None,
    mask: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes gradient descent along the average of the gradients.

    mₜ = mₜ₋₁ + (1 − β)(gₜ − mₜ₋₁),  θₜ = θₜ₋₁ − η mₜ. It is not the heavy ball of
    `sgd`: the average has a gain of 1, the heavy ball's sum has 1/(1 − β).

    Args:
      learning_rate: η.
      decay: β in [0, 1).
      debias: divides mₜ by its weight 1 − βᵗ.
      accumulator_dtype: what m is stored in; the parameters' dtype when None.
      weight_decay: λ; adds ληθ to the step. None for none.
      mask: the parameters that decay, as in `optax.masked`.
      rounding: how a bfloat16 m is rounded, "stochastic" or "nearest".

    Optax has no such name; the defaults are those usual for β.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.momentum(1.0, 0.9)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.200
    1.058
    0.019
    """
    return optax.chain(
        momenta.ema(number(decay), debias, accumulator_dtype, rounding=rounding),
        scaling.weight_decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )
