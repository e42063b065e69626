# The figures of whole studies: many panels, maps, curves, states and films.
import types

import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from matplotlib import animation, text
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
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
LABELS = ("learning rate", "β", "steps until f < 1e-6")
ANY = st.one_of(
    st.floats(),
    st.sampled_from([0.0, np.nan, np.inf, -np.inf, 1.7e308, -1.7e308, 5e-324]),
)


def line(*points, status="max_steps", steps=None):
    """A trajectory through some points."""
    points = np.asarray(points, float)
    taken = len(points) - 1 if steps is None else steps
    code = np.int8(descent.STATUS.index(status))
    return descent.Trajectory(points, np.zeros(len(points)), code, np.int32(taken))


STRAIGHT = line((-2, -2), (-1, -1), (0, 0), status="converged", steps=1844)
BENT = line((-2, -2), (-2, 0), (-1, 0))
LOST = line((-2, -2), (0, 2), (2, -9), (np.inf, 0), status="diverged")


def multiples(n=6):
    runs = {"sgd": STRAIGHT, "adam": BENT}
    panels = {f"learning rate {10.0**-i:g}": runs for i in range(n - 1)}
    return figures.multiples(QUADRATIC, panels | {"learning rate 11": {"adam": LOST}})


LONG = "mccormick: f(x, y) = sin(x + y) + (x − y)² − 1.5x + 2.5y + 1, turned by 45°, "
LONG += "noise of 0.1 in the gradient"
RATES, DECAYS = np.geomspace(1e-2, 1e2, 5), np.array([0.0, 0.5, 0.9, 0.99])
HITS = np.array(
    [
        [np.inf, np.inf, np.inf, np.inf],
        [1000, 1100, 1200, 5000],
        [100, 90, 200, 900],
        [10, 14, 50, 400],
        [np.nan, np.nan, 30, 300],
    ]
)
LIMIT = (np.array([10.0, 30.0, 190.0, np.nan]), np.array([0, 0.5, 0.9, 1.0]))


def heat_map(values=HITS, x=RATES, y=DECAYS, **settings):
    return figures.heat_map(values, x, y, labels=LABELS, **settings)


def theory():
    points = {"Polyak's choice": (12, 0.2), "no momentum": (1e3, 0.0)}
    curves = {"stability limit 2(1 + β)/((1 − β)L)": LIMIT}
    return heat_map(curves=curves, points=points, title="momentum on the quadratic")


def falling(rows=200, lanes=None, seed=0):
    """Values that fall to 1e-4 or so, and the norms of their gradients."""
    noise = np.random.default_rng(seed).uniform(0.5, 2, (lanes or 1, rows))
    values = noise * np.geomspace(10, 1e-4, rows)
    values = values if lanes else values[0]
    return {"above_best": values, "gradient_norm": 2 * values}


def breaking(rows=200, at=50):
    """Values that explode and break."""
    values = 10.0 ** np.arange(rows)
    values[at:] = np.nan
    return {"above_best": values, "gradient_norm": values}


def states(steps=200, title="adam(0.1) on the quadratic"):
    k = np.arange(1, steps + 1)[:, None]
    return figures.states(
        {"μ": np.sin(k / [9, 30]), "ν": jnp.asarray([1.0, 1e-3] / k)},
        10.0 ** np.sin(k / [9, 30]),
        {"μ": 1 - 0.9 ** k[:, 0], "ν": 1 - 0.999 ** k[:, 0]},
        title=title,
    )


@pytest.fixture(scope="module")
def everything():
    """One of every figure, some with labels that are long."""
    long = "adam(0.001, weight_decay=0.0001, nesterov=True)"
    lanes = {"adam": falling(lanes=9), "sgd": falling(lanes=9, seed=1)}
    return {
        "multiples": multiples(),
        "many multiples": multiples(8),
        "two multiples": figures.multiples(
            QUADRATIC,
            {"equal rate": {"sgd": LOST, long: BENT}, "tuned": {long: STRAIGHT}},
            title="A title of one's own, which is longer than its figure is wide",
        ),
        "heat map": theory(),
        "plain heat map": heat_map(),
        "curves": figures.descent_curves({long: falling(), "sgd": breaking()}),
        "lanes": figures.descent_curves(lanes, record_every=10, title="rosenbrock"),
        "states": states(),
        "long surface": figures.surface(QUADRATIC, {"sgd": BENT}, title=LONG),
        "long heat map": heat_map(title=LONG),
        "long curves": figures.descent_curves({"sgd": falling()}, title=LONG),
        "long states": states(title=LONG),
        "long multiples": figures.multiples(QUADRATIC, {"": {}}, title=LONG),
    }


def legend_of(figure):
    (legend,) = figure.legends
    return [" ".join(label.get_text().split()) for label in legend.get_texts()]


def handle_of(figure, label):
    return figure.legends[0].legend_handles[legend_of(figure).index(label)]


def lines_of(axes, color):
    """The lines of several points in a colour."""
    return [
        line
        for line in axes.lines
        if line.get_color() == color and len(line.get_xdata()) > 1
    ]


