# Gradients over the root of the sum of their squares.

import optax

from optax_lab.transforms import adagrad as rules
from optax_lab.transforms import scaling
from optax_lab.transforms.scheduling import Hyper, numbers, scheduled


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
        rules.scale_by_rss(initial_accumulator_value, eps),
        scaling.scale_by_learning_rate(learning_rate),
    )
