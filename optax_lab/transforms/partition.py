# One transformation for some leaves and another for the rest.

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import PyTree
from optax.transforms import PartitionState


def partition(
    transforms: dict[str, optax.GradientTransformation],
    labels: Callable[[PyTree], PyTree],
) -> optax.GradientTransformationExtraArgs:
    """Applies to every leaf the transformation that its label names.

    It is `optax.partition` for gradients that may be None: to each transformation, the
    leaves of the others are None. In the states they are zeros of shape (1,), so that
    `optax.tree.map_params` finds a leaf for every parameter.

    Args:
      transforms: the transformations, by label.
      labels: a function of the parameters or their gradients: a tree of labels.
    """
    transforms = {n: optax.with_extra_args_support(t) for n, t in transforms.items()}

    def init_fn(params):
        names = labels(params)
        other = lambda p: jnp.zeros((1,), jnp.result_type(p))
        own = {n: _own(n, params, names, other) for n in transforms}
        return PartitionState({n: transforms[n].init(own[n]) for n in transforms})

    def update_fn(updates, state, params=None, **extra_args):
        names, states, result = labels(updates), dict(state.inner_states), updates
        for name, transform in transforms.items():
            if isinstance(names, str) and names != name:  # one array, of another label
                continue
            own, states[name] = transform.update(
                _own(name, updates, names),
                state.inner_states[name],
                None if params is None else _own(name, params, names),
                **extra_args,
            )
            result = _replaced(name, result, names, own)
        return result, PartitionState(states)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def _own(
    name: str, tree: PyTree, names: PyTree, other: Callable = lambda leaf: None
) -> PyTree:
    """Returns the leaves of that name, and other(leaf) in the place of the rest."""
    pick = lambda x, n: x if x is None or n == name else other(x)
    return jax.tree.map(pick, tree, names, is_leaf=_is_none)


def _replaced(name: str, tree: PyTree, names: PyTree, own: PyTree) -> PyTree:
    """Returns the tree with its leaves of that name taken from `own`."""
    pick = lambda x, n, new: new if n == name else x
    return jax.tree.map(pick, tree, names, own, is_leaf=_is_none)


def _is_none(x: Any) -> bool:
    return x is None
