import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

import optax_lab
from optax_lab import dissection, ewma

partial = functools.partial


def read_off(optimizer, **settings):
    """Returns by name what is read off: (β, start, gain)."""
    found = optax_lab.anatomy(optimizer, **settings)
    return {kept.name: (kept.decay, kept.start, kept.gain) for kept in found.kept}


def kinds(optimizer):
    return {kept.name: kept.kind for kept in optax_lab.anatomy(optimizer).kept}


def assert_read(optimizer, expected):
    found = read_off(optimizer)
    assert set(found) == set(expected)
    for name, (decay, start, gain) in expected.items():
        assert found[name][0] == pytest.approx(decay, rel=1e-6), name
        assert found[name][1] == start, name
        assert found[name][2] == pytest.approx(gain, rel=1e-4), name


# --- β, start and gain are those that were given --------------------------------------


@pytest.mark.parametrize("make", [optax_lab.adam, optax.adam])
@pytest.mark.parametrize(("b1", "b2"), [(0.9, 0.999), (0.5, 0.9), (0.0, 0.9999)])
def test_adams_averages_are_read_off(make, b1, b2):
    expected = {"mu": (b1, 0, 1), "nu": (b2, 0, 1)}
    assert_read(partial(make, b1=b1, b2=b2), expected)


def test_an_average_and_a_sum_differ_in_their_gain():
    assert_read(partial(optax_lab.momentum, decay=0.8), {"ema": (0.8, 0, 1)})
    for make in (optax_lab.sgd, optax.sgd):
        heavy_ball = partial(make, momentum=0.9)
        assert_read(heavy_ball, {"trace": (0.9, 0, 10)})
        assert kinds(heavy_ball) == {"trace": "sum"}
    assert kinds("momentum") == {"ema": "average"}


