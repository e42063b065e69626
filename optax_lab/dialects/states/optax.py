# Optax's states, which hold plain arrays where ours hold averages with their weights.

import collections

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from optax_lab.dialects.states import ages, inputs, nodes, slots

Address = tuple  # a class's name, the how-many-eth of it, a field, the parameter's path


def from_optax(
    optimizer: optax.GradientTransformation,
    params: PyTree,
    optax_state: PyTree,
    *,
    step: int | None = None,
    theirs: optax.GradientTransformation | None = None,
) -> PyTree:
    """Returns the state that goes on where Optax's optimizer of the same name stopped.

    Nodes are matched by the names of their classes and fields, in the order of the
    tree; ours, `optax.chain` or `optax.masked` may be around them. Yogi's and Adan's
    states are taken too, and go on otherwise: ours step otherwise than Optax's.

    A state does not say whose it is where two optimizers keep the same classes, as
    Adam and Adamax, or SGD and LARS do in Optax: give `theirs` to be sure.

    Args:
      optimizer: ours.
      params: the parameters.
      optax_state: Optax's state.
      step: how many steps were taken; needed where Optax's state does not keep it,
        and ours does.
      theirs: the optimizer of Optax's that the state is of, to be refused if its first
        step keeps other numbers than ours.

    >>> import jax.numpy as jnp, optax, optax_lab
    >>> from optax_lab.dialects import states
    >>> theirs, ours, params = optax.adam(0.1), optax_lab.adam(0.1), jnp.zeros(2)
    >>> _, state = theirs.update(jnp.ones(2), theirs.init(params))
    >>> state = states.from_optax(ours, params, state)
    >>> updates, state = ours.update(jnp.array([1.0, -1.0]), state)
    >>> print(updates.round(3))
    [-0.1    0.005]

    Raises:
      ValueError: if the state does not fit, with the leaf and the reason.
    """
    inputs.check_optimizer(optimizer)
    inputs.check_state(optax_state, "optax_state")
    fresh = optimizer.init(params)
    own, others = _addresses(fresh), _addresses(optax_state)
    _check(own, others)
    if theirs is not None:
        inputs.check_optimizer(theirs, "theirs")
        _check_step(optimizer, theirs, params)
    counts = [(str(leaf), leaf.value) for leaf in nodes.counts(optax_state)]
    step = ages.needed(fresh, ages.agreed(counts, step))
    values = {
        leaf.place: _fitting(leaf, others[a]) for a, leaf in own.items() if a in others
    }
    return nodes.filled(ages.after(optimizer, params, step), values)


def to_optax(state: PyTree, like: PyTree, *, step: int | None = None) -> PyTree:
    """Returns the state that Optax's optimizer of the same name goes on with.

    That `like` is of that optimizer cannot be seen where two keep the same classes:
    `from_optax` with `theirs` tells whether what one keeps is the other's.

    Args:
      state: ours.
      like: what `init` of Optax's optimizer makes of the parameters.
      step: how many steps were taken; needed where our state does not keep it, and
        Optax's does.

    Raises:
      ValueError: if the state does not fit, with the leaf and the reason.
    """
    inputs.check_state(state, "state")
    inputs.check_state(like, "like")
    own, theirs = _addresses(state), _addresses(like)
    _check(own, theirs)
    counts = [(str(leaf), leaf.value) for leaf in nodes.counts(state)]
    step = ages.needed(like, ages.agreed(counts, step))
    values = {leaf.place: _fitting(leaf, own[a]) for a, leaf in theirs.items()}
    return nodes.filled(like, values | {c.place: step for c in nodes.counts(like)})


def _addresses(state: PyTree) -> dict[Address, nodes.Leaf]:
    """Returns all leaves but counts and weights, by what they are."""
    times = collections.Counter()
    numbers: dict[tuple, int] = {}
    found = {}
    for leaf in nodes.leaves(state):
        if leaf.is_count or leaf.is_weight:
            continue
        name = type(leaf.node).__name__
        if leaf.owner not in numbers:
            numbers[leaf.owner] = times[name]
            times[name] += 1
        found[name, numbers[leaf.owner], leaf.field, leaf.path] = leaf
    return found


def _check(own: dict[Address, nodes.Leaf], theirs: dict[Address, nodes.Leaf]) -> None:
    """Refuses states of different optimizers."""
    sides = (own, theirs, "Optax's state"), (theirs, own, "this library's")
    for leaves, others, other in sides:
        for address, leaf in leaves.items():
            if address not in others:
                classes = ", ".join(sorted({a[0] for a in others})) or "no state"
                raise ValueError(
                    f"{leaf}, of {address[0]}, is not in {other}, which has {classes}: "
                    "it is another optimizer's, or another version's"
                )


def _check_step(
    optimizer: optax.GradientTransformation,
    theirs: optax.GradientTransformation,
    params: PyTree,
) -> None:
    """Refuses optimizers whose first steps, along ones, keep different numbers."""
    ones = jax.tree.map(jnp.ones_like, params)
    step = lambda each: jax.jit(each.update)(ones, each.init(params), params)[1]
    own, others = _addresses(step(optimizer)), _addresses(step(theirs))
    _check(own, others)
    for leaf, other in [(own[a], others[a]) for a in own if a in others]:
        if not np.allclose(leaf.value, other.value, rtol=1e-4, equal_nan=True):
            raise ValueError(
                f"{leaf} and theirs, {other}, are different after the first step: it "
                "is another optimizer's, or one with other arguments"
            )


def _fitting(leaf: nodes.Leaf, other: nodes.Leaf) -> np.ndarray:
    """Returns the value of another leaf, which must have this one's shape."""
    return slots.Slot(leaf, slots.Key(leaf.field), None).given(
        other.value, f"{other} there"
    )
