import base64
import io
import itertools
import types
import xml.etree.ElementTree as ElementTree

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from matplotlib import figure as mpl_figure
from matplotlib import text
from PIL import Image

from optax_lab.reporting import figures, style
from optax_lab.runs import descent

QUADRATIC = types.SimpleNamespace(
    name="quadratic",
    formula="0.01x² + 0.1y²",
    value=lambda p: 0.01 * p[0] ** 2 + 0.1 * p[1] ** 2,
    window=((-3.0, 3.0), (-3.0, 3.0)),
    minima=(np.zeros(2),),
)


def trajectory(points, values=None, status="max_steps"):
    points = np.asarray(points, float)
    values = np.zeros(len(points)) if values is None else values
    code = np.int8(descent.STATUS.index(status))
    return descent.Trajectory(points, values, code, np.int32(len(points) - 1))


def descend(optimizer, **settings):
    start = np.array([-2.0, -2.0])
    with jax.numpy_dtype_promotion("standard"):
        return descent.descend(QUADRATIC.value, optimizer, start, **settings)


@pytest.fixture(scope="module")
def lab():
    rule = {"stop": "step", "tolerance": 1e-4}
    return {
        "sgd(0.1)": descend(optax.sgd(0.1), **rule),
        "adam(0.1)": descend(optax.adam(0.1), **rule),
        "sgd(10)": descend(optax.sgd(10.0), steps=60, **rule),
        "sgd(1e3)": descend(optax.sgd(1e3), **rule),
    }


