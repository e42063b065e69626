# PyTorch's and Keras' optimizers against what PyTorch and Keras made of the same steps.

import inspect
import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from optax_lab import dialects
from tests import paths, trajectories

GOLDEN = {
    framework: np.load(Path(__file__).parent / "golden" / f"{framework}.npz")
    for framework in trajectories.RATE
}


@pytest.fixture(scope="module")
def ours():
    """Holds, by framework and class, what gives the trajectory of a case."""
    kind = lambda case: (case.framework, case.name)
    classes = itertools.groupby(trajectories.CASES, kind)
    together = trajectories.together
    return {key: paths.batched(list(cases), together) for key, cases in classes}


@pytest.mark.parametrize("case", trajectories.CASES, ids=str)
def test_a_dialect_steps_as_its_framework_did(case, ours):
    for name, values in ours[case.framework, case.name](case).items():
        told = GOLDEN[case.framework][f"{case}/{name}"]
        np.testing.assert_allclose(values, told, case.tolerance, case.tolerance)


# --- What is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("framework", "name", "argument", "near"),
    [
        ("pytorch", "Adam", "learning_rate", "lr"),
        ("pytorch", "NAdam", "momentum_decoy", "momentum_decay"),
        ("pytorch", "SGD", "b1", "lr"),
        ("keras", "Adam", "beta1", "beta_1"),
        ("keras", "SGD", "maximize", "learning_rate"),
    ],
)
def test_an_argument_that_a_framework_lacks_is_refused_with_those_it_has(
    framework, name, argument, near
):
    make = getattr(getattr(dialects, framework), name)
    with pytest.raises(
        TypeError, match=rf"{name} of .* has no {argument}: .*\b{near}\b"
    ):
        make(**{argument: 0.5})


@pytest.mark.parametrize("name", dialects.keras.__all__)
@pytest.mark.parametrize(
    ("argument", "value", "instead"),
    [
        ("clipnorm", 1.0, "optax.clip_by_global_norm"),
        ("clipvalue", 1.0, "optax.clip"),
        ("global_clipnorm", 1.0, "optax.clip_by_global_norm"),
        ("use_ema", True, "with_param_ema"),
        ("ema_momentum", 0.9, "with_param_ema"),
        ("ema_overwrite_frequency", 10, "optax.periodic_update"),
        ("loss_scale_factor", 2.0, r"optax.scale\(1 / loss_scale_factor\)"),
        ("gradient_accumulation_steps", 4, "optax.MultiSteps"),
    ],
)
def test_what_another_link_does_is_refused_with_that_link(
    name, argument, value, instead
):
    with pytest.raises(ValueError, match=f"{argument}={value}.*{instead}"):
        getattr(dialects.keras, name)(**{argument: value})


def test_an_optimizer_of_keras_may_be_named_and_given_what_asks_for_nothing():
    nothing = {"clipnorm": None, "use_ema": False, "ema_momentum": 0.99}
    nothing |= {"loss_scale_factor": 1.0}
    dialects.keras.Adam(1e-3, name="mine", **nothing)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: dialects.pytorch.Adam(betas=(0.9, 1.0)), r"betas\[1\].*got 1.0"),
        (lambda: dialects.pytorch.Adam(lr=-1.0), "^lr must be finite.*got -1.0"),
        (lambda: dialects.pytorch.SGD(nesterov=True), "nesterov needs a momentum"),
        (
            lambda: dialects.pytorch.SGD(momentum=0.9, dampening=0.1, nesterov=True),
            "dampening of 0.*dampening=0.1",
        ),
        (lambda: dialects.pytorch.Rprop(etas=(1.1, 1.2)), r"etas.*\(1.1, 1.2\)"),
        (lambda: dialects.pytorch.Adafactor(d=0.5), "d must be at least 1, got 0.5"),
        (lambda: dialects.pytorch.Adafactor(beta2_decay=0.8), "beta2_decay.*got 0.8"),
        (
            lambda: dialects.pytorch.Muon(adjust_lr_fn="adam"),
            "adjust_lr_fn.*'match_rms_adamw', got 'adam'",
        ),
        (lambda: dialects.keras.AdamW(weight_decay=None), "weight_decay.*use Adam"),
        (lambda: dialects.keras.Ftrl(learning_rate_power=0.5), "power.*got 0.5"),
        (lambda: dialects.keras.Adam(beta_1=1.5), "beta_1.*got 1.5"),
        (lambda: dialects.keras.Adamax(beta_1=1.0), "^beta_1.*got 1.0"),
        (lambda: dialects.keras.Lamb(beta_2=1.0), "^beta_2.*got 1.0"),
        (lambda: dialects.keras.Lion(beta_1=0.0), r"^beta_1 .*\(0, 1\], got 0.0"),
        (lambda: dialects.keras.Lion(beta_1=1.5), r"^beta_1 .*\(0, 1\], got 1.5"),
        (lambda: dialects.keras.Lion(beta_2=1.0), "^beta_2.*got 1.0"),
        (lambda: dialects.keras.Muon(adam_beta_1=1.0), "^adam_beta_1.*got 1.0"),
        (lambda: dialects.keras.SGD(momentum=1.5), r"^momentum .*\[0, 1\], got 1.5"),
        (lambda: dialects.keras.Adafactor(clip_threshold=0.0), "^clip_thr.*got 0.0"),
        (lambda: dialects.pytorch.Adafactor(eps=(-1.0, 1e-3)), r"^eps\[0\].*got -1"),
        (lambda: dialects.pytorch.Adafactor(eps=(None, -1.0)), r"^eps\[1\].*got -1"),
        (lambda: dialects.keras.Adamax(epsilon=-1.0), "epsilon.*got -1.0"),
        (lambda: dialects.keras.Adam(weight_decay=-0.1), "weight_decay.*got -0.1"),
    ],
)
def test_a_value_that_a_framework_refuses_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()


