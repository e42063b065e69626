# Which array of a framework belongs to which leaf of a state.

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from optax_lab.dialects.states import inputs, nodes

_ANOTHERS = "it is another optimizer's state, or another version's"
_NOTHING = (
    "it has not stepped yet, or is another optimizer's state; if the parameter is "
    "frozen there, leave it out here with optax.masked"
)


def _same(value: Any) -> Any:
    return value


class Key(NamedTuple):
    """What a framework calls a field of ours, and what it makes of it.

    Attributes:
      name: its name there.
      there: makes that framework's array of ours.
      here: makes ours of that framework's.
      is_shared: whether it is one number for all parameters.
    """

    name: str
    there: Callable[[Any], Any] = _same
    here: Callable[[Any], Any] = _same
    is_shared: bool = False


class Slot(NamedTuple):
    """A leaf of a state, its key, and the number of its parameter, if it has one."""

    leaf: nodes.Leaf
    key: Key
    index: int | None

    def given(self, value: Any, name: str) -> np.ndarray:
        """Returns a framework's array as this leaf's.

        Args:
          value: the array.
          name: what it is called there, for errors.

        Raises:
          ValueError: if it has another shape, is complex where the leaf is real, or
            is no numbers.
        """
        own, value = np.asarray(self.leaf.value), np.asarray(value)
        check_shape(str(self.leaf), np.shape(self.key.there(own)), name, value.shape)
        is_flag = value.dtype == own.dtype == bool
        if not (is_flag or jnp.issubdtype(value.dtype, jnp.number)):
            raise ValueError(f"{name} must be numbers, got {inputs.told(value)}")
        if np.iscomplexobj(value) and not np.iscomplexobj(own):
            raise ValueError(f"{self.leaf} is real, and {name} is complex")
        return np.asarray(self.key.here(value))

    def taken(self) -> np.ndarray:
        """Returns this leaf as the framework's array."""
        return np.asarray(self.key.there(np.asarray(self.leaf.value)))


Row = Mapping[str, Key | None] | Callable[[Any, Any], Mapping[str, Key | None]]
Table = Mapping[type, Row]


def rest_of_weight(name: str) -> Key:
    """Returns the key of the product of an average's decays, 1 − w, kept once."""
    rest = lambda value: 1 - value
    return Key(name, rest, rest, is_shared=True)


def named(**names: str) -> dict[str, Key]:
    """Returns a row of a table, by field, of keys that change nothing."""
    return {field: Key(name) for field, name in names.items()}


def find(state: PyTree, params: PyTree, table: Table, framework: str) -> list[Slot]:
    """Finds the key of every leaf that is no count and no weight of its own.

    Args:
      state: the state.
      params: the parameters it belongs to.
      table: by class, its fields' keys: a dict, or a function of the node and the
        parameter that returns one. None keeps a field as it is here.
      framework: its name, for errors.

    Raises:
      ValueError: if nothing is known of a leaf, or two leaves have the same key.
    """
    numbers = {path: n for n, (path, _) in enumerate(jax.tree.leaves_with_path(params))}
    all_params = jax.tree.leaves(params)
    found: dict[tuple, Slot] = {}
    for leaf in nodes.leaves(state):
        index = None if leaf.is_weight else numbers.get(leaf.path)
        param = None if index is None else all_params[index]
        if leaf.is_count:
            continue
        row = table.get(type(leaf.node), {})
        row = row(leaf.node, param) if callable(row) else row
        if leaf.field not in row and leaf.is_weight:
            continue
        key = _key(leaf, row, framework)
        if key is None:
            continue
        slot = Slot(leaf, key, None if key.is_shared else index)
        if slot.index is None and not key.is_shared:
            raise ValueError(f"{leaf} belongs to no parameter: is it params' state?")
        first = found.setdefault((key.name, slot.index), slot)
        if first is not slot:
            raise ValueError(
                f"{first.leaf} and {leaf} would both be {framework}'s {key.name}"
            )
    return list(found.values())


def keys(found: list[Slot], count: int) -> list[list[str]]:
    """Returns the names that each of `count` parameters has at a framework.

    What all share belongs to those that have something of their own.
    """
    shared = [slot.key.name for slot in found if slot.index is None]
    own = [[s.key.name for s in found if s.index == n] for n in range(count)]
    return [sorted(shared + names) if names else [] for names in own]


