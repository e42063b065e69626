import json

import pytest

from optax_lab import cli

MODULE = "def not_one():\n    return 3\n"
GOOD = {"schema": 1, "command": "descend", "settings": {"steps": 5}}


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Runs a command that must end with 2 and one line, and leave nothing behind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong_optim.py").write_text(MODULE)
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("")

    def run(*words):
        before = sorted(tmp_path.rglob("*"))
        code = cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert code == 2
        assert out == ""
        assert err.startswith("optax-lab: error: ")
        assert err.count("\n") == 1
        after = [p for p in sorted(tmp_path.rglob("*")) if "__pycache__" not in str(p)]
        assert after == before
        return err

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train adamm", "did you mean adam?"),
        ("compare sgd rmsprp", "did you mean rmsprop?"),
        ("descend sgd --surface quadratik", "did you mean quadratic?"),
        ("descend adam(", "'adam(' does not parse"),
        ("train sgd(-0.1)", "sgd(learning_rate=-0.1): a learning rate is finite"),
        ("compare sgd(1e999)", "sgd(learning_rate=inf): a learning rate is finite"),
        ("descend sgd(nan)", "sgd(learning_rate=nan): a learning rate is finite"),
        ("train momentum(.1,decay=1.)", "decay"),
        ("descend momentum(.1,decay=-.1)", "decay"),
        ("train adam(b1={[]:1})", "is neither a literal nor a call"),
        ("ewma --seed 99999999999999999999", "must be below 2³²"),
        ("ewma --decay 1", "--decay 1: one or more numbers in [0, 1)"),
        ("ewma --decay .9 nan", "in [0, 1)"),
        ("ewma --n 1", "--n 1: must be at least 2"),
        ("ewma --periods 0", "periods"),
        ("ewma --noise nan", "noise"),
        ("train --epochs 0", "--epochs 0: must be at least 1"),
        ("train --seed -1", "--seed -1: must be at least 0"),
        ("compare --seeds 0", "--seeds 0: must be at least 1"),
        ("train --batch-size 0", "--batch-size 0: must be at least 1"),
        ("train --test-size 0", "--test-size 0: must be at least 1"),
        ("train --batch-size 4001", "--batch-size 4001: the training set has 4000"),
        ("compare --batch-size 5000", "--batch-size 5000: the training set has 4000"),
        ("descend --steps 0", "--steps 0: must be at least 1"),
        ("descend --start 1 2 3", "--start 1 2 3: quadratic takes 2 numbers"),
        ("descend --start 1 inf", "--start 1 inf: must be finite"),
        ("descend --tolerance -1", "--tolerance -1: must be in"),
        ("descend --noise -1", "--noise -1: must be at least 0"),
        ("descend --rotate nan", "--rotate nan: must be finite"),
        ("descend --starts 0", "--starts 0: must be at least 1"),
        ("descend --surface noisy_quadratic --rotate 9", "noisy_quadratic is a line"),
        ("descend --surface beale --condition 9", "beale has no condition; these have"),
        ("descend --condition 0.5", "condition is 0.5: it must be"),
        ("descend --surface rotate(beale)", "it takes surface, by"),
        ("descend --grid learning_rate", "write name=from:to or name=from:to:count"),
        ("descend --grid learning_rate=1", "write name=from:to or name=from:to:count"),
        ("descend --grid learning_rate=1:2:3:4", "write name=from:to"),
        ("descend --grid learning_rate=2:1", "from must be less than to"),
        ("descend --grid learning_rate=1:inf", "from must be less than to"),
        ("descend --grid learning_rate=1:2:1", "from 2 to 10000 values can be given"),
        ("descend --grid decay=0:.9 decay=0:.5", "decay is given twice"),
        ("descend sgd --grid b1=0:.9", "--grid b1: sgd(0.05) takes learning_rate"),
        ("descend --grid learning_rate=1:2:99999", "from 2 to 10000 values can"),
        ("descend optax.scale(-.1) --figure tuned", "--figure tuned learning_rate: "),
        ("descend --surface rescale(ackley,0)", "they must be finite, and none of"),
        ("descend --figure heat", "--figure heat: needs a --grid of 2 axes, not 0"),
        ("descend --figure rates", "--figure rates: needs --grid learning_rate"),
        ("descend --figure state --steps 99999", "needs --steps 10000 or fewer"),
        ("descend --surface least_squares --figure surface", "has 10 coordinates"),
        (
            "descend --surface factorisation --animate",
            "--animate: factorisation has",
        ),
        ("descend --lab --json --csv", "--json and --csv exclude each other"),
        ("ewma --out taken", "--out taken: exists"),
        ("descend --out taken", "--out taken: exists"),
        ("compare --out taken", "--out taken: exists"),
        ("ewma --out taken --force", "--out taken: holds no run"),
        ("ewma --out file", "--out file: exists"),
        ("ewma --out file/below", "--out file/below: cannot be written"),
        ("train no_such_pkg:f", "no_such_pkg does not import"),
        ("compare wrong_optim:not_one", "it makes a int"),
        ("descend wrong_optim:not_on", "did you mean not_one?"),
        ("train --device gpu", "--device gpu: JAX sees no GPU here"),
        ("descend --device gpu", "--device gpu: JAX sees no GPU here"),
        ("compare adam adam(1e-3)", "give it once"),
        ("descend --config nowhere.json", "--config nowhere.json: No such file"),
        ("descend --config wrong_optim.py", "not JSON"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(refused, words, said):
    assert said in refused(*words.split())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ([], "not a manifest"),
        ({}, "not a manifest"),
        (GOOD | {"schema": 99}, "schema 99 is not 1"),
        (GOOD | {"command": "ewma"}, "it is of 'ewma', not of 'descend'"),
        (GOOD | {"command": ["x"]}, "it is of ['x'], not of 'descend'"),
        (GOOD | {"settings": {"stepz": 5}}, "unknown setting 'stepz'"),
        (GOOD | {"settings": {"out": "x"}}, "unknown setting 'out'"),
        (GOOD | {"settings": {"steps": "5"}}, "steps cannot be '5'"),
        (GOOD | {"settings": {"steps": None}}, "steps cannot be None"),
        (GOOD | {"settings": {"lab": 1}}, "lab cannot be 1"),
        (GOOD | {"settings": {"start": [1, "x"]}}, "start cannot be 'x'"),
        (GOOD | {"settings": {"device": "tpu"}}, "device cannot be 'tpu'"),
        (GOOD | {"settings": {"steps": 0}}, "--steps 0: must be at least 1"),
    ],
)
def test_a_broken_config_is_one_line(refused, tmp_path, changed, said):
    (tmp_path / "bad.json").write_text(json.dumps(changed))
    assert said in refused("descend", "--config", "bad.json")


def test_a_word_that_is_not_a_number_is_refused_by_the_parser(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "--epochs", "many"]) == 2
    assert "many" in capsys.readouterr().err
    assert cli.main(["train", "--epoch", "3"]) == 2
    assert "--epochs" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
