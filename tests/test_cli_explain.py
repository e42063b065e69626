import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from optax_lab import cli, dialects

ROOT = Path(__file__).parents[1]


@pytest.fixture
def lab(tmp_path, monkeypatch, capsys):
    """Runs the command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = cli.main(["explain", *words])
        out, err = capsys.readouterr()
        assert not list(tmp_path.iterdir())
        return code, out, err

    return run


@pytest.mark.parametrize(
    "words",
    [[], ["RMSprop"], ["rmsprop", "pytorch", "optax"], ["lion", "torch", "keras"]],
)
def test_it_prints_what_the_function_says(lab, words):
    assert lab(*words) == (0, f"{dialects.explain(*words)}\n", "")


def test_json_has_the_sides_the_differences_and_the_code(lab):
    code, out, err = lab("adamw", "keras", "optax", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["status"] == "ok"
    assert [side["call"] for side in document["sides"]] == [
        "keras.optimizers.AdamW",
        "optax.adamw",
    ]
    (decay,) = (r for r in document["differences"] if r["what"] == "default of λ")
    assert (decay["keras"], decay["optax"]) == (
        "weight_decay=0.004",
        "weight_decay=0.0001",
    )
    (conversion,) = document["conversions"]
    assert conversion["becomes"].startswith("optax.inject_hyperparams(optax.adamw)(")


def test_json_of_the_whole_table_has_a_row_for_each_pair(lab):
    _, out, _ = lab("--json")
    rows = json.loads(out)["optimizers"]
    assert len(rows) == 6 * len(dialects.explain())
    assert {"optimizer": "adam", "source": "pytorch", "target": "optax"} | {
        "becomes": "same (decay)"
    } in rows


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["adamm"], "unknown optimizer 'adamm'; did you mean adam"),
        (["adam", "pytorch", "kears"], "unknown dialect 'kears'; did you mean keras"),
        (["adam", "pytorch"], "explain adam pytorch: name an optimizer, or"),
        (["adam", "keras", "keras"], "keras and keras are one dialect"),
    ],
)
def test_bad_names_end_with_2_and_one_line(lab, words, said):
    code, out, err = lab(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"optax-lab: error: {said}")
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_wrong_name_is_refused_before_jax_is_loaded():
    code = (
        "import sys; from optax_lab import cli; code = cli.main(['explain', 'adamm']);"
        "print(code, sorted({'jax', 'optax'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "2 []"
