# What every rule needs besides averages: squares, roots, denominators, casting back.

import math
from collections.abc import Callable
from typing import Any, Literal, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, PRNGKeyArray, PyTree

from optax_lab import ewma, precision

Rounding = Literal["stochastic", "nearest"]
Count = int | np.integer
Denominator = Callable[[ewma.Ewma], PyTree]


def abs_sq(tree: PyTree) -> PyTree:
    """Returns |x|² of every leaf: real, float32 or wider, and `bounded`."""
    return precision.each(lambda x: bounded(square(x)), tree)


def square(x: Array) -> Array:
    """Returns |x|² of one array, real, and infinite where it is too large."""
    return jnp.real(x) ** 2 + jnp.imag(x) ** 2 if _is_complex(x) else x * x


def bounded(x: Array) -> Array:
    """Returns x, cut at half the largest number.

    The square of a finite number may be infinite, and an average that has once been
    infinite is NaN for ever. Half, because rounding may make an average larger than
    all it has observed.
    """
    return jnp.minimum(x, jnp.finfo(x.dtype).max / 2)


def positive(x: Array) -> Array:
    """Returns max(x, tiny), the smallest normal number at least: 0 over it is 0."""
    return jnp.maximum(x, jnp.finfo(x.dtype).tiny)


def root(x: Array) -> Array:
    """Returns √max(x, tiny): its derivative is finite at 0, and 0 over it is 0."""
    return jnp.sqrt(positive(x))


def norm_sq(tree: PyTree) -> PyTree:
    """Returns ‖x‖² of every leaf: real, float32 or wider, and `bounded`."""
    # The sum is cut, not its terms, which XLA adds up faster as they are.
    return precision.each(lambda x: bounded(jnp.sum(square(x))), tree)


def norm(x: Array) -> Array:
    """Returns ‖x‖ of one array. It is exactly 0 at 0, where its derivative is 0."""
    total = norm_sq(x)
    return jnp.where(total > 0, root(total), jnp.zeros_like(total))


def like(tree: PyTree, updates: PyTree) -> PyTree:
    """Casts every leaf to the dtype of the same update; None where that is None.

    Numbers beyond the dtype's range (float16 ends at 65504) are cut to its ends.
    """

    def cast(update, leaf):
        return None if update is None else precision.saturate(leaf, update.dtype)

    return jax.tree.map(cast, updates, tree, is_leaf=lambda x: x is None)


def divide(numerator: PyTree, denominator: PyTree) -> PyTree:
    """Returns the quotient of every leaf, float32 or wider; None stays None."""
    return precision.each(lambda n, d: n / d, numerator, denominator)


def add(tree: PyTree, other: PyTree, factor: ArrayLike = 1.0) -> PyTree:
    """Returns x + factor·y of every leaf, cut at the largest number; None stays None.

    The sum of two finite numbers may be infinite, and then an average is NaN for ever.
    """
    total = lambda x, y: precision.saturate(x + factor * y)
    return precision.each(total, tree, other)


# --- Denominators: functions of the average of |g|², so that rules need no flags ------


def outside(
    eps: ArrayLike,
    eps_root: ArrayLike = 0.0,
    *,
    average: Callable[[ewma.Ewma], PyTree] = ewma.read,
) -> Denominator:
    """Returns ν ↦ √(ν̂ + eps_root) + eps, Adam's denominator.

    Args:
      eps: ε outside the root; it has the unit of a gradient.
      eps_root: ε inside the root; it has the unit of a squared gradient.
      average: how ν is read: `ewma.read` without its bias, `ewma.raw` with it.
    """
    check_at_least_0("eps", eps)
    check_at_least_0("eps_root", eps_root)
    return lambda nu: precision.each(lambda v: root(v + eps_root) + eps, average(nu))


def inside(
    eps: ArrayLike, *, average: Callable[[ewma.Ewma], PyTree] = ewma.raw
) -> Denominator:
    """Returns ν ↦ √(ν + eps), RMSProp's denominator as Optax and Keras write it."""
    check_at_least_0("eps", eps)
    return outside(0.0, eps, average=average)


def hat(eps: ArrayLike) -> Denominator:
    """Returns ν ↦ √ν̂ + eps/√w, where w is the weight of the average.

    It is what an ε becomes that is added before the bias is corrected: Keras' Adam,
    PyTorch's RAdam ("epsilon hat", arXiv:1412.6980, section 2).
    """
    check_at_least_0("eps", eps)

    def denominator(nu):
        at_weight = precision.each(lambda w: eps / root(w), nu.weight)
        return precision.each(lambda v: root(v) + at_weight, ewma.read(nu))

    return denominator


