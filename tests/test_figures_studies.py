# The figures of what a study found: searches, and how soon and how well runs arrive.
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from matplotlib import patches, text
from PIL import Image

from optax_lab.reporting import figures, style
from optax_lab.studies import scores as of_runs
from optax_lab.studies import targets, tunability

BLUE, VERMILLION = "#0072B2", "#D55E00"
ANY = st.one_of(
    st.floats(),
    st.sampled_from([0.0, np.nan, np.inf, -np.inf, 1.7e308, -1.7e308, 5e-324]),
)
RATES = np.geomspace(1e-3, 1, 7)  # half decades
SCORES = np.array([0.3, 0.5, 0.8, 0.9, 0.88, np.nan, np.inf])
NINES = np.array([0.9, 0.91, 0.92, 0.93])
SOON = np.array([10.0, 12.0, 14.0, 16.0])
TWELVE = [f"optimizer_{i}" for i in range(12)]


def sensitivity(scores=SCORES, rates=RATES, **settings):
    return figures.sensitivity({"adam": rates}, {"adam": scores}, **settings)


def times(*ends, censored=()):
    ends = np.array(ends, float)
    return targets.Times(ends, np.isin(np.arange(len(ends)), censored))


def profile(*taus):
    rows = {"adam": [1.0, 1.0, 2.0, 4.0], "lion": [2.0, np.inf, 1.0, 1.0]}
    return targets.performance_profile(rows, [float(tau) for tau in taus])


@pytest.fixture(scope="module")
def everything():
    """One of every figure, for one optimizer, some, and twelve."""
    rng, sets = np.random.default_rng(0), {}
    for label, names in (("one", ["adam(0.001, nesterov=True)"]), ("many", TWELVE)):
        rates = {name: 10 ** rng.uniform(-4, 0, 24) for name in names}
        scores = {name: rng.uniform(0.1, 0.9, 24) for name in names}
        soon = {name: rng.integers(5, 50, 6).astype(float) for name in names}
        for values in (scores[names[0]], soon[names[0]]):
            values[:2] = np.inf
        ends = {n: targets.Times(np.minimum(s, 60), s > 60) for n, s in soon.items()}
        accuracy = {name: rng.normal(90, 1, 6) for name in names}
        shares = targets.performance_profile(soon, np.geomspace(1, 8, 20).tolist())
        sets |= {
            f"{label} sensitivity": figures.sensitivity(rates, scores),
            f"{label} tuning": figures.tuning_curve(
                scores,
                title="A title of one's own, which is longer than its figure is wide",
            ),
            f"{label} accuracy": figures.accuracy_against_speed(soon, accuracy),
            f"{label} profile": figures.profile(shares, title="all seeds"),
            f"{label} shares": figures.shares_reached(ends),
        }
    return sets


def legend_of(figure):
    (legend,) = figure.legends
    return [" ".join(label.get_text().split()) for label in legend.get_texts()]


def marks_of(axes, marker, color=None):
    """The points of all markers of a shape, (points, 2), in any order."""
    found = [
        line.get_xydata()
        for line in axes.lines
        if line.get_marker() == marker
        and line.get_linestyle() == "None"
        and color in (None, line.get_color())
    ]
    return np.concatenate(found) if found else np.empty((0, 2))


def curve_of(axes, color, thick=1.7):
    (found,) = (
        line
        for line in axes.lines
        if line.get_color() == color
        and line.get_linestyle() != "None"
        and line.get_linewidth() > thick
    )
    return found


def bars_of(axes):
    found = [bar for bar in axes.patches if isinstance(bar, patches.Rectangle)]
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in found]


def texts_of(axes):
    return [found.get_text() for found in axes.texts]


def heights_at(band, x):
    corners = np.concatenate([path.vertices for path in band.get_paths()])
    at = corners[np.isclose(corners[:, 0], x), 1]
    return at.min(), at.max()


# All figures


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
def test_no_text_leaves_the_figure_or_lies_on_another_one(everything):
    for name, figure in everything.items():
        figure.draw_without_rendering()
        figure.draw_without_rendering()
        found = [one for one in texts_drawn(figure) if one and one.get_text()]
        boxes = [one.get_window_extent() for one in found]
        for i, (one, box) in enumerate(zip(found, boxes, strict=True)):
            assert -1 <= box.x0 < box.x1 <= figure.bbox.x1 + 1, (name, one)
            assert -1 <= box.y0 < box.y1 <= figure.bbox.y1 + 1, (name, one)
            assert not any(box.overlaps(other) for other in boxes[:i]), (name, one)


