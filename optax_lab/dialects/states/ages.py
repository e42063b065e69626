# How far a run has come: the counts of its state, and the weights of its averages.

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from optax_lab.dialects.states import nodes


def after(optimizer: optax.GradientTransformation, params: PyTree, step: int) -> PyTree:
    """Returns a state whose counts and weights are those after some steps.

    wₜ = 1 − β₁β₂…βₜ, where 1 − βₛ is the weight that one update gives a fresh average
    when the counts say s − 1. So it is exact for decays that change with the step, and
    weights that start at 1 stay there. All other leaves are as `init` made them.
    """
    fresh = optimizer.init(params)
    counts = {leaf.place: step for leaf in nodes.counts(fresh)}
    weights = [leaf for leaf in nodes.leaves(fresh) if leaf.is_weight]
    if not (step and weights):
        return nodes.filled(fresh, counts)
    given = _given(optimizer, params, fresh, step)
    with np.errstate(divide="ignore"):  # β = 0 forgets all that was before
        told = {
            w.place: -np.expm1(np.sum(np.log1p(-given[w.place]), 0)) for w in weights
        }
    return nodes.filled(fresh, counts | told)


def agreed(found: Iterable[tuple[str, Any]], given: Any) -> int | None:
    """Returns the one step that all say, or None where nobody says any.

    Args:
      found: names and the steps that were found there.
      given: what the caller says.

    Raises:
      ValueError: if they differ, or are no whole numbers from 0 on.
    """
    told = [*found] if given is None else [*found, ("step=", given)]
    said = [(name, _whole(name, value)) for name, value in told]
    if len({value for _, value in said}) > 1:
        got = ", ".join(f"{name} {value}" for name, value in said)
        raise ValueError(f"all counts must be the same, got {got}")
    return said[0][1] if said else None


def _whole(name: str, value: Any) -> int:
    """Returns a number of steps, which PyTorch keeps as a float."""
    number = np.asarray(value)
    is_number = number.shape == () and number.dtype.kind in "iuf"
    if not (is_number and 0 <= number < np.inf and number == np.floor(number)):
        raise ValueError(f"{name} must be a whole number of steps, got {value}")
    return int(number)


def counted(state: PyTree, step: Any, framework: str) -> int:
    """Returns the step that a state has come to, or the one that is given.

    Raises:
      ValueError: if its counts differ, or there is none and none is given.
    """
    step = agreed([(str(leaf), leaf.value) for leaf in nodes.counts(state)], step)
    if step is None:
        raise ValueError(
            f"the state counts no steps, and {framework} does: give step=, how many "
            "steps were taken"
        )
    return step


def needed(state: PyTree, step: int | None, known: Iterable[nodes.Place] = ()) -> int:
    """Returns the step, or 0 where nothing in the state depends on it.

    Args:
      state: the state.
      step: the step, if it is known.
      known: the places of the weights that need none.

    Raises:
      ValueError: if the state needs a step, and none is known.
    """
    known = set(known)
    needs = [
        leaf
        for leaf in nodes.leaves(state)
        if leaf.is_count or (leaf.is_weight and leaf.place not in known)
    ]
    if step is None and needs:
        raise ValueError(
            f"no step is kept there, and {needs[0]} needs one: give step=, how many "
            "steps were taken"
        )
    return 0 if step is None else step


def _given(
    optimizer: optax.GradientTransformation, params: PyTree, fresh: PyTree, steps: int
) -> dict[nodes.Place, np.ndarray]:
    """Returns the weights after one update of a fresh state, at each of the counts."""

    def one(count, params, fresh):
        state = nodes.filled(fresh, {c.place: count for c in nodes.counts(fresh)})
        nothing = jax.tree.map(jnp.zeros_like, params)
        state = optimizer.update(nothing, state, params)[1]
        return [leaf.value for leaf in nodes.leaves(state) if leaf.is_weight]

    # What weights do not depend on is not computed.
    every = jax.jit(jax.vmap(one, (0, None, None)))
    rows = every(jnp.arange(steps, dtype=jnp.int32), params, fresh)
    places = [leaf.place for leaf in nodes.leaves(fresh) if leaf.is_weight]
    return {p: np.asarray(w, np.float64) for p, w in zip(places, rows, strict=True)}
