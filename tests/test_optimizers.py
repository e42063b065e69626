# Every optimizer against its paper and against Optax, step by step.

import functools
import inspect
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from optax_lab.optimizers import numerics, table
from tests import oracles
from tests.paths import (
    RATE,
    STEPS,
    assert_same_path,
    batched,
    by_the_paper,
    constant,
    dropping,
    follow,
    in_optax,
    jitted,
    optimizer_of,
    run,
    stack,
    tree,
    unstack,
)

FAMILIES = oracles.families()
CASES = oracles.every_case()
every_case = pytest.mark.parametrize(
    ("family", "case"),
    [pytest.param(f, c, id=c.title) for f, cases in FAMILIES.items() for c in cases],
)


def by_family(run, wanted=lambda case: True):
    """Returns a fixture: by family, what gives the path of a case; one program each."""

    @pytest.fixture(scope="module")
    def paths_of():
        return {
            family: batched([c for c in cases if wanted(c)], run)
            for family, cases in FAMILIES.items()
        }

    return paths_of


@functools.cache
def start_and_gradients(complex_=False):
    return tree(0, complex_), [tree(1 + t, complex_) for t in range(STEPS)]


def ours_on_two_lanes(cases):
    """Returns the path of each case by rate; what is compiled sees a traced one."""
    params, grads = start_and_gradients()

    @jitted
    def lane(params, rows, drop):
        rate = lambda t: RATE * drop ** (t // 20)
        return follow([optimizer_of(case, rate) for case in cases], params, rows)

    lanes = [lane(params, stack(grads), drop) for drop in (1.0, 0.1)]
    return [
        {constant: unstack(flat), dropping: unstack(falling)}
        for flat, falling in zip(*lanes, strict=True)
    ]


def ours_at_a_number(cases):
    return together([optimizer_of(case) for case in cases], complex_=True)


def theirs_at_a_number(cases):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return together([optaxs(case)(RATE, **case.kwargs) for case in cases])


def together(optimizers, complex_=False):
    """Returns the path of each optimizer, all in one program."""
    params, grads = start_and_gradients(complex_)
    program = jitted(functools.partial(follow, optimizers))
    return [unstack(rows) for rows in program(params, stack(grads))]


def optaxs(case):
    return in_optax(case.name) if case.optax is True else case.optax


ours = by_family(ours_on_two_lanes)
ours_complex = by_family(ours_at_a_number, lambda case: case.is_complex)
theirs = by_family(theirs_at_a_number, lambda case: case.optax)


@pytest.mark.parametrize("rate", [constant, dropping], ids=["constant", "dropping"])
@every_case
def test_every_step_is_the_papers_and_optaxs_where_that_is_right(
    family, case, rate, ours, theirs
):
    found = ours[family](case)[rate]
    paper = by_the_paper(case, *start_and_gradients(), rate)
    assert_same_path(found, paper, case.close)
    if rate is constant and case.optax:
        assert_same_path(found, theirs[family](case), max(case.close, 1e-11))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "case"),
    [
        pytest.param(f, c, id=c.title)
        for f, cases in FAMILIES.items()
        for c in cases
        if c.is_complex
    ],
)
def test_complex_parameters_follow_the_papers_algorithm_too(family, case, ours_complex):
    found = ours_complex[family](case)
    paper = by_the_paper(case, *start_and_gradients(complex_=True), constant)
    assert_same_path(found, paper, case.close)


def test_of_cases_that_run_together_a_faulty_one_fails_alone():
    runs = []

    def inverses(numbers):
        runs.append(numbers)
        return [1 / number for number in numbers]

    halves, faulty = batched([2, 4], inverses), batched([2, 0, 4], inverses)
    assert [halves(2), halves(4)] == [0.5, 0.25]
    assert [faulty(2), faulty(4)] == [0.5, 0.25]
    with pytest.raises(ZeroDivisionError):
        faulty(0)
    assert runs == [[2, 4], [2, 0, 4], [2], [4], [0]]


def test_every_optimizer_has_a_case():
    assert {case.name for case in CASES} >= set(table.OPTIMIZERS)