def texts_drawn(figure):
    """All texts, without those of ticks that are not seen."""
    found = [figure._suptitle, *figure.legends[0].get_texts()]
    for axes in figure.axes:
        found += [axes.title, axes._left_title, *axes.texts]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [t for t in axis.get_major_ticks() if low <= t.get_loc() <= high]
            found += [axis.label, *(t.label1 for t in ticks if t.label1.get_visible())]
    return found


def test_every_text_can_be_read_when_the_figure_is_400_pixels_wide(everything):
    for name, figure in everything.items():
        pixels_per_point = 400 / figure.get_figwidth() / 72
        for found in figure.findobj(text.Text):
            if found.get_text() and found.get_visible():
                assert found.get_fontsize() * pixels_per_point >= 9, (name, found)


@pytest.mark.slow
def test_every_figure_says_what_it_shows_and_its_file_does_too(everything, tmp_path):
    for name, figure in everything.items():
        path = tmp_path / f"{name}.png"
        figures.save(figure, path)
        with Image.open(path) as image:
            assert image.info["Description"] == figures.alt_text(figure) != ""


def test_an_optimizer_has_the_same_mark_in_all_and_twelve_have_different_ones(
    everything,
):
    looks = {}
    for name, figure in everything.items():
        if name.startswith("many"):
            looks[name] = [
                (h.get_color(), h.get_marker(), h.get_markerfacecolor())
                for h in figure.legends[0].legend_handles[:12]
            ]
    first = looks["many sensitivity"]
    assert all(found == first for found in looks.values())
    assert len(set(first)) == 12
    assert [look[:2] for look in first] == [style.mark(i)[:2] for i in range(12)]
    assert [look[2] for look in first[7:]] == ["white"] * 5


# Sensitivity


def test_points_and_their_envelope_stand_at_their_rates_on_a_logarithmic_axis():
    figure = sensitivity(title="adam on digits")
    above, below = figure.axes
    assert above.get_xscale() == below.get_xscale() == "log"
    assert above.get_xlim() == below.get_xlim()
    assert above.get_ylabel() == "validation accuracy"
    assert below.get_xlabel() == "learning rate"
    finite = np.where(np.isfinite(SCORES), SCORES, np.nan)
    np.testing.assert_array_equal(
        marks_of(above, "o"), np.column_stack([RATES, finite])
    )
    line = curve_of(above, BLUE)
    np.testing.assert_array_equal(line.get_xdata(), RATES)
    np.testing.assert_array_equal(line.get_ydata(), finite)
    assert figure.get_suptitle() == "adam on digits"


def test_the_envelope_keeps_what_is_best_of_a_window_of_a_factor_of_2():
    rates = np.array([1.0, 1.2, 1.5, 4.0, 4.4, 5.0, 16.0, 16.0, 18.0])
    scores = np.array([0.1, 0.5, 0.3, 0.7, 0.6, 0.8, 0.2, 0.4, np.nan])
    order = np.random.default_rng(0).permutation(9)
    above = sensitivity(scores[order], rates[order]).axes[0]
    # 1.0: a better one is near. 1.5: alone up to 4. 4.4 is between better ones.
    expected = [(1.2, 0.5), (1.5, 0.3), (4.0, 0.7), (5.0, 0.8), (16.0, 0.4)]
    np.testing.assert_array_equal(curve_of(above, BLUE).get_xydata(), expected)
    lowest = sensitivity(1 - scores, rates, best="lowest").axes[0]
    np.testing.assert_allclose(
        curve_of(lowest, BLUE).get_xydata(), [(x, 1 - y) for x, y in expected]
    )


def test_rates_a_factor_of_2_apart_are_all_on_the_envelope():
    rates, scores = 2.0 ** np.arange(5), np.array([0.1, 0.5, 0.3, 0.6, 0.2])
    line = curve_of(sensitivity(scores, rates).axes[0], BLUE)
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([rates, scores]))