def history(runs=5, epochs=20, bad=()):
    """Losses and accuracies of some runs, of which those in `bad` end in nan."""
    generator = np.random.default_rng(0)
    tags = ("loss/train", "loss/test", "accuracy/train", "accuracy/test")
    values = {tag: generator.uniform(0.1, 1, (runs, epochs)) for tag in tags}
    for i in bad:
        values["loss/train"][i, epochs // 2 :] = np.nan
    return values | {"optimizer/update_norm": np.ones((runs, epochs))}


def smoothing():
    x = np.linspace(0, 6, 50)
    curves = {"raw": jnp.asarray(np.cos(x)), "debiased": np.sin(x) / 2}
    return figures.smoothing(x, np.sin(x) + 0.1, np.sin(x), curves)


def responses():
    steps = np.arange(200)
    fast, slow = (
        (np.where(steps > 0, (1 - b) * b ** (steps - 1.0), 0), 1 - b ** (steps + 1.0))
        for b in (0.9, 0.99)
    )
    named = {"the update": fast, "mu (β = 0.9)": fast, "nu (β = 0.99)": slow}
    return figures.responses(named, title="adam")


@pytest.fixture(scope="module")
def everything(lab):
    """One of every figure, some with labels that are long."""
    long = {f"{label}, weight_decay=0.0001, nesterov=True": lab[label] for label in lab}
    return {
        "surface": figures.surface(QUADRATIC, lab),
        "long labels": figures.surface(QUADRATIC, long, title="A title of one's own"),
        "smoothing": smoothing(),
        "responses": responses(),
        "curves": figures.learning_curves({"adam": history(), "sgd": history(1)}),
        "diverged": figures.learning_curves({"adam": history(bad=(0, 1))}),
    }


def legend_of(figure):
    (legend,) = figure.legends
    return [" ".join(label.get_text().split()) for label in legend.get_texts()]


def line_of(axes, color):
    """The one line of several points in a colour."""
    (line,) = (
        line
        for line in axes.lines
        if line.get_color() == color and len(line.get_xdata()) > 1
    )
    return line


BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"


# All figures


def test_figures_are_made_without_pyplot_and_leave_no_settings_behind():
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    smoothing()
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_no_figure_has_axes_that_show_nothing(everything):
    # D10: the lab's figure has a third, empty one
    axes = {name: len(figure.axes) for name, figure in everything.items()}
    assert axes == {
        "surface": 2,
        "long labels": 2,
        "smoothing": 1,
        "responses": 2,
        "curves": 2,
        "diverged": 2,
    }


def test_legends_are_inside_the_figure_and_outside_the_data(everything):
    for name, figure in everything.items():
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert figure.bbox.containsx(box.x0), name
        assert figure.bbox.containsx(box.x1), name
        assert box.y0 >= 0, name
        assert not any(box.overlaps(axes.bbox) for axes in figure.axes), name


def test_every_text_can_be_read_when_the_figure_is_400_pixels_wide(everything):
    for name, figure in everything.items():
        pixels_per_point = 400 / figure.get_figwidth() / 72
        for found in figure.findobj(text.Text):
            if found.get_text() and found.get_visible():
                assert found.get_fontsize() * pixels_per_point >= 9, (name, found)


def test_things_are_told_apart_by_marker_and_line_as_well_as_by_colour(lab):
    figure = figures.surface(QUADRATIC, dict.fromkeys("abcd", lab["adam(0.1)"]))
    handles = figure.legends[0].legend_handles
    assert len({style.mark(i).line for i in range(4)}) == 4
    for one, other in itertools.combinations(handles, 2):
        assert one.get_color() != other.get_color()
        assert one.get_marker() != other.get_marker()
        assert one.get_linewidth() > other.get_linewidth()  # drawn first, seen beneath


def test_every_figure_says_what_it_shows_and_its_file_does_too(everything, tmp_path):
    for name, figure in everything.items():
        path = tmp_path / f"{name}.png"
        figures.save(figure, path)
        with Image.open(path) as image:
            assert image.info["Description"] == figures.alt_text(figure) != ""
            assert image.width == round(160 * figure.get_figwidth())


def test_a_figure_is_saved_with_the_given_words_as_svg_and_pdf_too(tmp_path):
    figure = smoothing()
    figures.save(figure, tmp_path / "a.svg", "A sine, smoothed.")
    words = ElementTree.parse(tmp_path / "a.svg").iter()
    assert "A sine, smoothed." in [element.text for element in words]
    figures.save(figure, tmp_path / "a.pdf", "A sine, smoothed.")
    assert b"A sine, smoothed." in (tmp_path / "a.pdf").read_bytes()
    with pytest.raises(ValueError, match=r"as .png, .svg or .pdf, not '.xyz'"):
        figures.save(figure, tmp_path / "a.xyz")


# The surface


def test_the_whole_path_is_drawn_and_the_legend_says_how_it_ended(lab):
    figure = figures.surface(QUADRATIC, lab)
    assert legend_of(figure) == [
        "sgd(0.1): converged in 1,844 steps",
        "adam(0.1): converged in 66 steps",
        "sgd(10): not converged in 60 steps",
        f"sgd(1e3): diverged at step {lab['sgd(1e3)'].steps_taken}",
    ]
    surface, contours = figure.axes
    adam = np.asarray(lab["adam(0.1)"].points)[:67]
    np.testing.assert_array_equal(line_of(contours, VERMILLION).get_xydata(), adam)
    x, y, z = line_of(surface, VERMILLION).get_data_3d()
    np.testing.assert_array_equal(np.stack([x, y], axis=1), adam)
    np.testing.assert_allclose(z, [QUADRATIC.value(point) for point in adam], 1e-6)
    assert figures.alt_text(figure).startswith("quadratic, 0.01x² + 0.1y², as a surf")
    assert "adam(0.1): converged in 66 steps, at (-0.0586, -0.0586)" in (
        figures.alt_text(figure)
    )


def test_a_run_that_diverged_is_clipped_and_has_a_cross_where_it_was_last_seen():
    points = [[0, 0], [1, 2], [2, -4], [1, 9], [np.inf, 0], [np.nan, np.nan]]
    run = trajectory(points, status="diverged")
    surface, contours = figures.surface(QUADRATIC, {"sgd": run}).axes
    np.testing.assert_array_equal(line_of(contours, BLUE).get_xydata(), points[:3])
    (cross,) = (line for line in contours.lines if line.get_marker() == "X")
    np.testing.assert_array_equal(cross.get_xydata(), [[1, 2]])
    np.testing.assert_array_equal(contours.get_xlim(), QUADRATIC.window[0])
    seen = np.array(line_of(surface, BLUE).get_data_3d())
    assert np.isnan(seen[:, 2]).all()  # outside the window


def test_only_runs_that_diverged_have_a_cross(lab):
    contours = figures.surface(QUADRATIC, lab).axes[1]
    crosses = [line for line in contours.lines if line.get_marker() == "X"]
    assert [cross.get_color() for cross in crosses] == [PURPLE]


def test_one_step_is_not_steps():
    assert [style.count(n, "step") for n in (0, 1, 1844)] == [
        "0 steps",
        "1 step",
        "1,844 steps",
    ]
    figure = figures.surface(QUADRATIC, {"sgd": trajectory([[1, 1], [0, 0]])})
    assert legend_of(figure) == ["sgd: not converged in 1 step"]
    assert "with the paths of 1 run. " in figures.alt_text(figure)


def test_only_signs_that_are_in_the_window_are_explained():
    far, near = trajectory([[9, 9], [1, 1]]), trajectory([[1, 1], [9, 9]])
    elsewhere = types.SimpleNamespace(**vars(QUADRATIC) | {"minima": [(7.0, 0.0)]})
    heads = [
        figures.surface(surface, {"sgd": run}).axes[1].get_title()
        for surface in (QUADRATIC, elsewhere)
        for run in (far, near)
    ]
    assert heads == ["☆ minimum", "○ start   ☆ minimum", "", "○ start"]
    figure = figures.multiples(elsewhere, {"one": {"sgd": far}})
    assert legend_of(figure) == ["sgd"]


@pytest.mark.slow
@given(
    npst.arrays(
        float,
        st.tuples(st.integers(1, 6), st.just(2)),
        elements=st.one_of(
            st.floats(-4, 4),
            st.floats(allow_subnormal=False),
            st.sampled_from([np.nan, np.inf, 1.7e308, -1.7e308]),
        ),
    ),
    st.sampled_from(descent.STATUS),
)
def test_any_points_can_be_drawn(points, status):
    # D14: the lab's figure ends in an OverflowError
    run = trajectory(points, status=status)
    figures.surface(QUADRATIC, {"any": run}).draw_without_rendering()


@pytest.mark.parametrize(
    ("value", "minima"),
    [
        (lambda p: 0 * p[0] + 1, ()),
        (lambda p: jnp.where(p[0] > 0, jnp.inf, p[1]), ()),
        (lambda p: jnp.log(p[0]) + 1e30 * p[1], [(0.0, 1.0), (1.0, 0.0)]),
        (lambda p: p[0] * jnp.nan, ()),
    ],
)
def test_anyone_s_surface_can_be_drawn(value, minima):
    mine = types.SimpleNamespace(
        name="mine", formula="?", value=value, window=((-1, 1), (0, 2)), minima=minima
    )
    run = trajectory([[0.5, 0.5], [0.25, 0.75]])
    figure = figures.surface(mine, {"run": run})
    figure.draw_without_rendering()
    title = figure.axes[1].get_title()
    assert ("minimum" in title) == (len(minima) > 0)
    stars = [line for line in figure.axes[1].lines if line.get_marker() == "*"]
    assert len(stars) == len(minima)


def test_points_that_are_not_in_the_plane_are_refused():
    run = trajectory(np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"'adam' has points of shape \(4, 3\), but"):
        figures.surface(QUADRATIC, {"adam": run})


# Curves


def test_the_smoothing_figure_draws_the_samples_the_signal_and_every_curve():
    figure = smoothing()
    (axes,) = figure.axes
    x = np.linspace(0, 6, 50)
    drawn = [np.asarray(line.get_ydata()) for line in axes.lines]
    expected = [np.sin(x) + 0.1, np.sin(x), np.cos(x), np.sin(x) / 2]
    np.testing.assert_allclose(drawn, expected)
    assert legend_of(figure) == ["noisy samples", "without noise", "raw", "debiased"]
    assert axes.get_xlabel() == "x"
    assert axes.get_ylabel() == "signal"


def test_learning_curves_are_medians_with_bands_and_training_is_dashed():
    values = history(runs=4)
    figure = figures.learning_curves({"adam": values, "sgd": history(1)})
    loss, accuracy = figure.axes
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy")
    assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    for axes, metric in ((loss, "loss"), (accuracy, "accuracy")):
        train, test = (line for line in axes.lines if line.get_color() == BLUE)
        assert (train.get_linestyle(), test.get_linestyle()) == ("--", "-")
        for line, split in ((train, "train"), (test, "test")):
            middle = np.median(values[f"{metric}/{split}"], axis=0)
            np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 21))
            np.testing.assert_allclose(line.get_ydata(), middle)
        assert len(axes.collections) == 2  # no band for the single run
    band = loss.collections[0].get_paths()[0].vertices[:, 1]
    low, high = np.quantile(values["loss/train"], (0.25, 0.75), axis=0)
    assert np.isclose(band.min(), low.min())
    assert np.isclose(band.max(), high.max())
    assert legend_of(figure) == ["adam", "sgd", "train", "test"]
    assert loss.get_title() == "median and middle half of 4 runs"