@pytest.mark.parametrize("case", trajectories.LAST.values(), ids=str)
def test_complex_parameters_are_refused_with_what_to_do(case):
    optimizer = trajectories.optimizer(case)
    told = r"\['z'\] is complex: .*optax.contrib.split_real_and_imaginary"
    with pytest.raises(ValueError, match=told):
        optimizer.init({"z": jnp.zeros((2, 2), jnp.complex64)})


def test_a_parameter_that_is_no_matrix_is_refused_by_pytorchs_muon():
    optimizer, vector = dialects.pytorch.Muon(), jnp.ones(3)
    with pytest.raises(ValueError, match=r"matrices, got a leaf of shape \(3,\)"):
        optimizer.update(vector, optimizer.init(vector), vector)


# --- What else may stand where a number stands ----------------------------------------


@pytest.mark.parametrize("case", trajectories.LAST.values(), ids=str)
def test_a_traced_rate_is_the_rate(case):
    make = getattr(getattr(dialects, case.framework), case.name)
    params = {k: jnp.asarray(v) for k, v in trajectories.start(case).items()}
    rate_name = trajectories.RATE[case.framework]

    def second(rate):
        rule = make(**case.arguments | {rate_name: rate})
        _, state = rule.update(params, rule.init(params), params)
        return rule.update(params, state, params)[0]

    both = paths.jitted(lambda rate: (second(rate), second(case.rate)))
    traced, plain = both(jnp.asarray(case.rate, jnp.float32))
    near = {"rtol": 1e-6, "atol": 1e-9}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **near), traced, plain)


def test_keras_muon_takes_adam_where_a_path_says_so():
    params = {"embedding": {"w": jnp.ones((3, 2))}, "head": {"w": jnp.ones((3, 2))}}
    grads = jax.tree.map(lambda p: jnp.asarray(np.diag([1.0, 2.0, 3.0])[:, :2]), params)
    usual, all_muon, none = (
        dialects.keras.Muon(weight_decay=None, adam_weight_decay=None, **more)
        for more in ({}, {"exclude_embeddings": False}, {"exclude_layers": ["head"]})
    )
    moves = [
        o.update(grads, o.init(params), params)[0] for o in (usual, all_muon, none)
    ]
    first = lambda tree, key: np.asarray(tree[key]["w"])
    assert not np.allclose(first(moves[0], "embedding"), first(moves[0], "head"))
    np.testing.assert_array_equal(*(first(moves[1], k) for k in ("embedding", "head")))
    np.testing.assert_array_equal(*(first(moves[2], k) for k in ("embedding", "head")))


DECAYING = [
    (framework, name)
    for framework in trajectories.RATE
    for name in getattr(dialects, framework).__all__
    if (framework, name) != ("pytorch", "Rprop")
]


@pytest.mark.parametrize(("framework", "name"), DECAYING)
def test_a_parameter_without_a_gradient_does_not_decay(framework, name):
    optimizer = getattr(getattr(dialects, framework), name)(weight_decay=0.1)
    params = {"v": jnp.ones((2, 3)), "w": jnp.ones((3, 2))}
    grads = {"v": None, "w": jnp.ones((3, 2))}
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    np.testing.assert_array_equal(updates["v"], jnp.zeros((2, 3)))
    assert np.all(np.asarray(updates["w"]) != 0)