def test_a_bar_is_where_the_envelope_is_nearly_the_best_with_its_width_beside_it():
    figure = sensitivity()
    below = figure.axes[1]
    span = tunability.rate_sensitivity(
        RATES, SCORES[:5].tolist() + [np.nan] * 2, best="highest"
    )
    ((low, high),) = bars_of(below)
    np.testing.assert_allclose((low, high), (span.low, span.high))
    np.testing.assert_allclose(marks_of(below, "o"), [(RATES[3], 0)])
    assert texts_of(below)[:2] == [f"{span.width_decades:.2f}", "decades"]
    assert below.get_title(loc="left") == "within 5 % of its best"
    wide = sensitivity(within=0.5).axes[1]
    assert bars_of(wide)[0][0] < low
    assert wide.get_title(loc="left") == "within 50 % of its best"


def test_a_width_is_at_least_what_it_is_if_good_rates_go_on():
    below = sensitivity(np.array([0.9, 0.91]), np.array([0.1, 1.0])).axes[1]
    assert texts_of(below)[0] == "≥ 1.00"
    np.testing.assert_allclose(bars_of(below), [(0.1, 1.0)])


@pytest.mark.parametrize(("best", "side"), [("highest", 0), ("lowest", 1)])
def test_diverged_points_are_crosses_at_the_worse_end(best, side):
    figure = sensitivity(best=best)
    above = figure.axes[0]
    figure.draw_without_rendering()
    crosses = marks_of(above, "x", BLUE)
    np.testing.assert_array_equal(crosses[:, 0], RATES[5:])
    assert (np.abs(crosses[:, 1] - side) < 0.2).all()  # of the height of the axes
    points = above.transData.transform([(0.1, 0.3), (0.1, 0.9)])
    across = above.transAxes.inverted().transform(points)[:, 1]
    assert (np.abs(across - side) > np.abs(crosses[0, 1] - side)).all()
    assert legend_of(figure) == ["adam", "diverged"]


def test_optimizers_have_rows_from_the_top_and_crosses_at_their_own_height():
    rates = {"adam": RATES, "lion": RATES}
    figure = figures.sensitivity(rates, {"lion": SCORES + 0.05, "adam": SCORES})
    above, below = figure.axes
    names = [label.get_text() for label in below.get_yticklabels()]
    assert names == ["adam", "lion"]
    assert below.get_ylim() == (1.5, -0.5)
    (adam,), (lion,) = marks_of(below, "o"), marks_of(below, "s")
    assert (adam[1], lion[1]) == (0, 1)
    heights = [marks_of(above, "x", color)[0, 1] for color in (BLUE, VERMILLION)]
    assert heights[0] < heights[1]
    told = figures.alt_text(figure)
    assert "Best: lion, 0.95; widest: lion, 0." in told
    assert "adam: best 0.9 at 0.0316, " in told
    assert "2 of 7 diverged" in told


def test_a_long_name_is_cut_in_its_row_but_not_in_the_legend():
    name = "adam(weight_decay=0.0001)"
    figure = figures.sensitivity({name: RATES}, {name: SCORES})
    (label,) = figure.axes[1].get_yticklabels()
    assert label.get_text() == "adam(weight_decay…"
    assert legend_of(figure)[0] == name


def test_a_search_of_which_all_diverged_has_crosses_and_no_bar():
    figure = sensitivity(np.full(7, np.nan))
    above, below = figure.axes
    assert len(marks_of(above, "x", BLUE)) == 7
    assert not bars_of(below)
    assert texts_of(below)[0] == "none"
    assert legend_of(figure) == ["adam: all diverged", "diverged"]
    told = figures.alt_text(figure)
    assert "Best: none; widest: none. adam: 7 of 7 diverged." in told


def test_losses_of_decades_have_a_logarithmic_axis_without_those_far_off():
    losses = np.array([2.0, 0.5, 0.1, 0.05, 0.2, 1e30, np.nan])
    above = sensitivity(losses, best="lowest", label="loss").axes[0]
    assert above.get_yscale() == "log"
    low, high = above.get_ylim()
    assert low < 0.05 < 2 < high < 20
    assert sensitivity(best="lowest").axes[0].get_yscale() == "linear"


@pytest.mark.slow
@settings(max_examples=10)
@given(npst.arrays(float, st.integers(1, 6), elements=ANY))
def test_any_search_can_be_drawn(scores):
    scores = np.abs(scores)
    rates = np.geomspace(1e-3, 1, len(scores))
    for best in ("highest", "lowest"):
        sensitivity(scores, rates, best=best).draw_without_rendering()
        figures.tuning_curve({"any": scores}, best=best).draw_without_rendering()


