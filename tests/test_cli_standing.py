# How the runs in folders stand: what lives, what ended, and what was killed.

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from optax_lab import cli, expressions, names
from optax_lab.cli import output, standing
from optax_lab.cli.settings import Descend, Export

ROOT = Path(__file__).parents[1]
SLEEPS = """
import pathlib, sys, time
from optax_lab.cli import standing
with standing.locked(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


def folder(path, status="running", **more):
    """Makes what a run leaves."""
    path.mkdir(parents=True)
    told = {"schema": 1, "command": "descend", "argv": [], "status": status}
    (path / "manifest.json").write_text(json.dumps(told | more))
    return path


def test_a_run_that_is_killed_is_gone_and_until_then_it_is_running(tmp_path):
    place = folder(tmp_path / "a")
    command = [sys.executable, "-c", SLEEPS, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as run:
        run.stdout.readline()
        assert standing.of(place)["status"] == "running"
        with pytest.raises(ValueError, match="a: a run is going on there"):
            output.check(Descend(out=place, force=True))
        run.send_signal(signal.SIGKILL)
    assert standing.of(place)["status"] == "gone"
    output.check(Descend(out=place, force=True))  # may have it


@pytest.mark.parametrize("status", ["ok", "interrupted", "failed", "diverged"])
def test_a_run_that_ended_stands_as_it_says(tmp_path, status):
    assert standing.of(folder(tmp_path / "a", status))["status"] == status


def test_one_folder_is_locked_by_one_run_at_a_time(tmp_path):
    with (
        standing.locked(tmp_path),
        pytest.raises(ValueError, match="a run is going on there"),
        standing.locked(tmp_path),
    ):
        pass
    assert not standing.is_running(tmp_path)


def test_info_lists_the_runs_of_this_folder_the_last_one_first(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "runs/first", "ok", started="2026-01-01T00:00:00+00:00")
    folder(tmp_path / "runs/second", started="2026-01-02T00:00:00+00:00")
    for name, text in (("odd", "["), ("list", "[]")):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "manifest.json").write_text(text)
    jax.devices()
    assert cli.main(["info", "--json"]) == 0
    out = capsys.readouterr().out
    rows = [(row["folder"], row["status"]) for row in json.loads(out)["runs"]]
    assert rows == [("second", "gone"), ("first", "ok")]
    assert " at 0x" not in out  # of functions
    assert cli.main(["info"]) == 0
    assert " at 0x" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b", "plain"])
def test_a_name_with_any_character_is_one_cell_of_a_file(tmp_path, name):
    rows = [{"name": name, "value": 1}, {"name": "other", "value": 2}]
    output.append(tmp_path / "a.csv", rows)
    with (tmp_path / "a.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["name"] for row in read] == [name, "other"]
    assert list(csv.reader(io.StringIO(output.to_csv(rows), newline="")))[1][0] == name


def test_export_takes_its_study_from_a_manifest(tmp_path, capsys):
    told = {"schema": 1, "command": "export", "argv": [], "status": "ok"}
    told["settings"] = {"study": str(tmp_path / "study.db")}
    (tmp_path / "manifest.json").write_text(json.dumps(told))
    found = cli._parse(["export", "--config", str(tmp_path / "manifest.json")])
    assert isinstance(found, Export) and found.study == tmp_path / "study.db"
    assert cli.main(["export"]) == 2
    assert "name the study's folder, or its file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["queue", "statistics", "random"])
def test_a_file_that_is_called_as_a_module_of_pythons_is_refused(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{name}.py").write_text("def mine(learning_rate=0.1): ...")
    with pytest.raises(ValueError, match=rf"{name} is .* own: rename your {name}\.py"):
        names.optimizer(f"{name}:mine")
    with pytest.raises(ValueError, match=r"does not import|unknown name"):
        names.optimizer("colorsys:mine")  # where there is no such file


def test_a_declared_range_that_an_optimizer_does_not_take_is_refused(monkeypatch):
    from optax_lab.cli import candidates
    from optax_lab.optimizers import table
    from optax_lab.studies import plan

    smoke = plan.BUDGETS["smoke"]
    adam = expressions.optimizers(["adam"]), [], smoke
    momentum = expressions.optimizers(["momentum"]), ["decays=.5:.9"], smoke
    entry = table.OPTIMIZERS["adam"]
    misspelt = entry._replace(space=entry.space | {"beta1": (0.5, 0.9)})
    monkeypatch.setitem(table.OPTIMIZERS, "adam", misspelt)
    with pytest.raises(ValueError, match="the space of adam has beta1, which it does"):
        candidates.candidates(*adam)
    with pytest.raises(ValueError, match=r"takes it; did you mean decay "):
        candidates.candidates(*momentum)
