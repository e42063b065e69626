# An optimizer that is watched: what its last step was like is kept in its state.

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree

from optax_lab import ewma, measures, precision
from optax_lab.optimizers import numerics

# What averages and sums of gradients, and of anything, are called in states.
MOMENTA = ("mu", "trace", "traces", "ema", "m", "m1", "exp_avg")
_OTHERS = ("m2", "nu", "v", "n", "e_g", "e_x", "exp_avg_sq", "sum_of_squares")
AVERAGES = MOMENTA + _OTHERS


class ObserveState(NamedTuple):
    """Holds what was observed at the last step, by name, and the optimizer's state."""

    observed: dict[str, Float[Array, ""]]
    inner_state: PyTree


class Beside(NamedTuple):
    """Describes a leaf of a state that stands beside a parameter: at the same path.

    Attributes:
      place: where the tree is in the state; an `Ewma` is its average.
      path: where the leaf is in that tree, and the parameter among the parameters.
      leaf: the array.
    """

    place: tuple[Any, ...]
    path: tuple[Any, ...]
    leaf: Array

    @property
    def field(self) -> str:
        """The name of the state's field that holds the tree, such as "mu"."""
        names = [key.name for key in self.place if hasattr(key, "name")]
        return names[-1] if names else ""


def observe(
    inner: optax.GradientTransformation,
) -> optax.GradientTransformationExtraArgs:
    """Watches an optimizer: what its last step was like is kept in its state.

    ‖gₜ‖,  ‖uₜ‖,  ‖uₜ‖ / ‖θₜ₋₁‖,  ⟨gₜ, mₜ₋₁⟩ / (‖gₜ‖ ‖mₜ₋₁‖), and the share of 16-bit
    averages that stand still. The updates uₜ and the inner state are what they were
    without it. There are no callbacks: it is jitted, scanned and mapped as `inner` is.

    `state.observed` holds five scalars by name, and `optax_lab.train` records them:

    - gradient_norm, over all leaves;
    - momentum_cosine, of the gradient and the average (or sum) of the gradients before
      it: 0 on average where gradients are independent, negative where they swing. It is
      0 where there is no momentum; that is found by its field's name (`MOMENTA`);
    - unchanged, the share of the elements of bfloat16 and float16 averages that the
      step left as they were although the gradient there is not 0: near 1 where an
      average stalls because it is rounded to nearest (rounded at random it rests less,
      between steps that are rare and longer);
    - update_norm, over all leaves;
    - update_ratio, the update's norm over that of the parameters before it.

    Args:
      inner: any optimizer, or a part of one.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum(x**2)
    >>> x = jnp.array([1.0, -2.0])
    >>> optimizer = optax_lab.observe(optax_lab.adam(0.1))
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    >>> for name, value in state.observed.items():
    ...     print(f"{name} {value:.3f}")
    gradient_norm 3.940
    momentum_cosine 0.999
    unchanged 0.000
    update_norm 0.140
    update_ratio 0.071

    Raises:
      ValueError: if `update` is called without `params`.
    """
    inner = optax.with_extra_args_support(inner)

    def init_fn(params):
        state = inner.init(params)
        zeros = jax.tree.map(jnp.zeros_like, params)
        return ObserveState(_measure(zeros, zeros, params, state, state), state)

    def update_fn(updates, state, params=None, **extra_args):
        numerics.check_params(params, "observe")
        before, grads = state.inner_state, updates
        updates, after = inner.update(grads, before, params, **extra_args)
        seen = jax.lax.stop_gradient((grads, updates, params, before, after))
        observed = precision.store(_measure(*seen), state.observed)
        return updates, ObserveState(observed, after)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def beside(state: PyTree, params: PyTree) -> Iterator[Beside]:
    """Finds the leaves of a state that stand at a parameter's path, whoever made it.

    The path of such a leaf ends in the parameter's. So leaves that `optax.masked` hides
    and gradients that are None are no leaves at all, and shift nothing.
    """
    is_ewma = lambda x: isinstance(x, ewma.Ewma)
    averages = lambda x: x.average if is_ewma(x) else x
    plain = jax.tree.map(averages, state, is_leaf=is_ewma)
    paths = {path for path, _ in jax.tree.leaves_with_path(params)}
    for path, leaf in jax.tree.leaves_with_path(plain):
        cut = next((i for i in range(len(path) + 1) if path[i:] in paths), None)
        if cut is not None:
            yield Beside(path[:cut], path[cut:], leaf)


def _measure(grads, updates, params, before, after) -> dict[str, Float[Array, ""]]:
    """Returns everything that is observed; zeros for a step that is all zeros."""
    return {
        "gradient_norm": measures.norm(grads),
        "momentum_cosine": measures.cosine(*_momentum(grads, before)),
        "unchanged": measures.unchanged(*_low_averages(grads, before, after)),
        "update_norm": measures.norm(updates),
        "update_ratio": measures.ratio(updates, params),
    }


def _momentum(grads: PyTree, state: PyTree) -> tuple[list[Array], list[Array]]:
    """Returns the gradients that have a momentum, and the first one that each has."""
    found = {b.path: b.leaf for b in reversed(_named(MOMENTA, grads, state))}
    gradient = dict(jax.tree.leaves_with_path(grads))
    return [gradient[path] for path in found], list(found.values())


def _low_averages(grads: PyTree, before: PyTree, after: PyTree):
    """Returns the averages of 16 bits, before and after, and their gradients."""
    gradient = dict(jax.tree.leaves_with_path(grads))
    pairs = zip(*(_named(AVERAGES, grads, s) for s in (before, after)), strict=True)
    low = [(a.leaf, b.leaf, gradient[a.path]) for a, b in pairs if _is_low(a.leaf)]
    return [list(column) for column in zip(*low, strict=True)] or ([], [], [])


def _named(names: tuple[str, ...], grads: PyTree, state: PyTree) -> list[Beside]:
    """Lists the leaves in fields of these names that have their gradient's shape."""
    gradient = dict(jax.tree.leaves_with_path(grads))
    alike = lambda b: b.field in names and b.leaf.shape == gradient[b.path].shape
    return [b for b in beside(state, grads) if alike(b)]


def _is_low(x: Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating) and x.dtype.itemsize == 2
