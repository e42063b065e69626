# Adagrad: gradients over the root of the sum of their squares.

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from optax import ScaleByRssState

from optax_lab import ewma
from optax_lab.optimizers import common, numerics
from optax_lab.optimizers.hyperparameters import Hyper, numbers, scheduled


def scale_by_rss(
    initial_accumulator_value: ArrayLike = 0.1,
    eps: ArrayLike = 1e-7,
    *,
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Divides gradients by the root of the sum of their squares.

    sₜ = sₜ₋₁ + |gₜ|², and the update is gₜ / √(sₜ + ε). The sum forgets nothing: it is
    the one of `ewma.accumulate` with a decay of 1.

    Args:
      initial_accumulator_value: s₀.
      eps: ε, inside the root.
      denominator: a function of s, as an average of weight 1, that replaces √(sₜ + ε).

    Source: Duchi, Hazan & Singer 2011, "Adaptive subgradient methods for online
    learning and stochastic optimization", figure 1 (diagonal).
    """
    name = "initial_accumulator_value"
    numerics.check_at_least_0(name, initial_accumulator_value)
    denominator = denominator or numerics.inside(eps)

    def init_fn(params):
        dtype = numerics.statistic_dtype()
        start = ewma.init(params, start=initial_accumulator_value, dtype=dtype)
        return ScaleByRssState(start.average)

    def update_fn(updates, state, params=None):
        del params
        total = ewma.accumulate(state.sum_of_squares, numerics.abs_sq(updates), 1)
        unbiased = ewma.Ewma(total, jnp.ones([], jnp.float32))
        step = numerics.divide(updates, denominator(unbiased))
        return numerics.like(step, updates), ScaleByRssState(total)

    return optax.GradientTransformation(init_fn, update_fn)


@scheduled
def adagrad(
    learning_rate: Hyper,
    initial_accumulator_value: Hyper = 0.1,
    eps: Hyper = 1e-7,
) -> optax.GradientTransformationExtraArgs:
    """Makes Adagrad: gradients divided by the root of the sum of their squares.

    sₜ = sₜ₋₁ + |gₜ|²,  θₜ = θₜ₋₁ − η gₜ/√(sₜ + ε). It averages nothing: a sum never
    forgets, so its steps shrink like 1/√t.

    Args:
      learning_rate: η.
      initial_accumulator_value: s₀, as Keras has it too; 0 in PyTorch.
      eps: ε, inside the root; PyTorch adds it outside.

    The signature and the defaults are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adagrad(0.5)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    2.511
    1.525
    0.998

    Source: Duchi, Hazan & Singer 2011, "Adaptive subgradient methods for online
    learning and stochastic optimization".
    """
    initial_accumulator_value, eps = numbers(initial_accumulator_value, eps)
    return optax.chain(
        scale_by_rss(initial_accumulator_value, eps),
        common.scale_by_learning_rate(learning_rate),
    )
