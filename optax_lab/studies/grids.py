# One optimizer down one function, many times: every rate, start and seed in one call.

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar, Shaped

from optax_lab.runs import descent
from optax_lab.studies import spreading

WIDTH = 1024  # lanes that a device runs at once
Numbers = Sequence[float] | Float[np.ndarray, " n"] | Float[Array, " n"]


class Grid(NamedTuple):
    """Holds the descents of a grid.

    Attributes:
      axes: the leading axes of all that is in `trajectory`, in their order, by name:
        the values of a hyperparameter, or the numbers of starts and of seeds.
      trajectory: what `descend` returns, with these axes in front.
    """

    axes: dict[str, np.ndarray]
    trajectory: descent.Trajectory


def descents(
    value: Callable[..., Scalar],
    make: Callable[..., optax.GradientTransformation],
    starts: PyTree,
    *,
    hypers: Mapping[str, Numbers] | None = None,
    keys: Shaped[PRNGKeyArray, " seeds"] | None = None,
    on_lanes: Callable[[int], None] | None = None,
    **settings: Any,
) -> Grid:
    """Descends from every start, with every combination of hyperparameters and seeds.

    All of it is one compiled program, which every device runs on its share of the
    lanes, a thousand at a time. A lane that ends changes no other, and the program ends
    soon after the last one. A second call with the same functions and settings compiles
    nothing.

    Args:
      value: What is minimised: ``value(point)``, or ``value(point, key)`` with `keys`.
      make: Makes the optimizer: ``make(**hyperparameters)``.
      starts: Points with a leading axis; of one start, an axis of 1.
      hypers: The values to be crossed, by the argument of `make` that takes them.
      keys: A key for each seed. The noise of a lane is that of ``fold_in(key, k)`` for
        the k-th start, whatever the hyperparameters.
      on_lanes: Told how many lanes have ended, whenever some have.
      **settings: Of `descend`: ``steps``, ``stop``, ``tolerance``, ``record_every``,
        ``target`` and ``judge``.

    Returns:
      A grid with an axis for each hyperparameter, then ``start``, then ``seed`` where
      there are keys. Memory grows as lanes × steps / record_every.

    Raises:
      ValueError: If an axis is empty, or a setting is out of range.

    >>> import optax_lab
    >>> grid = descents(lambda x: (x**2).sum(), optax_lab.sgd, jnp.ones((1, 2)),
    ...                 hypers={"learning_rate": [0.1, 0.5, 2.0]}, steps=999)
    >>> grid.trajectory.values[:, 0, -1].round(3).tolist()[:2]
    [0.0, 0.0]
    >>> [descent.STATUS[s] for s in grid.trajectory.status[:, 0]]
    ['max_steps', 'max_steps', 'diverged']
    """
    starts = jax.tree.map(descent.as_float, starts)
    widest = jnp.finfo(jax.tree.leaves(starts)[0].dtype).dtype  # real, if that is not
    dtype = widest if widest.itemsize > 4 else jnp.dtype(jnp.float32)
    columns = {name: jnp.asarray(v, dtype) for name, v in (hypers or {}).items()}
    axes = _axes(columns, starts, keys)
    shape = tuple(map(len, axes.values()))
    lanes = math.prod(shape)
    devices = jax.devices()[:lanes]
    program = _program(value, make, tuple(settings.items()), tuple(devices))

    places = dict(zip(axes, np.indices(shape).reshape(len(shape), -1), strict=True))
    ended = []
    for chosen in _chunks(lanes, len(devices)):
        at = {name: place[chosen] for name, place in places.items()}
        hyper = {name: column[at[name]] for name, column in columns.items()}
        start = jax.tree.map(lambda leaf, k=at["start"]: leaf[k], starts)
        key = None if keys is None else (keys[at["seed"]], at["start"])
        ended.append(jax.device_get(program(hyper, start, key)))
        if on_lanes is not None:
            on_lanes(len(np.unique(chosen)))
    whole = lambda leaf: leaf[:lanes].reshape(*shape, *leaf.shape[1:])
    return Grid(axes, jax.tree.map(whole, _joined(ended)))


def _axes(columns: dict[str, Array], starts: PyTree, keys: Any) -> dict[str, Any]:
    axes = {name: np.asarray(column) for name, column in columns.items()}
    axes["start"] = np.arange(len(jax.tree.leaves(starts)[0]))
    if keys is not None:
        axes["seed"] = np.arange(len(keys))
    if empty := [name for name, values in axes.items() if not len(values)]:
        raise ValueError(f"the grid has no {empty[0]}: give at least one")
    return axes


def _chunks(lanes: int, devices: int) -> Iterator[np.ndarray]:
    """Cuts the lanes into chunks of one width; the last lane fills up the last one."""
    width = min(WIDTH, -(-lanes // devices)) * devices
    for first in range(0, lanes, width):
        yield np.minimum(np.arange(first, first + width), lanes - 1)


def _joined(parts: list[PyTree]) -> PyTree:
    """Puts chunks one after the other; a single one is not copied."""
    if len(parts) == 1:
        return parts[0]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


@functools.lru_cache(maxsize=32)
def _program(value: Callable, make: Callable, settings: tuple, devices: tuple):
    """Compiles a descent over a leading axis of lanes, once for the same functions."""

    def lane(hyper, start, seed):
        optimizer = make(**hyper)
        key = None if seed is None else jax.random.fold_in(*seed)
        return descent.descend(value, optimizer, start, key=key, **dict(settings))

    return spreading.over_devices(jax.vmap(lane), list(devices))
