# The exponentially weighted moving average (EWMA): the one recurrence of this library.
#
#   aₜ = aₜ₋₁ + (1 − β)(xₜ − aₜ₋₁)     the average, in lerp form
#   wₜ = wₜ₋₁ + (1 − β)(1 − wₜ₋₁)      its weight: the same average, taken of 1
#   âₜ = aₜ / wₜ                        the average without its bias toward zero
#
# Optimizers differ in what they average (g, |g|², a norm, …) and in what they do with
# the answer. None of them writes the recurrence again.

import inspect
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Inexact, PRNGKeyArray, PyTree, Shaped

from optax_lab import precision

_BLOCK = 64  # steps that `smooth` takes in one matrix product


class Ewma(NamedTuple):
    """Holds an average and its weight.

    Attributes:
      average: a tree like the one that is averaged, aₜ.
      weight: the sum of the weights that `average` has given away so far, wₜ: a
        scalar in [0, 1] (or an array of β's shape, where β differs by element).
    """

    average: PyTree
    weight: Array


def init(like: PyTree, *, start: ArrayLike = 0.0, dtype: Any = None) -> Ewma:
    """Makes the average before the first step: `start` everywhere, in `like`'s shapes.

    A start of 0 is no observation and has weight 0. Any other start is taken at its
    word and has weight 1, so that it is never debiased.

    Args:
      like: a tree of arrays or numbers, or of anything with a shape and a dtype; None
        stays None.
      start: a₀, the same number for every element.
      dtype: what every leaf is stored in: a dtype (complex leaves stay complex, and of
        a complex dtype real ones have the part's), a function from the leaf's dtype to
        one, or None for the leaf's own.
    """

    def fill(leaf):
        return jnp.full_like(leaf, start, dtype=_stored_dtype(leaf, dtype))

    average = jax.tree.map(fill, like)
    weight = jnp.asarray(jnp.where(start == 0, 0, 1), _weight_dtype(average))
    return Ewma(average, weight)


def update(
    state: Ewma,
    x: PyTree,
    decay: ArrayLike,
    *,
    key: PRNGKeyArray | None = None,
) -> Ewma:
    """Takes one observation into the average.

    aₜ = aₜ₋₁ + (1 − β)(xₜ − aₜ₋₁), computed in float32 or wider and stored in the
    average's own dtype, which never changes. A lerp has a gain of exactly 1; the form
    (1 − β)x + βa has not, because 1 − β and β are rounded apart. It starts at the end
    that weighs more, xₜ + β(aₜ₋₁ − xₜ) for β < ½: so a small x is not lost in a large
    average that is forgotten, and β = 0 returns x to the bit.

    The weight counts steps, whichever leaves are None: which are None is to stay the
    same for the life of a state. A leaf that is None at some steps only is read too
    small, as if 0 had been observed there first.

    Args:
      state: what `init` or the last `update` returned.
      x: a tree like `state.average`; where it is None, that average stays as it is.
      decay: β in [0, 1), a number or an array, which may change from step to step.
      key: rounds bfloat16 averages stochastically instead of to nearest, so that
        steps too small for eight bits of mantissa still arrive on average.
    """
    lerp = lambda a, x: a if x is None else _lerp(a, x, decay)
    average = precision.store(
        precision.each(lerp, state.average, x), state.average, key=key
    )
    weight = precision.each(lerp, state.weight, jnp.ones_like(state.weight))
    return Ewma(average, precision.store(weight, state.weight))


