# What PyTorch calls the fields of our states.

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import optax

from optax_lab import ewma
from optax_lab.dialects import factors, nadam, steps
from optax_lab.dialects.states import meanings, slots
from optax_lab.dialects.states.slots import Key
from optax_lab.optimizers import rmsprop


def _adam(node: Any, param: Any) -> dict[str, Key]:
    if not isinstance(node.mu, ewma.Ewma):
        return {}  # Optax's own, which may be Adam's or Adamax's
    is_average = isinstance(node.nu, ewma.Ewma)  # Adamax has a maximum
    return slots.named(mu="exp_avg", nu="exp_avg_sq" if is_average else "exp_inf")


def _amsgrad(node: Any, param: Any) -> dict[str, Key]:
    own = slots.named(mu="exp_avg", nu="exp_avg_sq", nu_max="max_exp_avg_sq")
    return own if isinstance(node.mu, ewma.Ewma) else {}


def _factors(node: Any, param: Any) -> Mapping[str, Key | None]:
    if np.ndim(param) > 1:
        return slots.named(v_row="row_var", v_col="col_var")
    return {"v_row": Key("variance"), "v_col": None}


_STDDEV = slots.named(mu="grad_avg", nu="square_avg")
_DELTA = slots.named(e_g="square_avg", e_x="acc_delta")
_TRACE = slots.named(trace="momentum_buffer")
TABLE: slots.Table = {
    optax.ScaleByAdamState: _adam,
    optax.ScaleByAmsgradState: _amsgrad,
    nadam.ScaleByWarmedNadamState: {
        "mu": Key("exp_avg"),
        "mu.weight": slots.rest_of_weight("mu_product"),
        "nu": Key("exp_avg_sq"),
    },
    optax.ScaleByRmsState: slots.named(nu="square_avg"),
    rmsprop.ScaleByRmsWithCountState: slots.named(nu="square_avg"),
    optax.ScaleByRStdDevState: _STDDEV,
    rmsprop.ScaleByRStdDevWithCountState: _STDDEV,
    optax.ScaleByAdaDeltaState: _DELTA,
    rmsprop.ScaleByAdaDeltaWithCountState: _DELTA,
    optax.ScaleByRssState: slots.named(sum_of_squares="sum"),
    **dict.fromkeys(meanings.TRACES, _TRACE),
    optax.EmaState: slots.named(ema="momentum_buffer"),
    steps.RpropState: slots.named(prev="prev", step_size="step_size"),
    steps.AsgdState: {
        "eta": Key("eta", is_shared=True),
        "mu": Key("mu", is_shared=True),
        "ax": Key("ax"),
    },
    factors.LastFactorsState: _factors,
}
_WITHOUT_STEP = (*meanings.TRACES, optax.EmaState)


def counts(found: list[slots.Slot]) -> bool:
    """Whether PyTorch counts steps where it keeps these."""
    return any(not isinstance(slot.leaf.node, _WITHOUT_STEP) for slot in found)


def check_buffers(found: list[slots.Slot], groups: Iterable[Mapping[str, Any]]) -> None:
    """Refuses Muon's average where SGD has a sum, and the other way round.

    Args:
      found: the slots.
      groups: PyTorch's, of whose classes some arguments tell.

    Raises:
      ValueError: if they are another class's.
    """
    held = {True: "an average", False: "a sum"}
    for slot in found:
        is_average = isinstance(slot.leaf.node, optax.EmaState)
        other, name = ("dampening", "SGD") if is_average else ("ns_steps", "Muon")
        if slot.key.name == "momentum_buffer" and any(other in g for g in groups):
            raise ValueError(
                f"{slot.leaf} is {held[is_average]}, and momentum_buffer of {name} "
                f"{held[not is_average]}"
            )
