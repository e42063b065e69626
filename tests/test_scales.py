# Axes of hyperparameters: their scale, their cells, and numbers that can be read.

import numpy as np
import pytest
from matplotlib.figure import Figure

from optax_lab.reporting import scales
from optax_lab.studies import spaces


@pytest.mark.parametrize(
    ("at", "scale"),
    [
        ([0.9, 0.99, 0.999], "decay"),
        ([1e-3, 1e-2, 1e-1], "log"),
        ([1.0, 2.0, 3.0], "linear"),
        ([1.01, 1.011, 1.012], "linear"),
    ],
)
def test_values_lie_most_evenly_on_their_scale_and_all_have_a_place_there(at, scale):
    at = np.array(at)
    assert scales.evenest(at) == scale
    assert scales.seen_on(scale, at).all()
    edges = scales.edges_of(at, scale)
    assert (edges[:-1] < at).all() and (at < edges[1:]).all()


@pytest.mark.parametrize("at", [[1.01], [0.93, 0.94], [0.0101, 0.0102, 0.0103]])
def test_an_axis_without_round_numbers_shows_the_values_themselves(at):
    at = np.array(at)
    axes = Figure().add_subplot()
    scale = scales.evenest(at)
    edges = scales.edges_of(at, scale)
    scales.set_scale(axes.xaxis, scale, at, edges)
    there = axes.xaxis.get_majorticklocs()
    inside = there[(there >= edges[0]) & (there <= edges[-1])]
    assert len(inside) >= min(2, len(at))


@pytest.mark.parametrize(
    ("scale", "beyond"), [("linear", np.inf), ("decay", 1.0), ("log", 0.0)]
)
def test_what_has_no_place_on_a_scale_is_told_apart(scale, beyond):
    assert scales.seen_on(scale, np.array([0.5, beyond])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 0.7), (0.0, 0.79), (0.5, 0.99), (0.0, 0.8), (1e-4, 0.5), (1.0, 3.0)],
)
def test_a_search_and_an_axis_agree_on_what_a_decay_is(low, high):
    searched = spaces.scale_of("x", low, high)
    at = spaces.scaled(np.linspace(0, 1, 9), low, high, searched)
    assert scales.evenest(at) == {"logarithmic": "log"}.get(searched, searched)
