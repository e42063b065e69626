# Every optimizer keeps every line of the contract, and every line can be broken.

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import orbax.checkpoint
import pytest
from flax import nnx

import optax_lab
from optax_lab import contract
from optax_lab.contract import subject
from optax_lab.contract.lines import Line, Result
from optax_lab.optimizers import numerics, table
from tests import broken

# --- Two lines of Optax's neighbours, which the package itself does not import --------


@functools.cache
def a_linear_model():
    return nnx.split(nnx.Linear(3, 2, rngs=nnx.Rngs(0)))


def drives_a_flax_model(make):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        model = nnx.merge(*a_linear_model())
        given = {name: 0.01} if (name := subject.rate(make)) else {}
        optimizer = nnx.Optimizer(model, subject.build(make, **given), wrt=nnx.Param)
        x = np.ones((4, 3), np.float32)
        loss = lambda model: jnp.mean((model(x) - 1) ** 2)
        graph, state = nnx.split((model, optimizer))

        @subject.compiled
        def step(state):
            model, optimizer = nnx.merge(graph, state)
            before, grads = nnx.value_and_grad(loss)(model)
            params = nnx.state(model, nnx.Param)
            given = subject.extras(nnx.as_pure(grads), nnx.as_pure(params))
            optimizer.update(model, grads, **given)
            return before, nnx.state((model, optimizer))

        losses = []
        for _ in range(20):
            now, state = step(state)
            losses.append(now)
        assert losses[-1] < losses[0]


def survives_a_checkpoint(make, folder):
    fresh = subject.build(make).init(subject.tree())
    other = lambda x: jax.device_put(np.arange(x.size).reshape(x.shape).astype(x.dtype))
    state = jax.tree.map(other, fresh)  # all of whose elements differ
    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder / "state", state)
        checkpointer.wait_until_finished()
        back = checkpointer.restore(folder / "state", fresh)
    assert jax.tree.structure(back) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, back, state)


LINES = {line.keeps.__name__: line for line in contract.LINES}
FLAX = Line("It drives a Flax model", drives_a_flax_model)


# --- Ours keep all of them ------------------------------------------------------------

with_ = functools.partial
RATE = "learning_rate"
HALVES = {"mu_dtype": jnp.bfloat16, "nu_dtype": jnp.bfloat16}
SWITCHES = {
    "sgd, momentum": with_(optax_lab.sgd, momentum=0.9),
    "sgd, nesterov": with_(optax_lab.sgd, momentum=0.9, nesterov=True),
    "momentum, decayed": with_(optax_lab.momentum, weight_decay=0.1),
    "rmsprop, centered": with_(optax_lab.rmsprop, centered=True, momentum=0.9),
    "rmsprop, debiased": with_(optax_lab.rmsprop, bias_correction=True),
    "adam, no eps": with_(optax_lab.adam, b2=0.0, eps=0.0),
    "adam, 16-bit averages": with_(optax_lab.adam, **HALVES),
    "adafactor, factored": with_(optax_lab.adafactor, min_dim_size_to_factor=2),
    "adafactor, momentum": with_(optax_lab.adafactor, momentum=0.9),
    "adafactor, no rate": lambda: optax_lab.adafactor(),
}


def over(wrap, **usual):
    """Makes a function of a learning rate and of all that a wrapper takes itself."""
    own = dict(list(inspect.signature(wrap).parameters.items())[1:])
    rate = inspect.Parameter(RATE, inspect.Parameter.POSITIONAL_OR_KEYWORD)

    def make(learning_rate, **given):
        if RATE not in own:
            return wrap(optax_lab.adam(learning_rate), **(usual | given))
        return wrap(optax_lab.adam(0.1), learning_rate, **(usual | given))

    rest = [
        p.replace(kind=p.KEYWORD_ONLY, default=usual.get(n, p.default))
        for n, p in own.items()
        if n != RATE
    ]
    make.__signature__ = inspect.Signature([rate, *rest])
    return make