def crosses_of(axes):
    return [
        line for line in axes.lines if line.get_marker() == "X" and line.get_ms() > 9
    ]


# All figures


def test_figures_are_made_without_pyplot_and_leave_no_settings_behind(tmp_path):
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    multiples(2), theory(), states()
    figures.descent_curves({"adam": falling()})
    film(tmp_path / "film.gif")
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


def test_no_figure_has_axes_that_show_nothing(everything):
    axes = {name: len(figure.axes) for name, figure in everything.items()}
    assert axes == {
        "multiples": 6,
        "many multiples": 8,
        "two multiples": 2,
        "heat map": 2,  # and its colours
        "plain heat map": 2,
        "curves": 2,
        "lanes": 2,
        "states": 4,
        "long surface": 2,
        "long heat map": 2,
        "long curves": 2,
        "long states": 4,
        "long multiples": 1,
    }


@pytest.mark.slow
def test_legends_are_inside_the_figure_and_outside_the_data(everything):
    for name, figure in everything.items():
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert figure.bbox.containsx(box.x0), name
        assert figure.bbox.containsx(box.x1), name
        assert box.y0 >= 0, name
        assert not any(box.overlaps(axes.bbox) for axes in figure.axes), name


@pytest.mark.slow
def test_no_text_lies_on_another_one_or_leaves_the_figure(everything):
    for name, figure in everything.items():
        figure.draw_without_rendering()
        figure.draw_without_rendering()
        texts = [axes.title for axes in figure.axes] + [figure._suptitle]
        texts += [axes._left_title for axes in figure.axes]
        boxes = [t.get_window_extent() for t in texts if t is not None and t.get_text()]
        for i, box in enumerate(boxes):
            assert figure.bbox.containsx(box.x0 + 1), (name, i)
            assert figure.bbox.containsx(box.x1 - 1), (name, i)
            assert box.y1 <= figure.bbox.y1 + 1, (name, i)
            assert not any(box.overlaps(other) for other in boxes[:i]), (name, i)


def test_every_text_can_be_read_when_the_figure_is_400_pixels_wide(everything):
    for name, figure in everything.items():
        pixels_per_point = 400 / figure.get_figwidth() / 72
        for found in figure.findobj(text.Text):
            if found.get_text() and found.get_visible():
                assert found.get_fontsize() * pixels_per_point >= 9, (name, found)


def test_every_figure_says_what_it_shows_and_its_file_does_too(everything, tmp_path):
    for name, figure in everything.items():
        path = tmp_path / f"{name}.png"
        figures.save(figure, path)
        with Image.open(path) as image:
            assert image.info["Description"] == figures.alt_text(figure) != ""


@pytest.mark.slow
def test_a_long_title_takes_nothing_from_the_panels(everything):
    for name in ("heat map", "curves", "states"):
        figure, long = everything[name], everything[f"long {name}"]
        for one in (figure, long, figure, long):
            one.draw_without_rendering()
        assert " ".join(long.get_suptitle().split()) == LONG
        height, other = (f.axes[0].get_window_extent().height for f in (figure, long))
        assert other > 0.9 * height


def test_lines_of_a_text_are_few_and_about_equally_long():
    assert style.wrap("", 9) == []
    assert style.wrap("rate 1", 16) == ["rate 1"]
    assert style.wrap("rate 1, momentum 0", 16) == ["rate 1,", "momentum 0"]
    assert style.wrap("weight_decay=1e-6 or 0", 17) == ["weight_decay=1e-6", "or 0"]
    assert style.wrap("f(x, y) = (x − y)² + 1", 14) == ["f(x, y) =", "(x − y)² + 1"]
    assert style.wrap(17 * "a", 10) == [10 * "a", 7 * "a"]


# Multiples


def test_a_label_looks_the_same_in_all_panels_even_if_some_lack_another_one():
    figure = multiples(6)
    assert len(figure.axes) == 6
    for axes in figure.axes[:5]:
        (sgd,), (adam,) = lines_of(axes, BLUE), lines_of(axes, VERMILLION)
        np.testing.assert_array_equal(sgd.get_xydata(), STRAIGHT.points)
        np.testing.assert_array_equal(adam.get_xydata(), BENT.points)
        assert (sgd.get_marker(), adam.get_marker()) == ("o", "s")
    last = figure.axes[5]
    assert not lines_of(last, BLUE)
    assert lines_of(last, VERMILLION)[0].get_marker() == "s"
    assert legend_of(figure) == ["sgd", "adam", "start", "minimum", "diverged"]
    assert handle_of(figure, "adam").get_color() == VERMILLION
    assert handle_of(figure, "adam").get_marker() == "s"


def test_panels_say_how_one_or_two_paths_ended_and_no_more():
    panels = {
        "one": {"a": STRAIGHT},
        "two": {"a": BENT, "b": LOST},
        "three": {"a": BENT, "b": LOST, "c": BENT},
    }
    figure = figures.multiples(QUADRATIC, panels)
    assert [axes.get_title() for axes in figure.axes] == [
        "one\nconverged in 1,844",
        "two\n● not converged\n■ diverged at 3",
        "three",
    ]
    assert figures.alt_text(figure).startswith("quadratic, 0.01x² + 0.1y², as contour")
    assert (
        "one: a: converged in 1,844 steps, at (0, 0). two: a: not converged in 2"
        in (figures.alt_text(figure))
    )


