# One transformation for some leaves and another for the rest.

from collections.abc import Callable
from typing import Any

import jax
import optax
from jaxtyping import PyTree
from optax.transforms import PartitionState


def partition(
    transforms: dict[str, optax.GradientTransformation],
    labels: Callable[[PyTree], PyTree],
) -> optax.GradientTransformationExtraArgs:
    """Applies to every leaf the transformation that its label names.

    It is `optax.partition` for gradients that may be None. To each transformation, and
    in its state, the leaves of the others are `optax.MaskedNode`.

    Args:
      transforms: the transformations, by label.
      labels: a function of the parameters, or of their gradients where `update` is
        called without parameters and none is None: a tree of labels.

    Raises:
      ValueError: if `update` has neither the parameters nor all gradients.
    """
    transforms = {n: optax.with_extra_args_support(t) for n, t in transforms.items()}

    def init_fn(params):
        names = labels(params)
        own = {n: _own(n, params, names) for n in transforms}
        return PartitionState({n: transforms[n].init(own[n]) for n in transforms})

    def update_fn(updates, state, params=None, **extra_args):
        if params is None and None in jax.tree.leaves(updates, is_leaf=_is_none):
            raise ValueError("a gradient that is None needs params beside it")
        names = labels(updates if params is None else params)
        states, result = dict(state.inner_states), updates
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


def _own(name: str, tree: PyTree, names: PyTree) -> PyTree:
    """Returns the leaves of that name, with Optax's mark in the place of the rest."""
    pick = lambda x, n: x if n in (name, None) else optax.MaskedNode()
    return jax.tree.map(pick, tree, names, is_leaf=_is_none)


def _replaced(name: str, tree: PyTree, names: PyTree, own: PyTree) -> PyTree:
    """Returns the tree with its leaves of that name taken from `own`."""
    pick = lambda x, n, new: new if n == name else x
    return jax.tree.map(pick, tree, names, own, is_leaf=_is_none)


def _is_none(x: Any) -> bool:
    return x is None
