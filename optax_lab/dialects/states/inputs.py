# What callers hand over, looked at before anything is taken out of it.

from collections.abc import Mapping
from typing import Any

import jax
import optax


def told(value: Any) -> str:
    """Returns the beginning of a value on one line, for errors."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_optimizer(optimizer: Any, name: str = "optimizer") -> None:
    """Refuses what is no optimizer of JAX's.

    Raises:
      ValueError: with its name and the value, as the others here.
    """
    is_one = isinstance(optimizer, optax.GradientTransformation)
    _check(is_one, name, "an optax.GradientTransformation", optimizer)


def check_state(state: Any, name: str) -> None:
    """Refuses what is no tree of arrays, or of a kind that no state is."""
    is_array = lambda leaf: hasattr(leaf, "dtype") or isinstance(leaf, int | float)
    is_one = isinstance(state, tuple | dict) and all(
        map(is_array, jax.tree.leaves(state))
    )
    _check(is_one, name, "an optimizer's state, a tuple of arrays", state)


def check_state_dict(value: Any) -> None:
    """Refuses what no optimizer of PyTorch's keeps."""
    returned = "what state_dict() of PyTorch's optimizer returns"
    _check(isinstance(value, Mapping), "state_dict", returned, value)
    for key in ("state", "param_groups"):
        _check(key in value, "state_dict", f"{returned}, with {key}", value)
    state, groups = value["state"], value["param_groups"]
    _check(isinstance(state, Mapping), "state_dict['state']", "a dict", state)
    for number, entry in state.items():
        name = f"state_dict['state'][{number!r}]"
        _check(isinstance(entry, Mapping), name, "a dict of tensors", entry)
    _check(
        isinstance(groups, list | tuple), "state_dict['param_groups']", "a list", groups
    )
    for number, group in enumerate(groups):
        is_one = isinstance(group, Mapping) and isinstance(group.get("params"), list)
        name = f"state_dict['param_groups'][{number}]"
        _check(is_one, name, "a dict with a list of params", group)


def check_torch_optimizer(value: Any) -> None:
    """Refuses what is no optimizer of PyTorch's."""
    is_one = hasattr(value, "param_groups") and hasattr(value, "state_dict")
    _check(is_one, "torch_optimizer", "an optimizer of PyTorch's, built", value)


def check_variables(value: Any) -> None:
    """Refuses what is no list of Keras' variables."""
    kept = "the variables of Keras' optimizer, a list"
    _check(isinstance(value, list | tuple), "variables", kept, value)
    for number, variable in enumerate(value):
        is_one = hasattr(variable, "path") and hasattr(variable, "value")
        _check(is_one, f"variables[{number}]", "a variable of Keras'", variable)


def _check(is_one: bool, name: str, allowed: str, value: Any) -> None:
    if not is_one:
        raise ValueError(f"{name} must be {allowed}, got {told(value)}")
