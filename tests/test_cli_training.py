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
    assert "mean ± 95 % interval over 3 seeds" in out
    assert "adam(0.001, b1=0.8)" in out
    assert "over paired seeds" in out
    assert "separable" in out
    assert "ok: wrote first/" in out
    assert "--logdir first/tb --host 127.0.0.1" in out.splitlines()[-1]


def test_progress_is_shown_on_a_terminal_without_colour_if_so_asked(compared):
    _, out, shown = compared
    assert "12/12" in shown
    assert "\x1b[3" not in shown + out


def test_every_training_has_its_rows_and_its_event_files(compared, home):
    rows = rows_of(home / "first")
    runs = sorted({row["run"] for row in rows})
    labels = ("adam_b1=0.8_lr=0.001", "sgd_lr=0.05")
    assert runs == [f"{label}_seed={seed}" for label in labels for seed in range(3)]
    assert sorted(os.listdir(home / "first/tb")) == runs
    for run in runs:
        read = scalars(home / "first/tb" / run)
        for tag in ("loss/train", "accuracy/validation", "accuracy/frozen_test"):
            metric, split = tag.split("/")
            wanted = [
                (int(row["epoch"]), float(row["value"]))
                for row in rows
                if (row["run"], row["metric"], row["split"]) == (run, metric, split)
            ]
            np.testing.assert_allclose(read[tag], wanted, rtol=1e-6)
        assert len(read["loss/train"]) == 2
        assert len(read["accuracy/test"]) == 1


def test_the_summary_is_what_the_rows_say(compared, home):
    rows = rows_of(home / "first")
    document = json.loads((home / "first/summary.json").read_text())
    for result in document["results"]:
        ends = [
            float(row["value"])
            for row in rows
            if row["optimizer"] == result["optimizer"]
            and (row["metric"], row["split"]) == ("accuracy", "test")
        ]
        assert len(ends) == result["runs"] == 3
        assert result["test_mean"] == pytest.approx(np.mean(ends))
        assert result["test_low"] < result["test_mean"] < result["test_high"]
        assert result["epochs_to_99"] is None  # not within two epochs
    (pair,) = document["pairs"]
    best = max(document["results"], key=lambda result: result["test_mean"])
    assert pair["first"] == best["optimizer"]
    assert pair["difference"] >= 0
    crosses = pair["low"] <= 0 <= pair["high"]
    assert ("not separable" in pair["verdict"]) == crosses


def test_the_manifest_says_what_ran_on_what(compared, home):
    found = manifest_of(home / "first")
    assert found["settings"]["optimizers"] == ["sgd(0.05)", "adam(0.001, b1=0.8)"]
    assert found["seeds"] == [0, 1, 2]
    assert found["device"]["platform"] == "cpu"
    assert found["device"]["count"] == jax.device_count()
    assert set(found["data"]) >= {"full_train", "frozen_test", "test"}
    assert all(len(digest) == 64 for digest in found["data"].values())


@pytest.mark.slow
def test_a_manifest_repeats_a_comparison_to_the_bit(compared, lab, home):
    words = ["--config", "first/manifest.json", "--out", "again", "--json"]
    code, out, err = lab("compare", *words)
    assert code == 0
    assert err.splitlines()[0].startswith("ok: wrote again/")  # and no progress bar
    document = json.loads(out)
    assert document["folder"] == "again"
    first, again = (home / name / "metrics.csv" for name in ("first", "again"))
    assert first.read_bytes() == again.read_bytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("default::optax_lab.problems.digits.CacheWarning")
def test_train_repeats_a_paired_seed_though_the_data_cache_is_damaged(
    compared, lab, home
):
    for cached in (home / "cache").glob("*.npz"):
        cached.write_bytes(cached.read_bytes()[:1000])
    words = [PAIR[1], "--seed", 1, *TINY, "--out", "single", "--csv"]
    code, out, err = lab("train", *words)
    assert code == 0
    assert err.count("optax-lab: warning:") == 3
    assert "is damaged" in err
    ours = {row["split"]: row for row in csv.DictReader(out.splitlines())}
    assert set(ours) >= {"train", "validation", "test", "frozen_test"}
    run = "adam_b1=0.8_lr=0.001_seed=1"
    wanted = [row for row in rows_of(home / "first") if row["run"] == run]
    assert sorted(map(str, rows_of(home / "single"))) == sorted(map(str, wanted))
    assert "200" in (home / "single/network.txt").read_text()
    assert (home / "single/learning_curves.png").stat().st_size > 10_000


@pytest.mark.slow
def test_what_an_observed_optimizer_keeps_is_in_the_event_files(compared, lab, home):
    words = ["observe(adam(1e-3, b1=.8))", "--seed", 1, *TINY, "--out", "observed"]
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
    plain = scalars(home / "first/tb/adam_b1=0.8_lr=0.001_seed=1")
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
    assert "6/6" in shown.decode()
    assert "\x1b[3" not in shown.decode() + out
    device = manifest_of(home / "cores")["device"]
    assert device["count"] == len(os.sched_getaffinity(0))
    assert len({row["run"] for row in rows_of(home / "cores")}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_was_finished_survives_being_stopped(home, number):
    folder = home / f"stopped{int(number)}"
    words = ["compare", "sgd", "--seeds", 5000, *TINY, "--out", folder.name]
    process = start(home, *words)
    while not (folder / "metrics.csv").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    out, _ = process.communicate()
    code = process.returncode
    found = manifest_of(folder)
    if number == signal.SIGINT:
        assert code == 130
        assert found["status"] == "interrupted"
        assert "interrupted: wrote" in out
    else:
        assert found["status"] == "running"
    rows = rows_of(folder)
    seeds = sorted({int(row["seed"]) for row in rows})
    assert seeds == list(range(len(seeds)))
    assert 0 < len(seeds) < 5000
    for seed in seeds:
        mine = [row for row in rows if int(row["seed"]) == seed]
        assert len(mine) == len(rows) / len(seeds)
        read = scalars(folder / "tb" / mine[0]["run"])
        assert sum(map(len, read.values())) == len(mine)


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
@pytest.mark.parametrize("words", [["train"], ["compare", "--seeds", 1]])
def test_an_optimizer_is_judged_where_its_state_says(lab, home, words):
    # The slow weights stay at the start as long as nothing is synchronised.
    folder = home / f"slow_{words[0]}"
    words = [*words, "lookahead(sgd(.1), 100000, .5)", *TINY, "--out", folder.name]
    code, _, err = lab(*words)
    assert code == 0, err
    losses = [row for row in rows_of(folder) if row["metric"] == "loss"]
    of = lambda split: [row["value"] for row in losses if row["split"] == split]
    first, second = of("validation")
    assert first == second
    assert len(set(of("train"))) == 2
