# What type checkers are told: the whole package is checked, and users see what it says.

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from optax_lab.optimizers import hyperparameters, table

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "optax_lab"

# A user's file. Every line that is wrong says so, and no other is.
CLIENT = """
import jax.numpy as jnp
import numpy as np
import optax

import optax_lab
from optax_lab import dialects
from optax_lab.optimizers.hyperparameters import Hyper, numbers, scheduled

optax_lab.adam(1e-3, b1=0)
optax_lab.adam(jnp.asarray(1e-3), b1=np.float32(0.9))
optax_lab.adam(optax.cosine_decay_schedule(1e-3, 100), b1=lambda step: 0.9)
optax_lab.adam(lr=1e-3)  # wrong
optax_lab.adam(1e-3, beta1=0.9)  # wrong
optax_lab.adam("1e-3")  # wrong
optax_lab.adam(None)  # wrong
optax_lab.sgd(1e-3, momentum=None)
optax_lab.cautious(optax_lab.adam(1e-3), min_share=lambda step: 0.1)
optax_lab.cautious(1e-3)  # wrong
optax_lab.no_such_name  # wrong
optax_lab.scale_by_adam(0.9, np.float32(0.999))
optax_lab.scale_by_adam(lambda step: 0.9)  # wrong
dialects.pytorch.Adam(1e-3, foreach=True).init(jnp.zeros(1))
dialects.pytorch.no_such_name  # wrong


@scheduled
def mine(learning_rate: Hyper, decay: Hyper = 0.9):
    optax_lab.trace(decay)  # wrong
    learning_rate, decay = numbers(learning_rate, decay)
    return optax.chain(optax_lab.trace(decay), optax_lab.sgd(learning_rate * decay))


mine(1e-3, decay=lambda step: 0.9)
mine(1e-3, b1=0.9)  # wrong
"""


def test_no_file_of_the_package_hides_anything_from_the_type_checker():
    hides = re.compile(r"#\s*(pyright|type|mypy):")
    files = sorted(PACKAGE.rglob("*.py"))
    assert files
    assert [path for path in files if hides.search(path.read_text())] == []


def test_the_package_says_that_its_types_are_for_others_too():
    assert (PACKAGE / "py.typed").is_file()
    assert 'optax_lab = ["py.typed"]' in (ROOT / "pyproject.toml").read_text()


def test_a_schedule_that_nobody_has_evaluated_is_no_number():
    assert hyperparameters.numbers(0.5, None, (1, 2)) == (0.5, None, (1, 2))
    with pytest.raises(TypeError, match=r"schedule.*@scheduled"):
        hyperparameters.numbers(0.5, lambda step: 0.1)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Returns what pyright says about the user's file: (line, severity, message)."""
    folder = tmp_path_factory.mktemp("client")
    settings = {"extraPaths": [str(ROOT)]}  # wherever the package is installed
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    shown = [f"reveal_type(optax_lab.{name})" for name in table.OPTIMIZERS]
    (folder / "client.py").write_text("\n".join([CLIENT, *shown]))
    command = [sys.executable, "-m", "pyright", "--outputjson"]
    command += ["--pythonpath", sys.executable, "client.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    found = json.loads(done.stdout)["generalDiagnostics"]
    return [(d["range"]["start"]["line"], d["severity"], d["message"]) for d in found]


@pytest.mark.slow
def test_a_users_checker_refuses_what_is_wrong_and_nothing_else(seen):
    lines = CLIENT.splitlines()
    wrong = {i for i, line in enumerate(lines) if line.endswith("# wrong")}
    errors = {i: message for i, severity, message in seen if severity == "error"}
    assert set(errors) == wrong, errors


@pytest.mark.slow
def test_a_users_checker_knows_the_arguments_of_every_optimizer(seen):
    shown = [message for _, severity, message in seen if severity == "information"]
    assert len(shown) == len(table.OPTIMIZERS)
    for message in shown:
        assert "learning_rate: Array | " in message
        assert message.endswith('-> GradientTransformationExtraArgs"')