def read(state: Ewma) -> PyTree:
    """Returns the average without its bias toward zero, âₜ = aₜ / wₜ.

    It is the weighted mean of what has been observed, exact for any sequence of
    decays. Before the first observation it is 0. Leaves are float32 or wider. In
    float32 the weight stops 2⁻²⁵/(1 − β) short of 1, 3·10⁻⁵ at β = 0.999: after some
    10/(1 − β) steps the mean of noise is so much too large.
    """
    weight = jnp.where(state.weight > 0, state.weight, jnp.ones_like(state.weight))
    # An average of 16 bits may stand at the end of its range, and w below 1. So may any
    # by a rounding error; but complex infinities alone are NaN in the next product.
    is_cut = any(
        leaf.dtype.itemsize < 4 or jnp.issubdtype(leaf.dtype, jnp.complexfloating)
        for leaf in jax.tree.leaves(state.average)
    )
    cut = precision.saturate if is_cut else lambda quotient: quotient
    return precision.each(lambda a: cut(a / weight), state.average)


def raw(state: Ewma) -> PyTree:
    """Returns the average as it is, aₜ, for rules that are defined with its bias.

    Leaves are float32 or wider, as those of `read`.
    """
    return precision.each(lambda a: a, state.average)


def accumulate(
    total: PyTree,
    x: PyTree,
    decay: ArrayLike,
    *,
    key: PRNGKeyArray | None = None,
) -> PyTree:
    """Returns decay · total + x, for methods that sum instead of average.

    Heavy-ball momentum is a sum with a decay below 1, Adagrad's one with decay 1. From
    0 the sum is 1 / (1 − β) times the average. Dtypes, None and `key` are as in
    `update`. In float32 a sum that leaves the number range is infinite from then on.
    """
    # Not cut there: XLA would read and write twice the bytes of a heavy-ball step.
    add = lambda t, x: t if x is None else decay * t + x
    return precision.store(precision.each(add, total, x), total, key=key)


def first(state: Ewma, decay: ArrayLike) -> Array:
    """Returns the decay that starts an average at its first value.

    It is 0 while nothing has been observed, and `decay` afterwards:
    `update(state, x, first(state, decay))`.
    """
    with jax.numpy_dtype_promotion("standard"):
        return jnp.where(state.weight > 0, decay, jnp.zeros_like(state.weight))


def smooth(
    xs: Shaped[Array | np.ndarray, "time ..."],
    decay: ArrayLike,
    *,
    debias: bool = True,
) -> Inexact[Array, "time ..."]:
    """Averages a whole series: row t of the result is the average after xs[t].

    It equals a loop over `update`, and it is parallel. Within a block of 64 steps the
    average is linear in what came before and in the block's values; the matrix of that
    map is found by running `update` on the identity. What the blocks hand on to each
    other is a series again, 64 times shorter, and is smoothed in the same way.

    Two differences from the loop: a value that is not finite reaches up to 63 steps
    back (0 · ∞ is NaN in a product), and in float32 a raw average of β > 1 − 10⁻⁵ has
    fewer digits, since 1 − β is rounded.

    Args:
      xs: any shape, time along axis 0; integers are taken as float32.
      decay: β in [0, 1), one number for the whole series.
      debias: returns âₜ = aₜ / wₜ, and aₜ when False.

    Returns:
      An array of xs' shape, float32 or wider.

    Raises:
      ValueError: if no average can have such a `decay`, or `xs` is one number.
    """
    check_decay("decay", decay)
    series = precision.widen(xs)
    if not series.ndim:
        raise ValueError(f"xs must be a series, with time along axis 0, got {xs}")
    width = math.prod(series.shape[1:])
    if not width:
        return series
    state = _smooth(series.reshape(len(series), width), decay)
    average = state.average / state.weight[:, None] if debias else state.average
    return average.reshape(series.shape)


def half_life(steps: ArrayLike) -> ArrayLike:
    """Returns the β whose weights halve in `steps` observations: β = 2^(−1/steps)."""
    return 0.5 ** (1 / steps)


def span(steps: ArrayLike) -> ArrayLike:
    """Returns the β of pandas' `span`: β = (span − 1) / (span + 1), span ≥ 1."""
    return (steps - 1) / (steps + 1)


