# What Keras calls the fields of our states.

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import optax
from jaxtyping import PyTree
from optax.transforms import PartitionState

from optax_lab import ewma
from optax_lab.dialects import factors, ftrl, nadam
from optax_lab.dialects.states import meanings, nodes, slots
from optax_lab.dialects.states.slots import Key
from optax_lab.optimizers import rmsprop


def _adam(node: Any, param: Any) -> dict[str, Key]:
    if not isinstance(node.mu, ewma.Ewma):
        return {}  # Optax's own, which may be Adam's or Adamax's
    is_average = isinstance(node.nu, ewma.Ewma)  # Adamax has a maximum
    return slots.named(mu="momentum", nu="velocity" if is_average else "norm")


def _amsgrad(node: Any, param: Any) -> dict[str, Key]:
    own = slots.named(mu="momentum", nu="velocity", nu_max="velocity_hat")
    return own if isinstance(node.mu, ewma.Ewma) else {}


def _factors(node: Any, param: Any) -> Mapping[str, Key | None]:
    if np.ndim(param) < 2:
        return {"v_row": Key("velocity"), "v_col": None}
    return {"v_row": _without("r", -1), "v_col": _without("c", -2)}


def _without(name: str, axis: int) -> Key:
    """Returns the key of a mean whose axis, of length 1 here, is dropped there."""
    return Key(name, lambda x: np.squeeze(x, axis), lambda x: np.expand_dims(x, axis))


_STDDEV = slots.named(mu="average_gradient", nu="velocity")
_DELTA = slots.named(e_g="accumulated_grad", e_x="accumulated_delta_var")
_KEYS: dict[type, slots.Row] = {
    optax.ScaleByAdamState: _adam,
    optax.ScaleByAmsgradState: _amsgrad,
    nadam.ScaleByWarmedNadamState: {
        "mu": Key("momentum"),
        "mu.weight": slots.rest_of_weight("u_product"),
        "nu": Key("velocity"),
    },
    optax.ScaleByRmsState: slots.named(nu="velocity"),
    rmsprop.ScaleByRmsWithCountState: slots.named(nu="velocity"),
    optax.ScaleByRStdDevState: _STDDEV,
    rmsprop.ScaleByRStdDevWithCountState: _STDDEV,
    optax.ScaleByAdaDeltaState: _DELTA,
    rmsprop.ScaleByAdaDeltaWithCountState: _DELTA,
    optax.ScaleByRssState: slots.named(sum_of_squares="accumulator"),
    optax.ScaleByLionState: slots.named(mu="momentum"),
    ftrl.FtrlState: slots.named(accumulator="accumulator", linear="linear"),
    factors.LastFactorsState: _factors,
}
SUFFIXES = (
    "momentum",
    "velocity",
    "velocity_hat",
    "norm",
    "average_gradient",
    "accumulator",
    "accumulated_grad",
    "accumulated_delta_var",
    "linear",
)
_SQUARES = (optax.ScaleByRmsState, rmsprop.ScaleByRmsWithCountState)
_SQUARES += (optax.ScaleByRStdDevState, rmsprop.ScaleByRStdDevWithCountState)


# The classes whose variables have the same names, and what our states of them have.
_KINDS = {
    "Muon": (PartitionState,),
    "RMSprop": _SQUARES,
    "SGD": meanings.TRACES,
    "Lion": (optax.ScaleByLionState,),
    "Adam": (optax.ScaleByAdamState,),
}
_SAME = {"adamw": "adam", "lamb": "adam"}


def table(state: PyTree) -> slots.Table:
    """Returns the keys; RMSprop's sum is subtracted there, and added here."""
    turned = Key("momentum", there=np.negative, here=np.negative)
    key = turned if kind(state) == "RMSprop" else Key("momentum")
    row = {"trace": key}
    return _KEYS | dict.fromkeys(meanings.TRACES, row)


def sums_steps(state: PyTree) -> bool:
    """Whether Keras sums steps: all but Muon do, which makes its sum orthogonal."""
    return kind(state) != "Muon"


def kind(state: PyTree) -> str | None:
    """Returns the class that has such a state, if others' variables look alike."""
    kinds = (name for name, classes in _KINDS.items() if nodes.has(state, *classes))
    return next(kinds, None)


def check_kind(state: PyTree, called: str) -> None:
    """Refuses a state of another class than the one that named the variables.

    Args:
      state: the state.
      called: what Keras' optimizer is called: its class and a number, unless it was
        given a name, which says nothing.

    Raises:
      ValueError: if the name is that of another class.
    """
    own, name = kind(state), re.sub(r"_\d+$", "", called)
    known = {each.lower() for each in _KINDS}
    theirs = _SAME.get(name, name)
    if own and theirs in known and theirs != own.lower():
        raise ValueError(
            f"the optimizer keeps what Keras' {own} does, and the variables are "
            f"{called}'s"
        )
