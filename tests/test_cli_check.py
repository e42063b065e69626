import json

import jax
import pytest

from optax_lab import cli, contract

MODULE = """
import optax

def kept(learning_rate=0.1, decay=0.5):
    if isinstance(decay, float) and not 0 <= decay < 1:
        raise ValueError(f"decay must lie in [0, 1), got {decay}")
    return optax.sgd(learning_rate * (1 - decay))

def one_number(decay):
    return optax.sgd(0.1 * (1 - float(decay)))

def by_position(lr, /, decay=0.5):
    print("made")
    return optax.sgd(lr * (1 - decay))

def that_exits(learning_rate=0.1):
    def update(updates, state, params=None):
        raise SystemExit(3)
    return optax.GradientTransformation(optax.sgd(0.1).init, update)

def exits_at_once(learning_rate=0.1):
    raise SystemExit("no")

ready = optax.sgd(0.1)
"""
LINES = {line.keeps.__name__: line for line in contract.LINES}
FEW = [LINES[n] for n in ("init_needs_shapes_only", "grid_compiles_once")]


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """Checks two lines of the contract in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("optax_lab.contract.LINES", FEW)
    (tmp_path / "checked_optim.py").write_text(MODULE)

    def run(*words):
        with jax.numpy_dtype_promotion("standard"):
            code = cli.main(["check", *words])
        out, err = capsys.readouterr()
        assert [p.name for p in tmp_path.iterdir() if p.suffix] == ["checked_optim.py"]
        return code, out, err

    return run


def test_an_optimizer_that_keeps_all_lines_ends_with_0(check):
    code, out, err = check("checked_optim:kept")
    assert (code, err) == (0, "")
    assert "What checked_optim:kept(0.1) keeps" in out
    assert all(line.sentence in out for line in FEW)
    assert "failed" in out  # the heading, above a 0


def test_a_line_that_is_not_kept_ends_with_1_and_its_case(check):
    code, out, _ = check("checked_optim:one_number(.5)")
    assert code == 1
    assert "decay traced: ConcretizationTypeError" in out


def test_of_several_optimizers_only_what_is_not_kept_is_listed(check):
    code, out, _ = check("checked_optim:kept(.2)", "checked_optim:one_number(.5)")
    assert code == 1
    assert "What is not kept" in out
    assert FEW[0].sentence not in out
    assert out.count(FEW[1].sentence) == 1


def test_an_object_and_a_wrapper_are_checked_as_they_are(check):
    words = "checked_optim:ready", "optax.chain(optax.clip(1.), optax.sgd(.1))"
    code, out, _ = check(*words, "--json")
    rows = json.loads(out)["lines"]
    assert code == 0
    assert [row["verdict"] for row in rows] == ["kept", "not applicable"] * 2
    assert rows[1]["case"] == "it takes no float"


def test_what_an_optimizer_prints_is_no_result_and_it_may_take_its_rate_by_position(
    check,
):
    code, out, err = check("checked_optim:by_position(.1)", "--json")
    assert (code, err.splitlines()[0]) == (0, "made")
    assert [row["verdict"] for row in json.loads(out)["lines"]] == ["kept"] * 2


def test_an_optimizer_that_exits_fails_its_lines(check, monkeypatch):
    monkeypatch.setattr("optax_lab.contract.LINES", [LINES["compiles_once"]])
    code, out, _ = check("checked_optim:that_exits", "--json")
    (row,) = json.loads(out)["lines"]
    assert (code, row["verdict"], row["case"]) == (1, "failed", "SystemExit: 3")
    code, out, err = check("checked_optim:exits_at_once")
    assert (code, out) == (2, "")
    assert "it calls sys.exit('no')" in err


def test_what_is_given_is_what_is_checked(check):
    code, out, _ = check("checked_optim:kept(.3, decay=.25)", "--json")
    document = json.loads(out)
    assert (code, document["status"]) == (0, "ok")
    assert document["lines"][0]["optimizer"] == "checked_optim:kept(0.3, decay=0.25)"
    counts = {"kept": 2, "failed": 0, "not applicable": 0}
    assert counts.items() <= document["optimizers"][0].items()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("adamm", "did you mean adam?"),
        ("checked_optim:kept(decay=2.)", "decay must lie in [0, 1)"),
        ("checked_optim:keep", "did you mean kept?"),
    ],
)
def test_what_cannot_be_made_ends_with_2(check, word, said):
    code, out, err = check(word)
    assert (code, out) == (2, "")
    assert said in err


def test_ctrl_c_ends_it_with_what_is_known(check, monkeypatch):
    def stop(make):
        raise KeyboardInterrupt

    last = contract.Line("It takes for ever", stop)
    monkeypatch.setattr("optax_lab.contract.LINES", [FEW[0], last])
    code, out, _ = check("checked_optim:kept", "--json")
    assert code == 130
    assert [row["line"] for row in json.loads(out)["lines"]] == [FEW[0].sentence]
