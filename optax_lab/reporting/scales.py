# Axes on which hyperparameters are about evenly spaced, with numbers that can be read.
from typing import Any

import numpy as np
from matplotlib import ticker

from optax_lab.studies import spaces

_DECAYS = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
_FEW_DECAYS = (0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)
_SUBS = (1, 1.2, 1.5, 2, 3, 4, 5, 7)  # of a decade, where there is less than one
_MOST = 5  # of the values themselves, where no round numbers lie between them


def evenest(at: np.ndarray) -> str:
    """Chooses the scale on which values in rising order are most evenly spaced.

    Args:
      at: The values.

    Returns:
      "decay" is for what `spaces.is_decay` says; "log" is for positive values;
      "linear" is for all that are no decays.
    """
    decays = spaces.is_decay(at[0], at[-1])
    fit = ["decay" if decays else "linear", *["log"] * bool(at[0] > 0)]
    return min(fit, key=lambda scale: _unevenness(FUNCTIONS[scale][0](at)))


def edges_of(at: np.ndarray, scale: str) -> np.ndarray:
    """Returns the edges of cells: halfway between their middles, on the axis."""
    there, back = FUNCTIONS[scale]
    at = there(at)
    half = np.diff(at) / 2 if len(at) > 1 else np.array([0.5])
    return back(np.concatenate([[at[0] - half[0]], at[1:] - half, [at[-1] + half[-1]]]))


def seen_on(scale: str, values: np.ndarray) -> np.ndarray:
    """Returns which values have a place on a scale."""
    if scale == "linear":
        return np.isfinite(values)
    return values < 1 if scale == "decay" else values > 0


def set_scale(axis: Any, scale: str, at: np.ndarray, edges: np.ndarray) -> None:
    """Gives an axis a scale, the limits of its cells, and numbers.

    Args:
      axis: An x or a y axis.
      scale: As of `evenest`.
      at: The middles of the cells.
      edges: Their edges.
    """
    kind = {"functions": FUNCTIONS["decay"]} if scale == "decay" else {}
    set_it = getattr(axis.axes, f"set_{axis.axis_name}scale")
    set_it("function" if kind else scale, **kind)
    getattr(axis.axes, f"set_{axis.axis_name}lim")(edges[[0, -1]])
    if scale == "log":
        tick(axis, edges)
    elif scale == "decay":
        few = np.ptp(_memory(edges)) > 2.5
        axis.set_major_locator(ticker.FixedLocator(_FEW_DECAYS if few else _DECAYS))
        axis.set_major_formatter("{x:g}")
    else:
        whole = bool((at == np.round(at)).all())
        axis.set_major_locator(ticker.MaxNLocator(7, integer=whole))
    there = axis.get_majorticklocs()
    if np.sum((there >= edges[0]) & (there <= edges[-1])) < 2:
        axis.set_major_locator(
            ticker.FixedLocator(at[:: -(-len(at) // _MOST)].tolist())
        )
        axis.set_major_formatter("{x:.4g}")


def tick(axis: Any, span: np.ndarray) -> None:
    """Gives a logarithmic axis numbers that are read without counting zeros."""
    decades = np.log10(span[-1] / span[0])
    subs = (1, 2, 5) if decades < 2 else (1, 3) if decades < 3 else (1,)
    axis.set_major_locator(ticker.LogLocator(subs=_SUBS if decades < 0.8 else subs))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def _unevenness(there: np.ndarray) -> float:
    """Returns how much the largest gap differs from the mean one, in few digits."""
    gaps = np.diff(there)
    return round(float(gaps.max() / gaps.mean()), 6) if gaps.size else 1.0


def _memory(decay: Any) -> Any:
    """Returns −log₁₀(1 − β): how many digits of β are nines."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.log10(1 - np.asarray(decay))


def _decay(memory: Any) -> Any:
    return 1 - 10.0 ** -np.asarray(memory)


FUNCTIONS = {  # there and back
    "decay": (_memory, _decay),
    "log": (np.log, np.exp),
    "linear": (np.asarray, np.asarray),
}