@pytest.mark.parametrize("scale", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("make", [optax_lab.rmsprop, optax.rmsprop])
def test_a_start_is_read_off(make, scale):
    make = partial(make, decay=0.95, initial_scale=scale)
    assert_read(make, {"nu": (0.95, scale, 1)})


def from_the_first(learning_rate, decay=0.7):
    """An average that starts at its first value, and one of a norm."""

    def init(params):
        norm = jax.tree.map(lambda p: jnp.zeros((), p.dtype), params)
        return {"first": ewma.init(params), "norm": ewma.init(norm)}

    def update(updates, state, params=None):
        of = state["first"]
        mean = ewma.update(of, updates, ewma.first(of, decay))
        norms = jax.tree.map(lambda g: jnp.sqrt(jnp.sum(g * g)), updates)
        norm = ewma.update(state["norm"], norms, 0.5)
        step = jax.tree.map(lambda m: -learning_rate * m, mean.average)
        return step, {"first": mean, "norm": norm}

    return optax.GradientTransformation(init, update)


def test_a_start_at_the_first_value_is_read_off_anyones_optimizer():
    found = read_off(from_the_first)
    assert found["['first']"] == (pytest.approx(0.7), "first", pytest.approx(1))
    assert found["['norm']"] == (pytest.approx(0.5), 0, pytest.approx(1))


def test_what_never_forgets_has_a_decay_of_1_and_no_end():
    for make in (optax_lab.adagrad, optax.adagrad):
        assert read_off(make) == {"sum_of_squares": (1, pytest.approx(0.1), np.inf)}
        assert kinds(make) == {"sum_of_squares": "sum"}


def test_a_maximum_is_neither_an_average_nor_a_sum():
    for make in (optax_lab.adamax, optax.adamax):
        found = optax_lab.anatomy(make)
        assert [kept.kind for kept in found.kept] == ["average", "other"]
        assert found.kept[1].decay == pytest.approx(0.999)


def test_a_memory_that_fades_at_no_one_rate_has_no_decay():
    (rows, columns, whole) = optax_lab.anatomy(optax_lab.adafactor).kept
    assert np.isnan(whole.decay)
    assert (whole.start, whole.gain) == ("first", pytest.approx(1))
    assert rows.gain == columns.gain == 0  # one element is not factored


def test_every_optimizer_of_ours_has_an_anatomy():
    for name in ("sgd", "lion", "lamb", "muon", "schedule_free_adamw", "sophia"):
        found = optax_lab.anatomy(name)
        assert found.name == name
        assert found.equation, name
        for kept in found.kept:
            assert np.isfinite(kept.response.step).all(), (name, kept.name)


# --- The update -----------------------------------------------------------------------


def test_the_update_responds_per_learning_rate():
    found = optax_lab.anatomy(partial(optax_lab.sgd, momentum=0.5))
    steps = np.arange(dissection.probes.STEPS)
    fades = np.where(steps < 1, 0, 0.5 ** np.maximum(steps - 1, 0))
    np.testing.assert_allclose(found.update.impulse, fades, atol=1e-12)
    np.testing.assert_allclose(found.update.step, 2 * (1 - 0.5 ** (steps + 1)))


def test_weight_decay_does_not_show_in_the_responses():
    plain = optax_lab.anatomy(partial(optax_lab.adamw, weight_decay=0.0)).update
    decayed = optax_lab.anatomy(partial(optax_lab.adamw, weight_decay=0.1)).update
    np.testing.assert_allclose(decayed.step, plain.step, atol=1e-3)
    np.testing.assert_allclose(decayed.impulse, plain.impulse, atol=1e-3)


def test_an_optimizer_is_taken_as_it_is():
    found = optax_lab.anatomy(optax.chain(optax.trace(0.5), optax.scale(-0.25)))
    assert found.update.step[-1] == pytest.approx(0.5)
    assert (found.name, found.equation) == ("optimizer", "")
    assert found.kept[0].path == "[0].trace"


# --- Room -----------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "size"), [(jnp.float32, 4), (jnp.bfloat16, 2)])
def test_bytes_per_parameter_are_those_of_the_state(dtype, size):
    found = optax_lab.anatomy(optax_lab.adam, dtype=dtype)
    mu, nu = found.kept
    assert (mu.bytes_per_parameter, mu.dtype) == (size, jnp.dtype(dtype).name)
    assert (nu.bytes_per_parameter, nu.dtype) == (4, "float32")
    assert found.bytes_per_parameter == pytest.approx(size + 4, abs=1e-4)
    theirs = optax_lab.anatomy(optax.adam, dtype=dtype)
    assert [kept.bytes_per_parameter for kept in theirs.kept] == [size, size]


def test_averages_of_16_bits_take_half_the_room_and_remember_as_long():
    low = {"mu_dtype": jnp.bfloat16, "nu_dtype": jnp.bfloat16}
    found = optax_lab.anatomy(partial(optax_lab.adam, b2=0.99, **low))
    assert [kept.bytes_per_parameter for kept in found.kept] == [2, 2]
    assert found.bytes_per_parameter == pytest.approx(4, abs=1e-4)
    for kept, decay in zip(found.kept, (0.9, 0.99), strict=True):
        assert kept.decay == pytest.approx(decay, rel=5e-3)


def test_parts_of_a_state_that_are_for_some_leaves_only_are_told_apart():
    for make in (optax_lab.muon, optax.contrib.muon):
        decays = {kept.path: kept.decay for kept in optax_lab.anatomy(make).kept}
        assert sorted(decays.values()) == pytest.approx([0.9, 0.95, 0.999])
        assert len({kept.name for kept in optax_lab.anatomy(make).kept}) == 3
    nothing = optax_lab.anatomy("sgd")
    assert (nothing.kept, nothing.bytes_per_parameter) == ((), 0)


# --- Words ----------------------------------------------------------------------------


def test_the_equation_is_the_paragraph_of_the_documentation_that_has_it():
    assert optax_lab.anatomy("adam").equation.startswith(
        "μₜ = μₜ₋₁ + (1 − β₁)(gₜ − μₜ₋₁)"
    )
    assert r"m_t &\leftarrow \beta_1" in optax_lab.anatomy(optax.adam).equation
    given = optax_lab.anatomy(partial(optax_lab.adam, b1=0.5))
    assert given.equation == optax_lab.anatomy("adam").equation
    assert optax_lab.anatomy(from_the_first).equation == ""


def test_an_average_of_parameters_is_none_of_gradients():
    for wrap in (
        partial(optax_lab.lookahead, sync_period=2, slow_step_size=0.5),
        partial(optax_lab.with_param_ema, decays=0.9),
    ):
        found = optax_lab.anatomy(lambda lr, wrap=wrap: wrap(optax_lab.sgd(lr)))
        (row,) = (dissection.cells(kept) for kept in found.kept)
        assert (row["kind"], row["β"], row["gain"]) == ("other", "–", "–")


def test_shampoos_outer_products_are_summed_where_they_are_not_averaged():
    found = kinds(partial(optax_lab.shampoo, b2=None))
    assert found["products"] == "sum"


@pytest.mark.parametrize(
    ("make", "equation"),
    [
        (optax.sgd, r"u_t \leftarrow -\alpha_t g_t,"),
        (optax.signum, r"m_t \leftarrow \beta\, m_t + (1 - \beta)\, g_t \\"),
        (optax.sign_sgd, r"u_t \leftarrow -\alpha_t\, \text{sign}\,(g_t),"),
        (optax.noisy_sgd, r"u_t \leftarrow -\alpha_t (g_t + N(0, \sigma_t^2)),"),
        (optax.polyak_sgd, r"s \min\left\{"),
        (optax.lbfgs, r"\begin{align*}"),
        (optax.contrib.sophia, ""),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_optaxs_equation_is_what_it_marks_as_one_and_never_prose(make, equation):
    found = dissection._equation(make)
    assert found.startswith(equation)
    assert bool(found) == bool(equation)


def test_an_optimizer_that_searches_along_a_line_is_dissected_without_a_warning():
    found = optax_lab.anatomy(optax.lbfgs)  # warnings are errors here
    assert found.name == "lbfgs"
    assert found.kept


def test_an_anatomy_prints_as_text():
    text = str(optax_lab.anatomy(partial(optax_lab.adam, b2=0.99)))
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["adam"]
    assert ["mu", "average", "0.9", "0", "1", "float32", "4"] in lines
    assert ["nu", "average", "0.99", "0", "1", "float32", "4"] in lines
    assert text.endswith("state: 8 bytes per parameter")
    assert "nothing" in str(optax_lab.anatomy("sgd"))
    assert "–" in str(optax_lab.anatomy("adafactor"))


def test_without_a_name_there_is_a_table_of_all(monkeypatch):
    few = {n: optax_lab.OPTIMIZERS[n] for n in ("sgd", "momentum", "adam")}
    monkeypatch.setattr(dissection.table, "OPTIMIZERS", few)
    every = optax_lab.anatomy()
    assert [one.name for one in every] == list(few)
    lines = [line.split() for line in str(every).splitlines()]
    firsts = [(line[0], line[1]) for line in lines[1:]]
    assert firsts == [
        ("sgd", "nothing"),
        ("momentum", "ema"),
        ("adam", "mu"),
        ("adam", "nu"),
    ]


def test_an_unknown_name_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"one of sgd, .*adam.*; got 'adamm'"):
        optax_lab.anatomy("adamm")
