import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from optax_lab import cli
from optax_lab.cli import manifest

ROOT = Path(__file__).parents[1]
COMMANDS = (
    "ewma",
    "descend",
    "train",
    "compare",
    "export",
    "anatomy",
    "explain",
    "check",
    "info",
)
HEAVY = {"jax", "optax", "flax", "matplotlib", "tensorboardX", "scipy", "numpy"}


@pytest.fixture(scope="module", autouse=True)
def started():
    """Starts JAX first, so that a command run in this process changes nothing of it."""
    jax.devices()


@pytest.fixture
def lab(tmp_path, monkeypatch, capsys):
    """Runs a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def process(*words, cwd, **environment):
    """Runs optax-lab as a process of its own."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", "optax_lab", *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, text=True, check=False
    )


def read_csv(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def read_manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


@pytest.mark.slow
def test_help_loads_nothing_heavy():
    code = (
        "import sys; from optax_lab import cli; code = cli.main(['--help']);"
        f"print(code, sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "0 []"
    for command in COMMANDS:
        assert command in done.stdout


@pytest.mark.slow
def test_it_runs_as_a_module_and_says_what_is_missing(tmp_path):
    done = process(cwd=tmp_path)
    assert done.returncode == 2
    assert "compare" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(lab, command):
    code, out, _ = lab(command, "--help")
    assert code == 0
    assert "--json" in out
    assert command == "info" or f"Example: optax-lab {command}" in out


def test_ewma_leaves_its_numbers_its_figure_and_its_manifest(lab, tmp_path):
    code, out, err = lab("ewma", "--decay", ".9", ".5", "--n", 50, "--out", "here")
    assert (code, err) == (0, "")
    assert "debiased β=0.9" in out
    assert "wrote here/ (manifest.json, metrics.csv, smoothing.png" in out
    rows = read_csv(tmp_path / "here/metrics.csv")
    assert len(rows) == 50
    samples = [float(row["noisy"]) for row in rows]
    half = [float(row["raw β=0.5"]) for row in rows]
    assert half[1] == pytest.approx(samples[0] / 4 + samples[1] / 2, rel=1e-12)
    found = read_manifest(tmp_path / "here")
    assert found["status"] == "ok"
    assert found["settings"]["decay"] == [0.9, 0.5]
    assert found["argv"][0] == "ewma"
    assert found["ended"] >= found["started"]


def test_descend_as_the_lab_takes_the_labs_steps(lab, tmp_path):
    code, out, _ = lab("descend", "--lab", "--json", "--out", "here")
    assert code == 0
    document = json.loads(out)
    steps = [row["steps"] for row in document["results"]]
    assert steps == [1844, 1829, 12, 117]
    assert document["results"][0]["x1"] == pytest.approx(-4.98595242e-02, rel=1e-8)
    rows = read_csv(tmp_path / "here/metrics.csv")
    assert len(rows) == sum(steps) + len(steps)
    assert (tmp_path / "here/surface.png").stat().st_size > 10_000
    resolved = read_manifest(tmp_path / "here")["settings"]
    assert (resolved["stop"], resolved["tolerance"]) == ("step", 1e-4)
    assert resolved["start"] == [-2.0, -2.0]
    assert resolved["optimizers"][1] == "momentum(0.1, decay=0.9)"


def test_a_diverged_descent_is_a_row_and_exit_code_1(lab):
    code, out, err = lab("descend", "sgd(11)", "sgd(1)", "--csv")
    assert code == 1
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["status"] for row in rows] == ["diverged", "converged"]
    assert "diverged: wrote runs/descend-" in err


def test_json_has_null_where_a_number_is_not_finite(lab):
    _, out, _ = lab("descend", "sgd(11)", "--json")
    assert json.loads(out)["results"][0]["value"] is None


def test_a_failing_optimizer_leaves_the_others_their_results(lab, tmp_path):
    broken = "import optax\ndef f():\n    return optax.GradientTransformation(1, 1)"
    (tmp_path / "failing_optim.py").write_text(broken)
    code, out, err = lab("descend", "failing_optim:f", "sgd", "--out", "here")
    assert code == 1
    assert "failing_optim:f failed: TypeError" in err
    assert "sgd(0.05)" in out
    assert "Traceback" in (tmp_path / "here/errors.txt").read_text()
    assert read_manifest(tmp_path / "here")["status"] == "failed"


def test_a_manifest_runs_its_command_again_and_options_override_it(lab, tmp_path):
    words = ["descend", "adam(.2)", "--surface", "quadratic(rotation=10)", "--steps", 9]
    assert lab(*words, "--out", "a")[0] == 0
    code, _, err = lab("descend", "--config", "a/manifest.json", "--out", "b")
    assert (code, err) == (0, "")
    first, second = tmp_path / "a", tmp_path / "b"
    for name in ("metrics.csv", "summary.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert read_manifest(first)["settings"] == read_manifest(second)["settings"]
    lab("descend", "--config", "a/manifest.json", "--steps", 4, "--out", "c")
    assert len(read_csv(tmp_path / "c/metrics.csv")) == 5


def test_a_replay_says_what_is_not_as_it_was(lab, tmp_path):
    lab("ewma", "--n", 9, "--out", "a")
    found = read_manifest(tmp_path / "a")
    found["versions"]["jax"] = "0.0.1"
    manifest.write(tmp_path / "old.json", found)
    code, _, err = lab("ewma", "--config", "old.json")
    assert code == 0
    assert f"jax was 0.0.1, is {jax.__version__}" in err


def test_force_replaces_a_run_and_nothing_else(lab, tmp_path):
    assert lab("ewma", "--n", 9, "--out", "a")[0] == 0
    (tmp_path / "a/notes.md").write_text("mine")
    (tmp_path / "a/surface.png").write_text("of an earlier run")
    assert lab("ewma", "--n", 7, "--out", "a")[0] == 2
    assert lab("ewma", "--n", 7, "--out", "a", "--force")[0] == 0
    assert len(read_csv(tmp_path / "a/metrics.csv")) == 7
    assert (tmp_path / "a/notes.md").exists()
    assert not (tmp_path / "a/surface.png").exists()


def test_force_leaves_alone_what_only_looks_like_a_run(lab, tmp_path):
    (tmp_path / "site").mkdir()
    for name in ("manifest.json", "package.json"):
        (tmp_path / "site" / name).write_text('{"name": "a web page"}')
    code, _, err = lab("ewma", "--n", 7, "--out", "site", "--force")
    assert code == 2
    assert "holds no run" in err
    assert (tmp_path / "site/package.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["", "--json"])
def test_a_reader_that_leaves_changes_nothing_of_the_exit_code(how, tmp_path):
    line = f"{sys.executable} -m optax_lab info {how} | true; echo ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(["bash", "-c", line], check=True, **run)
    assert done.stdout == "0\n"
    assert "Traceback" not in done.stderr


def test_two_runs_in_the_same_second_have_two_folders(lab, tmp_path):
    for _ in range(3):
        assert lab("ewma", "--n", 5)[0] == 0
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_info_lists_what_there_is(lab, tmp_path):
    code, out, _ = lab("info", "--json")
    assert code == 0
    document = json.loads(out)
    names = [row["name"] for row in document["optimizers"]]
    assert {"sgd", "adam"} <= set(names)
    assert "cautious(inner)" in [row["name"] for row in document["wrappers"]]
    assert document["surfaces"][0]["start"] == [-2.0, -2.0]
    machine = {row["name"]: row["value"] for row in document["machine"]}
    assert machine["jax"] == jax.__version__
    assert "cache" in machine
    assert "adamw" in lab("info")[1]
    assert list(tmp_path.iterdir()) == []