def test_runs_that_diverged_are_left_out_and_counted():
    values = history(runs=5, bad=(1, 3))
    figure = figures.learning_curves({"adam": values, "sgd": history(1, bad=(0,))})
    assert legend_of(figure)[:2] == [
        "adam: 2 of 5 diverged",
        "sgd: diverged at epoch 11",
    ]
    train = figure.axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(
        train[15], np.median(values["loss/train"][[0, 2, 4], 15])
    )
    (cross,) = (line for line in figure.axes[0].lines if line.get_marker() == "X")
    assert cross.get_color() == VERMILLION
    assert cross.get_xdata() == [10]


@given(npst.arrays(float, (2, 3), elements=st.floats(allow_subnormal=False)))
def test_any_history_can_be_drawn(values):
    histories = {"any": {"loss/train": values, "loss/test": values[:, :2]}}
    figures.learning_curves(histories).draw_without_rendering()


def test_a_run_that_explodes_does_not_flatten_the_others():
    exploding = {"loss/train": 2.0 ** np.arange(100)}
    calm = {"loss/train": np.linspace(2, 1, 300)}
    figure = figures.learning_curves({"exploding": exploding, "calm": calm})
    assert figure.axes[0].get_ylim()[1] < 1e5


def test_panels_are_the_metrics_but_not_the_optimizer_s_unless_asked():
    values = {"loss/train": np.ones(3), "optimizer/update_norm": np.ones(3)}
    values |= {"perplexity/validation": np.ones(3), "perplexity/test": np.ones(3)}
    figure = figures.learning_curves({"a": values}, title="Mine")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "perplexity"]
    assert legend_of(figure) == ["a", "train", "validation", "test"]
    styles = [line.get_linestyle() for line in figure.axes[1].lines]
    assert len(set(styles)) == 2
    assert figure.get_suptitle() == "Mine"
    figure = figures.learning_curves({"a": values}, metrics=["optimizer"])
    assert [axes.get_ylabel() for axes in figure.axes] == ["optimizer"]