WRAPPERS = {
    "cautious": over(optax_lab.cautious),
    "grams": over(optax_lab.grams),
    "grokfast": over(optax_lab.grokfast),
    "lookahead": over(optax_lab.lookahead, sync_period=2, slow_step_size=0.5),
    "observe": over(optax_lab.observe),
    "schedule_free": over(optax_lab.schedule_free),
    "with_param_ema": over(optax_lab.with_param_ema, decays=0.9),
    "with_param_ema, two": over(optax_lab.with_param_ema, decays=(0.9, 0.99)),
}
NAMED = {name: entry.make for name, entry in table.OPTIMIZERS.items()}
MAKERS = NAMED | SWITCHES | WRAPPERS
# What a switch does not keep, and why.
SLOPE = LINES["derivative_is_finite"].sentence
EXEMPT = {
    # Its slope at 0 is that of g/√g², which is infinite without an ε.
    "adam, no eps": {SLOPE},
    # They pass through float32, which ten slopes of 1/ε leave.
    "adam, 16-bit averages": {SLOPE},
    "adafactor, momentum": {SLOPE},
}
every = pytest.mark.parametrize("name", MAKERS)


@every
def test_every_optimizer_keeps_the_contract(name, share):
    lines = share((*contract.LINES, FLAX), list(MAKERS).index(name))
    results = contract.check(MAKERS[name], lines)
    failed = {r.line: r.case for r in results if r.verdict == "failed"}
    exempt = {line.sentence for line in lines} & EXEMPT.get(name, set())
    assert set(failed) == exempt, failed


@every
def test_its_state_survives_a_checkpoint(name, tmp_path):
    survives_a_checkpoint(MAKERS[name], tmp_path)


# --- Each of them can be broken -------------------------------------------------------

NAN = "update['b'] is nan"
BROKEN = [
    # Optax's issue #1207: the state's dtype is that of the gradient's product.
    (
        "types_never_change",
        optax.adam,
        "float16 parameters, bfloat16 gradients: state[0].mu['b'] is",
    ),
    (
        "types_never_change",
        with_(optax.contrib.ademamix, mu_dtype="bfloat16"),
        "m1['b'] is float",
    ),
    ("init_needs_shapes_only", broken.looks_at_values, "ConcretizationTypeError"),
    (
        "fresh_state_can_be_donated",
        broken.keeps_an_array,
        "the next state is the same array as state",
    ),
    (
        "fresh_state_can_be_donated",
        broken.starts_from_its_parameters,
        "state['b'] is the same array as params['b']",
    ),
    ("compiles_once", broken.starts_weakly_typed, "step 1 is traced again"),
    # Optax's issues #1754, #1784 and #1789: ε is 0 in float16.
    ("zero_moves_nothing", optax.adam, f"float16: step 0: {NAN}, not 0"),
    ("zero_moves_nothing", optax.rmsprop, f"float16: step 0: {NAN}, not 0"),
    (
        "extremes_stay_finite",
        optax.adam,
        "float16: step 0, gradient 6.55e+04: update['w'] is -inf",
    ),
    ("derivative_is_finite", optax.adam, "slope[0] is nan"),  # its issue #882
    ("none_moves_nothing", optax.adam, "ValueError"),
    ("none_moves_nothing", optax.sgd, "update['b'] becomes PyTreeDef(None)"),
    (
        "array_is_a_number",
        broken.takes_floats_only,
        "decay=0.25 as array: TypeError: decay is a float",
    ),
    ("schedule_is_a_number", optax.adam, "b1=0.25 as schedule: TypeError"),
    (
        "schedule_is_a_number",
        broken.reads_its_decay,
        "learning_rate=0.25 as schedule: TypeError",
    ),
    (
        "schedule_counts_from_zero",
        optax.contrib.schedule_free_adamw,
        "step 0 asks for 0, 1",
    ),  # #1744
    (
        "grid_compiles_once",
        broken.reads_its_decay,
        "decay traced: ConcretizationTypeError",
    ),
    ("bad_numbers_are_refused", optax.adam, "learning_rate=nan: is taken"),
    (
        "bad_numbers_are_refused",
        broken.calls_its_eps_epsilon,
        "eps=-1e-08: the ValueError does not name it: epsilon must be",
    ),
    ("works_in_chain", broken.remembers_elsewhere, "update['b'] is"),
    ("works_in_masked", broken.remembers_elsewhere, "update['w'] is"),
    ("works_in_partition", broken.remembers_elsewhere, "update['w'] is"),
    ("works_in_multisteps", broken.remembers_elsewhere, "parameters['b'] is"),
    (
        "works_in_inject",
        broken.takes_floats_only,
        "float32 parameters: TypeError: decay is a float",
    ),
    ("optax_maps_its_state", broken.knows_its_leaves, "TypeError"),
    (
        "optax_sets_its_count",
        broken.counts_in_floats,
        "state.count is int32[], not float32[]",
    ),
    (
        "takes_extra_arguments",
        broken.refuses_arguments,
        "unexpected keyword argument 'grad'",
    ),
    (
        "says_what_is_missing",
        broken.adds_params_blindly,
        "without params: the ValueError names none of",
    ),
    ("says_what_is_missing", optax.polyak_sgd, "without extra arguments: TypeError"),
]


