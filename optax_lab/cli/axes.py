# The axes of a grid, as they are typed: learning_rate=1e-3:10:41.

import math

import numpy as np

from optax_lab.studies import spaces

COUNT = 21  # of values, where none is typed
MOST = 10_000
_HOW = "write name=from:to or name=from:to:count, as in learning_rate=1e-3:10:41"


def parse(texts: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Reads what is to be crossed: the values by the name of a hyperparameter.

    They are spaced as `spaces.scale_of` says.

    >>> parse(("learning_rate=0.1:10:3",))["learning_rate"].round(3).tolist()
    [0.1, 1.0, 10.0]
    >>> parse(("decay=0:0.99:3",))["decay"].round(3).tolist()
    [0.0, 0.9, 0.99]

    Raises:
      ValueError: in one line, if a text is no axis, or a name comes twice.
    """
    found: dict[str, np.ndarray] = {}
    for text in texts:
        name, values = _axis(text)
        if name in found:
            raise ValueError(f"--grid {text}: {name} is given twice")
        found[name] = values
    return found


def _axis(text: str) -> tuple[str, np.ndarray]:
    name, _, ends = text.partition("=")
    parts = ends.split(":")
    try:
        low, high = float(parts[0]), float(parts[1])
        count = int(parts[2]) if len(parts) > 2 else COUNT
    except (IndexError, ValueError):
        raise ValueError(f"--grid {text}: {_HOW}") from None
    if not name.isidentifier() or len(parts) > 3:
        raise ValueError(f"--grid {text}: {_HOW}")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"--grid {text}: from must be less than to, and both finite")
    if not 2 <= count <= MOST:
        raise ValueError(f"--grid {text}: from 2 to {MOST} values can be given")
    evenly = np.linspace(0, 1, count)
    return name, spaces.scaled(evenly, low, high, spaces.scale_of(name, low, high))