@pytest.mark.parametrize("name", [n for n in table.OPTIMIZERS if in_optax(n)])
def test_the_signature_is_optaxs_and_ours_adds_keywords_only(name):
    ours = inspect.signature(getattr(optax_lab, name)).parameters
    theirs = inspect.signature(in_optax(name)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for parameter in theirs.values():
        mine = ours[parameter.name]
        assert mine.kind is parameter.kind
        made = (Callable, optax.GradientTransformation)  # each library has its own
        alike = isinstance(mine.default, made) and isinstance(parameter.default, made)
        assert mine.default == parameter.default or alike
    added = [p for n, p in ours.items() if n not in theirs]
    assert all(p.kind is p.KEYWORD_ONLY for p in added)


@pytest.mark.parametrize(
    ("make", "theirs"),
    [
        (lambda lib: lib.sgd(0.1), "EmptyState EmptyState"),
        (lambda lib: lib.sgd(0.1, momentum=0.9), "TraceState EmptyState"),
        (lambda lib: lib.rmsprop(0.1), "ScaleByRmsState EmptyState EmptyState"),
        (lambda lib: lib.adam(0.1), "ScaleByAdamState EmptyState"),
        (lambda lib: lib.adamw(0.1), "ScaleByAdamState EmptyState EmptyState"),
    ],
)
def test_states_have_optaxs_classes_and_fields(make, theirs):
    ours = make(optax_lab).init(jnp.zeros(2))
    names = [type(s).__name__ for s in ours]
    assert names == theirs.split()
    for mine, other in zip(ours, make(optax).init(jnp.zeros(2)), strict=True):
        assert type(other).__name__ in (type(mine).__name__, "ScaleState")
        assert mine._fields == other._fields
    if hasattr(ours[0], "mu"):
        assert isinstance(ours[0].mu, ewma.Ewma)


# --- Denominators as values -----------------------------------------------------------


def test_denominators_are_the_formulas_they_name():
    nu = ewma.init(jnp.zeros(2))
    for g in (1.0, 2.0, 3.0):
        nu = ewma.update(nu, jnp.array([g**2, 0.0]), 0.9)
    v, w = np.asarray(nu.average), float(nu.weight)
    cases = {
        numerics.outside(0.1): np.sqrt(v / w) + 0.1,
        numerics.outside(0.1, 0.2): np.sqrt(v / w + 0.2) + 0.1,
        numerics.outside(0.1, average=ewma.raw): np.sqrt(v) + 0.1,
        numerics.inside(0.1): np.sqrt(v + 0.1),
        numerics.hat(0.1): np.sqrt(v / w) + 0.1 / np.sqrt(w),
    }
    for denominator, expected in cases.items():
        np.testing.assert_allclose(denominator(nu), expected, rtol=1e-14)


# --- What is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optax_lab.sgd(-0.1), "learning_rate must be finite.*got -0.1"),
        (lambda: optax_lab.adam(float("nan")), "learning_rate must be.*got nan"),
        (lambda: optax_lab.adam(float("inf")), "learning_rate must be.*got inf"),
        (lambda: optax_lab.adam(0.1, b1=1.0), r"b1 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.adam(0.1, b2=-0.1), r"b2 must lie in \[0, 1\), got -0.1"),
        (lambda: optax_lab.momentum(0.1, 1.5), r"decay must lie in \[0, 1\), got 1.5"),
        (lambda: optax_lab.rmsprop(0.1, 2), r"decay must lie in \[0, 1\), got 2"),
        (lambda: optax_lab.adam(0.1, eps=-1e-8), "eps must be.*got -1e-08"),
        (lambda: optax_lab.adamw(0.1, weight_decay=-1.0), "weight_decay must be"),
        (lambda: optax_lab.adam(0.1, nu_dtype="float16"), "nu_dtype must be.*float16"),
        (lambda: optax_lab.sgd(0.1, momentum=-1.0), "momentum must be.*got -1.0"),
        (lambda: optax_lab.rmsprop(0.1, initial_scale=-5.0), "initial_scale must be"),
        (
            lambda: optax_lab.rmsprop(0.1, initial_scale=float("nan")),
            "initial_scale must be",
        ),
        (lambda: optax_lab.qhadam(0.1, nu2=1.5), r"nu2 must lie in \[0, 1\], got 1.5"),
        (
            lambda: optax_lab.adam(0.1, mu_dtype="int8"),
            "mu_dtype must be a floating or",
        ),
        (lambda: optax_lab.adam(0.1, nu_dtype="int8"), "nu_dtype must be a real.*int8"),
        (lambda: optax_lab.sgd(0.1, 0.9, True, "int8"), "accumulator_dtype must be"),
        (
            lambda: optax_lab.lookahead(optax_lab.sgd(0.1), np.int64(0), 0.5),
            "sync_peri",
        ),
        (lambda: optax_lab.trace(-1.0), "decay must be.*got -1.0"),
        (lambda: optax_lab.clip_by_block_rms(-1.0), "^threshold must be.*got -1.0"),
    ],
)
def test_a_number_no_optimizer_can_have_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make().init(jnp.zeros(2))


@pytest.mark.parametrize("value", [0, -1, 0.5, 2.5, np.int64(0), None])
def test_a_count_is_an_int_of_1_at_least(value):
    with pytest.raises(ValueError, match=r"every must be (an int|at least 1), got"):
        numerics.as_count("every", value)


@pytest.mark.parametrize("value", [1, np.int64(10), jnp.zeros((), jnp.int32)])
def test_numpys_ints_and_arrays_are_counts_too(value):
    numerics.as_count("every", value)


def test_numpys_ints_say_how_often_something_is_done():
    three, x = np.int64(3), jnp.ones((2, 2))
    for make in (
        lambda k: optax_lab.shampoo(0.1, precondition_frequency=k),
        lambda k: optax_lab.soap(0.1, precondition_frequency=k),
        lambda k: optax_lab.muon(0.1, ns_steps=k),
        lambda k: optax_lab.lookahead(optax_lab.sgd(0.1), k, 0.5),
        lambda k: optax_lab.schedule_free_sgd(0.1, warmup_steps=k),
    ):
        np.testing.assert_array_equal(run(make(three), x, [x]), run(make(3), x, [x]))


def test_weight_decay_without_params_says_what_is_missing():
    optimizer = optax_lab.adamw(0.1)
    state = optimizer.init(jnp.ones(2))
    with pytest.raises(ValueError, match="params"):
        optimizer.update(jnp.ones(2), state)
