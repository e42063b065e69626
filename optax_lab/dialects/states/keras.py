# Keras' optimizer variables: a list, told apart by their names and their order.

import collections
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import PyTree

from optax_lab.dialects import factors
from optax_lab.dialects.states import ages, inputs, keras_names, meanings, nodes, slots

_NAME = "Keras"


def from_keras(
    optimizer: optax.GradientTransformation,
    params: PyTree,
    variables: Sequence[Any],
    *,
    step: int | None = None,
    order: PyTree | None = None,
) -> PyTree:
    """Returns the state that goes on where an optimizer of Keras stopped.

    SGD's variables are called as Lion's, and RMSprop's as Adam's: only the name of
    Keras' optimizer tells them apart, and not if it was given one of its own.
    A leaf whose keys make the name of a variable, as "dense" and "kernel" make
    `dense_kernel`, is that one. Where names do not tell, nor `order`, the variable that
    Keras' optimizer was built with as number i is leaf i of `jax.tree.leaves(params)`,
    which has the keys of dicts sorted: what is written there in another order is
    refused, unless shapes tell.

    Args:
      optimizer: one of `dialects.keras`, or one that keeps the same.
      params: the parameters.
      variables: `variables` of Keras' optimizer, whatever its backend: objects with a
        `path` and a `value`.
      step: how many steps were taken, if it is to be checked: Keras keeps it.
      order: a tree like `params` of Keras' numbers.

    Raises:
      ValueError: if the state does not fit, with the leaf and the reason.
    """
    inputs.check_optimizer(optimizer)
    inputs.check_variables(variables)
    fresh = optimizer.init(params)
    found = _found(optimizer, params, fresh, variables)
    matched = _matched(found, params, variables, order)
    said = [(v.path, slots.array(v.value)) for v in variables if _last(v) == _STEP]
    step = ages.needed(fresh, ages.agreed(said, step))
    values = {}
    for at, slot in matched.items():
        name = f"the variable {variables[at].path}"
        values[slot.leaf.place] = slot.given(slots.array(variables[at].value), name)
    return nodes.filled(ages.after(optimizer, params, step), values)


def to_keras(
    optimizer: optax.GradientTransformation,
    params: PyTree,
    state: PyTree,
    variables: Sequence[Any],
    *,
    step: int | None = None,
    order: PyTree | None = None,
) -> list[np.ndarray]:
    """Returns what `set_weights` of an optimizer of Keras takes.

    Args:
      optimizer: one of `dialects.keras`, or one that keeps the same.
      params: the parameters.
      state: its state.
      variables: `variables` of Keras' optimizer, built with the same parameters. They
        are only looked at; a learning rate stays what it is there.
      step: how many steps were taken; needed where the state does not keep it, which
        a state without schedules may not, and Keras does.
      order: a tree like `params` of Keras' numbers.

    Returns:
      An array for each variable, in its place, shape and dtype.

    Raises:
      ValueError: if the state does not fit, with the leaf and the reason.
    """
    inputs.check_optimizer(optimizer)
    inputs.check_variables(variables)
    nodes.check(state, optimizer.init(params))
    found = _found(optimizer, params, state, variables)
    matched = _matched(found, params, variables, order)
    step = ages.counted(state, step, _NAME)
    weights = []
    for at, variable in enumerate(variables):
        value = slots.array(variable.value)
        if at in matched:
            slot = matched[at]
            slot.given(value, f"the variable {variable.path}")  # has its shape
            value = slot.taken().astype(value.dtype)
        elif _last(variable) == _STEP:
            value = np.asarray(step, value.dtype)
        weights.append(value)
    return weights


_STEP, _RATE = "iteration", "learning_rate"
_WRAPPED = {
    "_average": ("use_ema", "optax_lab.with_param_ema"),
    "_gradient_accumulator": ("gradient_accumulation_steps", "optax.MultiSteps"),
}

# Where arrays are, by their key and their parameter's number.
_Places = dict[tuple[str, int | None], int]


# --- Its list of variables ------------------------------------------------------------


