# What an optimizer kept in its state on the way down, found by going there again.

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from optax_lab.runs import descent


class Replay(NamedTuple):
    """Holds what happened at every step of a descent; leaves have a leading axis.

    Row k belongs to the step from point k to point k + 1: `states` are those after it.
    """

    values: Float[Array, " steps"]
    grads: PyTree[Array]
    updates: PyTree[Array]
    states: PyTree[Array]


def replay(
    value: Callable[..., Scalar],
    optimizer: optax.GradientTransformation,
    points: PyTree,
    *,
    key: PRNGKeyArray | None = None,
) -> Replay:
    """Gives an optimizer the gradients at the points of a descent once more.

    A descent records where it was; the optimizer's averages at each step are not kept,
    because few ask for them. Who does finds them here: the gradients are the same, so
    the states are.

    Args:
      value: What was minimised.
      optimizer: What did it.
      points: Where it went, as `descend` with ``record_every=1`` returns it; a part
        from the start on will do.
      key: The key of a noisy descent.

    Returns:
      A row for every step: one less than there are points.

    >>> import optax_lab
    >>> f = lambda x: (x**2).sum()
    >>> run = descent.descend(f, optax_lab.momentum(0.1), jnp.array([1.0]), steps=3)
    >>> told = replay(f, optax_lab.momentum(0.1), run.points)
    >>> (run.points[:-1] + told.updates == run.points[1:]).all().item()
    True
    """
    optimizer = optax.with_extra_args_support(optimizer)
    start = jax.tree.map(lambda leaf: leaf[0], points)
    steps = len(jax.tree.leaves(points)[0]) - 1
    befores = jax.tree.map(lambda leaf: leaf[:-1], points)

    def take_step(state, step_and_point):
        step, point = step_and_point
        f = descent.objective(value, key, step)
        v, grad = jax.value_and_grad(f)(point)
        extra = descent.extra_args(f, v, grad)
        updates, state = optimizer.update(grad, state, point, **extra)
        return state, Replay(v, grad, updates, state)

    state = optimizer.init(start)
    _, told = jax.lax.scan(take_step, state, (jnp.arange(steps), befores))
    return told
