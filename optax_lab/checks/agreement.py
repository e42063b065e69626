# When numbers are near enough to be the same.

from typing import Any

import jax
import numpy as np

from optax_lab.checks.exercise import Outputs, Trial

NEAR = 1e-4  # students compute in float32


def alike(trial: Trial, expected: list[Outputs], got: list[Outputs]) -> bool:
    """Says whether the outputs of all steps agree."""
    return all(map(row_alike, expected, got, trial.observations))


def row_alike(expected: Outputs, got: Outputs, observation: Any) -> bool:
    """Says whether the outputs of one step agree."""
    size = scale(expected, observation)
    return all(near(a, b, size) for a, b in zip(expected, got, strict=True))


def near(a: np.ndarray, b: np.ndarray, size: float) -> bool:
    """Says whether numbers agree; NaN is like NaN, since some mistakes make them."""
    return np.allclose(b, a, rtol=NEAR, atol=NEAR * 1e-2 * size, equal_nan=True)


def scale(*numbers: Any) -> float:
    """Returns the largest of the numbers: all that is computed with is rounded."""
    arrays = [np.asarray(x, float) for x in jax.tree.leaves(numbers)]
    return max(
        float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x))) for x in arrays
    )