def _found(
    optimizer: optax.GradientTransformation,
    params: PyTree,
    state: PyTree,
    variables: Sequence[Any],
) -> list[slots.Slot]:
    """Returns the slots of a state that keeps what Keras does.

    Raises:
      ValueError: if it does not.
    """
    found = slots.find(state, params, keras_names.table(state), _NAME)
    for called in {variable.path.partition("/")[0] for variable in variables}:
        keras_names.check_kind(state, called)
    meanings.check(optimizer, params, keras_names.sums_steps(state), _NAME)
    return found


def _matched(
    found: list[slots.Slot],
    params: PyTree,
    variables: Sequence[Any],
    order: PyTree | None,
) -> dict[int, slots.Slot]:
    """Returns the slot of each variable that has one, by its place in the list.

    Raises:
      ValueError: if variables are missing, or there are others.
    """
    is_factored = any(isinstance(s.leaf.node, factors.LastFactorsState) for s in found)
    places, owners = (_triples if is_factored else _by_suffix)(variables)
    called = [owners[number] for number in sorted(owners)]
    size = len(called) or len(jax.tree.leaves(params))
    numbers = slots.order(params, order, size, _NAME, called)
    if not is_factored:  # there every parameter has all three, used or not
        there = [[k for k, n in places if n in (None, number)] for number in numbers]
        slots.check_keys(found, there, params, _NAME)
    number = lambda slot: None if slot.index is None else numbers[slot.index]
    return {places[slot.key.name, number(slot)]: slot for slot in found}


def _by_suffix(variables: Sequence[Any]) -> tuple[_Places, dict[int, str]]:
    """Returns the places of arrays, and the names of parameters by their numbers.

    They are called `dense_kernel_momentum`, and parameters may share a name. Arrays of
    one key are in the parameters' order; what only some have, as Muon's velocities,
    comes right after the parameter's other array.

    Raises:
      ValueError: if the names say otherwise.
    """
    keys = [_split(name)[1] for _, name in _arrays(variables)]
    times = collections.Counter(key for key in keys if key)
    seen = collections.Counter()
    owners: dict[int, str] = {}
    places: dict[tuple[str, int | None], int] = {}
    number = 0
    for at, name in _arrays(variables):
        _check_wrapped(name)
        owner, key = _split(name)
        if key is None:
            # Nadam's product of decays has no name of its own
            places["u_product" if name.startswith("variable") else name, None] = at
            continue
        if times[key] == max(times.values()):
            number = seen[key]
            seen[key] += 1
        if owners.setdefault(number, owner) != owner:
            raise ValueError(f"{name} is in the place of {owners[number]}'s {key}")
        places[key, number] = at
    return places, owners


def _check_wrapped(name: str) -> None:
    """Refuses a variable of what goes around an optimizer: here, a wrapper's.

    Raises:
      ValueError: with Keras' argument and ours.
    """
    for suffix, (argument, ours) in _WRAPPED.items():
        if name.endswith(suffix):
            raise ValueError(
                f"{name} is what Keras keeps for {argument}, which is {ours} here: "
                "leave such variables out, and begin with new ones"
            )


def _triples(variables: Sequence[Any]) -> tuple[_Places, dict[int, str]]:
    """Returns the same of Adafactor, whose rows and columns have no names.

    Raises:
      ValueError: if every third one is not the velocity of the two before it.
    """
    rows = list(_arrays(variables))
    names = [name for _, name in rows]
    owners = dict(enumerate(names[::3]))
    if names != [f"{n}{end}" for n in owners.values() for end in ("", "", "_velocity")]:
        told = ", ".join(names) or "nothing"
        raise ValueError(f"these are not the variables of Keras' Adafactor: {told}")
    keys = ("r", "c", "velocity")
    return {(keys[n % 3], n // 3): at for n, (at, _) in enumerate(rows)}, owners


def _arrays(variables: Sequence[Any]) -> Iterator[tuple[int, str]]:
    """Yields the places and names of all but the step and the learning rate."""
    for at, variable in enumerate(variables):
        if _last(variable) not in (_STEP, _RATE):
            yield at, _last(variable)


def _last(variable: Any) -> str:
    return variable.path.rpartition("/")[2]


def _split(name: str) -> tuple[str, str | None]:
    """Splits a name into its parameter's and a key of Keras', None without any."""
    for suffix in keras_names.SUFFIXES:
        if name.endswith(f"_{suffix}"):
            return name.removesuffix(f"_{suffix}"), suffix
    return name, None
