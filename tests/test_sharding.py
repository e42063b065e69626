# Parameters on many devices: a state lies as they do.

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import optax_lab
from tests.sharded import WAYS

pytestmark = pytest.mark.slow

# What is impossible, as the docstrings say.
IMPOSSIBLE = {
    # Matrices are multiplied along axes that are cut.
    ("muon", "explicit"),
    ("shampoo", "explicit"),
    ("soap", "explicit"),
    # Arrays of another shape than the kernel's are put into its own kind of variable.
    ("adafactor", "flax"),
    ("novograd", "flax"),
    ("shampoo", "flax"),
    ("soap", "flax"),
}


@pytest.fixture(scope="module")
def failed():
    """Returns what failed, by optimizer and way, of one process with eight devices."""
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "tests.sharded"]
    done = subprocess.run(
        command, cwd=root, env=os.environ, capture_output=True, text=True, check=True
    )
    rows = map(json.loads, done.stdout.splitlines())
    return {(name, way): error for name, way, error in rows}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", optax_lab.OPTIMIZERS)
def test_an_optimizer_steps_where_the_parameters_lie(failed, name, way):
    assert bool(failed[name, way]) == ((name, way) in IMPOSSIBLE), failed[name, way]
