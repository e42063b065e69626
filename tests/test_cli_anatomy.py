import contextlib
import csv
import io
import json
import shlex

import jax
import pytest
from PIL import Image

from optax_lab import cli
from optax_lab.cli import anatomy


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def done(home):
    """Runs the command on optimizers of all three kinds; returns code and stdout."""
    mine = (
        "import optax\n\n\n"
        "def mine(learning_rate, b=.75):\n"
        '    """Averages.\n\n    m ← b m + (1 − b) g.\n    """\n'
        "    return optax.chain(optax.ema(b, False), optax.scale(-learning_rate))\n"
    )
    (home / "its_own.py").write_text(mine)
    names = ["adam(b1=.8)", "optax.sgd(momentum=.5)", "its_own:mine"]
    jax.devices()
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.chdir(home)
        code = cli.main(["anatomy", *names, "--json", "--out", "a"])
    return code, out.getvalue()


def test_it_says_what_is_kept_and_reads_it_off(done):
    code, out = done
    assert code == 0
    document = json.loads(out)
    rows = [(r["optimizer"], r["name"], r["kind"]) for r in document["kept"]]
    assert rows == [
        ("adam(b1=.8)", "mu", "average"),
        ("adam(b1=.8)", "nu", "average"),
        ("optax.sgd(momentum=.5)", "trace", "sum"),
        ("its_own:mine", "ema", "average"),
    ]
    decays = [row["decay"] for row in document["kept"]]
    assert decays == pytest.approx([0.8, 0.999, 0.5, 0.75], rel=1e-6)
    gains = [row["gain"] for row in document["kept"]]
    assert gains == pytest.approx([1, 1, 2, 1], rel=1e-4)
    equations = [row["equation"] for row in document["optimizers"]]
    assert equations[2] == "m ← b m + (1 − b) g."
    assert equations[0].startswith("μₜ")
    rooms = [row["bytes_per_parameter"] for row in document["optimizers"]]
    assert rooms == pytest.approx([8, 4, 4], abs=1e-4)


def test_it_leaves_a_figure_and_the_values_of_each(done, home):
    folder = home / "a"
    files = {"adam-b1=.8.png", "optax.sgd-momentum=.5.png", "its_own-mine.png"}
    assert {path.name for path in folder.glob("*.png")} == files
    with Image.open(folder / "its_own-mine.png") as image:
        assert "ema (β = 0.75, gain 1)" in image.info["Description"]
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    ours = [r for r in rows if (r["optimizer"], r["of"]) == ("its_own:mine", "update")]
    taken = [float(row["to_step"]) for row in ours[:3]]
    assert taken == pytest.approx([0.25, 0.4375, 0.578125])
    assert [float(row["to_impulse"]) for row in ours[:2]] == pytest.approx([0, 0.25])
    assert json.loads((folder / "manifest.json").read_text())["status"] == "ok"


def run(capsys, *words):
    jax.devices()
    code = cli.main(["anatomy", *words])
    return code, capsys.readouterr().out


def test_one_optimizer_has_one_figure_and_its_equation(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out = run(capsys, "momentum", "--dtype", "bfloat16", "--out", "a")
    assert code == 0
    assert "mₜ = mₜ₋₁ + (1 − β)(gₜ − mₜ₋₁)" in out
    assert "bfloat16" in out
    assert (tmp_path / "a/momentum.png").stat().st_size > 10_000


def test_figures_are_named_by_their_optimizers_in_letters_that_no_shell_reads(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "momentum(decay=.8)", "sgd", "--out", "a")[0] == 0
    found = sorted(path.name for path in (tmp_path / "a").glob("*.png"))
    assert found == ["momentum-decay=.8.png", "sgd.png"]
    assert all(shlex.quote(name) == name for name in found)


def test_without_names_there_is_a_table_of_all_and_no_figure(
    tmp_path, monkeypatch, capsys
):
    few = {n: anatomy.table.OPTIMIZERS[n] for n in ("sgd", "momentum")}
    monkeypatch.setattr(anatomy.table, "OPTIMIZERS", few)
    monkeypatch.chdir(tmp_path)
    code, out = run(capsys, "--out", "a")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines() if "mentum " in line]
    assert "nothing" in out
    assert "mₜ = mₜ₋₁" not in out
    assert not list((tmp_path / "a").glob("*.png"))


def test_what_cannot_run_leaves_the_others_theirs(tmp_path, monkeypatch, capsys):
    broken = "import optax\ndef f():\n    return optax.GradientTransformation(1, 1)"
    (tmp_path / "unfit_optim.py").write_text(broken)
    monkeypatch.chdir(tmp_path)
    code, out = run(capsys, "unfit_optim:f", "momentum", "--out", "a")
    assert code == 1
    assert "ema" in out
    assert "Traceback" in (tmp_path / "a/errors.txt").read_text()


def test_a_guest_may_print_and_exit_and_have_no_numbers(tmp_path, monkeypatch, capsys):
    guests = (
        "import jax, optax\n"
        "def bad(lr, /):\n"
        "    print('made')\n"
        "    nan = float('nan')\n"
        "    return optax.stateless(lambda u, p: jax.tree.map(lambda x: x * nan, u))\n"
        "def leaves(lr, /):\n"
        "    def update(updates, state, params=None):\n"
        "        raise SystemExit(3)\n"
        "    return optax.GradientTransformation(optax.sgd(lr).init, update)\n"
    )
    (tmp_path / "guest_optim.py").write_text(guests)
    monkeypatch.chdir(tmp_path)
    words = "guest_optim:bad(.1)", "guest_optim:leaves(.1)", "--json", "--out", "a"
    jax.devices()
    code = cli.main(["anatomy", *words])
    out, err = capsys.readouterr()
    assert code == 1
    assert [row["optimizer"] for row in json.loads(out)["optimizers"]] == [words[0]]
    assert "no picture, as update is not finite" in err
    assert "it calls sys.exit(3)" in err
    assert not list((tmp_path / "a").glob("*.png"))