def test_only_a_run_that_diverged_has_a_cross_and_only_then_the_legend_too():
    figure = multiples(3)
    assert [len(crosses_of(axes)) for axes in figure.axes] == [0, 0, 1]
    calm = figures.multiples(QUADRATIC, {"a": {"sgd": STRAIGHT}})
    assert legend_of(calm) == ["sgd", "start", "minimum"]


def test_the_titles_of_panels_are_as_wide_as_the_panels():
    panels = {f"rate 10, momentum {k / 10}": {"sgd": STRAIGHT} for k in range(8)}
    figure = figures.multiples(QUADRATIC, panels)
    figure.draw_without_rendering()
    for axes in figure.axes:
        box = axes.title.get_window_extent()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert axes.get_title().startswith("rate 10,\nmomentum 0")


@pytest.mark.parametrize(
    ("n", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (8, 4), (12, 4)]
)
def test_panels_stand_in_at_most_four_columns_and_are_named_at_the_outside(n, columns):
    figure = figures.multiples(QUADRATIC, {f"{i}": {"sgd": BENT} for i in range(n)})
    assert figure.axes[0].get_gridspec().ncols == columns
    assert sum(axes.get_ylabel() == "y" for axes in figure.axes) == -(-n // columns)
    assert sum(axes.get_xlabel() == "x" for axes in figure.axes) == min(n, columns)
    limits = {(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}
    assert limits == {QUADRATIC.window}


def swinging(n=10_000):
    """A path that swings across most of the window."""
    k = np.arange(n)
    return line(*np.stack([3 * np.cos(k / n), 2 * np.cos(3 * k)], axis=1))


def jittering(n=10_000):
    """A path that goes to the minimum and jitters there."""
    noise = 0.05 * np.random.default_rng(0).normal(size=(n, 2))
    return line(*np.linspace((-2, -2), (0, 0), 50), *noise)


def test_a_path_that_swings_for_long_is_thin_and_its_markers_are_not():
    runs = {"swinging": swinging(), "jittering": jittering(), "straight": STRAIGHT}
    figure = figures.surface(QUADRATIC, runs)
    many = figures.multiples(QUADRATIC, {"one": runs})
    for axes in (*figure.axes, many.axes[0]):
        lines = [x for x in axes.lines if x.get_linestyle() != "None"]
        thin, *others = lines[-3:]
        assert thin.get_linewidth() <= 0.8
        assert matplotlib.colors.to_rgba(thin.get_color())[3] < 0.6
        assert all(other.get_linewidth() > 1 for other in others)
        assert {other.get_color() for other in others} == {VERMILLION, GREEN}
        if axes.name != "3d":
            assert thin.get_markerfacecolor() == BLUE
            assert thin.get_markersize() > 5
    assert [handle.get_color() for handle in figure.legends[0].legend_handles] == [
        BLUE,
        VERMILLION,
        GREEN,
    ]


def test_the_line_of_a_swinging_path_is_thin_in_a_film_too(tmp_path, frames):
    film(tmp_path / "film.gif", {"swinging": swinging()}, seconds=0.2)
    assert frames[-1].widths == [0.8]
    assert frames[-1].markers == ["o"]


def test_panels_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="panels is empty"):
        figures.multiples(QUADRATIC, {})
    with pytest.raises(ValueError, match=r"'a' has points of shape \(2, 3\)"):
        figures.multiples(QUADRATIC, {"p": {"a": line((0, 0, 0), (1, 1, 1))}})


# Heat maps


def test_cells_have_a_logarithmic_colour_and_stand_at_their_hyperparameters():
    figure = heat_map()
    axes, bar = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "β")
    assert bar.get_ylabel() == "steps until f < 1e-6"
    assert axes.get_xscale() == "log"
    never, mesh = axes.collections
    assert mesh.get_cmap().name == "cividis"
    assert isinstance(mesh.norm, matplotlib.colors.LogNorm)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (10, 5000)
    np.testing.assert_array_equal(mesh.get_array().filled(np.nan).T, finite(HITS))
    np.testing.assert_array_equal(~never.get_array().mask.T, np.isinf(HITS))
    edges = mesh.get_coordinates()[0, :, 0]
    np.testing.assert_allclose(edges, np.geomspace(10**-2.5, 10**2.5, 6))


def finite(values):
    return np.where(np.isfinite(values), values, np.nan)


def test_decays_stand_further_apart_the_nearer_they_are_to_1():
    axes = heat_map().axes[0]
    there = axes.transData.transform(np.column_stack([np.ones(4), DECAYS]))[:, 1]
    np.testing.assert_allclose(
        np.diff(there) / (there[3] - there[0]), np.diff(-np.log10(1 - DECAYS)) / 2
    )
    ticks = [tick.get_text() for tick in axes.get_yticklabels()]
    assert {"0", "0.5", "0.9", "0.99"} <= set(ticks)