# --- Dtypes and rounding --------------------------------------------------------------


def statistic_dtype(nu_dtype: Any = None) -> Callable[[Any], Any]:
    """Returns the dtype that an average of |g|² is stored in, given the parameter's.

    It is real and at least float32, or `nu_dtype` where that is given.

    Raises:
      ValueError: if `nu_dtype` is float16, in which |g|² under 6e-8 is 0.
    """
    if nu_dtype is not None and jnp.dtype(nu_dtype) == jnp.float16:
        raise ValueError("nu_dtype must be bfloat16, float32 or float64, got float16")

    def stored(dtype):
        if nu_dtype is not None:
            return jnp.dtype(nu_dtype)
        return jnp.finfo(np.promote_types(_at_least_32(dtype), np.float32)).dtype

    return stored


def rounding_key(
    rounding: Rounding, count: Array, number: int, average: PyTree
) -> PRNGKeyArray | None:
    """Returns the key that rounds an average or a sum, or None for to nearest.

    It is made from the step and the average's number in its rule, so no key lives in
    the state and a run repeats itself exactly.
    """
    leaves = jax.tree.leaves(average)
    if rounding == "nearest" or not any(x.dtype == jnp.bfloat16 for x in leaves):
        return None
    return jax.random.fold_in(jax.random.key(number), count)


def rounding_keys(
    rounding: Rounding, count: Array, *averages: PyTree
) -> list[PRNGKeyArray | None]:
    """Returns a rounding key for each average of a rule, numbered in that order."""
    return [rounding_key(rounding, count, n, a) for n, a in enumerate(averages)]


def rounding_keys_of(
    rounding: Rounding, state: Any, *averages: PyTree
) -> list[PRNGKeyArray | None]:
    """Returns the averages' rounding keys; a state that keeps no count has none."""
    if "count" not in state._fields:
        return [None] * len(averages)
    return rounding_keys(rounding, state.count, *averages)


def advanced(state: Any, **averages: Any) -> Any:
    """Returns a state one step later, its count raised where it has one."""
    if "count" in state._fields:
        averages["count"] = optax.safe_increment(state.count)
    return state._replace(**averages)


def check_rounding(rounding: str) -> None:
    """Refuses anything but "stochastic" and "nearest" with a ValueError."""
    if rounding not in ("stochastic", "nearest"):
        allowed = '"stochastic" or "nearest"'
        raise ValueError(f"rounding must be {allowed}, got {rounding!r}")


def check_at_least_0(name: str, value: ArrayLike | None) -> None:
    """Refuses a Python number that is negative or not finite with a ValueError.

    Arrays are taken as they are: their values are not known while tracing.
    """
    if isinstance(value, int | float) and not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be finite and at least 0, got {value}")


def check_above_0(name: str, value: ArrayLike | None) -> None:
    """Refuses a Python number that is not finite and above 0 with a ValueError."""
    if isinstance(value, int | float) and not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be finite and above 0, got {value}")


def as_count(name: str, value: Any) -> Any:
    """Returns an int as Python's own, which changes no dtype; arrays as they are.

    Raises:
      ValueError: if `value` is anything else, or an int below 1.
    """
    if isinstance(value, jax.Array):
        return value
    if not isinstance(value, int | np.integer):
        raise ValueError(f"{name} must be an int, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def check_share(name: str, value: ArrayLike) -> None:
    """Refuses a Python number outside (0, 1] with a ValueError."""
    if isinstance(value, int | float) and not 0 < value <= 1:
        raise ValueError(f"{name} must lie in (0, 1], got {value}")


def check_params(params: Any, reader: str) -> None:
    """Refuses params that are None with a ValueError that says who reads them."""
    if params is None:
        raise ValueError(f"{reader} needs params: update(grads, state, params)")


def _is_complex(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.complexfloating)


def _at_least_32(dtype: Any) -> Any:
    # NumPy does not know bfloat16.
    return np.float32 if jnp.dtype(dtype).itemsize < 4 else jnp.dtype(dtype)


def is_function(given: Any) -> TypeGuard[Callable[..., Any]]:
    """Whether a tree or a function of one is the function.

    A module of parameters is a tree, though it can be called.
    """
    leaves = jax.tree.leaves(given)
    is_partial = isinstance(given, jax.tree_util.Partial)
    return is_partial or (bool(leaves) and all(map(callable, leaves)))
