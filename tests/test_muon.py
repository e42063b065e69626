# What Muon is made of, and what its oracle's cases cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optax.contrib import MuonDimensionNumbers

import optax_lab
from optax_lab import ewma
from optax_lab.optimizers import matrix_functions, muon
from optax_lab.optimizers.partition import partition
from tests.oracles import muon as papers
from tests.paths import RATE, assert_same_path, constant, run

CUBIC = [(1.5, -0.5, 0.0)] * 60  # converges to 1 from every singular value up to √3
STANDARD = [muon.NS_COEFFS["standard"]] * 5
promoting = jax.numpy_dtype_promotion("standard")  # as inside every rule
orthogonalise = promoting(matrix_functions.orthogonalise)
every_preconditioning = pytest.mark.parametrize(
    "name", matrix_functions.PRECONDITIONINGS
)


def random(*shape, seed=0, is_complex=False):
    r = np.random.default_rng(seed)
    x = r.normal(size=shape)
    return jnp.asarray(x + 1j * r.normal(size=shape) if is_complex else x)


shapes = st.sampled_from([(1, 1), (1, 6), (6, 1), (3, 3), (4, 6), (5, 2)])  # compiled
seeds = st.integers(0, 1000)


# --- Newton–Schulz --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["frobenius", "spectral", "schatten"])
@given(shape=shapes, seed=seeds, is_complex=st.booleans())
def test_a_convergent_iteration_ends_at_the_nearest_orthogonal_matrix(
    name, shape, seed, is_complex
):
    x = random(*shape, seed=seed, is_complex=is_complex)
    u, _, vh = np.linalg.svd(np.asarray(x), full_matrices=False)
    near = orthogonalise(x, CUBIC, 0.0, name)
    np.testing.assert_allclose(near, u @ vh, atol=1e-9)
    short = min(shape)
    gram = near @ near.conj().T if shape[0] == short else near.conj().T @ near
    np.testing.assert_allclose(gram, np.eye(short), atol=1e-9)


@given(shape=shapes, seed=seeds, is_complex=st.booleans())
def test_its_steps_move_singular_values_and_leave_the_vectors(shape, seed, is_complex):
    x = random(*shape, seed=seed, is_complex=is_complex)
    rows = [(3.0, -3.2, 1.2), (2.0, -1.5, 0.5)]
    with promoting:
        x = x / jnp.linalg.norm(x)
        found = matrix_functions.newton_schulz(x, rows)
    np.testing.assert_allclose(found, papers.newton_schulz(np.asarray(x), rows))


@every_preconditioning
def test_the_standard_steps_bring_singular_values_near_1(name):
    x = random(8, 5)
    values = np.linalg.svd(orthogonalise(x, STANDARD, 0.0, name))[1]
    assert np.all((values > 0.6) & (values < 1.3))


@every_preconditioning
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_the_size_of_a_matrix_is_no_matter_from_the_smallest_to_the_largest(
    name, dtype
):
    x = random(3, 4).astype(dtype) / 4
    expected = orthogonalise(x, STANDARD, 0.0, name)
    for size in (1e-34, 1.0, 3e38):
        found = orthogonalise(x * size, STANDARD, 0.0, name)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@every_preconditioning
def test_zero_stays_zero_and_its_derivative_is_finite(name):
    total = lambda x, eps: jnp.sum(orthogonalise(x, STANDARD, eps, name))
    zero = jnp.zeros((2, 3))
    assert total(zero, 0.0) == 0.0
    slope = jax.grad(total, (0, 1))(zero, 1e-8)
    assert all(np.all(np.isfinite(s)) for s in slope)


def test_a_small_matrix_stays_small_beside_eps():
    x = 1e-6 * random(3, 4)
    for name in matrix_functions.PRECONDITIONINGS:
        assert np.max(np.abs(orthogonalise(x, [(1, 0, 0)], 1.0, name))) < 1e-5


# --- Matrices of any axes -------------------------------------------------------------


def leaves(seed):
    r = np.random.default_rng(seed)
    shapes = {"square": (4, 4), "wide": (3, 5), "tensor": (2, 3, 4), "bias": (5,)}
    return {n: jnp.asarray(r.normal(size=s)) for n, s in shapes.items()}


