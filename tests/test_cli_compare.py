import json
import shlex
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from optax_lab import cli, expressions
from optax_lab.cli import candidates
from optax_lab.runs import training
from optax_lab.studies import compare, execute, ledger, study
from optax_lab.studies.plan import BUDGETS
from tests.tiny import data

SMALL = ("--epochs", "1", "--validation-size", "100", "--test-size", "200")

SMOKE = BUDGETS["smoke"]


@pytest.fixture(scope="module", autouse=True)
def started():
    jax.devices()


@pytest.fixture
def lab(tmp_path, monkeypatch, capsys):
    """Runs `compare --budget smoke` in this process: (exit code, JSON, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        command = ["compare", *map(str, words), "--budget", "smoke", "--json"]
        code = cli.main(command)
        out, err = capsys.readouterr()
        return code, json.loads(out) if code != 2 else None, err

    return run


@pytest.mark.slow
def test_a_study_is_searched_reported_checked_and_gone_on_with(lab, tmp_path):
    broken = "def f(learning_rate):\n    return optax.GradientTransformation(1, 1)\n"
    (tmp_path / "broken_optim.py").write_text(f"import optax\n{broken}")
    words = ("sgd", "adam", "broken_optim:f", "--out", "here", *SMALL)
    code, found, err = lab(*words)
    folder = tmp_path / "here"
    assert code == 1  # one of them failed; the others went on
    assert err.count("broken_optim:f failed: TypeError") == 1
    rows = {row["optimizer"]: row for row in found["search"]}
    assert rows["broken_optim:f"]["failed"] == 1
    assert rows["adam"]["points"] == rows["sgd"]["points"] == 8
    assert "learning_rate=" in rows["adam"]["chosen"]
    reported = {row["optimizer"]: row for row in found["results_constant"]}
    assert set(reported) == {"sgd", "adam"}
    assert 0 < reported["adam"]["fresh test"] <= 1
    assert len(found["pairs_constant"]) == 1
    checks = [row["check"] for row in found["checks"]]
    assert "identical runs under different names" in checks
    text = (folder / "report.md").read_text()
    assert "adam at b1=0, b2=0.99 is rmsprop" in checks
    assert "holds" in found["checks"][checks.index("sgd at momentum=0 is sgd")]["found"]
    parts = {row["optimizer"]: row for row in found["anytime_constant"]}
    assert set(parts) == {"sgd", "adam"}
    assert parts["sgd"]["100%"] > 0
    boards = {path.parent.name for path in (folder / "tb").glob("*/events*")}
    runs = ("best", "median", "default", "constant")
    assert boards == {f"{name}_{run}" for name in ("sgd", "adam") for run in runs}
    assert "- constant: `" in text
    drawn = ("curves_constant", "accuracy_constant", "anytime_constant")
    for name in ("sensitivity", "tuning", *drawn):
        assert (folder / f"{name}.png").exists()
        assert f"]({name}.png)" in text
    with ledger.reading(folder / "study.db") as book:
        before = book.records()
    assert len([r for r in before if r.status == "failed"]) == 9

    code, again, _ = lab(*words, "--resume")
    assert code == 1
    assert again["results_constant"] == found["results_constant"]
    assert boards == {path.parent.name for path in (folder / "tb").glob("*/events*")}
    code, _, err = lab("sgd", "--out", "here", "--resume", *SMALL, "--epochs", 2)
    assert code == 2
    assert "is another study: epochs was 1, is 2" in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_every_schedule_has_its_part_of_the_report(lab, tmp_path):
    schedules = ("constant", "cosine", "warmup_cosine")
    words = ("sgd", "adam", "--out", "here", "--schedule", *schedules, *SMALL)
    code, *_ = lab(*words)
    assert code == 0
    text = (tmp_path / "here" / "report.md").read_text()
    parts = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    for schedule in schedules:
        part = parts[f"Reported: {schedule.replace('_', ' ')}"]
        assert part.count("\n\n| optimizer |") == 2  # results and anytime
        assert part.count("\n\n| first |") == 1
        assert f"](curves_{schedule}.png)" in part
        assert (tmp_path / "here" / f"profile_{schedule}.png").exists()
        assert f"Reported, {schedule}: " in part


def test_a_study_that_is_stopped_says_how_to_go_on(lab, monkeypatch):
    def stopped(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "conduct", stopped)
    code, found, err = lab("sgd", *SMALL)
    assert code == 130
    assert found["status"] == "interrupted"
    (command,) = found["next"]
    assert f"--out {found['folder']} --resume" in command
    assert command.count("--out") == 1
    assert f"next: {command}" in err
    code, again, _ = lab(*shlex.split(command)[2:])
    assert code == 130
    assert again["folder"] == found["folder"]


def test_a_dry_run_says_what_a_study_would_cost_and_writes_nothing(lab, tmp_path):
    code, found, _ = lab("sgd", "adam", "--dry-run", "--validation-size", 100)
    assert code == 0
    plan = {row["what"]: row["value"] for row in found["plan"]}
    assert plan["trainings to choose by"] == 2 * 9
    assert plan["trainings to report"] == 2 * 3
    assert plan["epochs of each"] == 25
    assert plan["minutes here"] > 0
    assert not list(tmp_path.rglob("study.db"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--space", "b1=.9:.5"), "--space b1=.9:.5: b1=0.9:0.5 is empty"),
        (("--space", "b1"), "write name=low:high"),
        (("sgd", "--space", "rho=.1:.5"), "--space rho: no optimizer of the study"),
        (("--resume",), "--resume: needs --out"),
        (("--resume", "--out", "nowhere"), "--resume: there is no study in --out"),
        (("optax.scale(-1.)",), "takes no learning_rate, which is searched"),
        (("sgd", "--seeds", "0"), "--seeds 0: must be at least 1"),
        (("sgd", "--batch-size", "5000"), "--batch-size 5000: the training set has"),
    ],
)
def test_a_study_that_cannot_be_run_is_refused_in_one_line(lab, tmp_path, words, said):
    code, _, err = lab(*words)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_one_optimizer_at_two_rates_is_compared_under_two_names(lab, tmp_path):
    words = ("adam(1e-3)", "adam(1e-2)", "sgd(momentum=None)", "--out", "here", *SMALL)
    code, found, _ = lab(*words)
    assert code == 0
    names = {"adam(0.001)", "adam(0.01)", "sgd"}
    assert {row["optimizer"] for row in found["results_constant"]} == names
    chosen = {row["optimizer"]: row["chosen"] for row in found["search"]}
    assert "learning_rate=0.001, b1=" in chosen["adam(0.001)"]
    assert "learning_rate=0.01, b1=" in chosen["adam(0.01)"]
    folders = {path.name for path in (tmp_path / "here" / "tb").iterdir()}
    assert {"adam-0.001_best", "adam-0.01_best", "sgd_best"} < folders
    # Alone it has a shorter name, and is the same runs.
    code, again, _ = lab("adam(1e-3)", "--out", "here", "--resume", *SMALL)
    assert code == 0
    (row,) = again["results_constant"]
    assert row["optimizer"] == "adam"
    (same,) = [r for r in found["results_constant"] if r["optimizer"] == "adam(0.001)"]
    assert row["fresh test"] == same["fresh test"]
    with ledger.reading(tmp_path / "here/study.db") as book:
        assert len(book.records()) == 3 * (8 + 1 + 3)


@pytest.mark.slow
def test_without_a_search_objects_and_schedules_are_compared_as_they_are(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ready_optim.py").write_text("import optax\nready = optax.sgd(0.1)\n")
    schedule = "sgd(optax.cosine_decay_schedule(.1, 50))"
    words = ["ready_optim:ready", schedule, "optax.scale(-1.)", "--seeds", "1", *SMALL]
    code = cli.main(["compare", *words, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    rows = json.loads(out)["results_constant"]
    names = {"ready_optim:ready", "sgd", "optax.scale(step_size=-1.0)"}
    assert {row["optimizer"] for row in rows} == names
    assert {row["learning rate"] for row in rows} == {None}


def test_what_is_in_an_expression_is_not_searched():
    found = candidates.candidates(
        expressions.optimizers(["adam(b1=0.5)", "optax.lion"]), ["b1=.8:.99"], SMOKE
    )
    assert set(found[0].space) == {"learning_rate", "b2"}
    assert found[1].space == {"learning_rate": compare.RATES, "b1": (0.8, 0.99)}
    assert found[0].name == "adam(b1=0.5)"


def test_an_optimizer_of_ones_own_that_was_changed_is_another_one(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    network = SimpleNamespace(
        init=lambda key: {"w": jnp.zeros((3, 4), jnp.float32)},
        apply=lambda params, inputs: inputs @ params["w"],
    )
    problem, learned = training.Problem(network, batch_size=10), training.Data(data())
    programs = []
    for number, factor in enumerate((1, 2, 2)):
        name = f"changed_optim_{number}"
        code = (
            f"def f(learning_rate):\n    return optax.sgd({factor} * learning_rate)\n"
        )
        (tmp_path / f"{name}.py").write_text(f"import optax\n{code}")
        inner = f"cautious({name}:f(0.1))"
        (found,) = candidates.candidates(expressions.optimizers([inner]), [], SMOKE)
        names = ("learning_rate",)
        programs.append(execute.program(problem, found.make, learned, names))
    assert programs[0] != programs[1] == programs[2]
