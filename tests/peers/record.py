"""Writes tests/golden: what PyTorch and Keras themselves make of every case.

python -m tests.peers.record
"""

from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np

from tests import trajectories
from tests.peers import keras_runs, torch_runs

GOLDEN = Path(__file__).parents[1] / "golden"
RUNS = {"pytorch": (torch_runs.run, "torch"), "keras": (keras_runs.run, "keras")}


def main() -> None:
    """Runs every case in its framework and keeps what the parameters were."""
    jax.config.update("jax_enable_x64", True)
    for framework, (run, package) in RUNS.items():
        arrays = {"version": np.array(version(package))}
        for case in trajectories.CASES:
            if case.framework == framework:
                for name, values in run(case).items():
                    arrays[f"{case}/{name}"] = values
        np.savez_compressed(GOLDEN / f"{framework}.npz", **arrays)
        print(f"{framework}: {len(arrays) - 1} arrays")


if __name__ == "__main__":
    main()