@pytest.mark.parametrize(
    ("y", "scale"),
    [
        ([0, 0.5, 0.9, 0.99], "function"),
        ([1e-5, 1e-4, 1e-3, 1e-2], "log"),
        ([1, 8, 64, 512], "log"),
        ([1, 2, 3, 4], "linear"),
        ([-1, 0, 10, 100], "linear"),
    ],
)
def test_both_axes_are_for_decays_or_logarithmic_or_linear(y, scale):
    y = np.array(y, float)
    assert heat_map(y=y).axes[0].get_yscale() == scale
    assert heat_map(HITS.T, y, RATES).axes[0].get_xscale() == scale


@pytest.mark.parametrize(
    ("x", "scale"),
    [
        ([0, 0.5, 0.8, 0.9, 0.99], "function"),
        ([0.5, 0.8, 0.9, 0.95, 0.99], "function"),
        ([1e-4, 1e-3, 1e-2, 0.1, 0.9], "log"),  # rates, though the last may be a decay
        ([0.1, 0.2, 0.4, 0.8, 1.6], "log"),  # little more than a decade
        ([0, 1, 2, 3, 4], "linear"),
    ],
)
def test_cells_are_about_equally_wide_and_have_numbers(x, scale):
    figure = heat_map(x=np.array(x))
    axes = figure.axes[0]
    assert axes.get_xscale() == scale
    edges = axes.collections[0].get_coordinates()[0, :, 0]
    there = axes.transData.transform(np.column_stack([edges, 0 * edges + 0.5]))[:, 0]
    assert np.diff(there).max() < 5 * np.diff(there).min()
    low, high = axes.get_xlim()
    assert 2 <= sum(low <= tick <= high for tick in axes.get_xticks()) <= 7


def test_a_narrow_range_has_numbers_too():
    values = 1000 + HITS[1:4, :3] / 100
    figure = heat_map(values, np.array([0.61, 0.62, 0.63]), np.array([0.1, 0.11, 0.12]))
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis, figure.axes[1].yaxis):
        low, high = axis.get_view_interval()
        ticks = [tick for tick in axis.get_majorticklocs() if low <= tick <= high]
        assert 2 <= len(ticks) <= 7


def test_the_best_cell_has_a_white_edged_star_and_its_values_are_in_the_legend():
    figure = heat_map()
    (star,) = (line for line in figure.axes[0].lines if line.get_marker() == "*")
    np.testing.assert_allclose(star.get_xydata(), [[10, 0]])
    assert star.get_markeredgecolor() == "white"
    assert legend_of(figure) == [
        "never reached",
        "diverged",
        "best: 10 at learning rate 10, β 0",
    ]


def pixels_of(figure, i, j):
    """The pixels in the middle of a cell, as they are seen."""
    from matplotlib.backends import backend_agg

    canvas = backend_agg.FigureCanvasAgg(figure)
    canvas.draw()
    axes, image = figure.axes[0], np.asarray(canvas.buffer_rgba())[::-1, :, :3]
    x, y = axes.transData.transform((RATES[i], DECAYS[j])).astype(int)
    return image[y - 15 : y + 15, x - 15 : x + 15].reshape(-1, 3).astype(int)


def test_cells_that_never_arrived_are_white_and_diverged_ones_are_hatched_in_grey():
    figure = heat_map()
    assert (pixels_of(figure, 0, 2) == 255).all()
    diverged = pixels_of(figure, 4, 0)
    assert (np.ptp(diverged, axis=1) == 0).all()  # no colour
    assert len(np.unique(diverged[:, 0])) > 2  # but lines on a ground
    assert diverged.max() < 220
    reached = pixels_of(figure, 1, 0)
    assert len(np.unique(reached, axis=0)) == 1
    assert np.ptp(reached[0]) > 50  # yellow
    told = figures.alt_text(figure)
    assert "Of 20 cells: 14 reached, 4 never reached, 2 diverged." in told
    assert "best: 10 at learning rate 10, β 0" in told
    hatched = {h.get_label(): h.get_hatch() for h in figure.legends[0].get_patches()}
    assert hatched == {"never reached": None, "diverged": "////"}


def test_theory_is_drawn_in_dashes_with_a_halo_and_named_in_the_legend():
    figure = theory()
    axes = figure.axes[0]
    (limit,) = lines_of(axes, "black")
    np.testing.assert_array_equal(limit.get_xdata()[:3], LIMIT[0][:3])
    np.testing.assert_array_equal(limit.get_ydata()[:3], LIMIT[1][:3])
    assert limit.get_linestyle() == "--"
    assert len(limit.get_path_effects()) == 1
    assert legend_of(figure)[3:] == [
        "stability limit 2(1 + β)/((1 − β)L)",
        "Polyak's choice",
        "no momentum (outside)",
    ]
    polyak = handle_of(figure, "Polyak's choice").get_marker()
    seen = {
        m.get_marker(): m.get_xydata() for m in axes.lines if len(m.get_xdata()) == 1
    }
    np.testing.assert_array_equal(seen[polyak], [[12, 0.2]])
    np.testing.assert_allclose(axes.get_xlim(), (10**-2.5, 10**2.5))  # as the cells
    told = figures.alt_text(figure)
    assert told.startswith("momentum on the quadratic. steps until f < 1e-6 as colours")
    assert told.endswith("L), Polyak's choice, no momentum.")


