import csv
import json
import math

import jax
import numpy as np
import pytest
from PIL import Image

from optax_lab import cli
from optax_lab.cli import axes


@pytest.fixture(scope="module", autouse=True)
def started():
    jax.devices()


@pytest.fixture
def lab(tmp_path, monkeypatch, capsys):
    """Runs `descend` in this process and returns its JSON and its folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words, code=0):
        command = ["descend", *map(str, words), "--json", "--out", "here"]
        assert cli.main(command) == code
        out, err = capsys.readouterr()
        return json.loads(out), tmp_path / "here", err

    return run


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_surface_is_turned_conditioned_and_shaken_as_asked(lab):
    words = ["sgd(.1)", "--rotate", 90, "--condition", 4, "--noise", 0.1, "--steps", 50]
    found, folder, _ = lab(*words)
    (row,) = found["results"]
    # Turned by a right angle, the start (−2, −2) is at (2, −2).
    first = read_csv(folder / "metrics.csv")[0]
    assert float(first["x1"]) == pytest.approx(2)
    assert float(first["x2"]) == pytest.approx(-2)
    assert row["above_best"] == pytest.approx(row["value"])
    # The value is told without its noise: a quadratic of curvatures 0.2 and 0.05.
    expected = 0.5 * (0.2 * row["x1"] ** 2 + 0.05 * row["x2"] ** 2)
    assert row["value"] == pytest.approx(expected)
    again, _, _ = lab(*words, "--force")
    assert again["results"] == found["results"]
    other, _, _ = lab(*words, "--seed", 1, "--force")
    assert other["results"][0]["x1"] != row["x1"]


def test_a_manifest_of_a_moved_surface_runs_again(lab, tmp_path, capsys):
    found, folder, _ = lab("sgd(.1)", "--condition", 4, "--rotate", 20, "--steps", 9)
    (tmp_path / "m.json").write_bytes((folder / "manifest.json").read_bytes())
    again, _, _ = lab("--config", "m.json", "--force")
    assert again["results"] == found["results"]


def test_moves_may_be_written_around_a_surface(lab):
    surface = "shift(rotate(quadratic(condition=4), 90), 1)"
    _, folder, _ = lab("sgd(.01)", "--surface", surface, "--steps", 1)
    first = read_csv(folder / "metrics.csv")[0]
    assert float(first["x1"]) == pytest.approx(3)
    assert float(first["x2"]) == pytest.approx(-1)
    assert float(first["value"]) == pytest.approx(0.5 * (0.05 + 0.2) * 4)


def test_many_starts_are_summed_up_and_each_is_written(lab):
    words = ["sgd(1e-3)", "adam(.1)", "--surface", "rastrigin", "--starts", 40]
    found, folder, _ = lab(*words, "--steps", 2000)
    rows = {row["optimizer"]: row for row in found["starts"]}
    assert set(rows) == {"sgd(0.001)", "adam(0.1)"}
    written = read_csv(folder / "starts.csv")
    assert len(written) == 80
    mine = [row for row in written if row["optimizer"] == "sgd(0.001)"]
    share = np.mean([float(row["value"]) < 0.99 for row in mine])
    assert rows["sgd(0.001)"]["best_basin"] == share
    ends = np.median([float(row["value"]) for row in mine])
    assert rows["sgd(0.001)"]["above_best"] == pytest.approx(ends)


def test_nothing_above_a_best_is_told_where_there_is_none(lab):
    found, _, _ = lab(
        *("sgd(.01)", "--surface", "factorisation", "--starts", 5, "--steps", 200)
    )
    assert not {"above_best", "best_basin", "hit"} & set(found["starts"][0])
    assert "above_best" not in found["results"][0]
    assert "value" in found["starts"][0]


def test_a_grid_finds_its_best_cell_and_draws_itself(lab):
    words = ["momentum", "--grid", "learning_rate=1:300:20", "decay=0:.99:10"]
    found, folder, _ = lab(*words)
    (best,) = found["grid"]
    assert best["optimizer"] == "momentum"
    assert 8 < best["learning_rate"] < 25
    assert best["decay"] < 0.6
    rows = read_csv(folder / "grid.csv")
    assert len(rows) == 200
    hits = [float(row["first_hit"]) for row in rows]
    assert best["score"] == min(hits)
    # Every step is looked at, whatever is recorded.
    assert {hit % 2 for hit in hits if math.isfinite(hit)} == {0, 1}
    assert any(math.isinf(hit) for hit in hits)
    assert {row["status"] for row in rows} >= {"converged", "diverged"}
    pictures = {path.name for path in folder.glob("*.png")}
    assert pictures == {
        "heat-momentum-0.5.png",
        "rates-momentum-0.5.png",
        "surface.png",
    }


@pytest.mark.slow
def test_a_best_cell_at_an_edge_names_the_axis(lab):
    found, _, _ = lab("sgd", "--grid", "learning_rate=1e-3:1e-1:5")
    assert found["grid"][0]["at_edge"] == "learning_rate"


@pytest.mark.slow
def test_where_nothing_reaches_the_target_that_is_said(lab):
    words = ["sgd", "--surface", "rastrigin", "--figure", "tuned", "--steps", 200]
    found, _, _ = lab(*words)
    (row,) = found["tuned"]
    assert row["score"] is None
    assert 1e-4 < row["best_rate"] < 1
    words = ["sgd(1e-4)", "--surface", "rosenbrock", "--grid", "learning_rate=1:9:3"]
    found, _, _ = lab(*words, "--force")
    assert found["grid"][0]["at_edge"] == "all diverged"
    assert found["grid"][0]["learning_rate"] is None


def test_the_rate_inside_a_wrapper_can_be_crossed_and_tuned(lab):
    words = ["cautious(adam(.1))", "--figure", "tuned", "--steps", 300]
    found, _, _ = lab(*words, "--grid", "learning_rate=.01:1:5", "b1=.5:.9:3")
    assert found["grid"][0]["learning_rate"] > 0.01
    assert found["tuned"][0]["best_rate"] > 1e-3


@pytest.mark.slow
def test_long_names_keep_figures_of_their_own(lab):
    inner = "optax.clip_by_global_norm(1.0), optax.scale_by_adam(b1=0.9, b2=0.999)"
    chains = [f"optax.chain({inner}, optax.scale(-{rate}))" for rate in (0.1, 0.2)]
    with jax.numpy_dtype_promotion("standard"):  # Optax's own links need it
        _, folder, _ = lab(*chains, "--figure", "state", "--steps", 9)
    assert len(list(folder.glob("state-*.png"))) == 2


def test_an_interruption_ends_all_searches(lab, monkeypatch):
    from optax_lab.cli import lanes

    ran = []

    def interrupted(*args):
        ran.append(args)
        raise KeyboardInterrupt

    monkeypatch.setattr(lanes, "run", interrupted)
    monkeypatch.setattr(lanes, "tuned", interrupted)
    words = ["sgd(.1)", "adam(.1)", "--starts", 3, "--figure", "tuned", "--steps", 9]
    found, _, _ = lab(*words, "--grid", "learning_rate=.1:1:2", code=130)
    assert len(ran) == 1
    assert found["status"] == "interrupted"


def test_starts_with_noise_see_noise_of_their_own(lab):
    words = ["sgd(5)", "--noise", 1, "--starts", 16, "--steps", 300]
    _, folder, _ = lab(*words)
    ends = {round(float(row["value"]), 6) for row in read_csv(folder / "starts.csv")}
    assert len(ends) == 16


def test_another_surface_forgets_what_was_resolved_for_the_old_one(lab, tmp_path):
    _, folder, _ = lab("adam(.1)", "--steps", 200)
    (tmp_path / "m.json").write_bytes((folder / "manifest.json").read_bytes())
    again = ["--config", "m.json", "--surface", "least_squares", "--force"]
    _, folder, _ = lab(*again)
    assert len(read_csv(folder / "metrics.csv")[0]) == 13
    settings = json.loads((folder / "manifest.json").read_text())["settings"]
    assert settings["target"] > 0.01


@pytest.mark.slow
def test_every_figure_and_the_animation_are_drawn(lab):
    words = ["adam(.1)", "sgd(.1)", "--figure", "surface", "curves", "state", "tuned"]
    found, folder, _ = lab(*words, "--animate", "--steps", 300)
    names = {path.name for path in folder.iterdir()}
    assert {"surface.png", "curves.png", "tuned.png", "descend.gif"} <= names
    assert {"state-adam-0.1.png", "state-sgd-0.1.png"} <= names
    with Image.open(folder / "descend.gif") as picture:
        assert picture.n_frames > 20
    tuned = {row["optimizer"]: row for row in found["tuned"]}
    assert tuned["sgd"]["given"] == 0.1
    assert 5 < tuned["sgd"]["best_rate"] < 10


def test_a_surface_of_many_coordinates_has_curves_for_a_picture(lab):
    found, folder, _ = lab("adam(.05)", "--surface", "least_squares", "--steps", 500)
    assert (folder / "curves.png").exists()
    assert not (folder / "surface.png").exists()
    assert "x1" not in found["results"][0]
    assert "x10" in read_csv(folder / "metrics.csv")[0]


@pytest.mark.slow
def test_a_diverged_path_is_drawn_and_a_diverged_lane_is_no_failure(lab):
    found, folder, _ = lab(
        *("sgd(11)", "--figure", "surface", "curves", "state", "--steps", 5000), code=1
    )
    assert found["results"][0]["status"] == "diverged"
    assert len(list(folder.glob("*.png"))) == 3
    found, _, _ = lab("sgd(1)", "--grid", "learning_rate=1:100:5", "--force")
    assert found["status"] == "ok"


# Axes


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("learning_rate=0.01:100:5", "learning_rate", [0.01, 0.1, 1, 10, 100]),
        ("b1=0:0.99:3", "b1", [0, 0.9, 0.99]),
        ("b2=0.9:0.999:3", "b2", [0.9, 0.99, 0.999]),
        ("nu=0.2:1.2:3", "nu", [0.2, 0.7, 1.2]),
        ("shift=-1:1:3", "shift", [-1, 0, 1]),
    ],
)
def test_an_axis_is_spaced_as_its_range_suggests(text, name, values):
    found = axes.parse((text,))
    assert list(found) == [name]
    np.testing.assert_allclose(found[name], values, atol=1e-12)


def test_an_axis_without_a_count_has_the_usual_one():
    assert len(axes.parse(("learning_rate=1:10",))["learning_rate"]) == axes.COUNT
