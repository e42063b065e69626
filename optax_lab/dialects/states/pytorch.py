# PyTorch's `state_dict()`: for each parameter, by number, a dict of tensors.

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import PyTree

from optax_lab.dialects import pytorch
from optax_lab.dialects.states import (
    ages,
    inputs,
    meanings,
    nodes,
    pytorch_names,
    slots,
)

_NAME = "PyTorch"


def from_pytorch(
    optimizer: optax.GradientTransformation,
    params: PyTree,
    state_dict: Mapping[str, Any],
    *,
    step: int | None = None,
    order: PyTree | None = None,
) -> PyTree:
    """Returns the state that goes on where an optimizer of PyTorch stopped.

    Adam, AdamW and RAdam keep the same, so a state of one is taken for another's.
    An optimizer made of `model.named_parameters()` keeps their names; a leaf whose keys
    make one, as "0" and "weight" make `0.weight`, is that parameter. Without names or
    `order`, parameter i of PyTorch is leaf i of `jax.tree.leaves(params)`, which has
    the keys of dicts sorted: what is written there in another order is refused, unless
    shapes tell. Shapes are PyTorch's: a linear layer whose weight is transposed here
    needs its averages transposed first.

    Args:
      optimizer: one of `dialects.pytorch`, or one that keeps the same.
      params: the parameters.
      state_dict: what `state_dict()` of PyTorch's optimizer returned.
      step: how many steps were taken; needed where PyTorch does not keep it, which
        SGD and Muon do not, and the state here does. 0 with an empty `state_dict`
        is a fresh state.
      order: a tree like `params` of PyTorch's numbers.

    >>> import jax.numpy as jnp, numpy as np
    >>> from optax_lab.dialects import pytorch, states
    >>> entry = {"step": 50, "exp_avg": np.ones(2), "exp_avg_sq": np.ones(2)}
    >>> kept = {"state": {0: entry}, "param_groups": [{"params": [0]}]}
    >>> adam, params = pytorch.Adam(lr=0.1), jnp.zeros(2)
    >>> state = states.from_pytorch(adam, params, kept)
    >>> updates, state = adam.update(jnp.ones(2), state, params)
    >>> print(updates.round(3))
    [-0.022 -0.022]

    Raises:
      ValueError: if the state does not fit, with the leaf and the reason.
    """
    inputs.check_optimizer(optimizer)
    inputs.check_state_dict(state_dict)
    kept = _kept(params, state_dict, order)
    fresh = optimizer.init(params)
    found = slots.find(fresh, params, pytorch_names.TABLE, _NAME)
    if step == 0 and not any(entries for _, entries in kept):
        return fresh
    there = [[key for key in entries if key != "step"] for _, entries in kept]
    slots.check_keys(found, there, params, _NAME)
    pytorch_names.check_buffers(found, state_dict["param_groups"])
    meanings.check(optimizer, params, False, _NAME)
    said = [(f"{n}['step']", e["step"]) for n, e in kept if "step" in e]
    step = ages.agreed([(name, slots.array(value)) for name, value in said], step)
    places = [slot.leaf.place for slot in found]
    state = ages.after(optimizer, params, ages.needed(fresh, step, places))
    values = {slot.leaf.place: _value(slot, kept) for slot in found}
    return nodes.filled(state, values)


def to_pytorch(
    optimizer: optax.GradientTransformation,
    params: PyTree,
    state: PyTree,
    torch_optimizer: Any,
    *,
    step: int | None = None,
    order: PyTree | None = None,
) -> dict[str, Any]:
    """Returns what `load_state_dict` of an optimizer of PyTorch takes.

    The learning rate and all other arguments stay those of that optimizer. An average
    whose decay has changed on the way has another bias there, where the last decay is
    taken for all.

    Args:
      optimizer: one of `dialects.pytorch`, or one that keeps the same.
      params: the parameters.
      state: its state.
      torch_optimizer: PyTorch's, made of the same parameters; it is only looked at.
      step: how many steps were taken; needed where the state does not keep it, which
        a state without schedules may not, and PyTorch does.
      order: a tree like `params` of PyTorch's numbers.

    Returns:
      A dict of tensors in the dtypes and on the devices of PyTorch's parameters.
      Steps and other numbers are Python's, of which PyTorch makes tensors.

    Raises:
      ValueError: if the state does not fit, with the leaf and the reason.
    """
    inputs.check_optimizer(optimizer)
    inputs.check_torch_optimizer(torch_optimizer)
    groups = torch_optimizer.param_groups
    tensors = [tensor for group in groups for tensor in group["params"]]
    numbers = slots.order(params, order, len(tensors), _NAME, _called(groups))
    _check_params(params, tensors, numbers)
    nodes.check(state, optimizer.init(params))
    found = slots.find(state, params, pytorch_names.TABLE, _NAME)
    pytorch_names.check_buffers(found, groups)
    meanings.check(optimizer, params, False, _NAME)
    _check_class(found, params, torch_optimizer, numbers)
    entries = _entries(found, tensors, numbers)
    if pytorch_names.counts(found):
        taken = float(ages.counted(state, step, _NAME))
        entries = {number: {"step": taken} | entry for number, entry in entries.items()}
    return {
        "state": entries,
        "param_groups": torch_optimizer.state_dict()["param_groups"],
    }


