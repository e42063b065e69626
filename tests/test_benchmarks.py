# Every benchmark says what it does, refuses what it cannot do, and runs for a try.

import importlib
import json
import subprocess
import sys
from pathlib import Path

import jax
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import bench

ENDINGS = ("json", "md", "png")
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = [
    path
    for path in sorted(BENCHMARKS.glob("*.py"))
    if "\ndef main(" in path.read_text() and "bench.parser(" in path.read_text()
]
# Those that need PyTorch or Keras are tried where these are: tests/peers/test_tries.py.
WITH_PEERS = [
    path
    for path in SCRIPTS
    if '"torch"' in path.read_text() or "bench.peer(" in path.read_text()
]
ALONE = [path for path in SCRIPTS if path not in WITH_PEERS]
# These look for a GPU in a process of their own.
LOOK_ELSEWHERE = ("lab_loop", "size", "sweep")


def run(path, *arguments):
    """Runs a script as a process of its own, as one does at a terminal."""
    command = [sys.executable, path, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def is_whole(path, folder, done):
    """Asserts that a try wrote all of its files, and that they say the same."""
    name = f"{path.stem}-quick"
    assert {of.name for of in folder.iterdir()} == {f"{name}.{end}" for end in ENDINGS}
    found = json.loads((folder / f"{name}.json").read_text())
    assert (found["schema"], found["benchmark"]) == (1, path.stem)
    assert found["quick"] and found["device"] == "cpu"
    assert found["machine"]["cores"] >= 1
    assert "jax" in found["machine"]["packages"]
    assert found["rows"] and all(row["values"] for row in found["rows"])
    page = (folder / f"{name}.md").read_text()
    assert page.startswith(done.stdout.rstrip())
    assert (folder / f"{name}.png").stat().st_size > 1000


def test_the_scripts_are_found():
    assert len(SCRIPTS) > 10
    assert BENCHMARKS / "smooth.py" in SCRIPTS


# In processes of their own: most have all cores as devices, which are as many as they
# are before JAX is used, and time a user's JAX, which checks less than that of tests.
@pytest.mark.slow
@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.stem)
def test_a_try_of_every_benchmark_writes_what_it_found(path, tmp_path):
    done = run(path, "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    is_whole(path, tmp_path, done)


# --- What needs no process ------------------------------------------------------------


@pytest.fixture
def call(monkeypatch):
    """Returns what calls a script's `main`, which ends the process, and its status."""
    kept = "jax_platforms", "jax_default_matmul_precision"
    before = {name: getattr(jax.config, name) for name in kept}

    def called(path, *arguments):
        monkeypatch.setattr(sys, "argv", [str(path)])
        with pytest.raises(SystemExit) as ended:
            importlib.import_module(path.stem).main([*map(str, arguments)])
        return ended.value.code

    yield called
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture
def is_refused(call, capfd):
    """Returns what asserts that a script ends with status 2, and says why."""

    def refused(path, *arguments):
        assert call(path, *arguments) == 2
        errors = capfd.readouterr().err
        assert "Traceback" not in errors
        said = [line for line in errors.splitlines() if line.startswith(path.name)]
        assert len(said) == 1, errors
        return said[0]

    return refused


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_benchmark_says_what_it_does_and_takes_the_options_of_all(
    path, call, capsys
):
    assert call(path, "--help") == 0
    said = capsys.readouterr().out
    for option in ("--quick", "--device", "--out"):
        assert option in said


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a GPU")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] * (path.stem in LOOK_ELSEWHERE))
        for path in SCRIPTS
    ],
    ids=lambda path: path.stem,
)
def test_a_device_that_is_not_there_ends_with_status_2(path, is_refused):
    said = is_refused(path, "--quick", "--device", "gpu")
    assert ": --device gpu: JAX finds none here" in said or "pip install" in said


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("descents", "torch"),
        ("lab_loop", "torch"),
        ("precision", "torch"),
        ("smooth", "pandas"),
        ("smooth", "polars"),
        ("update_step", "torch"),
    ],
)
def test_a_peer_that_is_missing_ends_with_status_2(name, peer, is_refused, monkeypatch):
    monkeypatch.setattr(bench, "start", lambda options, **cores: None)
    monkeypatch.setitem(sys.modules, peer, None)  # importing it fails
    said = is_refused(BENCHMARKS / f"{name}.py", "--quick")
    assert f"{peer} is not installed; pip install '.[peers]' brings it" in said


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_turns_at_all_end_with_status_2(path, is_refused):
    assert "--repeats" in is_refused(path, "--quick", "--repeats", 0)


@pytest.mark.parametrize(
    "name, arguments, why",
    [
        ("lab_accuracy", ("--seeds", 1), "--seeds: must be a whole number ≥ 2"),
        ("lab_accuracy", ("--epochs", 0), "--epochs: must be a whole number ≥ 1"),
        ("recipes", ("--seeds", 1), "--seeds: must be a whole number ≥ 2"),
        ("recipes", ("--only", "nothing"), "--only nothing: no recipe is called so"),
        ("progress_bar", ("--epochs", 5), "--epochs must be a multiple of 10"),
    ],
)
def test_a_count_or_a_name_that_measures_nothing_ends_with_status_2(
    name, arguments, why, is_refused
):
    path = BENCHMARKS / f"{name}.py"
    assert why in is_refused(path, "--quick", *arguments)
