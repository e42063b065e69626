# Every benchmark runs for a try, as a process of its own, and writes what it found.

import json
import subprocess
import sys
from pathlib import Path

import pytest

ENDINGS = ("json", "md", "png")
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = [
    path
    for path in sorted(BENCHMARKS.glob("*.py"))
    if "\ndef main(" in path.read_text() and "bench.parser(" in path.read_text()
]


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


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_benchmark_says_what_it_does_and_takes_the_options_of_all(path):
    done = run(path, "--help")
    assert done.returncode == 0, done.stderr
    for option in ("--quick", "--device", "--out"):
        assert option in done.stdout


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_try_of_every_benchmark_writes_what_it_found(path, tmp_path):
    done = run(path, "--quick", "--out", tmp_path)
    if done.returncode == 2 and "pip install" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    is_whole(path, tmp_path, done)


def is_refused(path, *arguments):
    """Asserts that a script ends with status 2, and returns the line that says why."""
    done = run(path, *arguments)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith(path.name)]
    assert len(said) == 1, done.stderr
    return said[0]


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a GPU")
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_device_that_is_not_there_ends_with_status_2(path):
    said = is_refused(path, "--quick", "--device", "gpu")
    assert ": --device gpu: JAX finds none here" in said or "pip install" in said


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_turns_at_all_end_with_status_2(path):
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
    name, arguments, why
):
    assert why in is_refused(BENCHMARKS / f"{name}.py", "--quick", *arguments)
