# How finely measured numbers are known: values of float32 tie to 6e-8, read as float64.

from typing import Any

import numpy as np

_DIGITS = 6  # that a float32 holds for sure
FLOAT64_SUMS = 64 * float(np.finfo(float).eps)  # what adding up some hundreds may cost


def relative(*values: Any) -> float:
    """Returns the spacing ε of numbers: float32's where all of them are float32s.

    Programs return float32, and Python reads it as float64: an accuracy k/n is then off
    by up to ε/2 of itself, and the sums of two patterns of differences that are equal
    as whole numbers are apart by ε of what was added.

    >>> relative(np.float32([0.1])), relative([0.1])
    (1.1920928955078125e-07, 2.220446049250313e-16)
    """
    return float(np.finfo(np.float32 if _are_float32(*values) else float).eps)


def of_sums(*values: Any, spacings: int = 1) -> float:
    """Returns how far sums of numbers may be apart that are equal but for rounding.

    It is a share of their size: some spacings of the numbers, or `FLOAT64_SUMS`.
    """
    return max(spacings * relative(*values), FLOAT64_SUMS)


def mean(values: Any) -> float:
    """Returns the mean, for ranks and bests: of float32s without the digits left open.

    The means of 0.1 and 0.3, and of 0.2 and 0.2, are equal then.
    """
    found = float(np.mean(np.asarray(values, float)))
    if not _are_float32(values) or not np.isfinite(found):
        return found
    return float(f"{found:.{_DIGITS}g}")


def slack(*values: Any) -> float:
    """Returns how far means of numbers may be apart that are equal but for rounding.

    >>> 1e-7 < slack(np.float32([0.1, 1.0])) < 1e-6
    True
    """
    size = max(float(np.abs(v).max()) for v in map(np.asarray, values))
    return of_sums(*values, spacings=2) * size


def as_measured(target: float | int, *values: Any) -> float:
    """Returns a target in the dtype of what is compared with it.

    An accuracy of 9 in 10 is 0.89999998 in float32, and has reached 0.9.
    """
    return float(np.float32(target)) if _are_float32(*values) else float(target)


def _are_float32(*values: Any) -> bool:
    with np.errstate(over="ignore"):
        return all(
            np.array_equal(np.asarray(v, np.float32), np.asarray(v), equal_nan=True)
            for v in values
        )
