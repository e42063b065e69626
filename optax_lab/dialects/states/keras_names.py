# What Keras calls the fields of our states.

from collections.abc import Mapping
from typing import Any

import numpy as np
import optax
from jaxtyping import PyTree
from optax.transforms import PartitionState

from optax_lab import ewma
from optax_lab.dialects import factors, ftrl, nadam
from optax_lab.dialects.states import nodes, slots, sums
from optax_lab.dialects.states.slots import Key
from optax_lab.transforms import rms


def _adam(node: Any, param: Any) -> dict[str, Key]:
    is_average = isinstance(node.nu, ewma.Ewma)  # Adamax has a maximum
    return slots.named(mu="momentum", nu="velocity" if is_average else "norm")


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
    optax.ScaleByAmsgradState: slots.named(
        mu="momentum", nu="velocity", nu_max="velocity_hat"
    ),
    nadam.ScaleByWarmedNadamState: {
        "mu": Key("momentum"),
        "mu.weight": slots.rest_of_weight("u_product"),
        "nu": Key("velocity"),
    },
    optax.ScaleByRmsState: slots.named(nu="velocity"),
    rms.ScaleByRmsWithCountState: slots.named(nu="velocity"),
    optax.ScaleByRStdDevState: _STDDEV,
    rms.ScaleByRStdDevWithCountState: _STDDEV,
    optax.ScaleByAdaDeltaState: _DELTA,
    rms.ScaleByAdaDeltaWithCountState: _DELTA,
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
_SQUARES = (optax.ScaleByRmsState, rms.ScaleByRmsWithCountState)
_SQUARES += (optax.ScaleByRStdDevState, rms.ScaleByRStdDevWithCountState)


def table(state: PyTree) -> slots.Table:
    """Returns the keys; RMSprop's sum is subtracted there, and added here."""
    turned = Key("momentum", there=np.negative, here=np.negative)
    key = turned if nodes.has(state, *_SQUARES) else Key("momentum")
    row = {"trace": key}
    return _KEYS | dict.fromkeys(sums.TRACES, row)


def sums_steps(state: PyTree) -> bool:
    """Whether Keras sums steps: all but Muon do, which makes its sum orthogonal."""
    return not nodes.has(state, PartitionState)