# --- Its dicts and tensors ------------------------------------------------------------


def _entries(
    found: list[slots.Slot], tensors: list[Any], numbers: list[int]
) -> dict[int, dict[str, Any]]:
    """Returns what PyTorch keeps of each parameter that has anything."""
    own: dict[int, dict[str, Any]] = {number: {} for number in numbers}
    for slot in found:
        if slot.index is not None:
            number = numbers[slot.index]
            own[number][slot.key.name] = _tensor(slot.taken(), tensors[number])
    of_all = {s.key.name: float(s.taken()) for s in found if s.index is None}
    return {number: entry | of_all for number, entry in own.items() if entry}


def _kept(
    params: PyTree, state_dict: Mapping[str, Any], order: PyTree | None
) -> list[tuple[str, dict[str, Any]]]:
    """Returns what each leaf of the parameters is called there, and its arrays."""
    state, groups = state_dict["state"], state_dict["param_groups"]
    numbers = [number for group in groups for number in group["params"]]
    places = slots.order(params, order, len(numbers), _NAME, _called(groups))
    if odd := set(state) - set(numbers):
        raise ValueError(f"state_dict has a state for {odd}, which are no parameters")
    # None is what some versions keep in the place of nothing.
    entry = lambda n: {k: v for k, v in state.get(n, {}).items() if v is not None}
    at = [numbers[place] for place in places]
    return [(f"state_dict['state'][{n}]", entry(n)) for n in at]


def _called(groups: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns the names of all parameters, or nothing if a group has none."""
    names = [group.get("param_names") or [] for group in groups]
    return [name for group in names for name in group] if all(names) else []


def _value(slot: slots.Slot, kept: list[tuple[str, dict[str, Any]]]) -> np.ndarray:
    """Returns what a slot's leaf becomes."""
    name = slot.key.name
    if slot.index is not None:
        where, entries = kept[slot.index]
        return slot.given(slots.array(entries[name]), f"{where}['{name}']")
    kept = [(where, entries) for where, entries in kept if entries]
    values = [slot.given(slots.array(e[name]), f"{w}['{name}']") for w, e in kept]
    if any(value != values[0] for value in values):
        told = ", ".join(str(float(value)) for value in values)
        raise ValueError(f"{slot.leaf} is one number, and {name} is {told}")
    return values[0]


def _tensor(value: np.ndarray, like: Any) -> Any:
    """Returns a tensor in the dtype and on the device of another."""
    if (
        value.dtype.kind not in "fc"
    ):  # NumPy has no bfloat16, and PyTorch takes no other
        value = value.astype(np.float32)
    return like.new_tensor(value)


def _check_params(params: PyTree, tensors: list[Any], numbers: list[int]) -> None:
    names, leaves = slots.names(params), jax.tree.leaves(params)
    for name, leaf, number in zip(names, leaves, numbers, strict=True):
        shape = tuple(tensors[number].shape)
        slots.check_shape(name, np.shape(leaf), f"PyTorch's parameter {number}", shape)


def _check_class(
    found: list[slots.Slot], params: PyTree, torch_optimizer: Any, numbers: list[int]
) -> None:
    """Refuses a state that PyTorch's class would not have, if we know the class.

    A parameter that is frozen there may have nothing here.
    """
    name = type(torch_optimizer).__name__
    if name not in pytorch.__all__:
        return
    here = slots.keys(found, len(numbers))
    groups = torch_optimizer.param_groups
    all_keys = [_keys(name, group, params) for group in groups]
    wanted = [
        (keys, tensor.requires_grad)
        for keys, group in zip(all_keys, groups, strict=True)
        for tensor in group["params"]
    ]
    there = []
    for leaf, number in enumerate(numbers):
        keys, is_trained = wanted[number]
        there.append(keys[leaf] if is_trained or here[leaf] else [])
    slots.check_keys(found, there, params, f"{_NAME}'s {name}")


def _keys(name: str, group: Mapping[str, Any], params: PyTree) -> list[list[str]]:
    """Returns what PyTorch's class keeps of each parameter in such a group."""
    make = getattr(pytorch, name)
    asked = (set(inspect.signature(make).parameters) & set(group)) - {"lr"}
    optimizer = make(**{argument: group[argument] for argument in asked})
    found = slots.find(optimizer.init(params), params, pytorch_names.TABLE, _NAME)
    return slots.keys(found, len(jax.tree.leaves(params)))