def stacked(params):
    """Tensors are stacks of matrices along their second axis; vectors are none."""
    axes = {1: None, 2: MuonDimensionNumbers(1, 0), 3: MuonDimensionNumbers(-1, 0)}
    return jax.tree.map(lambda x: axes[x.ndim], params)


def joined(params):
    both = {2: None, 3: MuonDimensionNumbers((0, 2), (1,))}
    return jax.tree.map(lambda x: both.get(x.ndim), params)


AXES = {
    "square": MuonDimensionNumbers(1, 0),
    "wide": None,
    "tensor": MuonDimensionNumbers(2, 1),
    "bias": None,
}


@pytest.mark.parametrize("axes", [None, stacked, joined, AXES])
@pytest.mark.parametrize("kwargs", [{}, {"adaptive": True}, {"consistent_rms": 0.2}])
def test_leaves_of_all_shapes_take_optaxs_steps(axes, kwargs):
    kwargs = {"muon_weight_dimension_numbers": axes, "weight_decay": 0.1} | kwargs
    params, grads = leaves(0), [leaves(1 + t) for t in range(5)]
    ours = run(optax_lab.muon(RATE, **kwargs), params, grads)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = run(optax.contrib.muon(RATE, **kwargs), params, grads)
    assert_same_path(ours, theirs, 1e-10)


def test_one_specification_serves_a_whole_branch():
    params = {"a": {"x": random(2, 3), "y": random(3, 3)}, "b": random(4, 2)}
    axes = {"a": MuonDimensionNumbers(), "b": None}
    state = optax_lab.muon(0.1, muon_weight_dimension_numbers=axes).init(params)
    shapes = lambda half: jax.tree.map(jnp.shape, half[0].mu.average)
    first, second = (state.inner_states[n] for n in ("muon", "adam"))
    masked = optax.MaskedNode()
    assert shapes(first) == {"a": {"x": (2, 3), "y": (3, 3)}, "b": masked}
    assert shapes(second) == {"a": {"x": masked, "y": masked}, "b": (4, 2)}


def test_a_consistent_rms_is_what_every_shape_gets():
    for shape in ((3, 9), (9, 3), (6, 6)):
        rule = muon.scale_by_shape(consistent_rms=0.2)
        q = jnp.linalg.qr(random(max(shape), min(shape)))[0]
        q = q if shape[0] >= shape[1] else q.T
        updates, _ = rule.update(q, rule.init(q))
        rms = np.sqrt(np.mean(np.square(updates)))
        assert rms == pytest.approx(0.2, rel=1e-12)


# --- Where Optax is not the paper -----------------------------------------------------


def both(kwargs, params, grads):
    ours = run(optax_lab.muon(RATE, **kwargs), params, grads)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = run(optax.contrib.muon(RATE, **kwargs), params, grads)
    paper = papers.muon(np.asarray(params), list(map(np.asarray, grads)), constant)
    return ours, theirs, paper


def by_the_paper(kwargs, params, grads):
    arrays = [np.asarray(g) for g in grads]
    return papers.muon(np.asarray(params), arrays, constant, **kwargs)


def test_complex_schatten_is_hermitian_which_optaxs_pr_1761_mends():
    kwargs = {"preconditioning": "schatten"}
    params = random(4, 3, is_complex=True)
    grads = [random(4, 3, seed=1 + t, is_complex=True) for t in range(3)]
    ours, theirs, _ = both(kwargs, params, grads)
    assert_same_path(ours, by_the_paper(kwargs, params, grads), 1e-10)
    assert np.all(np.isnan(theirs[0]))


@pytest.mark.parametrize("name", ["schatten", "aol"])
def test_eps_counts_whatever_stands_before_the_steps(name):
    kwargs = {"preconditioning": name, "eps": 50.0}
    params, grads = random(4, 3), [random(4, 3, seed=1 + t) for t in range(3)]
    ours, theirs, _ = both(kwargs, params, grads)
    assert_same_path(ours, by_the_paper(kwargs, params, grads), 1e-10)
    assert not np.allclose(ours[0], theirs[0], rtol=1e-3)