def test_a_map_on_which_nothing_arrived_has_no_star_and_no_colours():
    figure = heat_map(np.full((5, 4), np.inf))
    figure.draw_without_rendering()
    assert len(figure.axes) == 1
    assert legend_of(figure) == ["never reached"]
    assert "no cell reached it" in figures.alt_text(figure)


@pytest.mark.slow
@given(npst.arrays(float, (2, 3), elements=st.one_of(st.floats(1, 1e5), ANY)))
def test_any_map_can_be_drawn(values):
    figure = heat_map(values, np.array([0.1, 1]), np.array([0.0, 0.5, 0.9]))
    figure.draw_without_rendering()


def test_one_cell_can_be_drawn():
    heat_map(
        np.array([[3.0]]), np.array([0.1]), np.array([0.9])
    ).draw_without_rendering()


@pytest.mark.parametrize(
    ("values", "x", "y", "message"),
    [
        (HITS.T, RATES, DECAYS, r"values have shape \(4, 5\), but x and y are \(5,\)"),
        (HITS, RATES[::-1], DECAYS, "x must be finite numbers in rising order"),
        (HITS, RATES, np.full(4, 0.5), "y must be finite numbers in rising order"),
        (np.ones((0, 4)), np.ones(0), DECAYS, "x must be finite"),
    ],
)
def test_maps_that_cannot_be_drawn_are_refused(values, x, y, message):
    with pytest.raises(ValueError, match=message):
        heat_map(values, x, y)


# Curves


def test_depth_stands_above_steepness_and_both_are_logarithmic():
    named = falling()
    figure = figures.descent_curves({"sgd": falling(), "adam": named}, record_every=3)
    above, below = figure.axes
    assert (above.get_ylabel(), below.get_ylabel()) == ("f − f*", "‖∇f‖")
    assert (above.get_yscale(), below.get_yscale()) == ("log", "log")
    for axes, name in ((above, "above_best"), (below, "gradient_norm")):
        (drawn,) = lines_of(axes, VERMILLION)
        np.testing.assert_array_equal(drawn.get_xdata(), 3 * np.arange(200))
        np.testing.assert_array_equal(drawn.get_ydata(), named[name])
        assert not axes.collections  # no band for a single run
    assert below.get_xlabel() == "step"
    assert legend_of(figure) == ["sgd", "adam"]
    assert f"adam, at the end f − f* {named['above_best'][-1]:.3g}, ‖∇f‖" in (
        figures.alt_text(figure)
    )


@pytest.mark.parametrize(
    ("rows", "every", "scale"),
    [(301, 1, "linear"), (302, 1, "symlog"), (40, 10, "symlog")],
)
def test_many_steps_have_a_logarithmic_axis_on_which_0_has_a_place(rows, every, scale):
    figure = figures.descent_curves({"sgd": falling(rows)}, record_every=every)
    axes = figure.axes[1]
    assert axes.get_xscale() == scale
    assert axes.get_xlim()[0] == 0


def test_lanes_are_a_median_with_a_band_and_a_lost_one_is_higher_than_all_others():
    named = falling(lanes=7)
    named["above_best"][2, 100:] = np.nan
    figure = figures.descent_curves({"adam": named, "sgd": breaking()})
    axes = figure.axes[0]
    assert axes.get_title() == "median and middle half of 7 runs"
    assert legend_of(figure) == ["adam: 1 of 7 diverged", "sgd: diverged at step 50"]
    (drawn,) = lines_of(axes, BLUE)
    counted = np.where(np.isnan(named["above_best"]), np.inf, named["above_best"])
    np.testing.assert_allclose(drawn.get_ydata(), np.sort(counted, axis=0)[3])
    (band,) = axes.collections
    at_150 = band.get_paths()[0].vertices
    at_150 = np.unique(at_150[at_150[:, 0] == 150, 1])
    expected = np.sort(counted[:, 150])
    low, high = (expected[1] + expected[2]) / 2, (expected[4] + expected[5]) / 2
    np.testing.assert_allclose(at_150, [low, high])


def test_a_series_that_diverges_ends_in_a_cross_and_does_not_flatten_the_others():
    figure = figures.descent_curves({"sgd": breaking(), "adam": falling()})
    for axes in figure.axes:
        (cross,) = crosses_of(axes)
        assert cross.get_color() == BLUE
        bottom, top = axes.get_ylim()
        assert bottom < cross.get_ydata()[0] < top < 1e6
        (drawn,) = lines_of(axes, BLUE)
        assert np.ma.getmaskarray(drawn.get_ydata())[50:].all()
    told = figures.alt_text(figure)
    assert "sgd: diverged at step 50. adam, at the end" in told


