# What is put into an optimizer and what comes out: its state, found, weighed, watched.

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PyTree

from optax_lab import ewma

STEPS = 3000
_NAMES = ("matrix", "vector")  # one of each, since some rules tell them apart
_KEYS = [(jax.tree_util.DictKey(name),) for name in _NAMES]

Path = tuple[Any, ...]


class Response(NamedTuple):
    """Holds what comes out after each step, less what comes out without gradients.

    Attributes:
      impulse: for the gradients 0, 1, 0, 0, …
      step: for the gradients 1, 1, 1, …
    """

    impulse: Float[np.ndarray, " steps"]
    step: Float[np.ndarray, " steps"]


class Answer(NamedTuple):
    """Holds what one of the kept trees shows.

    Attributes:
      start: its value before the first step.
      response: its values after each.
      eps: how far apart the numbers of its dtype are, relatively.
    """

    start: float
    response: Response
    eps: float


class Tree(NamedTuple):
    """Describes a tree of numbers that is kept beside the parameters.

    Attributes:
      path: where it is in the state; an `Ewma` is its average.
      is_ewma: whether it is one, or made of some.
      leaves: its arrays, or what has their shapes and dtypes.
    """

    path: Path
    is_ewma: bool
    leaves: list[Any]


def parameters(side: int, dtype: Any) -> dict[str, Array]:
    """Makes a square matrix of ones, and a vector of ones."""
    shapes = ((side, side), (side,))
    return {n: jnp.ones(s, dtype) for n, s in zip(_NAMES, shapes, strict=True)}


def trees(state: PyTree) -> list[Tree]:
    """Finds what a state keeps for such parameters: under their names, or in an `Ewma`.

    So counts, weights and keys are left out.
    """
    is_ewma = lambda x: isinstance(x, ewma.Ewma)
    nodes = jax.tree.leaves_with_path(state, is_leaf=is_ewma)
    ewmas = [path for path, node in nodes if is_ewma(node)]
    average = lambda x: x.average if is_ewma(x) else x
    plain = jax.tree.map(average, state, is_leaf=is_ewma)
    found: dict[Path, list[Any]] = {}
    for path, leaf in jax.tree.leaves_with_path(plain):
        place = _place(path, ewmas)
        if place is not None and jnp.issubdtype(leaf.dtype, jnp.inexact):
            found.setdefault(place, []).append(leaf)
    holds = lambda place: any(path[: len(place)] == place for path in ewmas)
    return [Tree(place, holds(place), leaves) for place, leaves in found.items()]


def run(optimizer: optax.GradientTransformation) -> tuple[Response, list[Answer]]:
    """Takes steps without gradients, with a pulse of them, and with gradients of 1.

    The parameters are a matrix and a vector of one element, so that every square, norm,
    mean and outer product of a gradient of 1 is 1. They are float64, and begin at 1.

    Returns:
      What is taken from the matrix, and what each of `trees(state)` shows.
    """
    pulse, ones = np.eye(1, STEPS, 1)[0], np.ones(STEPS)
    inputs = np.stack([0 * ones, pulse, ones], axis=1)
    with (
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        params = parameters(1, jnp.float64)
        state = optimizer.init(params)
        starts = _levels(state)
        step = jax.vmap(_step(optax.with_extra_args_support(optimizer)))
        carry = jax.tree.map(lambda x: jnp.stack([x] * 3), (params, state))

        @jax.jit
        def steps(carry, inputs):
            # Apart, because a state's dtypes may settle at the first step.
            carry, first = step(carry, inputs[0])
            _, rest = jax.lax.scan(step, carry, inputs[1:])
            joined = lambda x, xs: jnp.concatenate([x[None], xs])
            return jax.tree.map(joined, first, rest)

        series = jax.device_get(steps(carry, inputs))
    update, *kept = jax.tree.map(_response, series)
    return update, [_answer(*both) for both in zip(starts, kept, strict=True)]


def _answer(starts: list[Array], responses: list[Response]) -> Answer:
    """Returns what the first leaf shows that shows anything."""
    moves = (i for i, response in enumerate(responses) if response.step.any())
    i = next(moves, 0)
    start = starts[i]
    return Answer(float(start), responses[i], float(jnp.finfo(start.dtype).eps))


def _place(path: Path, ewmas: list[Path]) -> Path | None:
    """Returns the path of the tree that a leaf belongs to, or None."""
    starts = (path[:i] for i in range(len(path) + 1))
    ends = lambda place: place in ewmas or path[len(place) :][:1] in _KEYS
    return next(filter(ends, starts), None)


def _step(optimizer: optax.GradientTransformationExtraArgs):
    """Returns a step that tells the update and the levels of all that is kept."""

    def step(carry, gradient):
        params, state = carry
        grads = jax.tree.map(lambda p: jnp.full_like(p, gradient), params)
        extra = {"grad": grads, **_objective(params, gradient)}
        updates, state = optimizer.update(grads, state, params, **extra)
        update: Any = updates
        levels = [-jnp.mean(update[_NAMES[0]]), *_levels(state)]
        return (optax.apply_updates(params, updates), state), levels

    return step


def _objective(params: PyTree, gradient: Array) -> dict[str, Any]:
    """Returns a function whose slope and curvature at the parameters are the gradient.

    It goes by all the names that optimizers know it by.
    """

    def objective(point, obj_fn=None):
        del obj_fn  # Optax's line searches hand on what `value_fn` does not name
        away = jax.tree.map(jnp.subtract, point, params)
        return sum(jnp.sum(gradient * (x + x**2 / 2)) for x in jax.tree.leaves(away))

    value = objective(params)
    return {"value": value, "value_fn": objective, "obj_fn": objective}


def _levels(state: PyTree) -> list[list[Array]]:
    """Returns the means of all that is kept: a list of its leaves for every tree."""
    mean = lambda leaf: jnp.mean(jnp.asarray(leaf))
    return [[mean(leaf) for leaf in tree.leaves] for tree in trees(state)]


def _response(values: np.ndarray) -> Response:
    quiet, pulsed, stepped = values.astype(float).T
    return Response(pulsed - quiet, stepped - quiet)
