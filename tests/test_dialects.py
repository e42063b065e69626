# PyTorch's and Keras' optimizers against what PyTorch and Keras made of the same steps.

from pathlib import Path

import numpy as np
import pytest

from tests import trajectories

GOLDEN = {
    framework: np.load(Path(__file__).parent / "golden" / f"{framework}.npz")
    for framework in trajectories.RATE
}


@pytest.mark.parametrize("case", trajectories.CASES, ids=str)
def test_a_dialect_steps_as_its_framework_did(case):
    for name, values in trajectories.ours(case).items():
        told = GOLDEN[case.framework][f"{case}/{name}"]
        np.testing.assert_allclose(values, told, case.tolerance, case.tolerance)