@pytest.mark.parametrize(
    ("histories", "message"),
    [
        ({}, "histories have no tag like 'loss/train'"),
        ({"a": {"optimizer/update_norm": np.ones(3)}}, "histories have no tag like"),
        (
            {"a": {"loss/train": np.ones((2, 2, 2))}},
            r"'a' has {'loss/train': \(2, 2, 2\)}",
        ),
        ({"a": {"loss/t": np.ones(2), "loss/v": np.ones((2, 2))}}, r"\(runs, epochs\)"),
        ({"a": {"loss/train": np.ones(0)}}, r"must have \(epochs,\) or \(runs, epo"),
    ],
)
def test_histories_that_cannot_be_drawn_are_refused(histories, message):
    with pytest.raises(ValueError, match=message):
        figures.learning_curves(histories)


# Responses


def test_responses_are_shares_of_the_largest_value_of_each_line():
    figure = responses()
    above, below = figure.axes
    assert above.get_xscale() == "log"
    for axes, last in ((above, 0.9**198), (below, 1.0)):
        line = line_of(axes, VERMILLION)
        np.testing.assert_array_equal(line.get_xdata()[:2], [1, 2])
        assert np.max(line.get_ydata()) == 1
        assert line.get_ydata()[-1] == pytest.approx(last, rel=1e-6)
    assert legend_of(figure) == ["the update", "mu (β = 0.9)", "nu (β = 0.99)"]
    told = figures.alt_text(figure)
    assert "mu (β = 0.9): below half of its largest value at step 8" in told
    assert "nu (β = 0.99): below half of its largest value at step 70" in told
    assert "from 0.1 to 1" in told


def test_responses_that_are_0_or_not_finite_can_be_drawn():
    bad = (np.zeros(5), np.array([0, 1, np.inf, np.nan, 2]))
    figure = figures.responses({"bad": bad, "worse": (np.full(5, np.nan),) * 2})
    figure.draw_without_rendering()
    assert "bad: below half of its largest value at step 1" in figures.alt_text(figure)
    with pytest.raises(ValueError, match="series is empty"):
        figures.responses({})


def test_twelve_optimizers_are_told_apart_in_learning_curves():
    rows = {f"optimizer {i}": {"loss/test": np.ones(8) + i} for i in range(12)}
    figure = figures.learning_curves(rows)
    drawn = figure.axes[0].get_lines()
    listed = figure.legends[0].get_lines()[:12]
    for lines in (drawn, listed):
        looks = {
            (x.get_color(), x.get_marker(), x.get_markerfacecolor()) for x in lines
        }
        assert len(looks) == 12


# --- In a notebook --------------------------------------------------------------------


def test_a_notebook_is_given_a_small_picture_and_what_it_shows():
    rise = np.geomspace(1, 9, 40)
    figure = figures.descent_curves({"one": {"above_best": rise * np.ones((5, 1))}})
    shown = figures.show(figure, "three steps of gradient descent")
    data, metadata = shown._repr_mimebundle_()
    assert data["text/plain"] == "three steps of gradient descent"
    assert metadata == {"image/png": {"alt": "three steps of gradient descent"}}
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.info["Description"] == "three steps of gradient descent"
    assert picture.width == pytest.approx(100 * figure.get_figwidth(), abs=1)
    whole = io.BytesIO()
    figure.savefig(whole, dpi=100)
    assert len(shown.png) < 0.7 * len(whole.getvalue())


def test_a_figure_without_words_is_not_shown():
    with pytest.raises(ValueError, match="alt must say what the figure shows"):
        figures.show(mpl_figure.Figure())
