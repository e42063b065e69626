# What goes over any optimizer, and changes the gradients it gets or the steps it takes.

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, PyTree

from optax_lab import ewma, precision
from optax_lab.optimizers import numerics
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers, scheduled


class GrokfastState(NamedTuple):
    """Holds the inner state, a step count, and the average of the gradients."""

    inner_state: PyTree
    count: Int[Array, ""]
    mu: ewma.Ewma


@scheduled
def cautious(
    inner: optax.GradientTransformation, min_share: Hyper = 1e-3
) -> optax.GradientTransformationExtraArgs:
    """Takes only those steps of an optimizer that go down its newest gradient.

    uₜ ← uₜ φₜ / max(mean φₜ, ε), where φₜ is 1 where −uₜ and gₜ have the same sign and
    0 elsewhere, and the mean is each leaf's: what remains of a step is made longer by
    the share that is left out. Of complex numbers, Re(uₜ ḡₜ) < 0 is asked.

    Deviations: the paper's theory divides by (‖φₜ‖₀ + 1)/n, which halves a scalar; its
    listing and the authors' code divide by the mean. Weight decay inside `inner` is
    masked too; the paper decays all parameters. Chain it behind for that.

    Args:
      inner: any transformation whose updates are added to the parameters.
      min_share: ε in (0, 1], the least share that a step is divided by.

    Optax has no such name; the default is the authors'.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.cautious(optax_lab.sgd(0.1, momentum=0.9))
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.200
    1.058
    0.019

    Source: Liang et al. 2024, arXiv:2411.16085, algorithm 1.

    Raises:
      ValueError: if `min_share` is a number outside (0, 1].
    """
    min_share = number(min_share)
    numerics.check_share("min_share", min_share)

    def take(u, g):
        agree = jnp.real(u * jnp.conj(jnp.sign(g))) < 0  # u g of small ones is 0
        kept = jnp.where(agree, u, jnp.zeros_like(u))
        share = jnp.mean(agree.astype(jnp.real(u).dtype))
        return kept / jnp.maximum(share, min_share)

    return _after(inner, take)


@scheduled
def grams(
    inner: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Takes the lengths of an optimizer's steps, and the newest gradient's signs.

    uₜ ← −sign(gₜ) |uₜ|, where sign(g) = g/|g| for complex numbers.

    Deviation: weight decay inside `inner` adds to the length; the paper decays the
    parameters apart. Chain it behind for that.

    Args:
      inner: any transformation; the sign of its updates does not matter.

    Optax has no such name.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.grams(optax_lab.adam(0.3))
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    3.380
    2.132
    1.247

    Source: Cao et al. 2024, arXiv:2412.17107, algorithm 1.
    """
    return _after(inner, lambda u, g: -jnp.sign(g) * jnp.abs(u))


@scheduled
def grokfast(
    inner: optax.GradientTransformation,
    alpha: Hyper = 0.98,
    lamb: Hyper = 2.0,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Amplifies the slow gradients before an optimizer sees them.

    μₜ = μₜ₋₁ + (1 − α)(gₜ − μₜ₋₁) from μ₁ = g₁, and the optimizer is given gₜ + λμₜ.

    Args:
      inner: any transformation of gradients.
      alpha: α in [0, 1), the decay of the average.
      lamb: λ ≥ 0, how much of it is added.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".

    Optax has no such name; the names and the defaults are those of the authors' code.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.grokfast(optax_lab.sgd(0.05))
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    2.450
    0.930
    0.183

    Source: Lee et al. 2024, arXiv:2405.20233, section 2 (the EMA variant).

    Raises:
      ValueError: if `alpha` or `lamb` is a number out of range.
    """
    alpha, lamb = numbers(alpha, lamb)
    ewma.check_decay("alpha", alpha)
    numerics.check_at_least_0("lamb", lamb)
    numerics.check_rounding(rounding)
    inner = optax.with_extra_args_support(inner)

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        return GrokfastState(inner.init(params), jnp.zeros([], jnp.int32), mu)

    def update_fn(updates, state, params=None, **extra_args):
        key = numerics.rounding_key(rounding, state.count, 0, state.mu)
        mu = ewma.update(state.mu, updates, ewma.first(state.mu, alpha), key=key)
        louder = numerics.like(numerics.add(updates, mu.average, lamb), updates)
        steps, inner_state = inner.update(
            louder, state.inner_state, params, **extra_args
        )
        count = jnp.asarray(optax.safe_increment(state.count))
        return steps, GrokfastState(inner_state, count, mu)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def _after(
    inner: optax.GradientTransformation, change: Callable[[Array, Array], Array]
) -> optax.GradientTransformationExtraArgs:
    """Changes each leaf of the updates by itself and its gradient; the state stays."""
    inner = optax.with_extra_args_support(inner)

    def update_fn(updates, state, params=None, **extra_args):
        steps, state = inner.update(updates, state, params, **extra_args)
        blend = lambda u, g: u if g is None else change(u, g)
        changed = precision.each(blend, steps, updates)
        return numerics.like(changed, steps), state

    return optax.GradientTransformationExtraArgs(inner.init, update_fn)
