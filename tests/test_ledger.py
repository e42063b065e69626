import csv
import json
import math
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from optax_lab import cli
from optax_lab.studies import ledger

ROOT = Path(__file__).parents[1]
PLAN = {"facts": {"problem": "tiny", "epochs": 3}, "optimizers": ["sgd"]}


def record(seed=0, **changes):
    fields = {
        "key": ledger.key_of({"seed": seed}),
        "optimizer": "sgd",
        "role": "tune",
        "point": 2,
        "schedule": "constant",
        "seed": seed,
        "hypers": {"learning_rate": float(np.float32(0.1))},
        "status": "ok",
        "error": "",
        "run_seconds": 1.5,
        "finals": {"loss/test": 0.25, "accuracy/test": 0.5},
        "curves": {"loss/train": np.array([3.0, 2.0, 1.0], np.float32)},
    }
    return ledger.Record(**(fields | changes))


def same(one, other):
    assert one._replace(curves={}) == other._replace(curves={})
    assert one.curves.keys() == other.curves.keys()
    for tag, values in one.curves.items():
        np.testing.assert_array_equal(values, other.curves[tag])


def test_what_is_written_is_read_back(tmp_path):
    runs = sorted((record(seed) for seed in range(5)), key=lambda r: r.key)
    with ledger.opened(tmp_path / "study.db", PLAN) as book:
        book.write(runs[:3])
        book.write(runs[3:])
    with ledger.reading(tmp_path / "study.db") as book:
        assert book.plan == PLAN
        for one, other in zip(book.records(), runs, strict=True):
            same(one, other)


def test_numbers_that_are_not_finite_come_back(tmp_path):
    finals = {"a": math.nan, "b": math.inf, "c": -math.inf}
    curves = {"loss/train": np.array([1, np.nan, np.inf], np.float32)}
    with ledger.opened(tmp_path / "study.db", PLAN) as book:
        book.write([record(finals=finals, curves=curves)])
        (found,) = book.records()
    assert math.isnan(found.finals["a"])
    assert (found.finals["b"], found.finals["c"]) == (math.inf, -math.inf)
    np.testing.assert_array_equal(found.curves["loss/train"], curves["loss/train"])


def test_a_run_that_is_written_again_replaces_itself(tmp_path):
    with ledger.opened(tmp_path / "study.db", PLAN) as book:
        book.write([record(status="failed", error="no", finals={"x": 1.0}, curves={})])
        book.write([record()])
        (found,) = book.records()
    same(found, record())


def test_the_runs_that_are_done_are_known_by_their_keys(tmp_path):
    with ledger.opened(tmp_path / "study.db", PLAN) as book:
        book.write([record(0), record(1, status="failed")])
        assert book.keys() == {record(0).key, record(1).key}
        assert book.keys("ok", "diverged") == {record(0).key}


def test_a_key_is_of_all_facts_and_not_of_their_order():
    one = ledger.key_of({"seed": 1, "space": {"b1": 0.5, "a": 2}})
    assert one == ledger.key_of({"space": {"a": 2, "b1": 0.5}, "seed": 1})
    assert one != ledger.key_of({"seed": 2, "space": {"b1": 0.5, "a": 2}})
    assert len(one) == 64


def test_all_runs_of_a_write_are_there_or_none(tmp_path):
    broken = record(1, finals={"loss/test": "not a number"})
    with ledger.opened(tmp_path / "study.db", PLAN) as book:
        with pytest.raises(ValueError, match="could not convert"):
            book.write([record(0), broken])
        assert book.records() == []


def test_a_plan_may_grow_and_its_facts_may_not_change(tmp_path):
    path = tmp_path / "study.db"
    with ledger.opened(path, PLAN) as book:
        book.write([record()])
    more = PLAN | {"optimizers": ["sgd", "adam"]}
    with ledger.opened(path, more) as book:
        assert book.plan == more
        assert len(book.records()) == 1
    other = {"facts": {"problem": "tiny", "epochs": 4}}
    with (
        pytest.raises(ValueError, match="is another study: epochs was 3, is 4"),
        ledger.opened(path, other),
    ):
        pass


def test_a_second_process_is_told_that_the_first_is_there(tmp_path):
    path = tmp_path / "study.db"
    with ledger.opened(path, PLAN) as book:
        book.write([record()])
        with (
            pytest.raises(ValueError, match="another process is at this study"),
            ledger.opened(path, PLAN),
        ):
            pass
        with ledger.reading(path) as reader:  # which disturbs nobody
            assert len(reader.records()) == 1
    with ledger.opened(path, PLAN):
        pass


@pytest.mark.parametrize(("version", "age"), [(0, "an older"), (99, "a newer")])
def test_a_file_of_another_version_says_so(tmp_path, version, age):
    path = tmp_path / "study.db"
    with ledger.opened(path, PLAN):
        pass
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with (
        pytest.raises(ValueError, match=f"{age} version of optax_lab wrote it"),
        ledger.reading(path),
    ):
        pass


def test_what_is_no_study_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and they are long enough to be read" * 20)
    before = path.read_bytes()
    with (
        pytest.raises(ValueError, match="not a study's file"),
        ledger.opened(path, PLAN),
    ):
        pass
    assert path.read_bytes() == before
    with (
        pytest.raises(ValueError, match="no such study"),
        ledger.reading(tmp_path / "nowhere.db"),
    ):
        pass


WRITER = """
import sys
sys.path.insert(0, "tests")
from test_ledger import PLAN, record
from optax_lab.studies import ledger

with ledger.opened(sys.argv[1], PLAN) as book:
    for pair in range(10_000):
        book.write([record(2 * pair), record(2 * pair + 1)])
        print(pair, flush=True)
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_what_it_said_was_written_and_nothing_half(tmp_path):
    path = tmp_path / "study.db"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        said = [run.stdout.readline() for _ in range(20)]
        time.sleep(0.02)
        run.send_signal(signal.SIGKILL)
        said += run.stdout.read().splitlines()
    with ledger.opened(path, PLAN) as book:  # the lock went with the process
        found = {r.seed for r in book.records()}
    assert len(said) <= len(found) // 2 <= len(said) + 1
    assert found == set(range(len(found)))
    assert len(found) % 2 == 0


def test_a_study_is_exported_as_plain_files_with_every_number(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    runs = [record(0), record(1, hypers={"learning_rate": 0.5, "b1": 0.25})]
    with ledger.opened(tmp_path / "here/study.db", PLAN) as book:
        book.write(runs)
    assert cli.main(["export", "here", "--out", "out"]) == 0
    assert "2 runs" in capsys.readouterr().out
    text = lambda name: (tmp_path / "out" / name).read_text().splitlines()
    read = lambda name: list(csv.DictReader(text(name)))
    rows = {row["key"]: row for row in read("runs.csv")}
    assert float(rows[runs[1].key]["b1"]) == 0.25
    assert rows[runs[0].key]["b1"] == ""
    assert rows[runs[0].key]["status"] == "ok"
    curve = [r for r in read("curves.csv") if r["key"] == runs[0].key]
    assert [(r["epoch"], float(r["value"])) for r in curve] == [
        ("1", 3.0),
        ("2", 2.0),
        ("3", 1.0),
    ]
    assert len(read("finals.csv")) == 4
    assert json.loads((tmp_path / "out/study.json").read_text()) == PLAN


def test_what_is_no_study_is_not_exported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["export", "nowhere", "--out", "out"]) == 2
    assert "no such study" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
