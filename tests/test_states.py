# States that come from other frameworks and go there, made by hand.

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

import optax_lab
from optax_lab import dialects
from optax_lab.dialects import keras, pytorch, states
from optax_lab.dialects.states import ages, nodes
from tests import trajectories
from tests.trajectories import Case

PARAMS = {"b": jnp.ones(3), "w": jnp.ones((5, 3))}
MUON = Case("pytorch", "Muon", trajectories.MUON[0])


class Tensor:
    """What of a tensor of PyTorch's is asked for."""

    def __init__(self, array):
        self.array = np.asarray(array)
        self.dtype, self.shape = self.array.dtype, self.array.shape

    def new_tensor(self, value):
        return Tensor(np.asarray(value, self.dtype))

    def detach(self):
        return self

    def cpu(self):
        return self

    def __array__(self, dtype=None, copy=None):
        return self.array


def torch_optimizer(name, params, **arguments):
    """Returns what of an optimizer of PyTorch's is asked for."""
    tensors = [Tensor(x) for x in jax.tree.leaves(params)]

    class Optimizer:
        param_groups = (arguments | {"params": tensors},)

        def state_dict(self):
            group = arguments | {"params": list(range(len(tensors)))}
            return {"state": {}, "param_groups": [group]}

    return type(name, (Optimizer,), {})()


class Variable(NamedTuple):
    """What of a variable of Keras' is asked for."""

    path: str
    value: Any


def kept(*entries):
    """Returns a `state_dict` with these entries for parameters 0, 1, …."""
    group = {"lr": 0.1, "params": list(range(len(entries)))}
    return {"state": dict(enumerate(entries)), "param_groups": [group]}


def like_params(**values):
    """Returns the entries of PARAMS in PyTorch, each filled with one number."""
    step = {"step": values.pop("step")} if "step" in values else {}
    full = lambda p: {k: np.full(p.shape, v) for k, v in values.items()}
    return [step | full(p) for p in jax.tree.leaves(PARAMS)]


def variables(*keys, step=4, params=PARAMS):
    """Returns what Keras' optimizer keeps, each array filled with its number."""
    head = [Variable("adam/iteration", step), Variable("adam/learning_rate", 0.1)]
    full = lambda name, p, n, k: Variable(f"adam/{name}_{k}", np.full(p.shape, n + 1.0))
    rows = [
        full(name, p, n, k) for name, p in params.items() for n, k in enumerate(keys)
    ]
    return head + rows


def assert_equal(one, other, near=1e-14):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=near, atol=near)


def stepped(rule, params, steps):
    """Returns the state after some steps along random gradients."""
    if not steps:
        return rule.init(params)
    random = np.random.default_rng(0).normal
    rows = jax.tree.map(lambda p: jnp.asarray(random(size=(steps, *p.shape))), params)
    return trajectories.advance(rule, params, rule.init(params), rows)[1]


# --- PyTorch --------------------------------------------------------------------------

SHAPING = {"amsgrad", "centered", "dampening", "lr_decay", "momentum"}
KINDS = {
    (case.name, *SHAPING & set(case.arguments)): case
    for case in [*trajectories.CASES, MUON]
    if case.framework == "pytorch"
}


@pytest.mark.parametrize("case", KINDS.values(), ids=str)
def test_a_state_that_goes_to_pytorch_and_comes_back_is_the_same(case):
    params = jax.tree.map(jnp.asarray, trajectories.start(case))
    rule = trajectories.optimizer(case)
    state = stepped(rule, params, 3)
    made = torch_optimizer(case.name, params, **case.arguments)
    there = states.to_pytorch(state, params, made)
    step = None if any("step" in e for e in there["state"].values()) else 3
    assert_equal(states.from_pytorch(rule, params, there, step=step), state)


def test_pytorchs_numbers_stand_where_the_state_has_them():
    state = states.from_pytorch(
        pytorch.Adam(lr=0.1, betas=(0.5, 0.75)),
        PARAMS,
        kept(*like_params(step=2, exp_avg=1.0, exp_avg_sq=2.0)),
    )
    adam = next(n.node for n in nodes.leaves(state) if n.is_count)
    assert adam.count == 2 and adam.count.dtype == jnp.int32
    np.testing.assert_allclose(adam.mu.weight, 1 - 0.5**2, rtol=1e-15)
    np.testing.assert_allclose(adam.nu.weight, 1 - 0.75**2, rtol=1e-15)
    assert_equal(adam.mu.average, PARAMS)
    assert_equal(adam.nu.average, jax.tree.map(lambda p: 2 * p, PARAMS))


