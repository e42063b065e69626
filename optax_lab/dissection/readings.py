# What a response tells: how long it remembers, where it ends, and of what kind it is.

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from optax_lab.dissection.probes import Answer

_FADED = 1e-8  # of the peak: what is smaller is not read any more
_CLOSE = 1e-6


class Reading(NamedTuple):
    """Holds what is read off; `values.Kept` says what it means."""

    kind: Literal["average", "sum", "other"]
    decay: float
    start: float | Literal["first"]
    gain: float


def read(answer: Answer, is_ewma: bool) -> Reading:
    """Reads an answer; `is_ewma` says that it is an average, whatever it looks like."""
    close = max(_CLOSE, answer.eps)
    near = lambda a, b: bool(abs(a - b) <= close * abs(b) < np.inf)
    pulse, step = answer.response.impulse[1:], answer.response.step
    decay = _decay(pulse, close)
    gain = _limit(step, decay, close)
    if (is_ewma and not np.isinf(gain)) or (
        near(gain, 1) and near(pulse[0], 1 - decay)
    ):
        arrives_at_once = decay != 0 and gain != 0 and near(step[0], gain)
        start = "first" if arrives_at_once else answer.start
        return Reading("average", decay, start, gain)
    end = np.inf if decay == 1 else 1 / (1 - decay)
    is_sum = near(pulse[0], 1) and (gain == end or near(gain, end))
    if is_ewma and not is_sum:  # of the parameters, which gradients move for good
        return Reading("other", np.nan, answer.start, np.nan)
    return Reading("sum" if is_sum else "other", decay, answer.start, gain)


def _decay(pulse: Float[np.ndarray, " steps"], close: float) -> float:
    """Returns the ratio of successive values; nan where it changes from step to step.

    It is that of the later half of what is remembered, where only one memory is left.
    """
    remembered = np.flatnonzero(np.abs(pulse) > _FADED * np.abs(pulse).max())
    if not remembered.size:
        return np.nan
    end = remembered[-1]
    if end == 0:
        return 0.0
    begin, middle = end // 2, (end // 2 + end) // 2
    # A root of a negative ratio is nan, and a ratio to 0 is infinite.
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = lambda i, j: float((pulse[j] / pulse[i]) ** (1 / (j - i)))
        whole, part = ratio(begin, end), ratio(min(middle, end - 1), end)
    return whole if abs(whole - part) <= close * whole else np.nan


def _limit(values: Float[np.ndarray, " steps"], decay: float, close: float) -> float:
    """Returns where values tend to: their distance from there shrinks by β a step."""
    last, change = float(values[-1]), float(values[-1] - values[-2])
    if decay >= 1:
        is_on_its_way = abs(last - values[len(values) // 2]) > 0.1 * abs(last)
        return float(np.copysign(np.inf, last)) if is_on_its_way else last
    limit = last if np.isnan(decay) else last + change * decay / (1 - decay)
    return 0.0 if abs(limit) <= close * np.abs(values).max() else limit
