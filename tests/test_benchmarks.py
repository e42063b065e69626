# Every benchmark runs for a try, as a process of its own, and writes what it found.

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
    found = json.loads((folder / f"{path.stem}.json").read_text())
    assert (found["schema"], found["benchmark"]) == (1, path.stem)
    assert found["quick"] and found["device"] == "cpu"
    assert found["machine"]["cores"] >= 1
    assert "jax" in found["machine"]["packages"]
    assert found["rows"] and all(row["values"] for row in found["rows"])
    page = (folder / f"{path.stem}.md").read_text()
    assert page.startswith(done.stdout.rstrip())
    assert (folder / f"{path.stem}.png").stat().st_size > 1000


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


def test_a_device_that_is_not_there_ends_with_status_2():
    done = run(BENCHMARKS / "import_time.py", "--quick", "--device", "gpu")
    if done.returncode == 0:
        pytest.skip("there is a GPU")
    assert done.returncode == 2
    assert done.stderr.startswith("import_time.py: --device gpu: JAX finds none here")
    assert "Traceback" not in done.stderr