def test_values_take_the_dtypes_of_the_state():
    params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), PARAMS)
    rule = pytorch.Adam(lr=0.1)
    entries = like_params(step=2.0, exp_avg=1.0, exp_avg_sq=2.0)
    state = states.from_pytorch(rule, params, kept(*entries))
    dtypes = lambda tree: jax.tree.map(lambda x: x.dtype, tree)
    assert dtypes(state) == dtypes(rule.init(params))
    there = states.to_pytorch(state, params, torch_optimizer("Adam", PARAMS))
    assert there["state"][0]["exp_avg"].dtype == np.float64


def test_a_state_does_not_change_with_the_tensor_it_came_from():
    room = np.zeros(64 + 16)  # JAX takes what lies at 64 bytes as it is
    at = -room.ctypes.data % 64 // 8
    tensor = room[at : at + 64]
    rule = pytorch.SGD(lr=0.1, momentum=0.9)
    given = kept({"momentum_buffer": tensor})
    state = states.from_pytorch(rule, jnp.ones(64), given)
    tensor += 1
    assert not np.any(jax.tree.leaves(state)[0])


def test_parameters_may_be_counted_in_another_order():
    entries = like_params(momentum_buffer=1.0)[::-1]
    rule, order = pytorch.SGD(lr=0.1, momentum=0.9), {"b": 1, "w": 0}
    state = states.from_pytorch(rule, PARAMS, kept(*entries), order=order)
    made = torch_optimizer(
        "SGD", dict(enumerate([PARAMS["w"], PARAMS["b"]])), momentum=1
    )
    there = states.to_pytorch(state, PARAMS, made, order=order)
    assert there["state"][0]["momentum_buffer"].shape == (5, 3)
    assert there["state"][1]["momentum_buffer"].shape == (3,)


def test_a_fresh_state_is_taken_when_it_is_called_one():
    rule = pytorch.Adam(lr=0.1)
    state = states.from_pytorch(rule, PARAMS, kept({}, {}), step=0)
    assert_equal(state, rule.init(PARAMS))


def test_what_other_versions_keep_for_nothing_is_nothing():
    rule, entry = pytorch.SGD(lr=0.1), {"momentum_buffer": None}
    state = states.from_pytorch(rule, PARAMS, kept(entry, entry))
    assert_equal(state, rule.init(PARAMS))


SUM = like_params(momentum_buffer=1.0)
ADAM = like_params(step=2, exp_avg=1.0, exp_avg_sq=1.0)
TURNED = [ADAM[0], {**ADAM[1], "exp_avg": np.ones((3, 5))}]
LATER = [ADAM[0], {**ADAM[1], "step": 3}]
NADAM = [e | {"mu_product": 0.5 + i / 4} for i, e in enumerate(ADAM)]


def dropping(step):
    return 0.1 * 0.5**step