def test_the_value_alone_says_when_a_run_diverged():
    named = falling() | {"gradient_norm": 10.0 ** np.arange(200)}
    named["gradient_norm"][36:] = np.inf
    calm = figures.descent_curves({"sgd": named})
    assert legend_of(calm) == ["sgd"]
    assert not [cross for axes in calm.axes for cross in crosses_of(axes)]
    named["above_best"] = np.where(np.arange(200) < 37, named["above_best"], np.nan)
    figure = figures.descent_curves({"sgd": named})
    assert legend_of(figure) == ["sgd: diverged at step 37"]
    assert crosses_of(figure.axes[0])[0].get_xdata() == [36]
    assert len(crosses_of(figure.axes[1])) == 1
    assert "sgd: diverged at step 37" in figures.alt_text(figure)


@pytest.mark.parametrize("rows", [2, 4, 7, 200])
def test_there_is_no_half_a_step(rows):
    steps = figures.descent_curves({"sgd": falling(rows)}).axes[1].get_xticks()
    np.testing.assert_array_equal(steps, np.round(steps))


def test_zeros_and_rounding_below_the_best_fall_out_of_a_logarithmic_figure():
    values = np.array([1.0, 0.1, 1e-3, 0.0, -1e-17])
    figure = figures.descent_curves({"sgd": {"above_best": values}})
    (axes,) = figure.axes
    figure.draw_without_rendering()
    assert axes.get_yscale() == "log"
    bottom, _ = axes.get_ylim()
    assert 1e-4 < bottom < 1e-3
    drawn = lines_of(axes, BLUE)[0].get_ydata()
    np.testing.assert_array_equal(drawn[:3], values[:3])
    assert (drawn[3:] > 0).all()
    assert (drawn[3:] < bottom).all()
    assert not crosses_of(axes)


def test_values_below_0_have_a_linear_axis():
    figure = figures.descent_curves({"sgd": {"value": np.linspace(10, -1.9, 9)}})
    (axes,) = figure.axes
    assert axes.get_yscale() == "linear"
    assert axes.get_ylabel() == "f"
    assert axes.get_ylim()[0] < -1.9
    positive = figures.descent_curves({"sgd": {"value": np.linspace(10, 1, 9)}})
    assert positive.axes[0].get_yscale() == "log"