@pytest.mark.parametrize(("framework", "name"), DECAYING)
def test_it_works_in_inject_hyperparams(framework, name):
    make = getattr(getattr(dialects, framework), name)
    shape = ("ns_steps", "muon_a", "muon_b", "muon_c")  # of the iteration
    static = tuple(n for n in shape if n in inspect.signature(make).parameters)
    injected = optax.inject_hyperparams(make, static_args=static)()
    params = {"v": jnp.ones((2, 3)), "w": jnp.ones((3, 2))}
    with jax.numpy_dtype_promotion("standard"):
        updates, _ = injected.update(params, injected.init(params), params)
    plain = make()
    expected, _ = plain.update(params, plain.init(params), params)
    near = {"rtol": 1e-5, "atol": 1e-8}
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **near), updates, expected
    )


def test_dampening_acts_only_where_there_is_a_momentum():
    def moved(momentum):
        rule = dialects.pytorch.SGD(0.1, momentum=momentum, dampening=0.25)
        state, total = rule.init(jnp.zeros(2)), jnp.zeros(2)
        for _ in range(3):
            updates, state = rule.update(jnp.ones(2), state)
            total += updates
        return total

    grid = jax.vmap(moved)(jnp.array([0.0, 0.5]))
    np.testing.assert_allclose(grid, [moved(0), moved(0.5)], rtol=1e-6)
    assert not np.allclose(*grid)


def moves(rule, *gradients):
    """Returns the updates that a rule makes of numbers, one after another."""
    state, updates = rule.init(jnp.zeros([])), []
    for gradient in gradients:
        update, state = rule.update(jnp.asarray(gradient), state)
        updates.append(float(update))
    return updates


def test_a_dampening_below_0_amplifies_every_gradient_but_the_first():
    rule = dialects.pytorch.SGD(1.0, momentum=0.5, dampening=-2)
    assert moves(rule, 1.0, 1.0, 0.0) == [-1.0, -(0.5 + 3.0), -1.75]


def test_keras_lion_with_a_beta_1_of_1_takes_the_sign_one_step_late():
    rule = dialects.keras.Lion(1.0, beta_1=1.0, beta_2=0.1)
    assert moves(rule, 1.0, -1.0, 2.0) == [0.0, -1.0, 1.0]


def test_an_unknown_optimizer_or_dialect_is_named_with_the_nearest():
    for where, name, near in (
        (dialects.pytorch, "Adm", "Adam"),
        (dialects.keras, "NAdam", "Nadam"),
        (dialects, "keraz", "keras"),
    ):
        with pytest.raises(AttributeError, match=f"{name}'; did you mean .*{near}"):
            getattr(where, name)


def test_parameters_in_the_place_of_the_rate_are_refused():
    for params in ({"w": 1}, [1.0], iter([1.0]), None, "w"):
        with pytest.raises(TypeError, match=r"lr must be a number, .* or a schedule"):
            dialects.pytorch.Adam(params)
        with pytest.raises(TypeError, match="lr twice; init and update are given the"):
            dialects.pytorch.Adam(params, lr=0.1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda f: dialects.pytorch.Adam(betas=(f, 0.9)), r"^betas\[0\] must be a num"),
        (lambda f: dialects.pytorch.Adam(betas=(0.9, None)), r"^betas\[1\] .*got None"),
        (lambda f: dialects.pytorch.Adam(betas=f), "^betas must be 2 numbers or arr"),
        (lambda f: dialects.pytorch.RAdam(betas=0.9), "^betas must be 2 .*got 0.9"),
        (lambda f: dialects.pytorch.Rprop(etas=(0.5, f)), r"^etas\[1\] .* a function"),
        (lambda f: dialects.pytorch.Rprop(step_sizes=(f, 1)), r"^step_sizes\[0\] must"),
        (lambda f: dialects.pytorch.Adafactor(eps=(None, f)), r"^eps\[1\] must be a n"),
        (lambda f: dialects.pytorch.Adafactor(eps=1e-3), "^eps must be 2 .*got 0.001"),
        (lambda f: dialects.pytorch.Muon(eps=f), "^eps must be a number or an array"),
        (
            lambda f: dialects.pytorch.Muon(ns_coefficients=(f, 1.0, 1.0)),
            r"^ns_coefficients\[0\] must be a number",
        ),
        (lambda f: dialects.keras.Muon(muon_a=f), "^muon_a must be a number or an arr"),
    ],
)
def test_a_schedule_where_none_can_be_is_refused_with_what_can(make, told):
    with pytest.raises(TypeError, match=told):
        make(lambda step: 0.9)


def test_more_arguments_by_position_than_mean_something_here_are_refused():
    told = "SGD of PyTorch takes 5 arguments by position, lr, momentum, .*, got 6: name"
    with pytest.raises(TypeError, match=told):
        dialects.pytorch.SGD(0.1, 0.9, 0, 0, False, True)
    with pytest.raises(TypeError, match=r"Muon of Keras takes 6 .*weight_decay, got 7"):
        dialects.keras.Muon(0.1, 0.9, 0.999, 0.004, 1e-7, 0.004, None)
