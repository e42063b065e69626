import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma, optimizers
from optax_lab.transforms import adaptive, numerics
from tests.oracles import optimizers as oracles

STEPS = 60
CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("momentum", {}),
    ("momentum", {"decay": 0.99, "debias": True}),
    ("momentum", {"weight_decay": 0.1}),
    ("rmsprop", {}),
    ("rmsprop", {"eps": 1e-3, "decay": 0.99, "eps_in_sqrt": False}),
    ("rmsprop", {"eps": 1e-3, "eps_in_sqrt": True}),
    ("rmsprop", {"initial_scale": 1.0}),
    ("rmsprop", {"centered": True, "eps": 1e-3}),
    ("rmsprop", {"centered": True, "eps": 1e-3, "eps_in_sqrt": False}),
    ("rmsprop", {"centered": True, "eps": 1e-3, "bias_correction": True}),
    ("rmsprop", {"momentum": 0.9}),
    ("rmsprop", {"momentum": 0.9, "nesterov": True}),
    ("rmsprop", {"bias_correction": True}),
    ("adam", {}),
    ("adam", {"b1": 0.5, "b2": 0.9, "eps": 1e-3}),
    ("adam", {"eps": 0, "eps_root": 1e-3}),
    ("adam", {"nesterov": True}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.1, "nesterov": True}),
]
ids = [f"{name}-{kwargs}" for name, kwargs in CASES]
SHARED = [(name, kwargs) for name, kwargs in CASES if hasattr(optax, name)]


def constant(_):
    return 0.05


def dropping(t):
    return 0.05 * 0.1 ** (t // 20)


def tree(seed, complex_=False):
    r = np.random.default_rng(seed)
    leaf = lambda *s: r.normal(size=s) * np.exp(r.normal(size=s))
    weights = leaf(4, 3) + 1j * leaf(4, 3) if complex_ else leaf(4, 3)
    return {"w": weights, "deep": [leaf(5), leaf()]}


def run(optimizer, params, grads):
    """Returns the parameters after each step, as the library takes it."""

    @jax.jit
    def step(params, state, g):
        updates, state = optimizer.update(g, state, params)
        return optax.apply_updates(params, updates), state

    state, path = optimizer.init(params), []
    for g in grads:
        params, state = step(params, state, g)
        path.append(params)
    return path


@pytest.mark.parametrize("rate", [constant, dropping], ids=["constant", "dropping"])
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=ids)
def test_every_step_agrees_with_the_papers_algorithm(name, kwargs, rate):
    params = tree(0)
    grads = [tree(1 + t) for t in range(STEPS)]
    # A schedule of our own sees a traced step; the oracle sees a Python number.
    lr = 0.05 if rate is constant else lambda t: 0.05 * 0.1 ** (t // 20)
    ours = run(getattr(optax_lab, name)(lr, **kwargs), params, grads)
    for path in (("w",), ("deep", 0), ("deep", 1)):
        leaf = lambda tree, path=path: tree[path[0]][path[1]] if path[1:] else tree["w"]
        theirs = getattr(oracles, name)(
            leaf(params), [leaf(g) for g in grads], rate, **kwargs
        )
        close = {"rtol": 1e-12, "atol": 1e-12}
        np.testing.assert_allclose([leaf(p) for p in ours], theirs, **close)


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=ids)
def test_complex_parameters_follow_the_papers_algorithm_too(name, kwargs):
    params = tree(0, complex_=True)["w"]
    grads = [tree(1 + t, complex_=True)["w"] for t in range(STEPS)]
    ours = run(getattr(optax_lab, name)(0.05, **kwargs), params, grads)
    theirs = getattr(oracles, name)(params, grads, constant, **kwargs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "kwargs"), SHARED)
def test_where_optax_has_the_name_it_takes_the_same_steps(name, kwargs):
    params = tree(0)
    grads = [tree(1 + t) for t in range(STEPS)]
    ours = run(getattr(optax_lab, name)(0.05, **kwargs), params, grads)
    with jax.numpy_dtype_promotion("standard"):
        theirs = run(getattr(optax, name)(0.05, **kwargs), params, grads)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11),
        ours,
        theirs,
    )


def test_a_given_start_is_not_debiased_which_is_a_deviation_from_optax():
    kwargs = {"initial_scale": 1.0, "bias_correction": True}
    ours = optax_lab.rmsprop(0.05, **kwargs)
    plain = optax_lab.rmsprop(0.05, initial_scale=1.0)
    params, grads = tree(0), [tree(1)]
    a, b = run(ours, params, grads)[0], run(plain, params, grads)[0]
    np.testing.assert_array_equal(a["w"], b["w"])
    with jax.numpy_dtype_promotion("standard"):
        theirs = run(optax.rmsprop(0.05, **kwargs), params, grads)[0]
    assert not np.allclose(a["w"], theirs["w"])


@pytest.mark.parametrize(
    "name", [n for n in optimizers.OPTIMIZERS if hasattr(optax, n)]
)
def test_the_signature_is_optaxs_and_ours_adds_keywords_only(name):
    ours = inspect.signature(getattr(optax_lab, name)).parameters
    theirs = inspect.signature(getattr(optax, name)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for parameter in theirs.values():
        mine = ours[parameter.name]
        assert (mine.kind, mine.default) == (parameter.kind, parameter.default)
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


def test_a_rule_takes_another_denominator_in_the_place_of_its_own():
    # Keras' Adam: ε is added before the bias is corrected.
    rule = adaptive.scale_by_adam(denominator=numerics.hat(1e-3))
    g = jnp.array([0.5, -2.0])
    updates, _ = rule.update(g, rule.init(g))
    w = 1 - 0.999
    expected = g * np.sqrt(w) / (np.sqrt(w * np.asarray(g) ** 2) + 1e-3)
    np.testing.assert_allclose(updates, expected, rtol=1e-12)


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
    ],
)
def test_a_number_no_optimizer_can_have_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make().init(jnp.zeros(2))


def test_weight_decay_without_params_says_what_is_missing():
    optimizer = optax_lab.adamw(0.1)
    state = optimizer.init(jnp.ones(2))
    with pytest.raises(ValueError, match="params"):
        optimizer.update(jnp.ones(2), state)