def test_aol_takes_the_rows_of_the_axes_it_is_given():
    axes = lambda tree: jax.tree.map(lambda _: MuonDimensionNumbers(1, 0), tree)
    kwargs = {"preconditioning": "aol", "muon_weight_dimension_numbers": axes}
    params, grads = random(4, 4), [random(4, 4, seed=1 + t) for t in range(3)]
    ours, theirs, _ = both(kwargs, params, grads)
    assert_same_path(ours, by_the_paper(kwargs, params, grads), 1e-10)
    assert not np.allclose(ours[0], theirs[0], rtol=1e-3)


def test_more_coefficients_than_steps_are_all_taken():
    params, grads = random(4, 3), [random(4, 3, seed=1)]
    kwargs = {"ns_coeffs": tuple(muon.NS_COEFFS["dion"]), "ns_steps": 3}
    ours = run(optax_lab.muon(RATE, **kwargs), params, grads)
    assert_same_path(ours, by_the_paper(kwargs, params, grads), 1e-10)
    with pytest.raises(ValueError, match="Not enough coeffs"):
        optax.contrib.muon(RATE, **kwargs).init(params)


# --- States, None, low precision ------------------------------------------------------


def test_states_have_optaxs_classes_keys_and_fields():
    params = leaves(0)
    ours, theirs = (
        optax_lab.muon(0.1).init(params),
        optax.contrib.muon(0.1).init(params),
    )
    assert type(ours) is type(theirs)
    assert set(ours.inner_states) == set(theirs.inner_states)
    for name in ("muon", "adam"):
        mine, other = ours.inner_states[name][0], theirs.inner_states[name]
        assert type(mine) is type(other.inner_state[0])
        assert isinstance(mine.mu, ewma.Ewma)
    np.testing.assert_allclose(
        ours.inner_states["muon"][0].ns_coeffs, papers.STANDARD, rtol=1e-6
    )


def test_a_tree_like_the_parameters_may_be_mapped_over_its_state():
    params = leaves(0)
    names = {n: n for n in params}
    is_masked = lambda x: isinstance(x, optax.MaskedNode)  # as Optax's muon needs it
    named = lambda x, n: x if is_masked(x) else n
    for axes in (None, AXES):
        optimizer = optax_lab.muon(0.1, muon_weight_dimension_numbers=axes)
        state = optimizer.init(params)
        state = optax.tree.map_params(optimizer, named, state, names, is_leaf=is_masked)
        halves = [state.inner_states[n][0].mu.average for n in ("muon", "adam")]
        for name in names:
            assert {half[name] for half in halves} == {name, optax.MaskedNode()}


def test_a_matrix_without_a_gradient_stays_where_it_is():
    params = leaves(0)
    optimizer = optax_lab.muon(0.1, adam_weight_decay=0.1, weight_decay=0.1)
    state = optimizer.init(params)
    grads = leaves(1) | {"wide": None, "bias": None}
    updates, after = optimizer.update(grads, state, params)
    for name in ("wide", "bias"):
        np.testing.assert_array_equal(updates[name], 0)
    full, _ = optimizer.update(leaves(1), state, params)
    np.testing.assert_array_equal(updates["square"], full["square"])
    assert jax.tree.structure(after) == jax.tree.structure(state)
    with pytest.raises(ValueError, match="a gradient that is None needs params"):
        optimizer.update(grads, state)


@pytest.mark.parametrize("shape", [(3, 2), (3,)])
def test_parameters_that_are_one_array_step_as_a_tree_of_it_does(shape):
    optimizer = optax_lab.muon(0.1, adam_weight_decay=0.1, weight_decay=0.1)
    tree = {"only": random(*shape)}
    one, _ = optimizer.update(tree["only"], optimizer.init(tree["only"]), tree["only"])
    both, _ = optimizer.update(tree, optimizer.init(tree), tree)
    np.testing.assert_array_equal(one, both["only"])


