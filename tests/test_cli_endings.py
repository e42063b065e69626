# However a command ends, its exit code and its manifest say so.

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from optax_lab import cli
from optax_lab.cli import ewma, output

STOPPED = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.fixture(autouse=True)
def _in_the_foreground():
    """Takes signals as a shell's own commands do; those behind may ignore some."""
    usual = [signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL]
    numbers = [number for number, _ in STOPPED]
    before = list(map(signal.signal, numbers, usual))
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), STOPPED)
def test_a_signal_that_ends_a_command_is_told_and_what_was_done_is_kept(
    number, code, tmp_path, monkeypatch, capsys
):
    def run(settings, argv):
        with output.opened(settings, argv) as folder:
            (folder.path / "half.txt").write_text("done")
            signal.raise_signal(number)
            raise AssertionError("it went on")
        return output.report(settings, [], folder)

    monkeypatch.setattr(ewma, "run", run)
    before = [signal.getsignal(n) for n, _ in STOPPED]
    assert cli.main(["ewma", "--out", str(tmp_path / "run")]) == code
    assert [signal.getsignal(n) for n, _ in STOPPED] == before
    told = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert told["status"] == "interrupted" and told["ended"]
    assert (tmp_path / "run" / "half.txt").exists()
    assert "half.txt" in capsys.readouterr().out


def test_a_signal_that_is_ignored_as_by_nohup_ends_nothing(monkeypatch):
    def run(settings, argv):
        signal.raise_signal(signal.SIGHUP)
        return 0

    monkeypatch.setattr(ewma, "run", run)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert cli.main(["ewma"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_ends_a_job_in_the_background_which_ignores_ctrl_c(monkeypatch):
    monkeypatch.setattr(ewma, "run", lambda *_: signal.raise_signal(signal.SIGTERM))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert cli.main(["ewma"]) == 143
    finally:
        signal.signal(signal.SIGINT, before)


ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}


def ended(arguments, folder, stdout, **variables):
    """Runs optax-lab as a process of its own, whose stdout goes somewhere."""
    command = [sys.executable, "-m", "optax_lab", *arguments]
    pipes = {"stdout": stdout, "stderr": subprocess.PIPE}
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT | variables, **pipes)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_unicode_is_printed_what_it_can_show(encoding, tmp_path):
    for arguments in (["--help"], ["ewma", "--decay", ".9"], ["info"]):
        pipe = subprocess.PIPE
        done = ended(arguments, tmp_path, pipe, PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr.decode(encoding)) == (0, "")
        assert done.stdout.decode(encoding).strip()


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device here")
def test_results_that_cannot_be_printed_end_with_1_and_a_line_and_are_kept(tmp_path):
    with open("/dev/full", "w") as full:
        done = ended(["ewma", "--out", "run"], tmp_path, full)
    assert done.returncode == 1
    assert b"results could not be printed: No space left" in done.stderr
    assert b"Traceback" not in done.stderr
    assert json.loads((tmp_path / "run/manifest.json").read_text())["status"] == "ok"


@pytest.mark.slow
def test_a_command_without_a_stdout_does_its_work(tmp_path):
    command = f"{sys.executable} -m optax_lab ewma --out run >&-"
    given = {"shell": True, "cwd": tmp_path, "env": ENVIRONMENT}
    done = subprocess.run(command, capture_output=True, **given)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "run/summary.json").exists()