@pytest.mark.parametrize(
    ("rates", "scores", "message"),
    [
        ({}, {}, r"rates and scores must have the same names, got \[\] and \[\]"),
        ({"a": RATES}, {"b": SCORES}, r"same names, got \['a'\] and \['b'\]"),
        ({"a": RATES[:3]}, {"a": SCORES}, "rates of 'a' must be 7 positive numbers"),
        ({"a": -RATES}, {"a": SCORES}, "rates of 'a' must be 7 positive numbers"),
        ({"a": RATES}, {"a": np.ones((7, 1))}, r"scores of 'a' have shape \(7, 1\)"),
        ({"a": RATES}, {"a": -np.ones(7)}, "best score must be at least 0, got -1"),
    ],
)
def test_searches_that_cannot_be_drawn_are_refused(rates, scores, message):
    with pytest.raises(ValueError, match=message):
        figures.sensitivity(rates, scores)


# Tuning


@pytest.mark.parametrize("best", ["highest", "lowest"])
def test_a_line_is_the_mean_of_the_best_of_k_and_its_band_the_middle_half(best):
    values = np.array([0.3, 0.9, 0.5, 0.7, 0.6])
    figure = figures.tuning_curve({"adam": values}, best=best)
    (axes,) = figure.axes
    line = curve_of(axes, BLUE)
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 6))
    np.testing.assert_allclose(
        line.get_ydata(), tunability.best_of_k(values, best=best)
    )
    (band,) = axes.collections
    ends = [tunability.quantile_of_k(values, q, best=best) for q in (0.25, 0.75)]
    shown = np.clip(np.sort(ends, axis=0), *axes.get_ylim())
    for k in range(1, 6):
        np.testing.assert_allclose(heights_at(band, k), shown[:, k - 1])
    assert axes.get_title() == "mean and middle half"
    assert axes.get_ylabel() == "validation accuracy, best of k"


@pytest.mark.parametrize(("points", "last"), [(1, 1), (5, 4), (8, 8), (64, 64)])
def test_numbers_of_tries_are_powers_of_2_at_equal_distances(points, last):
    figure = figures.tuning_curve({"adam": np.linspace(0, 1, points)})
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    ticks = axes.get_xticks()
    np.testing.assert_array_equal(ticks, 2 ** np.arange(len(ticks)))
    assert ticks[-1] == last
    assert not len(axes.get_xticks(minor=True))
    assert axes.get_xlim()[0] < 1 <= points < axes.get_xlim()[1]


