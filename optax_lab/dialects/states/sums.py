# What a heavy ball holds: a sum of directions, or of steps.

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from optax_lab.dialects.states import nodes
from optax_lab.transforms.momentum import TraceWithCountState

TRACES = (optax.TraceState, TraceWithCountState)
_HELD = {True: "steps", False: "directions"}


def check(
    optimizer: optax.GradientTransformation,
    params: PyTree,
    of_steps: bool,
    framework: str,
) -> None:
    """Refuses an optimizer whose sum of gradients is not what the framework sums.

    A ball of steps, −η times the gradients, points where the first update points, and
    one of directions points the other way.

    Args:
      optimizer: the optimizer.
      params: its parameters.
      of_steps: what the framework sums.
      framework: its name, for the error.

    Raises:
      ValueError: if the optimizer sums the other.
    """
    fresh = optimizer.init(params)
    if not nodes.has(fresh, *TRACES):
        return
    params = jax.tree.map(jnp.zeros_like, params)  # which do not decay
    ones = jax.tree.map(jnp.ones_like, params)
    updates, state = jax.jit(optimizer.update)(ones, fresh, params)
    along = dict(jax.tree.leaves_with_path(updates))
    for leaf in nodes.leaves(state):
        is_sum = isinstance(leaf.node, TRACES) and not leaf.is_count
        if not is_sum or leaf.stands_in:
            continue
        product = np.sum(np.real(np.conj(leaf.value) * along[leaf.path]))
        if product and (product > 0) != of_steps:
            raise ValueError(
                f"{leaf} sums {_HELD[not of_steps]}, and {framework} "
                f"{_HELD[of_steps]}: use optax_lab.dialects.{framework.lower()}"
            )