@pytest.mark.slow
@given(
    npst.arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=ANY),
    st.sampled_from(["value", "above_best"]),
)
def test_any_curve_can_be_drawn(values, name):
    named = {name: values, "gradient_norm": values[::-1]}
    figure = figures.descent_curves({"any": named}, record_every=100)
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ({}, "must all hold 'above_best', or all hold 'value'"),
        ({"a": {"gradient_norm": np.ones(3)}}, "must all hold 'above_best'"),
        (
            {"a": {"value": np.ones(3)}, "b": {"above_best": np.ones(3)}},
            "must all hold 'above_best'",
        ),
        (
            {"a": {"value": np.ones((2, 2, 2))}},
            r"'a' has {'value': \(2, 2, 2\)}, but must have \(rows,\) or",
        ),
        ({"a": {"value": np.ones(0)}}, r"'a' has {'value': \(0,\)}, but must"),
        ({"a": {"value": np.ones(3), "gradient_norm": np.ones(4)}}, "all alike"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(curves, message):
    with pytest.raises(ValueError, match=message):
        figures.descent_curves(curves)


# States


def test_there_is_a_panel_for_every_average_one_for_weights_and_one_for_steps():
    figure = states()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["μ", "ν", "weights", "|update| / |gradient|"]
    assert [axes.get_yscale() for axes in figure.axes] == [
        "linear",
        "log",
        "linear",
        "log",
    ]
    k = np.arange(1, 201)
    for axes in (figure.axes[0], figure.axes[3]):
        (x,), (y,) = lines_of(axes, BLUE), lines_of(axes, VERMILLION)
        np.testing.assert_array_equal(x.get_xdata(), k)
        assert (x.get_marker(), y.get_marker()) == ("o", "s")
    np.testing.assert_allclose(
        lines_of(figure.axes[0], VERMILLION)[0].get_ydata(), np.sin(k / 30)
    )
    weights = figure.axes[2]
    np.testing.assert_allclose(
        lines_of(weights, GREEN)[0].get_ydata(), 1 - 0.9**k, rtol=1e-6
    )
    assert len(weights.lines) == 2
    assert weights.get_ylim()[0] < 0 < 1 < weights.get_ylim()[1]
    assert legend_of(figure) == ["x", "y", "weight of μ", "weight of ν"]
    assert handle_of(figure, "weight of ν").get_color() == PURPLE
    assert figure.axes[-1].get_xlabel() == "step"
    told = figures.alt_text(figure)
    assert told.startswith("adam(0.1) on the quadratic. State over 200 steps: μ, at")
    assert "weight of ν grows from 0.001 to 0.181" in told


def test_an_optimizer_that_keeps_nothing_has_only_its_steps():
    ratios = np.full((9, 3), 0.1)
    ratios[4] = [0, np.nan, np.inf]  # a gradient of 0
    figure = figures.states({}, ratios, {}, coordinates=("a", "b", "c"))
    figure.draw_without_rendering()
    assert len(figure.axes) == 1
    assert legend_of(figure) == ["a", "b", "c"]


@pytest.mark.parametrize("level", [0.1, 3.6, -0.02, 0.0])
@pytest.mark.filterwarnings("error")
def test_what_does_not_change_has_an_axis_with_few_plain_numbers(level):
    noise = 1 + 1e-7 * np.random.default_rng(0).normal(size=(3, 2))
    for still in (np.full((3, 2), level), np.full((3, 2), level) * noise):
        figure = figures.states({"trace": still}, still, {})
        figure.draw_without_rendering()
        for axes, expected in zip(figure.axes, (level, abs(level)), strict=True):
            assert axes.get_yscale() == "linear"
            named = [tick.get_text() for tick in axes.get_yticklabels()]
            assert f"{expected:.3g}".replace("-", "−") in named
            assert len(named) <= 3
            bottom, top = axes.get_ylim()
            assert top - bottom > abs(level)
        assert list(figure.axes[1].get_xticks()) == [1, 2, 3]


def test_many_coordinates_are_a_median_and_the_middle_half_of_them():
    k, n = np.arange(1, 51)[:, None], 24
    values = np.sin(k / 9) * np.arange(n)
    ratios = np.where(np.arange(n) == 3, np.nan, 1.0 + np.arange(n) / k)
    names = [f"x{i}" for i in range(n)]
    figure = figures.states(
        {"μ": values}, ratios, {"μ": 1 - 0.9 ** k[:, 0]}, coordinates=names
    )
    figure.draw_without_rendering()
    assert legend_of(figure) == [
        "median of 24 coordinates",
        "middle half of them",
        "weight of μ",
    ]
    (median,) = figure.axes[0].lines
    np.testing.assert_allclose(median.get_ydata(), np.median(values, axis=1))
    (band,) = figure.axes[2].collections
    seen = band.get_paths()[0].vertices
    last = seen[seen[:, 0] == 50, 1]
    np.testing.assert_allclose(last.max(), np.nanquantile(ratios[-1], 0.75))
    assert lines_of(figure.axes[1], VERMILLION)
    told = figures.alt_text(figure)
    assert told.startswith("State over 50 steps, as quartiles of 24 coordinates: μ, at")
    six = figures.states({}, ratios[:, :6], {}, coordinates=names[:6])
    assert legend_of(six) == names[:6]


@given(npst.arrays(float, (4, 7), elements=ANY))
def test_any_state_of_many_coordinates_can_be_drawn(values):
    figure = figures.states({"m": values}, values, {}, coordinates="abcdefg")
    figure.draw_without_rendering()


@pytest.mark.slow
@given(npst.arrays(float, (4, 2), elements=ANY))
def test_any_state_can_be_drawn(values):
    figure = figures.states({"m": values}, values, {"m": values[:, 0]})
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    ("averages", "effective", "weights", "message"),
    [
        ({}, np.ones((9, 3)), {}, r"shape \(9, 3\), .* the 2 coordinates x, y"),
        ({}, np.ones(9), {}, r"effective has shape \(9,\), but must be \(steps, n\)"),
        ({"μ": np.ones((8, 2))}, np.ones((9, 2)), {}, r"'μ' has shape \(8, 2\)"),
        ({}, np.ones((9, 2)), {"μ": np.ones(8)}, r"μ' has shape \(8,\), .* \(9,\)"),
    ],
)
def test_states_that_do_not_fit_are_refused(averages, effective, weights, message):
    with pytest.raises(ValueError, match=message):
        figures.states(averages, effective, weights)


# Films

RUNS = {"straight": STRAIGHT, "lost": LOST}


def film(path, runs=RUNS, **settings):
    settings = {"seconds": 0.5, "fps": 10} | settings
    return figures.animate(QUADRATIC, runs, path, **settings)


@pytest.fixture
def frames(monkeypatch):
    """What was on the figure at every frame that a writer took."""
    taken = []

    def grab(writer, **_):
        axes = writer.fig.axes[0]
        heads = [mark for mark in axes.lines if mark.get_zorder() == 7]
        taken.append(
            types.SimpleNamespace(
                title=axes.get_title(loc="left"),
                heads=[np.squeeze(head.get_xydata()) for head in heads],
                markers=[head.get_marker() for head in heads],
                widths=[x.get_lw() for x in axes.lines if x.get_marker() == "None"],
                paths=[x.get_xydata() for x in axes.lines if x.get_marker() == "None"],
            )
        )
        genuine(writer)

    genuine = animation.PillowWriter.grab_frame
    monkeypatch.setattr(animation.PillowWriter, "grab_frame", grab)
    return taken


