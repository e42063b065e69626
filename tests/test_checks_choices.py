# What is told of optimizers that were chosen, and of the epoch that counts.

import jax
import optax
import pytest

import optax_lab
from optax_lab import checks
from optax_lab.checks import choices, mistakes
from tests import mistaken as mistaken_cells

WRONG = [
    (name, mistake, i)
    for name, asked in choices.ASKED.items()
    for mistake, makers in asked.wrong.items()
    for i in range(len(makers))
]


@pytest.fixture(autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # Optax's own fail the strict one
        yield


def right():
    return {
        "SGD": optax_lab.sgd(0.05),
        "momentum": optax_lab.sgd(0.05, momentum=0.9),
        "RMSProp": optax_lab.rmsprop(1e-3),
        "Adam": optax_lab.adam(1e-3),
    }


def told(check, answer, **settings):
    with pytest.raises(checks.CheckFailed) as caught:
        check(answer, **settings)
    said = str(caught.value)
    assert said.startswith("✗ ")
    assert all(len(line) < 100 for line in said.splitlines())
    return said


def told_of(name, optimizer, **settings):
    return told(checks.optimizers, right() | {name: optimizer}, **settings)


# --- Optimizers -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_right_optimizers_pass_whatever_the_gradients(seed, capsys):
    checks.optimizers(right(), seed=seed)
    assert capsys.readouterr().out.startswith("✓ optimizers: SGD, momentum")


def test_those_of_optax_pass_too():
    checks.optimizers({name: asked.make() for name, asked in choices.ASKED.items()})


def test_a_chain_of_links_that_comes_to_the_same_steps_passes():
    heavy_ball = optax.chain(optax.trace(0.9), optax.scale(-0.05))
    checks.optimizers(right() | {"momentum": heavy_ball})


def test_others_may_stand_beside_those_that_are_asked_for_if_they_work():
    checks.optimizers(right() | {"Lion": optax_lab.lion(1e-4)})
    assert "✗ Lion: this is the float 0.1" in told_of("Lion", 0.1)


@pytest.mark.parametrize(("name", "mistake", "i"), WRONG)
@pytest.mark.parametrize("seed", [0, 1])
def test_an_optimizer_that_is_often_chosen_instead_is_told_by_its_name(
    name, mistake, i, seed
):
    said = told_of(name, choices.ASKED[name].wrong[mistake][i](), seed=seed)
    seen, hint = mistakes.HINTS[mistake]
    assert f"✗ {name}: the first " in said
    assert f"It looks like {seen}." in said
    assert f"Hint: {hint}" in said
    assert said.count("It looks like") == 1


@pytest.mark.parametrize(
    ("name", "optimizer", "mistake"),
    [
        ("momentum", optax_lab.momentum(0.05, decay=0.9), "average_form"),
        ("RMSProp", optax_lab.rmsprop(1e-2), "explodes"),
        ("Adam", optax_lab.adam(0.05), "sgd_rate"),
        ("Adam", optax_lab.rmsprop(1e-3), "another"),
        ("RMSProp", optax_lab.adam(1e-3), "another"),
    ],
)
def test_the_same_mistake_made_with_the_library_has_the_same_name(
    name, optimizer, mistake
):
    said = told_of(name, optimizer)
    assert f"It looks like {mistakes.HINTS[mistake][0]}." in said
    assert said.count("It looks like") == 1


@pytest.mark.parametrize("seed", range(12))
def test_where_delta_is_added_to_a_root_makes_no_difference_to_anyone(seed):
    outside = optax.rmsprop(1e-3, eps_in_sqrt=False)
    inside = optax.adam(1e-3, eps=0.0, eps_root=1e-8)
    checks.optimizers(right() | {"RMSProp": outside, "Adam": inside}, seed=seed)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("Adam", optax.adamw(1e-3)),
        ("RMSProp", optax.rmsprop(1.001e-3)),
        ("RMSProp", optax.rmsprop(1e-3, decay=0.901)),
        ("SGD", optax.chain(optax.add_decayed_weights(1e-3), optax.sgd(0.05))),
    ],
)
def test_what_is_nearly_right_is_refused_whatever_the_gradients(name, optimizer, seed):
    told_of(name, optimizer, seed=seed)


def test_two_steps_that_are_nearly_alike_are_shown_with_what_differs():
    said = told_of("RMSProp", optax.rmsprop(1.001e-3))
    line = next(line for line in said.splitlines() if "expected" in line)
    expected, got = (part.split()[-1] for part in line.split(", got "))
    assert expected != got
    assert abs(float(got) / float(expected) - 1.001) < 1e-4


def test_the_first_step_is_called_so():
    said = told_of("SGD", optax_lab.sgd(0.1))
    assert "✗ SGD: the first of ten random steps differs" in said
    said = told_of("momentum", optax_lab.sgd(0.05, momentum=0.5))
    assert "✗ momentum: the first step is right, step 2 of ten random ones" in said


def test_every_mistake_of_every_optimizer_is_made_in_the_notebook():
    edits = mistaken_cells.EDITS["03_mnist1d"]["optimizers"]
    made = {tuple(name.split()[:2]) for name in edits}
    known = {(m, name) for name, m, _ in WRONG}
    assert known <= made


def test_of_another_rate_it_is_said_how_many_times_too_far_it_goes():
    said = told_of("SGD", optax_lab.sgd(0.1))
    assert "All steps are 2 times those that are asked for." in said


def test_of_another_memory_it_is_said_that_the_first_step_is_right():
    said = told_of("momentum", optax_lab.sgd(0.05, momentum=0.5))
    assert "step 2 of ten random ones" in said
    assert "What is remembered" in said


def test_what_is_like_nothing_known_is_told_with_its_first_numbers():
    said = told_of("Adam", optax_lab.rmsprop(1e-3, decay=0.99, bias_correction=True))
    assert "expected" in said
    assert "Hint" in said


@pytest.mark.parametrize(
    ("it", "said"),
    [
        (None, "nothing is written yet (None)"),
        (..., "nothing is written yet (Ellipsis)"),
        ("adam", "this is the str 'adam'"),
        (0.001, "a rate belongs into the brackets"),
        (optax_lab.adam, "the function adam, and no optimizer"),
        ([optax_lab.adam(1e-3)], "of the type list"),
        (optax.GradientTransformation(dict, lambda *_: 1 / 0), "raised Zero"),
        (optax.GradientTransformation(dict, lambda u, s, p: (None, s)), "raised"),
    ],
)
def test_what_is_no_optimizer_is_told_in_a_sentence(it, said):
    assert said in told_of("Adam", it)


def test_a_name_that_is_missing_is_told_with_those_that_are_there():
    chosen = right()
    chosen["adam"] = chosen.pop("Adam")
    said = told(checks.optimizers, chosen)
    assert "'Adam' missing; there is 'SGD', 'momentum', 'RMSProp', 'adam'" in said
    assert "capitals count" in said
    assert "there is nothing" in told(checks.optimizers, {})


@pytest.mark.parametrize("it", [None, optax_lab.adam(1e-3), [1], "Adam"])
def test_what_is_no_dictionary_is_told_so(it):
    assert "should be a dictionary" in told(checks.optimizers, it)


# --- The hints ------------------------------------------------------------------------


def test_a_hint_is_not_the_answer():
    for mistake in {mistake for _, mistake, _ in WRONG} | {"another"}:
        hint = mistakes.HINTS[mistake][1]
        assert not any(code in hint for code in ("sgd(", "momentum="))
