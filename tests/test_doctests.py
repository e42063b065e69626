# The examples in docstrings, as a user's JAX would run them: it promotes dtypes.

import doctest
import importlib
from pathlib import Path

import jax
import pytest

import optax_lab

PACKAGE = Path(optax_lab.__file__).parent
MODULES = sorted(
    ".".join(("optax_lab", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in PACKAGE.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_print_what_they_say(name):
    module = importlib.import_module(name)
    with jax.numpy_dtype_promotion("standard"), jax.enable_x64(False):
        found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
