# What the arrays of a state mean, where neither a name nor a shape tells.

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from optax_lab.dialects.states import nodes
from optax_lab.optimizers.sgd import TraceWithCountState

TRACES = (optax.TraceState, TraceWithCountState)
Told = tuple[nodes.Leaf, dict, bool]  # words for what a leaf may be, and which it is

_SUM = {True: "a sum of steps", False: "a sum of directions"}
_MAXIMUM = {True: "the largest average", False: "the largest average without its bias"}
_AVERAGE = {True: "an average from 0 on", False: "an average from another start on"}


def check(
    optimizer: optax.GradientTransformation,
    params: PyTree,
    of_steps: bool,
    framework: str,
) -> None:
    """Refuses an optimizer whose arrays are not what the framework has of that name.

    Args:
      optimizer: the optimizer.
      params: its parameters.
      of_steps: what the framework sums; its maxima are of averages with their bias,
        and Adam's averages start at 0.
      framework: its name, for the error.

    Raises:
      ValueError: if the optimizer keeps something else.
    """
    fresh = optimizer.init(params)
    told = [*_told_at_once(fresh), *_told_by_a_step(optimizer, params, fresh)]
    for leaf, words, own in told:
        theirs = of_steps if words is _SUM else True
        if own != theirs:
            raise ValueError(
                f"{leaf} is {words[own]}, and {framework} has {words[theirs]}: use "
                f"optax_lab.dialects.{framework.lower()}"
            )


def _told_at_once(fresh: PyTree) -> Iterator[Told]:
    for leaf in nodes.leaves(fresh):
        if isinstance(leaf.node, optax.ScaleByAdamState) and leaf.field in ("mu", "nu"):
            weight = getattr(getattr(leaf.node, leaf.field), "weight", 0)
            yield leaf, _AVERAGE, not np.any(weight)


def _told_by_a_step(
    optimizer: optax.GradientTransformation, params: PyTree, fresh: PyTree
) -> Iterator[Told]:
    """Yields what the first step tells, along a gradient of ones."""
    if not nodes.has(fresh, *TRACES, optax.ScaleByAmsgradState):
        return
    params = jax.tree.map(jnp.zeros_like, params)  # which do not decay
    ones = jax.tree.map(jnp.ones_like, params)
    updates, state = jax.jit(optimizer.update)(ones, fresh, params)
    along = dict(jax.tree.leaves_with_path(updates))
    for leaf in nodes.leaves(state):
        if leaf.is_count:
            continue
        if isinstance(leaf.node, TRACES):
            yield leaf, _SUM, _sums_steps(leaf.value, along[leaf.path])
        elif leaf.field == "nu_max":
            averages = dict(jax.tree.leaves_with_path(leaf.node.nu.average))
            yield leaf, _MAXIMUM, np.array_equal(leaf.value, averages[leaf.path])


def _sums_steps(total: Any, update: Any) -> bool:
    """Whether a sum is of steps: it points where the first update points.

    One of directions points the other way, and moves where the first rate is 0.
    """
    product = np.sum(np.real(np.conj(total) * update))
    return bool(product > 0 if product else not np.any(total))