def test_while_all_tries_may_diverge_a_thin_line_is_their_median():
    values = np.array([0.5, 0.9, np.nan, 0.7, 0.6, np.inf])
    figure = figures.tuning_curve({"adam": values})
    (axes,) = figure.axes
    mean = curve_of(axes, BLUE).get_ydata()
    assert np.isnan(mean[:2]).all()
    lost = np.where(np.isinf(values), np.nan, values)
    np.testing.assert_allclose(mean[2:], tunability.best_of_k(lost, best="highest")[2:])
    (thin,) = (line for line in axes.lines if 0 < line.get_linewidth() < 1.7)
    np.testing.assert_array_equal(thin.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(
        thin.get_ydata(), tunability.quantile_of_k(lost, 0.5, best="highest")[:3]
    )
    assert axes.get_title().endswith("thin: median, while all may diverge")


def test_searches_of_different_lengths_and_lost_ones_stand_together():
    scores = {"adam": NINES, "lion": NINES[:2], "sgd": np.full(3, np.nan)}
    figure = figures.tuning_curve(scores)
    axes = figure.axes[0]
    assert len(curve_of(axes, BLUE).get_xdata()) == 4
    assert len(curve_of(axes, VERMILLION).get_xdata()) == 2
    assert legend_of(figure) == ["adam", "lion", "sgd: all diverged"]
    told = figures.alt_text(figure)
    assert "Best of all: adam, 0.93." in told
    assert "lion: median 0.91 of 1, 0.91 of 2. sgd: median none of 1" in told


def test_searches_without_points_are_refused():
    with pytest.raises(ValueError, match="scores is empty"):
        figures.tuning_curve({})
    with pytest.raises(ValueError, match=r"'a' have shape \(0,\)"):
        figures.tuning_curve({"a": np.ones(0)})


# Accuracy against speed


def test_a_marker_is_at_the_median_and_the_mean_with_its_quartiles_and_interval():
    figure = figures.accuracy_against_speed({"adam": SOON}, {"adam": NINES})
    (axes,) = figure.axes
    mean, low, high = of_runs.mean_interval(NINES)
    np.testing.assert_allclose(marks_of(axes, "o"), [(13, mean)])
    across, up = (x.get_xydata() for x in axes.lines if x.get_linestyle() == "-")
    np.testing.assert_allclose(across, [(11.5, mean), (14.5, mean)])
    np.testing.assert_allclose(up, [(13, low), (13, high)])
    dots = marks_of(axes, ".")
    np.testing.assert_allclose(dots, np.column_stack([SOON, NINES]))
    assert "never" not in [tick.get_text() for tick in axes.get_xticklabels()]
    assert not axes.patches
    assert axes.get_title().startswith("↔ middle half of 4 seeds, ↕ 95 % interval")
    assert axes.get_xlabel() == "epochs to 90 % of the training set"
    assert legend_of(figure) == ["adam"]


def test_what_never_arrives_stands_in_a_strip_at_the_right():
    soon = {"adam": SOON, "lion": np.where(SOON > 11, np.inf, SOON)}
    figure = figures.accuracy_against_speed(soon, {"adam": NINES, "lion": NINES + 0.1})
    (axes,) = figure.axes
    ((left, right),) = bars_of(axes)
    assert SOON.max() < left < right == pytest.approx(axes.get_xlim()[1])
    ticks = axes.get_xticks()
    assert axes.get_xticklabels()[-1].get_text() == "never"
    assert ticks[-1] == pytest.approx((left + right) / 2)
    assert (ticks[:-1] < left).all()
    ((x, y),) = marks_of(axes, "s")
    assert (x, y) == (ticks[-1], pytest.approx(np.mean(NINES) + 0.1))
    dots = marks_of(axes, ".", VERMILLION)
    np.testing.assert_allclose(dots[:, 0], [10, *[ticks[-1]] * 3])
    assert marks_of(axes, "o")[0, 0] == 13
    told = figures.alt_text(figure)
    assert "Soonest: adam, 13; highest: lion, 1.015." in told
    assert "lion: median never, mean 1.015, 3 of 4 never." in told


def test_a_quarter_that_never_arrives_draws_the_bar_into_the_strip():
    soon = np.array([10.0, 12.0, 14.0, np.inf])
    (axes,) = figures.accuracy_against_speed({"a": soon}, {"a": NINES}).axes
    across = next(x.get_xdata() for x in axes.lines if x.get_linestyle() == "-")
    assert across.tolist() == [11.5, axes.get_xticks()[-1]]
    assert marks_of(axes, "o")[0, 0] == 13


def test_one_seed_has_no_bars_and_all_that_never_arrive_only_the_strip():
    one = figures.accuracy_against_speed({"a": np.ones(1)}, {"a": np.ones(1)})
    assert one.axes[0].get_title() == ""
    np.testing.assert_array_equal(marks_of(one.axes[0], "o"), [(1, 1)])
    never = figures.accuracy_against_speed({"a": np.full(4, np.inf)}, {"a": NINES})
    never.draw_without_rendering()
    ticks = [tick.get_text() for tick in never.axes[0].get_xticklabels()]
    assert ticks == ["never"]
    assert "Soonest: none" in figures.alt_text(never)


def test_an_accuracy_that_is_not_known_is_left_out_of_the_mean():
    values = np.array([np.nan, 0.8, 0.9, np.inf])
    (axes,) = figures.accuracy_against_speed({"a": SOON}, {"a": values}).axes
    np.testing.assert_allclose(marks_of(axes, "o"), [(13, 0.85)])
    lost = figures.accuracy_against_speed({"a": SOON}, {"a": np.full(4, np.nan)})
    lost.draw_without_rendering()


@pytest.mark.parametrize(
    ("speed", "accuracy", "message"),
    [
        ({}, {}, "speed and accuracy must have the same names"),
        ({"a": SOON}, {"b": NINES}, r"same names, got \['a'\] and \['b'\]"),
        ({"a": SOON}, {"a": NINES[:3]}, r"'a' has \(4,\) and \(3,\), but must have"),
        ({"a": SOON[:0]}, {"a": NINES[:0]}, r"'a' has \(0,\) and \(0,\)"),
        ({"a": -SOON}, {"a": NINES}, "speed of 'a' must be at least 0 or inf"),
        ({"a": SOON * np.nan}, {"a": NINES}, "speed of 'a' must be at least 0 or inf"),
    ],
)
def test_pairs_that_cannot_be_drawn_are_refused(speed, accuracy, message):
    with pytest.raises(ValueError, match=message):
        figures.accuracy_against_speed(speed, accuracy)


# Profiles


def test_a_profile_has_steps_with_bands_on_a_logarithmic_axis_from_1():
    found = profile(4, 1, 2)  # in any order
    figure = figures.profile(found)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == (1, 4)
    adam, lion = curve_of(axes, BLUE), curve_of(axes, VERMILLION)
    assert adam.get_drawstyle() == lion.get_drawstyle() == "steps-post"
    np.testing.assert_array_equal(adam.get_xydata(), [(1, 0.5), (2, 0.75), (4, 1)])
    np.testing.assert_array_equal(lion.get_xydata(), [(1, 0.5), (2, 0.75), (4, 0.75)])
    band = axes.collections[0]
    assert heights_at(band, 1) == (found.low["adam"][1], found.high["adam"][1])
    assert legend_of(figure) == ["adam", "lion"]
    figure.draw_without_rendering()
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert {"0 %", "100 %"} <= set(labels)
    told = figures.alt_text(figure)
    assert "Highest share at τ = 1: adam and lion, 0.5. " in told
    assert "Highest share at τ = 4: adam, 1. adam: 0.5 to 1. lion: 0.5 to 0.75." in told


def test_one_seed_has_no_band_and_one_factor_can_be_drawn():
    one = targets.performance_profile({"a": [1.0], "b": [np.inf]}, [1.0, 2.0])
    figures.profile(one).draw_without_rendering()
    figures.profile(profile(1)).draw_without_rendering()


def test_an_empty_profile_is_refused():
    for empty in (targets.Profile(np.ones(1), {}, {}, {}), profile()):
        with pytest.raises(ValueError, match="must have optimizers and factors"):
            figures.profile(empty)


# Shares


def test_shares_are_steps_from_0_with_a_tick_where_a_run_is_censored():
    some = times(2, 4, 6, 10, 10, censored=(2, 3, 4))
    figure = figures.shares_reached({"adam": some, "lion": times(1, 2)}, label="steps")
    (axes,) = figure.axes
    adam, lion = curve_of(axes, BLUE), curve_of(axes, VERMILLION)
    assert adam.get_drawstyle() == "steps-post"
    np.testing.assert_allclose(
        np.unique(adam.get_xydata(), axis=0),
        [(0, 0), (2, 0.2), (4, 0.4), (6, 0.4), (10, 0.4)],
    )
    np.testing.assert_allclose(
        lion.get_xydata(),
        [(0, 0), (1, 0.5), (2, 1), (10, 1)],  # to the end of all
    )
    np.testing.assert_allclose(marks_of(axes, "|", BLUE), [(6, 0.4), (10, 0.4)])
    assert not len(marks_of(axes, "|", VERMILLION))
    assert axes.get_xlabel() == "steps"
    assert legend_of(figure) == ["adam: 2 of 5", "lion: 2 of 2", "censored"]
    told = figures.alt_text(figure)
    assert "Soonest median: lion, 1; most runs: lion, 1." in told
    assert "adam: 2 of 5, half of the runs by: never." in told


def test_a_run_censored_before_others_arrive_counts_as_kaplan_and_meier_say():
    some = times(1, 2, 3, 4, censored=(1,))
    (axes,) = figures.shares_reached({"adam": some}).axes
    at = dict(curve_of(axes, BLUE).get_xydata().tolist())
    assert at[1] == pytest.approx(1 / 4)
    assert at[3] == pytest.approx(1 - 3 / 4 / 2)  # of the two that were left
    np.testing.assert_allclose(marks_of(axes, "|"), [(2, 1 / 4)])


def test_what_never_arrives_lies_at_0_and_what_always_does_has_no_censored():
    never = figures.shares_reached({"sgd": times(9, 9, censored=(0, 1))})
    line = curve_of(never.axes[0], BLUE)
    assert line.get_xdata()[-1] == 9
    assert not line.get_ydata().any()
    assert "Soonest median: none; most runs: sgd, 0." in figures.alt_text(never)
    assert legend_of(figures.shares_reached({"sgd": times(1)})) == ["sgd: 1 of 1"]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "times is empty, but must hold an optimizer"),
        ({"a": times()}, "there are no times"),
        ({"a": times(0, 1)}, "times must be positive numbers"),
    ],
)
def test_times_that_cannot_be_drawn_are_refused(found, message):
    with pytest.raises(ValueError, match=message):
        figures.shares_reached(found)