def order(
    params: PyTree,
    given: PyTree | None,
    count: int,
    framework: str,
    called: Sequence[str] | None = None,
) -> list[int]:
    """Returns the framework's number of each leaf of the parameters.

    Args:
      params: the parameters.
      given: a tree like them of those numbers; None for what their names say, and else
        for JAX's order.
      count: how many parameters the framework has.
      framework: its name, for errors.
      called: what the framework calls them, by number, if it says so.

    Raises:
      ValueError: if the numbers are not those from 0 to `count` − 1, or neither names
        nor shapes tell what JAX's order and that of the keys of dicts tell otherwise.
    """
    size = len(jax.tree.leaves(params))
    if size != count:
        raise ValueError(
            f"params has {size} leaves, and {framework} {count} parameters"
        )
    if given is None:
        return _by_name(params, called or ()) or _by_place(params, framework)
    try:
        tree = jax.tree.map(lambda _, number: operator.index(number), params, given)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "order must be a tree like params of whole numbers, got "
            f"{inputs.told(given)}"
        ) from error
    numbers = jax.tree.leaves(tree)
    if sorted(numbers) != list(range(size)):
        raise ValueError(f"order must have each of 0 to {size - 1} once, got {numbers}")
    return numbers


def _by_name(params: PyTree, called: Sequence[str]) -> list[int]:
    """Returns the number of each leaf whose keys make a name, or nothing.

    The keys "0" and "weight" are PyTorch's `0.weight` and Keras' `0_weight`.
    """
    plain = lambda name: re.sub(r"[./]", "_", name)
    numbers = {plain(name): number for number, name in enumerate(called)}
    simple = lambda path: jax.tree_util.keystr(path, simple=True, separator="_")
    leaves = [plain(simple(path)) for path, _ in jax.tree.leaves_with_path(params)]
    is_told = len(numbers) == len(called) and set(leaves) == set(numbers)
    return [numbers[name] for name in leaves] if is_told else []


def _by_place(params: PyTree, framework: str) -> list[int]:
    """Returns JAX's order, if leaves of one shape are in it as a dict has its keys.

    Raises:
      ValueError: if they are not, so that either order fits.
    """
    leaves = dict(jax.tree.leaves_with_path(params))
    written = list(_written(params))
    shapes = {path: np.shape(leaf) for path, leaf in leaves.items()}
    for shape in dict.fromkeys(shapes.values()):
        ours = [path for path in leaves if shapes[path] == shape]
        theirs = [path for path in written if shapes[path] == shape]
        for one, other in zip(ours, theirs, strict=True):
            if one != other:
                first, second = map(jax.tree_util.keystr, (one, other))
                raise ValueError(
                    f"params{first} and params{second} have one shape, and JAX sorts "
                    "keys, which are written in another order: give order=, a tree "
                    f"like params of {framework}'s numbers"
                )
    return list(range(len(leaves)))


def _written(node: PyTree, path: tuple = ()) -> Iterator[tuple]:
    """Yields the paths of leaves in the order in which dicts have their keys."""
    below = jax.tree.leaves_with_path(node, is_leaf=lambda x: x is not node)
    if type(node) is dict:
        there = {key.key: (key,) for (key,), _ in below}
        below = [(there[key], node[key]) for key in node if key in there]
    for more, child in below:
        if child is node:
            yield path
        else:
            yield from _written(child, path + more)


def names(params: PyTree) -> list[str]:
    """Returns what each leaf of the parameters is called in errors."""
    paths = [path for path, _ in jax.tree.leaves_with_path(params)]
    return [f"params{jax.tree_util.keystr(path)}" for path in paths]


def check_keys(
    found: list[Slot], there: list[list[str]], params: PyTree, framework: str
) -> None:
    """Refuses arrays under other names than those of the slots.

    Args:
      found: the slots.
      there: the framework's names, for each leaf of the parameters.
      params: the parameters.
      framework: its name, for the error.

    Raises:
      ValueError: with the first parameter that has others.
    """
    here = keys(found, len(there))
    listed = lambda keys: ", ".join(sorted(keys)) or "nothing"
    for name, own, other in zip(names(params), here, there, strict=True):
        if set(own) != set(other):
            why = _ANOTHERS if other else _NOTHING
            raise ValueError(
                f"{name} has {listed(own)} here, and {listed(other)} in {framework}: "
                f"{why}"
            )


def array(value: Any) -> np.ndarray:
    """Returns a tensor, an array or a number as NumPy's."""
    if hasattr(value, "detach"):  # a tensor of PyTorch's
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":  # which NumPy does not have
            value = value.float()
    return np.asarray(value)


def check_shape(here: str, own: tuple, there: str, shape: tuple) -> None:
    """Refuses an array of another shape.

    Raises:
      ValueError: with both names and shapes, and whether a transposition would do.
    """
    if tuple(own) == tuple(shape):
        return
    turned = "; its transpose fits" if tuple(own) == tuple(shape)[::-1] else ""
    raise ValueError(
        f"{here} needs shape {tuple(own)}, and {there} has {tuple(shape)}{turned}"
    )


def _key(leaf: nodes.Leaf, row: Mapping[str, Key | None], framework: str) -> Key | None:
    if leaf.field in row:
        return row[leaf.field]
    name = type(leaf.node).__name__ if leaf.node is not None else "no state"
    raise ValueError(
        f"{leaf}, of {name}, is nothing that {framework} keeps: use an optimizer of "
        f"optax_lab.dialects.{framework.lower()}"
    )