@pytest.mark.parametrize(
    ("line", "make", "case"), BROKEN, ids=lambda x: x if x in LINES else ""
)
def test_a_broken_line_is_named_with_its_case(line, make, case):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        result = contract.judge(LINES[line], make)
    assert result.verdict == "failed"
    assert case in result.case
    assert "\n" not in result.case


def test_extreme_gradients_meet_the_weight_decay_too():
    def coupled(learning_rate, weight_decay=0.5):
        return optax.chain(
            optax.add_decayed_weights(weight_decay), optax.sgd(learning_rate)
        )

    with jax.numpy_dtype_promotion("standard"):
        result = contract.judge(LINES["extremes_stay_finite"], coupled)
    assert result.verdict == "failed"


def test_a_function_that_cannot_be_hashed_is_checked_like_another():
    class Unhashable:
        __hash__ = None

        def __call__(self, learning_rate):
            return optax_lab.sgd(learning_rate)

    line = LINES["zero_moves_nothing"]
    assert contract.judge(line, Unhashable()).verdict == "kept"


def test_every_line_is_broken_by_someone():
    assert {line for line, _, _ in BROKEN} == set(LINES)


# --- The check itself -----------------------------------------------------------------


def test_a_check_has_a_result_for_every_line_and_lines_may_be_ones_own():
    def never(make):
        assert make is optax.sgd
        raise RuntimeError("no\nsuch luck")

    lines = (Line("It never works", never), LINES["init_needs_shapes_only"])
    results = contract.check(optax.sgd, lines)
    assert results == [
        Result("It never works", "failed", "RuntimeError: no"),
        Result(lines[1].sentence, "kept", ""),
    ]
    assert len({line.sentence for line in contract.LINES}) == len(contract.LINES)


def test_an_optimizer_that_is_already_made_is_refused_with_what_to_give():
    with pytest.raises(ValueError, match="already made, give `lambda: optimizer`"):
        contract.check(optax.sgd(0.1))


EMPTY = ((0, 3), (3, 0))


@functools.lru_cache(1)
def updates_beside_empty_matrices(name):
    """Steps once beside each, compiled together."""
    optimizer = subject.build(table.OPTIMIZERS[name].make)

    step = lambda g: subject.update(optimizer, g, optimizer.init(g), g)[0]
    grads = [subject.tree() | {"none": np.zeros(s, np.float32)} for s in EMPTY]
    steps = subject.compiled(lambda grads: list(map(step, grads)))
    return dict(zip(EMPTY, steps(grads), strict=True))


@pytest.mark.parametrize("shape", EMPTY)
@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_a_matrix_without_elements_is_no_hindrance(name, shape):
    updates = updates_beside_empty_matrices(name)[shape]
    assert updates["none"].shape == shape
    assert np.all(np.isfinite(updates["w"]))


