# The named optimizers: a direction, weight decay where there is any, a learning rate.
# `scheduled` evaluates every schedule first, so rules are handed numbers and arrays:
# pyright: reportArgumentType=false

from collections.abc import Callable
from typing import Any, NamedTuple

import optax

from optax_lab.transforms import adaptive, numerics, scaling
from optax_lab.transforms import momentum as momenta
from optax_lab.transforms.scheduling import Hyper, scheduled


@scheduled
def sgd(
    learning_rate: Hyper,
    momentum: Hyper | None = None,
    nesterov: bool = False,
    accumulator_dtype: Any = None,
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

    The signature and the defaults are Optax's.

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
        _trace(momentum, nesterov, accumulator_dtype),
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
        momenta.ema(decay, debias, accumulator_dtype, rounding=rounding),
        _decay(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def rmsprop(
    learning_rate: Hyper,
    decay: Hyper = 0.9,
    eps: Hyper = 1e-8,
    initial_scale: Hyper = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Hyper | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes RMSProp: gradients divided by the root of the average of their squares.

    νₜ = νₜ₋₁ + (1 − β)(|gₜ|² − νₜ₋₁),  θₜ = θₜ₋₁ − η gₜ/√(νₜ + ε), or over √νₜ + ε
    when `eps_in_sqrt` is False, as in PyTorch. ν starts at 0 and keeps that bias, so
    that the first step is 1/√(1 − β) times too long, unless `bias_correction`.

    Args:
      learning_rate: η.
      decay: β in [0, 1).
      eps: ε.
      initial_scale: ν₀.
      eps_in_sqrt: adds ε inside the root.
      centered: subtracts |μₜ|² from νₜ, where μ is the average of g.
      momentum: β of a heavy ball that sums the finished steps; None for none.
      nesterov: lets that heavy ball look one step ahead.
      bias_correction: reads the averages without their bias.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `bias_correction` are Optax's. Deviation: a
    ν₀ other than 0 is never debiased.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.rmsprop(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.303
    2.421
    1.849

    Sources: Hinton, "Overview of mini-batch gradient descent", lecture 6e, 2012;
    Graves 2013, arXiv:1308.0850 (centered).
    """
    rule = adaptive.scale_by_rms
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    if centered:
        rule = adaptive.scale_by_stddev
        dtypes |= {"mu_dtype": mu_dtype}
    return optax.chain(
        rule(decay, eps, initial_scale, eps_in_sqrt, bias_correction, **dtypes),
        scaling.scale_by_learning_rate(learning_rate),
        _trace(momentum, nesterov, None),
    )


@scheduled
def adam(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    eps_root: Hyper = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Adam: the average of gradients over the root of that of their squares.

    μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁),  νₜ = νₜ₋₁ + (1 − β₂)(|gₜ|² − νₜ₋₁),
    θₜ = θₜ₋₁ − η μ̂ₜ / (√(ν̂ₜ + ε_root) + ε), where a hat divides by the weight 1 − βᵗ.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root, as in the paper and in PyTorch.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nesterov: Nesterov's direction in Dozat's form (`optax.nadam`).
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `nesterov` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adam(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.420
    3.881
    3.384

    Sources: Kingma & Ba 2014, arXiv:1412.6980; Dozat 2016,
    openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
    """
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        adaptive.scale_by_adam(
            b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov, **dtypes
        ),
        scaling.scale_by_learning_rate(learning_rate),
    )


@scheduled
def adamw(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper = 0.999,
    eps: Hyper = 1e-8,
    eps_root: Hyper = 0.0,
    mu_dtype: Any = None,
    weight_decay: Hyper = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = False,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes AdamW: Adam with decoupled weight decay.

    θₜ = θₜ₋₁ − η (uₜ + λθₜ₋₁), where uₜ = μ̂ₜ / (√(ν̂ₜ + ε_root) + ε) is Adam's step.

    Args:
      learning_rate: η; it multiplies the decay too, as in PyTorch.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      eps: ε, outside the root.
      eps_root: ε_root, inside the root.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      weight_decay: λ. Optax's default is 1e-4, PyTorch's 1e-2, Keras' 4e-3.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      nesterov: Nesterov's direction in Dozat's form (`optax.nadamw`).
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `nesterov` are Optax's.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.adamw(0.1, weight_decay=0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.326
    3.713
    3.160

    Source: Loshchilov & Hutter 2017, arXiv:1711.05101.
    """
    dtypes = {"nu_dtype": nu_dtype, "rounding": rounding}
    return optax.chain(
        adaptive.scale_by_adam(
            b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov, **dtypes
        ),
        scaling.add_decayed_weights(weight_decay, mask),
        scaling.scale_by_learning_rate(learning_rate),
    )


def _trace(momentum, nesterov, accumulator_dtype):
    """Returns the heavy ball, or a link that does nothing where there is none."""
    if momentum is None:
        return optax.identity()
    return momenta.trace(momentum, nesterov, accumulator_dtype)


def _decay(weight_decay, mask):
    """Returns weight decay, or a link that does nothing where there is none."""
    if weight_decay is None:
        return optax.identity()
    return scaling.add_decayed_weights(weight_decay, mask)


class Entry(NamedTuple):
    """Describes an optimizer to those who iterate over all of them.

    Attributes:
      make: the optimizer's function; its first argument is the learning rate.
      learning_rate: a rate that works on MNIST-1D with batches of 100.
      space: the ranges worth searching, by argument; the learning rate comes first.
    """

    make: Callable[..., optax.GradientTransformationExtraArgs]
    learning_rate: float
    space: dict[str, tuple[float, float]]


_RATES = (1e-5, 1e1)  # wide enough for every optimizer, so that all share one axis

OPTIMIZERS: dict[str, Entry] = {
    "sgd": Entry(sgd, 0.05, {"learning_rate": _RATES, "momentum": (0.5, 0.99)}),
    "momentum": Entry(momentum, 0.5, {"learning_rate": _RATES, "decay": (0.5, 0.99)}),
    "rmsprop": Entry(rmsprop, 1e-3, {"learning_rate": _RATES, "decay": (0.9, 0.999)}),
    "adam": Entry(
        adam, 1e-3, {"learning_rate": _RATES, "b1": (0.5, 0.99), "b2": (0.9, 0.999)}
    ),
    "adamw": Entry(
        adamw,
        1e-3,
        {
            "learning_rate": _RATES,
            "b1": (0.5, 0.99),
            "b2": (0.9, 0.999),
            "weight_decay": (1e-4, 1.0),
        },
    ),
}
