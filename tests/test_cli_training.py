import contextlib
import csv
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from optax_lab import cli
from optax_lab.reporting import events
from optax_lab.studies import ledger

ROOT = Path(__file__).parents[1]
TINY = ["--epochs", "2", "--validation-size", "60", "--test-size", "60"]
PAIR = ["sgd", "adam(1e-3, b1=.8)"]


class Terminal(io.StringIO):
    """Keeps what is written to it, and calls itself a terminal."""

    def isatty(self):
        return True


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Makes a folder for all runs, with a cache of data of its own."""
    jax.devices()  # started first, so that no command changes how
    return tmp_path_factory.mktemp("home")


@contextlib.contextmanager
def living_in(home):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for name, value in variables(home).items():
            patch.setenv(name, value)
        yield


def variables(home):
    return {"OPTAX_LAB_CACHE": str(home / "cache"), "NO_COLOR": "1", "TERM": "xterm"}


@pytest.fixture
def lab(home, capsys):
    """Runs a command in this process, in that folder; returns code, out, err."""

    def run(*words):
        code = cli.main([str(word) for word in words])
        return code, *capsys.readouterr()

    with living_in(home):
        yield run


@pytest.fixture(scope="module")
def compared(home):
    """Compares two optimizers, with a terminal as stderr; returns code, out, err."""
    words = ["compare", *PAIR, "--seeds", "3", *TINY, "--out", "first"]
    out, err = io.StringIO(), Terminal()
    with (
        living_in(home),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = cli.main(words)
    return code, out.getvalue(), err.getvalue()


def start(home, *words, stderr=subprocess.PIPE):
    """Starts optax-lab as a process of its own in that folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "optax_lab", *map(str, words)],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables(home)},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def ends_of(folder):
    """Returns what every run of a study measured at its end, by its key."""
    with ledger.reading(folder / "study.db") as book:
        return {run.key: run.finals for run in book.records()}