def test_an_optimizer_without_arguments_is_asked_for_less():
    ready = optax.sgd(0.1)
    results = {
        name: contract.judge(line, lambda: ready) for name, line in LINES.items()
    }
    asked = [name for name, r in results.items() if r.verdict != "not applicable"]
    assert not {"array_is_a_number", "grid_compiles_once", "works_in_inject"} & {*asked}
    assert {"types_never_change", "works_in_chain"} <= set(asked)
    line = results["schedule_counts_from_zero"]
    assert line.case == "it takes no learning rate"


def mine(lr, beta: float = 0.9, *rest, kind: str = "a", scale: float | None = None):
    del beta, rest, kind, scale
    return optax.sgd(lr)


@pytest.mark.parametrize(
    ("make", "rate", "hypers"),
    [
        (mine, "lr", "lr beta scale"),
        (with_(mine, 0.1), None, "beta scale"),
        (with_(mine, lr=0.1), None, "lr beta scale"),
        (lambda: optax.sgd(0.1), None, ""),
        (lambda *links: optax.chain(*links), None, ""),
        (optax.sgd, "learning_rate", "learning_rate momentum"),
        (with_(optax.sgd, 0.1), None, "momentum"),
        (with_(optax.sgd, learning_rate=1), "learning_rate", "learning_rate momentum"),
        (optax_lab.adam, "learning_rate", "learning_rate b1 b2 eps eps_root"),
        (optax.contrib.dog, "learning_rate", "learning_rate eps weight_decay"),
    ],
)
def test_rates_and_hyperparameters_are_found_in_the_signature(make, rate, hypers):
    assert subject.rate(make) == rate
    assert subject.hypers(make) == hypers.split()


def test_the_rate_is_the_functions_own_where_it_has_one():
    made = []
    own = lambda learning_rate=0.3: made.append(learning_rate) or optax.sgd(0.1)
    subject.build(own)
    subject.build(with_(own, learning_rate=0.2))
    subject.build(lambda lr: made.append(lr) or optax.sgd(0.1))
    assert made == [0.3, 0.2, subject.RATE]


def test_a_rate_may_be_taken_by_position_only():
    own = lambda lr, /, decay=0.5: optax_lab.momentum(lr, decay)
    assert subject.rate(own) == "lr"
    assert subject.hypers(own) == ["lr", "decay"]
    assert contract.judge(LINES["array_is_a_number"], own).verdict == "kept"


def test_weight_decays_are_found_by_their_names():
    assert subject.without_decay(optax.adamw) == {"weight_decay": 0.0}
    assert subject.without_decay(optax.adam) == {}
    decayed = with_(optax.adafactor, weight_decay_rate=0.1)
    assert subject.without_decay(decayed) == {"weight_decay_rate": 0.0}
    names = {"weight_decay", "adam_weight_decay"}
    assert set(subject.without_decay(optax.contrib.muon)) == names


def test_the_objective_that_is_handed_on_has_the_gradients_that_are():
    for dtype in ("float32", "complex64"):
        params, grads = subject.tree(dtype), subject.tree(dtype, 2.0, 2.0)
        given = subject.extras(grads, params)
        assert given["value"] == 0
        for name in ("value_fn", "obj_fn"):
            found = jax.grad(given[name])(params)
            jax.tree.map(np.testing.assert_array_equal, found, grads)
        if dtype == "float32":
            curvature = jax.jit(jax.hessian(given["obj_fn"]))(params)["b"]["b"]
            assert curvature == 1


def test_a_beta_that_is_1_by_default_is_no_decay():
    rule = optax_lab.scale_by_lion  # its smooth_beta is a steepness
    line = LINES["bad_numbers_are_refused"]
    assert contract.judge(line, with_(rule, mode="smooth")).verdict == "kept"


