# What the leaves of a state are: found by the classes of its nodes, wherever they are.

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from optax_lab import ewma
from optax_lab.dialects.states import inputs

Place = tuple  # the path of a leaf, as `jax.tree_util` has it

_COUNTS = ("count", "step")


class Leaf(NamedTuple):
    """One array of a state.

    Attributes:
      place: its path in the state.
      value: the array.
      node: the innermost state around it, an instance of a class called …State.
      owner: that state's own path.
      field: what the leaf belongs to in that state; `mu.weight` is an average's weight.
      path: where it is in that field, which is where its parameter is among the
        parameters.
    """

    place: Place
    value: Any
    node: Any
    owner: Place
    field: str
    path: Place

    def __str__(self) -> str:
        """Returns the path, for errors."""
        return "state" + jax.tree_util.keystr(self.place)

    @property
    def is_count(self) -> bool:
        """Whether it counts the steps."""
        is_whole = jnp.issubdtype(jnp.result_type(self.value), jnp.integer)
        return is_whole and jnp.ndim(self.value) == 0 and self.field in _COUNTS

    @property
    def is_weight(self) -> bool:
        """Whether it is the weight of an average."""
        return self.field.endswith(".weight")


def leaves(state: PyTree) -> list[Leaf]:
    """Returns all arrays of a state, in JAX's order."""
    return [_leaf(state, *each) for each in jax.tree.leaves_with_path(state)]


def counts(state: PyTree) -> list[Leaf]:
    """Returns the leaves that count steps."""
    return [leaf for leaf in leaves(state) if leaf.is_count]


def has(state: PyTree, *classes: type) -> bool:
    """Whether a node of one of these classes is in a state."""
    is_one = lambda node: isinstance(node, classes)
    return any(map(is_one, jax.tree.leaves(state, is_leaf=is_one)))


def check(state: PyTree, fresh: PyTree) -> None:
    """Refuses what is no state of the optimizer that made a fresh one.

    Raises:
      ValueError: if they have different nodes.
    """
    if jax.tree.structure(state) != jax.tree.structure(fresh):
        asked, got = (", ".join(_classes(each)) for each in (fresh, state))
        whose = (
            ", of another form: from_optax takes Optax's own" if asked == got else ""
        )
        raise ValueError(
            "state must be what the optimizer's init and update return, with "
            f"{asked or 'no arrays'}, got {got or inputs.told(state)}{whose}"
        )


def filled(state: PyTree, values: dict[Place, Any]) -> PyTree:
    """Puts copies of values in the places of some leaves, in those leaves' dtypes."""

    def put(place, leaf):
        if place not in values:
            return leaf
        # A view would change with the tensor that it was taken from.
        return jnp.array(values[place], jnp.result_type(leaf))

    return jax.tree_util.tree_map_with_path(put, state)


def _leaf(state: PyTree, place: Place, value: Any) -> Leaf:
    """Walks down to a leaf, and remembers the last state that it came through."""
    node, owner, depth = state, None, 0
    for at, entry in enumerate(place):
        if _is_state(node):
            owner, depth = node, at
        node = _child(node, entry)
    field, path = _field(owner, place[depth:])
    return Leaf(place, value, owner, place[:depth], field, path)


def _is_state(node: Any) -> bool:
    is_named = isinstance(node, tuple) and hasattr(node, "_fields")
    return is_named and type(node).__name__.endswith("State")


def _classes(state: PyTree) -> list[str]:
    """Returns the names of the classes in a state that hold arrays."""
    owners = [leaf.node for leaf in leaves(state) if leaf.node is not None]
    return sorted({type(owner).__name__ for owner in owners})


def _field(owner: Any, path: Place) -> tuple[str, Place]:
    """Splits a path below a state into the field's name and the rest."""
    if owner is None:
        return "", path
    name, rest = path[0].name, path[1:]
    if not isinstance(getattr(owner, name), ewma.Ewma):
        return name, rest
    return (name, rest[1:]) if rest[0].name == "average" else (f"{name}.weight", ())


def _child(node: Any, entry: Any) -> Any:
    match entry:
        case jax.tree_util.GetAttrKey():
            return getattr(node, entry.name)
        case jax.tree_util.SequenceKey():
            return node[entry.idx]
        case jax.tree_util.DictKey():
            return node[entry.key]
    return None  # a node of someone's own, below which there is no state