def com(steps: ArrayLike) -> ArrayLike:
    """Returns the β whose centre of mass lies `steps` back: β = com / (1 + com)."""
    return steps / (1 + steps)


def window(steps: ArrayLike) -> ArrayLike:
    """Returns the β of about `steps` observations: β = 1 − 1/steps, steps ≥ 1."""
    return 1 - 1 / steps


def check_decay(name: str, decay: ArrayLike | None) -> None:
    """Refuses a β outside [0, 1); arrays and None are taken as they are.

    Raises:
      ValueError: if `decay` is a number that no average can have.
    """
    if isinstance(decay, int | float | np.generic) and not 0 <= decay < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {decay}")


def _stored_dtype(leaf: Any, dtype: Any) -> Any:
    own = jnp.result_type(leaf)  # what JAX makes of it: a Python float has no dtype
    if inspect.isfunction(dtype):
        return dtype(own)
    is_complex = lambda x: jnp.issubdtype(x, jnp.complexfloating)
    if dtype is None or (is_complex(own) and not is_complex(dtype)):
        return own
    return dtype if is_complex(own) else jnp.finfo(dtype).dtype


def _weight_dtype(tree: PyTree) -> Any:
    """Returns float64 when an average is that wide, and float32 otherwise."""
    wide = (jnp.float64, jnp.complex128)
    is_wide = any(leaf.dtype in wide for leaf in jax.tree.leaves(tree))
    return jnp.float64 if is_wide else jnp.float32


def _lerp(a: Array, x: Array, decay: ArrayLike) -> Array:
    """Returns βa + (1 − β)x as the end that weighs more, and a part of the way."""
    if isinstance(decay, int | float):
        far, start, end = (decay, x, a) if decay < 0.5 else (1 - decay, a, x)
    else:
        decay = jnp.asarray(decay)
        far = jnp.where(decay < 0.5, decay, 1 - decay)
        start, end = jnp.where(decay < 0.5, x, a), jnp.where(decay < 0.5, a, x)
    # Not far · (end − start): the difference of two finite numbers may be infinite.
    return start + (far * end - far * start)


# --- The parallel form of a series ----------------------------------------------------


def _smooth(xs: Array, decay: ArrayLike) -> Ewma:
    """Returns the averages (time, m) and the weights (time,) after each of xs' rows."""
    time, width = xs.shape
    block = _responses(decay, min(_BLOCK, time), xs.dtype)
    memory, kernel = block.average[:, 0], block.average[:, 1:]
    if time <= _BLOCK:
        return Ewma(kernel @ xs, block.weight)

    rows = -(-time // _BLOCK)
    blocks = jnp.pad(xs, ((0, rows * _BLOCK - time), (0, 0)))
    blocks = blocks.reshape(rows, _BLOCK, width)
    inside = jnp.einsum("ts,rsm->rtm", kernel, blocks)

    # A whole block is one step of a slower average, with the block's own mean as x.
    gain = block.weight[-1]
    slow = _smooth(inside[:, -1] / gain, 1 - gain)
    before = jax.tree.map(lambda a: jnp.roll(a, 1, axis=0).at[0].set(0), slow)
    average = inside + memory[None, :, None] * before.average[:, None]
    weight = block.weight[None] + memory[None] * before.weight[:, None]
    return Ewma(average.reshape(-1, width)[:time], weight.reshape(-1)[:time])


def _responses(decay: ArrayLike, steps: int, dtype: Any) -> Ewma:
    """Returns how the average after each step depends on the start and on each x.

    Row t of `average` holds the factors of (a₀, x₁, …, x_steps) in aₜ; they are what
    `update` makes of the identity matrix.
    """
    start = Ewma(jnp.eye(1, steps + 1, dtype=dtype)[0], jnp.zeros((), dtype))
    unit = jnp.eye(steps, steps + 1, 1, dtype=dtype)

    def step(state, x):
        state = update(state, x, decay)
        return state, state

    return jax.lax.scan(step, start, unit)[1]