def test_numbers_that_are_tried_are_those_that_are_accepted():
    def above_one(learning_rate, factor=1.5):
        if not factor > 1:
            raise ValueError("factor must be above 1")
        return optax.sgd(learning_rate * factor)

    assert subject.values(above_one, "factor") == (1.5, 1.40625, 1.3125)
    assert subject.values(optax_lab.adam, "b1") == (0.25, 0.5, 0.75)
    with jax.numpy_dtype_promotion("standard"):
        assert contract.judge(LINES["array_is_a_number"], above_one).verdict == "kept"


# --- What the contract says of ours alone ---------------------------------------------


@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_ours_take_a_rate_and_extra_arguments_by_themselves(name):
    make = table.OPTIMIZERS[name].make
    assert subject.hypers(make)[0] == "learning_rate"
    assert isinstance(make(0.1), optax.GradientTransformationExtraArgs)


@pytest.mark.parametrize("name", ["muon", "shampoo", "soap"])
def test_every_fresh_state_may_be_donated_to_a_step(name):
    optimizer, params = table.OPTIMIZERS[name].make(0.1), subject.tree()
    step = jax.jit(optimizer.update, donate_argnums=(0, 1))
    for _ in range(2):
        updates, _ = step(subject.tree(), optimizer.init(params), params)
        assert all(np.all(np.isfinite(u)) for u in jax.tree.leaves(updates))


@every
def test_numbers_and_numpys_arrays_are_parameters_too(name):
    with jax.enable_x64(False):  # NumPy's own dtype is not one of JAX's
        params = {"w": np.ones((2, 3)), "b": 0.5, "v": np.ones(2, np.float32)}
        arrays = jax.tree.map(jax.device_put, params)
        optimizer = subject.build(MAKERS[name])

        @subject.compiled
        def both(grads):  # both parameters are constants, and not made arrays by JAX
            step = lambda p: subject.update(optimizer, grads, optimizer.init(p), p)
            return step(params), step(arrays)

        found, wanted = both(arrays)
        jax.tree.map(np.testing.assert_array_equal, found, wanted)


@pytest.mark.parametrize("name", ["sgd", "momentum", "rmsprop", "adam", "adabelief"])
def test_without_params_a_gradient_that_is_none_stays_none(name):
    optimizer = table.OPTIMIZERS[name].make(0.1)
    grads = subject.tree() | {"b": None}
    updates, _ = optimizer.update(grads, optimizer.init(subject.tree()))
    assert updates["b"] is None


def test_optax_finds_averages_and_their_weights_in_a_state():
    optimizer, grads = optax_lab.adam(0.1), subject.tree()
    _, state = optimizer.update(grads, optimizer.init(grads))
    assert int(optax.tree.get(state, "count")) == 1
    mu = optax.tree.get(state, "mu")
    np.testing.assert_allclose(mu.average["w"], 0.1, rtol=1e-6)
    np.testing.assert_allclose(mu.weight, 0.1, rtol=1e-6)


def test_16_bit_averages_arrive_where_nearest_rounding_stalls():
    g = jnp.ones(500, jnp.float32)

    def last(rounding):
        optimizer = optax_lab.adam(0.1, b1=0.999, rounding=rounding, **HALVES)
        step = lambda state, _: (optimizer.update(g, state)[1], None)
        return jax.lax.scan(step, optimizer.init(g), None, 15_000)[0][0]

    by_chance, nearest = last("stochastic"), last("nearest")
    for average in (by_chance.mu, by_chance.nu):
        mean = np.mean(np.asarray(average.average, np.float64))
        assert mean == pytest.approx(1.0, abs=0.02)
    assert np.max(np.asarray(nearest.mu.average, np.float64)) < 0.6
    again = last("stochastic")
    np.testing.assert_array_equal(by_chance.mu.average, again.mu.average)


def test_an_unknown_rounding_is_refused():
    with pytest.raises(ValueError, match=r"rounding must be .*, got 'up'"):
        numerics.check_rounding("up")


def test_a_rate_that_is_tried_may_be_the_default_one():
    make = with_(optax_lab.adam, learning_rate=0.25)
    for line in ("array_is_a_number", "schedule_is_a_number"):
        assert contract.judge(LINES[line], make).verdict == "kept"