def test_each_label_has_its_own_transformation_and_extra_arguments_pass():
    def scaled(factor):
        def update_fn(updates, state, params=None, *, value):
            del params
            return jax.tree.map(lambda u: factor * value * u, updates), state + 1

        init_fn = lambda params: jnp.zeros([], jnp.int32)
        return optax.GradientTransformationExtraArgs(init_fn, update_fn)

    labels = lambda tree: jax.tree.map(lambda x: "a" if x.ndim else "b", tree)
    both = partition({"a": scaled(2.0), "b": scaled(3.0)}, labels)
    grads = {"x": jnp.ones(2), "y": jnp.ones(()), "z": None}
    updates, state = both.update(grads, both.init(grads), grads, value=5.0)
    np.testing.assert_array_equal(updates["x"], [10.0, 10.0])
    assert updates["y"] == 15.0 and updates["z"] is None
    assert state.inner_states == {"a": 1, "b": 1}


def test_a_bfloat16_average_arrives_where_nearest_rounding_stalls():
    g = jnp.ones((20, 20), jnp.float32)

    def last(rounding):
        rule = muon.scale_by_muon(
            ns_steps=1, beta=0.999, mu_dtype=jnp.bfloat16, rounding=rounding
        )
        step = lambda state, _: (rule.update(g, state)[1], None)
        state = jax.lax.scan(step, rule.init(g), None, 8_000)[0]
        return np.mean(np.asarray(state.mu.average, np.float64))

    assert last("stochastic") == pytest.approx(1.0, abs=0.02)
    assert last("nearest") < 0.6


# --- What is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"beta": 1.0}, r"beta must lie in \[0, 1\), got 1.0"),
        ({"eps": -1.0}, "eps must be.*got -1.0"),
        ({"adam_b1": 1.0}, r"adam_b1 must lie in \[0, 1\), got 1.0"),
        ({"adam_b2": -0.1}, r"adam_b2 must lie in \[0, 1\), got -0.1"),
        ({"adam_eps_root": -1.0}, "adam_eps_root must be.*got -1.0"),
        ({"adam_weight_decay": -1.0}, "adam_weight_decay must be.*got -1.0"),
        ({"adam_learning_rate": -1.0}, "adam_learning_rate must be.*got -1.0"),
        ({"weight_decay": -1.0}, "weight_decay must be.*got -1.0"),
        ({"consistent_rms": -1.0}, "consistent_rms must be.*got -1.0"),
        ({"ns_steps": 0}, "ns_steps must be at least 1, got 0"),
        ({"ns_coeffs": "polar"}, "ns_coeffs must be .*\"dion\", got 'polar'"),
        ({"ns_coeffs": (1.0, 2.0)}, r"ns_coeffs must have shape .*got \(2,\)"),
        ({"preconditioning": "max"}, "preconditioning must be one of .*got 'max'"),
        ({"nu_dtype": "float16"}, "nu_dtype must be.*float16"),
    ],
)
def test_what_no_muon_can_have_is_refused_by_name(kwargs, message):
    with pytest.raises(ValueError, match=message):
        optax_lab.muon(0.1, **kwargs).init(jnp.zeros((2, 2)))


def test_a_leaf_that_is_no_matrix_is_refused_with_its_shape():
    every_leaf = MuonDimensionNumbers()
    optimizer = optax_lab.muon(0.1, muon_weight_dimension_numbers=every_leaf)
    g = jnp.ones(3)
    with pytest.raises(ValueError, match=r"needs matrices, got .*\(3,\)"):
        optimizer.update(g, optimizer.init(g), g)
    twice = MuonDimensionNumbers((0, 1), 1)
    optimizer = optax_lab.muon(0.1, muon_weight_dimension_numbers=twice)
    g = jnp.ones((2, 2))
    with pytest.raises(ValueError, match=r"axes must differ, got .*1"):
        optimizer.update(g, optimizer.init(g), g)


def test_weight_decay_without_params_says_what_is_missing():
    optimizer = optax_lab.muon(0.1, weight_decay=0.1)
    g = jnp.ones((2, 2))
    with pytest.raises(ValueError, match="weight_decay needs params"):
        optimizer.update(g, optimizer.init(g))