@pytest.mark.parametrize(
    "rule, given, kwargs, message",
    [
        (
            pytorch.Adam(),
            kept(*like_params(step=2, square_avg=1.0)),
            {},
            r"params\['b'\] has exp_avg, exp_avg_sq here, and square_avg in PyTorch",
        ),
        (pytorch.Adam(amsgrad=True), kept(*ADAM), {}, "max_exp_avg_sq here"),
        (pytorch.Adam(), kept({}, {}), {}, "and nothing in PyTorch"),
        (pytorch.Adam(), kept(ADAM[0], {}), {}, r"params\['w'\] has .* and nothing"),
        (
            pytorch.Adam(),
            kept(*TURNED),
            {},
            r"mu.average\['w'\] needs shape \(5, 3\), and state_dict\['state'\]\[1\]"
            r"\['exp_avg'\] has \(3, 5\); its transpose fits",
        ),
        (
            pytorch.Adam(),
            kept(ADAM[0], {**ADAM[1], "exp_avg": np.ones(4)}),
            {},
            r"needs shape \(5, 3\), and .* has \(4,\)$",
        ),
        (pytorch.Adam(), kept(*LATER), {}, r"must be the same, got .*0.* 2, .*1.* 3"),
        (pytorch.Adam(), kept(*ADAM), {"step": 3}, "must be the same, .*step= 3"),
        (pytorch.SGD(), kept({}, {}), {"step": -1}, "whole number of steps, got -1"),
        (pytorch.SGD(dropping), kept({}, {}), {}, "state.count needs one: give step="),
        (pytorch.Muon(), kept(*SUM), {}, r"no step is kept there, .* give step="),
        (pytorch.Adam(), kept(*ADAM, {}), {}, "2 leaves, and PyTorch 3 parameters"),
        (pytorch.Adam(), kept(*ADAM), {"order": {"b": 1, "w": 1}}, "0 to 1 once"),
        (pytorch.Adam(), {"w": 1}, {}, "must have state and param_groups, .* got w"),
        (
            pytorch.Adam(),
            {**kept(*ADAM), "state": {"w": {}}},
            {},
            "a state for .*w.*, which are no parameters",
        ),
        (
            optax_lab.adabelief(0.1),
            kept(*ADAM),
            {},
            r"\.mu.*, of ScaleByBeliefState, is nothing that PyTorch keeps",
        ),
        (
            optax.chain(*[pytorch.SGD(momentum=0.9)] * 2),
            kept(*SUM),
            {},
            r"would both be PyTorch's momentum_buffer",
        ),
        (
            optax_lab.rmsprop(0.1, momentum=0.9),
            kept(*like_params(step=2, square_avg=1.0, momentum_buffer=1.0)),
            {},
            "sums steps, and PyTorch directions: use optax_lab.dialects.pytorch",
        ),
        (
            pytorch.SGD(momentum=0.9),
            kept(*[{"momentum_buffer": 1j * e["momentum_buffer"]} for e in SUM]),
            {},
            "is real, and .* is complex",
        ),
        (pytorch.NAdam(), kept(*NADAM), {}, "one number, and mu_product is .*, "),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_the_reason(
    rule, given, kwargs, message
):
    with pytest.raises(ValueError, match=message):
        states.from_pytorch(rule, PARAMS, given, **kwargs)


@pytest.mark.parametrize(
    "rule, made, message",
    [
        (
            pytorch.RMSprop(),
            torch_optimizer("Adam", PARAMS),
            "square_avg here, and exp",
        ),
        (pytorch.RMSprop(), torch_optimizer("RMSprop", PARAMS), "counts no steps, and"),
        (
            pytorch.Adam(),
            torch_optimizer("Adam", {"b": jnp.ones(3)}),
            "PyTorch 1 param",
        ),
        (
            pytorch.Adam(),
            torch_optimizer("Adam", {"b": jnp.ones(3), "w": jnp.ones((3, 5))}),
            r"params\['w'\] needs .*5, 3\), and PyTorch's parameter 1 has .*3, 5\)",
        ),
    ],
)
def test_what_does_not_fit_into_pytorch_is_refused(rule, made, message):
    with pytest.raises(ValueError, match=message):
        states.to_pytorch(stepped(rule, PARAMS, 1), PARAMS, made)


def test_pytorchs_classes_that_are_not_known_take_what_they_are_given():
    state = stepped(pytorch.RMSprop(), PARAMS, 1)
    made = torch_optimizer("Mine", PARAMS)
    there = states.to_pytorch(state, PARAMS, made, step=7)
    assert there["state"][1]["step"] == 7.0
    assert there["state"][1].keys() == {"step", "square_avg"}
    assert there["param_groups"] == [{"params": [0, 1]}]


# --- Keras ----------------------------------------------------------------------------


def test_kerass_variables_stand_where_the_state_has_them():
    rule = keras.Adam(0.1, beta_1=0.5)
    given = variables("momentum", "velocity")
    state = states.from_keras(rule, PARAMS, given)
    adam = next(n.node for n in nodes.leaves(state) if n.is_count)
    assert adam.count == 4
    np.testing.assert_allclose(adam.mu.weight, 1 - 0.5**4, rtol=1e-15)
    assert_equal(adam.nu.average, jax.tree.map(lambda p: 2 * p, PARAMS))
    back = states.to_keras(state, PARAMS, given)
    for variable, value in zip(given, back, strict=True):
        np.testing.assert_array_equal(value, variable.value)


def test_kerass_parameters_may_share_a_name_or_come_in_another_order():
    twins = {"kernel": jnp.ones(3)}
    given = (
        variables("momentum", params=twins) + variables("momentum", params=twins)[2:]
    )
    rule, params = keras.SGD(0.1, momentum=0.9), [jnp.ones(3), jnp.ones(3)]
    given[3] = given[3]._replace(value=5 * np.ones(3))
    sums = jax.tree.leaves(states.from_keras(rule, params, given, order=[1, 0]))
    assert [float(s[0]) for s in sums] == [5, 1]


def test_what_stands_in_for_a_leaf_is_never_taken_for_it():
    params = {"b": jnp.ones(1), "w": jnp.ones((5, 3))}
    rule = keras.Muon(0.1)
    given = variables("momentum", "velocity", params=params)[:-1]
    state = states.from_keras(rule, params, given)
    halves = state.inner_states
    muon, adam = halves["muon"][0], halves["adam"][0]
    assert muon.trace["b"] == 0 and adam.mu.average["b"] == 1
    assert (muon.trace["w"] == 1).all() and adam.mu.average["w"] == 0
    back = states.to_keras(state, params, given)
    assert [x.shape for x in back] == [np.shape(v.value) for v in given]


def test_kerass_sum_of_rmsprops_steps_has_the_other_sign():
    rule = keras.RMSprop(0.1, momentum=0.9)
    given = variables("velocity", "momentum")
    state = states.from_keras(rule, PARAMS, given)
    trace = next(n.node.trace for n in nodes.leaves(state) if n.field == "trace")
    assert_equal(trace, jax.tree.map(lambda p: -2 * p, PARAMS))
    for variable, value in zip(
        given, states.to_keras(state, PARAMS, given, step=4), strict=True
    ):
        np.testing.assert_array_equal(value, variable.value)


BOTH = ("momentum", "velocity")
PRODUCT = [*variables(*BOTH), Variable("variable_3", np.array(0.5))]


@pytest.mark.parametrize(
    "rule, given, kwargs, message",
    [
        (
            keras.Adam(),
            variables("momentum"),
            {},
            "velocity here, and momentum in Keras",
        ),
        (keras.Lion(), variables(*BOTH), {}, "momentum here, and momentum, velocity"),
        (
            keras.Adam(),
            variables(*BOTH)[:-1],
            {},
            r"params\['w'\] has .*, velocity here",
        ),
        (keras.Adam(), PRODUCT, {}, "u_product, velocity in Keras"),
        (keras.Nadam(), variables(*BOTH), {}, "u_product, velocity here"),
        (
            keras.Adam(),
            variables(*BOTH),
            {"step": 5},
            "the same, got .*iteration 4, .*5",
        ),
        (keras.Adam(), variables(*BOTH)[:-2], {}, "2 leaves, and Keras 1 parameters"),
        (
            keras.Adam(),
            variables(*BOTH, params={"b": PARAMS["b"], "w": PARAMS["w"].T}),
            {},
            "the variable adam/w_momentum has .* its transpose fits",
        ),
        (
            keras.Adafactor(),
            variables(*BOTH, "norm"),
            {},
            "not the variables of Keras' A",
        ),
        (
            optax_lab.sgd(0.1, momentum=0.9),
            variables("momentum"),
            {},
            "sums directions, and Keras steps: use optax_lab.dialects.keras",
        ),
    ],
)
def test_variables_that_do_not_fit_are_refused_with_the_reason(
    rule, given, kwargs, message
):
    with pytest.raises(ValueError, match=message):
        states.from_keras(rule, PARAMS, given, **kwargs)


def test_a_state_without_a_count_needs_a_step_for_keras():
    rule, given = keras.SGD(0.1, momentum=0.9), variables("momentum")
    state = states.from_keras(rule, PARAMS, given)
    with pytest.raises(ValueError, match="counts no steps, and Keras does: give step="):
        states.to_keras(state, PARAMS, given)
    assert states.to_keras(state, PARAMS, given, step=9)[0] == 9


# --- Optax ----------------------------------------------------------------------------

# Not yogi and adan, whose averages Optax debiases in another way.
IN_OPTAX = {
    "adadelta": {},
    "adafactor": {"min_dim_size_to_factor": 3},
    "adagrad": {},
    "adam": {},
    "adamax": {},
    "adamw": {},
    "amsgrad": {},
    "lamb": {},
    "lion": {},
    "muon": {},
    "novograd": {},
    "radam": {},
    "rmsprop": {"momentum": 0.9, "centered": True},
    "schedule_free_adamw": {},
    "sgd": {"momentum": 0.9},
}


@pytest.mark.parametrize("name", IN_OPTAX)
def test_a_run_that_leaves_optax_and_comes_back_is_the_run_that_stayed(name):
    case = trajectories.CASES[0]
    params = jax.tree.map(jnp.asarray, trajectories.start(case))
    rows = trajectories.gradients(case)
    parts = [{n: r[at : at + 10] for n, r in rows.items()} for at in (0, 10, 20)]
    make = getattr(optax, name, None) or getattr(optax.contrib, name)
    rate = dropping if name in ("adam", "muon", "schedule_free_adamw") else 0.01
    made = [m(rate, **IN_OPTAX[name]) for m in (getattr(optax_lab, name), make)]
    ours, theirs = made
    near = 1e-7 if name == "adafactor" else 1e-12  # Optax's decay is a float32

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        stays = trajectories.advance(theirs, params, theirs.init(params), parts[0])
        state = states.from_optax(ours, stays[0], stays[1], step=10)
        moves = trajectories.advance(ours, stays[0], state, parts[1])
        stays = trajectories.advance(theirs, *stays, parts[1])
        assert_equal(moves[0], stays[0], near)
        back = states.to_optax(moves[1], theirs.init(params), step=20)
        back = trajectories.advance(theirs, moves[0], back, parts[2])
        assert_equal(back[0], trajectories.advance(theirs, *stays, parts[2])[0], near)


@pytest.mark.parametrize(
    "theirs, message",
    [
        (
            optax.rmsprop(0.1),
            r"mu.*, of ScaleByAdamState, is not in .* ScaleByRmsState",
        ),
        (optax.sgd(0.1), "which has no state"),
        (optax.amsgrad(0.1), "ScaleByAmsgradState"),
        (
            optax.chain(optax.adam(0.1), optax.trace(0.9)),
            r"of TraceState, is not in this",
        ),
    ],
)
def test_a_state_of_another_optimizer_of_optax_is_refused(theirs, message):
    with pytest.raises(ValueError, match=message):
        states.from_optax(optax_lab.adam(0.1), PARAMS, theirs.init(PARAMS), step=0)
    with pytest.raises(ValueError, match="it is another optimizer's"):
        states.to_optax(optax_lab.adam(0.1).init(PARAMS), theirs.init(PARAMS))


def test_optaxs_state_of_other_shapes_is_refused():
    other = optax.adam(0.1).init({"b": jnp.ones(3), "w": jnp.ones((3, 5))})
    with pytest.raises(ValueError, match=r"average\['w'\] needs .* its transpose fits"):
        states.from_optax(optax_lab.adam(0.1), PARAMS, other)


def test_a_schedule_that_optax_does_not_count_needs_a_step():
    state = optax.sgd(0.1).init(PARAMS)
    with pytest.raises(ValueError, match=r"state.count needs one: give step="):
        states.from_optax(optax_lab.sgd(dropping), PARAMS, state)
    assert states.from_optax(optax_lab.sgd(dropping), PARAMS, state, step=3).count == 3


# --- Counts and weights ---------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        optax_lab.adam(0.1, b1=lambda t: 0.9 - 0.5 / (t + 1)),
        optax_lab.adafactor(0.1),
        optax_lab.rmsprop(0.1, initial_scale=0.5),
        optax_lab.muon(dropping),
        pytorch.NAdam(),
        pytorch.SGD(dropping),
    ],
)
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_a_state_that_has_come_so_far_has_the_counts_and_weights_of_a_run(rule, steps):
    run, found = stepped(rule, PARAMS, steps), ages.after(rule, PARAMS, steps)
    told = lambda state: [
        n.value for n in nodes.leaves(state) if n.is_count | n.is_weight
    ]
    assert_equal(told(found), told(run), 1e-15)


def test_a_long_run_is_no_longer_to_reckon():
    state = ages.after(optax_lab.adam(0.1, b2=0.999999), PARAMS, 10**6)
    weight = [leaf.value for leaf in nodes.leaves(state) if leaf.is_weight][1]
    np.testing.assert_allclose(weight, -np.expm1(1e6 * np.log(0.999999)), rtol=1e-9)


def test_every_way_is_public():
    assert set(states.__all__) == set(dir(states)) and dialects.states is states