def rows_of(folder):
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def scalars(folder):
    """Reads a run's event files: by tag, the steps and the values."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    found = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"]}
    return {tag: [(e.step, e.value) for e in found[tag]] for tag in found}


def test_compare_prints_a_table_and_the_next_command(compared):
    code, out, _ = compared
    assert code == 0
    assert "means over 3 seeds" in out
    assert "adam(b1=0.8)" in out
    assert "in points, first − second" in out
    assert "not separable" in out
    assert "ok: wrote first/" in out
    assert "--logdir first/tb --host 127.0.0.1" in out.splitlines()[-1]


def test_progress_is_shown_on_a_terminal_without_colour_if_so_asked(compared):
    _, out, shown = compared
    assert "6/6" in shown
    assert "\x1b[3" not in shown + out


def test_every_training_is_in_the_study_and_its_means_in_event_files(compared, home):
    with ledger.reading(home / "first/study.db") as book:
        records = book.records()
    names = ("sgd", "adam(b1=0.8)")
    found = {(run.optimizer, run.seed, run.role, run.status) for run in records}
    seeds = (100, 101, 102)
    assert found == {(name, s, "report", "ok") for name in names for s in seeds}
    rows = list(csv.DictReader((home / "first/runs.csv").read_text().splitlines()))
    assert len(rows) == 6
    for row in rows:
        (run,) = [run for run in records if run.key == row["key"]]
        assert float(row["accuracy/test"]) == run.finals["accuracy/test"]
        rate = 0.05 if "sgd" in row["optimizer"] else 1e-3
        assert float(row["learning_rate"]) == rate
    records.sort(key=lambda run: run.seed)
    of = lambda name: [run for run in records if run.optimizer == name]
    folders = {f"{n}_{k}": of(n) for n in names for k in ("default", "constant")}
    assert len(os.listdir(home / "first/tb")) == len(folders)
    for folder, runs in folders.items():
        read = scalars(home / "first/tb" / events.folder_name(folder))
        for tag in ("loss/train", "accuracy/validation"):
            curves = np.array([run.curves[tag] for run in runs])
            default = folder.endswith("_default")
            tag, values = (tag, curves[0]) if default else (f"reported/{tag}", curves)
            wanted = values if default else values.mean(axis=0)
            np.testing.assert_allclose([v for _, v in read[tag]], wanted, rtol=1e-5)


def test_the_summary_is_what_the_runs_say(compared, home):
    document = json.loads((home / "first/summary.json").read_text())
    with ledger.reading(home / "first/study.db") as book:
        records = book.records()
    for result in document["results_constant"]:
        of_it = [run for run in records if run.optimizer == result["optimizer"]]
        ends = [run.finals["accuracy/test"] for run in of_it]
        assert len(ends) == 3
        assert result["fresh test"] == pytest.approx(np.mean(ends))
        assert result["low"] < result["fresh test"] < result["high"]
        assert result["epochs to 99 %"] is None  # not within two epochs
        assert result["reached 99 %"] == 0
    (pair,) = document["pairs_constant"]
    best = max(document["results_constant"], key=lambda result: result["fresh test"])
    assert pair["first"] == best["optimizer"]
    assert pair["difference"] >= 0
    assert pair["verdict"] == "not separable"  # of three seeds


def test_the_manifest_says_what_ran_on_what(compared, home):
    found = manifest_of(home / "first")
    assert found["settings"]["optimizers"] == ["sgd(0.05)", "adam(0.001, b1=0.8)"]
    assert found["settings"]["seeds"] == 3
    assert found["device"]["platform"] == "cpu"
    assert found["device"]["count"] == jax.device_count()
    assert set(found["data"]) == {"train", "validation", "frozen_test", "test"}
    assert all(len(digest) == 64 for digest in found["data"].values())


@pytest.mark.slow
def test_a_manifest_repeats_a_comparison_to_the_bit(compared, lab, home):
    words = ["--config", "first/manifest.json", "--out", "again", "--json"]
    code, out, err = lab("compare", *words)
    assert code == 0
    assert err.splitlines()[0].startswith("ok: wrote again/")  # and no progress bar
    document = json.loads(out)
    assert document["folder"] == "again"
    first, again = (ends_of(home / name) for name in ("first", "again"))
    assert first == again


@pytest.mark.slow
@pytest.mark.filterwarnings("default::optax_lab.problems.digits.CacheWarning")
def test_train_repeats_a_paired_seed_though_the_data_cache_is_damaged(
    compared, lab, home
):
    for cached in (home / "cache").glob("*.npz"):
        cached.write_bytes(cached.read_bytes()[:1000])
    words = [PAIR[1], "--seed", 101, *TINY, "--out", "single", "--csv"]
    code, out, err = lab("train", *words)
    assert code == 0
    assert err.count("optax-lab: warning:") == 3
    assert "is damaged" in err
    ours = {row["split"]: row for row in csv.DictReader(out.splitlines())}
    assert set(ours) >= {"train", "validation", "test", "frozen_test"}
    with ledger.reading(home / "first/study.db") as book:
        of_it = [r for r in book.records() if r.optimizer.startswith("adam")]
    (run,) = [run for run in of_it if run.seed == 101]
    ends = {tag: float(curve[-1]) for tag, curve in run.curves.items()} | run.finals
    for split, row in ours.items():
        for metric in ("loss", "accuracy"):
            assert float(row[metric]) == ends[f"{metric}/{split}"]  # to the bit
    assert "200" in (home / "single/network.txt").read_text()
    assert (home / "single/learning_curves.png").stat().st_size > 10_000


@pytest.mark.slow
def test_what_an_observed_optimizer_keeps_is_in_the_event_files(compared, lab, home):
    words = ["observe(adam(1e-3, b1=.8))", "--seed", 100, *TINY, "--out", "observed"]
    code, out, _ = lab("train", *words)
    assert code == 0
    assert "observe(adam(0.001, b1=0.8))" in out
    (run,) = (home / "observed/tb").iterdir()
    read, rows = scalars(run), rows_of(home / "observed")
    names = ("momentum_cosine", "unchanged", "update_ratio")
    for name in ("gradient_norm", "update_norm", *names):
        found = [float(row["value"]) for row in rows if row["metric"] == name]
        wanted = list(zip((1, 2), found, strict=True))
        np.testing.assert_allclose(read[f"optimizer/{name}"], wanted, rtol=1e-6)
    # Nothing else is other than without it.
    name = events.folder_name("adam(b1=0.8)_default")
    plain = scalars(home / "first/tb" / name)
    assert set(read) == set(plain) | {f"optimizer/{name}" for name in names}
    np.testing.assert_allclose(read["loss/train"], plain["loss/train"], rtol=1e-5)


@pytest.mark.slow
def test_a_process_takes_every_core_and_shows_its_progress_on_a_terminal(home):
    ours, theirs = pty.openpty()
    words = ["compare", "sgd", "--seeds", 3, *TINY, "--out", "cores"]
    process = start(home, *words, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    out, _ = process.communicate()
    assert process.returncode == 0
    assert "3/3" in shown.decode()
    assert "\x1b[3" not in shown.decode() + out
    device = manifest_of(home / "cores")["device"]
    assert device["count"] == len(os.sched_getaffinity(0))
    assert len(ends_of(home / "cores")) == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_was_finished_survives_being_stopped(home, number):
    folder = home / f"stopped{int(number)}"
    words = ["compare", "sgd", "--seeds", 5000, *TINY, "--out", folder.name]
    process = start(home, *words)
    done = lambda: (folder / "study.db").exists() and seeds_of(folder)
    while not done():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    out, _ = process.communicate()
    found = manifest_of(folder)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert found["status"] == "interrupted"
        assert "interrupted: wrote" in out
        assert f"--out {folder.name} --resume" in out
    else:
        assert found["status"] == "running"
    seeds = sorted(seeds_of(folder))
    assert seeds == list(range(100, 100 + len(seeds)))
    assert 0 < len(seeds) < 5000


def seeds_of(folder):
    with (
        contextlib.suppress(ValueError),  # it is being made
        ledger.reading(folder / "study.db") as book,
    ):
        return [run.seed for run in book.records()]


def test_a_diverged_training_is_a_row_and_exit_code_1(lab, home):
    words = ["train", "sgd(1e30)", "--json", "--lab", "--out", "gone", *TINY]
    code, out, _ = lab(*words, "--batch-size", 1000)
    document = json.loads(out)
    assert code == 1
    assert document["status"] == manifest_of(home / "gone")["status"] == "diverged"
    splits = {row["split"]: row for row in document["results"]}
    assert splits["frozen_test"]["loss"] is None
    assert "validation" not in splits  # the lab has none
    assert manifest_of(home / "gone")["settings"]["lab"] is True


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "compare"])
def test_an_optimizer_is_judged_where_its_state_says(lab, home, command):
    # The slow weights stay at the start as long as nothing is synchronised.
    folder = home / f"slow_{command}"
    words = [command, "lookahead(sgd(.1), 100000, .5)", *TINY, "--out", folder.name]
    code, _, err = lab(*words, *(["--seeds", 1] if command == "compare" else []))
    assert code == 0, err
    if command == "compare":
        with ledger.reading(folder / "study.db") as book:
            (run,) = book.records()
        curves = {tag: curve.tolist() for tag, curve in run.curves.items()}
    else:
        losses = [row for row in rows_of(folder) if row["metric"] == "loss"]
        splits = ("validation", "train")
        of = lambda split: [row["value"] for row in losses if row["split"] == split]
        curves = {f"loss/{split}": of(split) for split in splits}
    first, second = curves["loss/validation"]
    assert first == second
    assert len(set(curves["loss/train"])) == 2