def test_a_film_has_as_many_frames_as_promised_and_says_what_it_shows(tmp_path):
    told = []
    path = film(tmp_path / "film.gif", on_frame=lambda *done: told.append(done))
    assert path == tmp_path / "film.gif"
    assert told == [(k, 5) for k in range(1, 6)]
    with Image.open(path) as image:
        assert image.n_frames == 5
        shown = []
        for k in range(5):
            image.seek(k)
            shown.append(image.info["duration"])
        assert shown == [100, 100, 100, 100, 1100]  # the last one rests
        assert image.size[0] >= 400
        assert (
            b"straight: converged in 1,844 steps. lost: diver" in image.info["comment"]
        )
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert list(tmp_path.iterdir()) == [path]


def test_paths_grow_by_one_clock_and_stay_at_their_end(tmp_path, frames):
    runs = {"short": line((-2, -2), (-1, 0)), "long": line((-2, 2), (0, 2), (2, 2))}
    film(tmp_path / "film.gif", runs)
    steps = [frame.title for frame in frames[:5]]
    assert steps == [f"quadratic, step {k}" for k in (0, 0, 1, 1, 2)]
    short, long = zip(*(frame.heads for frame in frames[:5]), strict=True)
    np.testing.assert_allclose(short, [(-2, -2), (-1.5, -1), *[(-1, 0)] * 3])
    np.testing.assert_allclose(long, [(x, 2) for x in (-2, -1, 0, 1, 2)])
    np.testing.assert_allclose(frames[3].paths[1], [(-2, 2), (0, 2), (1, 2)])
    assert frames[-1].markers == ["o", "s"]


def test_a_run_that_diverged_ends_with_a_cross_where_it_was_last_seen(tmp_path, frames):
    film(tmp_path / "film.gif")
    assert [frame.markers[1] for frame in frames[:5]] == ["s", "s", "s", "s", "X"]
    np.testing.assert_array_equal(frames[4].heads[1], [0, 2])


def test_the_clock_of_many_steps_shows_the_first_ones_as_well_as_the_last(
    tmp_path, frames
):
    points = np.linspace((-2, -2), (0, 0), 1000)
    film(tmp_path / "film.gif", {"slow": line(*points)}, seconds=0.4, record_every=10)
    steps = [frame.title.split()[-1] for frame in frames[:4]]
    assert steps == ["0", "20", "462", "9,990"]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("film.webm", {}, "as .gif or .mp4, not '.webm'"),
        ("film", {}, "as .gif or .mp4, not ''"),
        ("film.gif", {"seconds": 0.01}, "0.01 seconds at 10 fps have no frame"),
    ],
)
def test_films_that_cannot_be_made_are_refused(tmp_path, name, settings, message):
    with pytest.raises(ValueError, match=message):
        film(tmp_path / name, **settings)
    assert not list(tmp_path.iterdir())


def test_without_ffmpeg_an_mp4_is_refused_and_a_gif_proposed(tmp_path, monkeypatch):
    monkeypatch.setattr(animation.writers, "is_available", lambda name: False)
    with pytest.raises(ValueError, match=r"needs ffmpeg, .* write a \.gif"):
        film(tmp_path / "film.mp4")


def test_with_ffmpeg_an_mp4_is_written_with_the_same_frames(tmp_path, monkeypatch):
    class Ffmpeg(animation.AbstractMovieWriter):
        frames = 0

        def setup(self, fig, outfile, dpi=None):
            super().setup(fig, outfile, dpi)

        def grab_frame(self, **_):
            self.frames += 1

        def finish(self):
            self.outfile.write_text(f"{self.frames}: {self.metadata['comment']}")

    monkeypatch.setattr(animation.writers, "is_available", lambda name: True)
    monkeypatch.setattr(animation, "FFMpegWriter", Ffmpeg)
    path = film(tmp_path / "film.mp4")
    assert path.read_text().startswith("15: Paths that grow on the contours of quad")
    assert list(tmp_path.iterdir()) == [path]


def test_a_film_that_fails_leaves_the_old_file_and_no_half_one(tmp_path):
    def fail(done, total):
        raise KeyboardInterrupt

    path = tmp_path / "film.gif"
    path.write_text("the old one")
    with pytest.raises(KeyboardInterrupt):
        film(path, on_frame=fail)
    assert path.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_leaves_nothing_and_its_error_is_seen(
    tmp_path, monkeypatch
):
    def fail(writer, **_):
        raise OSError("no space left")

    monkeypatch.setattr(animation.PillowWriter, "grab_frame", fail)
    with pytest.raises(OSError, match="no space left"):
        film(tmp_path / "film.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@settings(max_examples=8)
@given(
    npst.arrays(float, st.tuples(st.integers(1, 4), st.just(2)), elements=ANY),
    st.sampled_from(descent.STATUS),
)
def test_any_points_can_be_filmed(tmp_path_factory, points, status):
    path = tmp_path_factory.mktemp("films") / "film.gif"
    film(path, {"any": line(*points, status=status)}, seconds=0.2)
    with Image.open(path) as image:
        assert image.n_frames >= 1


def test_marks_are_those_of_the_house(tmp_path, frames):
    runs = dict.fromkeys("abcd", STRAIGHT)
    film(tmp_path / "film.gif", runs, seconds=0.1)
    assert frames[0].markers == [style.mark(i).marker for i in range(4)]
