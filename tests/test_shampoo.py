# What Shampoo and SOAP are made of, and what their oracles' cases cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optax_lab
from optax_lab import ewma
from optax_lab.optimizers import matrix_functions
from tests.oracles import shampoo as papers
from tests.paths import RATE, assert_same_path, constant, jitted, run

promoting = jax.numpy_dtype_promotion("standard")  # as inside every rule
inverse_root = promoting(matrix_functions.inverse_root)
eigenbasis, refined = (
    promoting(matrix_functions.eigenbasis),
    promoting(matrix_functions.refined),
)
refined_often = jax.jit(
    lambda h, q: jax.lax.fori_loop(0, 60, lambda _, q: refined(h, q), q)
)


def random(*shape, seed=0, is_complex=False):
    r = np.random.default_rng(seed)
    x = r.normal(size=shape)
    return jnp.asarray(x + 1j * r.normal(size=shape) if is_complex else x)


def positive(n, seed=0, is_complex=False):
    x = random(n, n, seed=seed, is_complex=is_complex)
    return x @ x.conj().T


sizes, seeds = st.sampled_from([1, 2, 5]), st.integers(0, 1000)  # each size compiles


# --- Roots ----------------------------------------------------------------------------


@given(n=sizes, seed=seeds, is_complex=st.booleans(), order=st.sampled_from([2, 4, 6]))
def test_a_root_to_its_power_times_the_matrix_is_the_identity(
    n, seed, is_complex, order
):
    h, eye = np.asarray(positive(n, seed, is_complex)), np.eye(n)
    root = np.asarray(inverse_root(jnp.asarray(h), order, 1e-3))
    power = np.linalg.matrix_power(root, order)
    np.testing.assert_allclose(power @ (h + 1e-3 * eye), eye, atol=1e-8)
    np.testing.assert_allclose(root, root.conj().T, atol=1e-10)


@given(seed=seeds, order=st.sampled_from([2, 4, 6]))
def test_a_diagonals_root_is_that_of_its_matrix(seed, order):
    h = random(4, seed=seed) ** 2
    whole = inverse_root(jnp.diag(h), order, 1e-3)
    part = inverse_root(h, order, 1e-3)
    np.testing.assert_allclose(jnp.diag(part), whole, rtol=1e-12, atol=1e-12)
    as_complex = inverse_root(h.astype(jnp.complex128), order, 1e-3)
    np.testing.assert_allclose(as_complex, part, rtol=1e-14)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.complex64])
def test_the_root_of_a_matrix_of_any_size_is_finite_and_in_proportion(dtype):
    h = (positive(3) / 20).astype(dtype)
    root = inverse_root(h, 4, 0.0)
    for size in (1e-34, 1.0, 3e38):
        found = inverse_root(h * size, 4, 0.0) * size**0.25
        np.testing.assert_allclose(found, root, rtol=1e-3)
    for h in (jnp.zeros((3, 3), dtype), jnp.ones((3, 3), dtype)):
        assert np.all(np.isfinite(inverse_root(h, 4, 0.0)))


root = jitted(lambda h: inverse_root(h, 4, 0.1))
slope_of_root = jitted(lambda h, change: jax.jvp(root.__wrapped__, (h,), (change,))[1])


@given(seed=seeds, is_equal=st.booleans())
def test_a_roots_derivative_is_the_slope_of_the_root(seed, is_equal):
    h = 2 * jnp.eye(4) if is_equal else positive(4, seed) + 0.1 * jnp.eye(4)
    change = random(4, 4, seed=seed + 1)
    change = change + change.T
    step = 1e-5
    slope = slope_of_root(h, change)
    estimate = (root(h + step * change) - root(h - step * change)) / (2 * step)
    np.testing.assert_allclose(slope, estimate, rtol=1e-5, atol=1e-6)


# --- Eigenvectors ---------------------------------------------------------------------


@given(n=sizes, seed=seeds, is_complex=st.booleans())
def test_a_basis_is_orthogonal_and_diagonalises_the_largest_first(n, seed, is_complex):
    h = np.asarray(positive(n, seed, is_complex))
    q = np.asarray(eigenbasis(jnp.asarray(h)))
    np.testing.assert_allclose(q.conj().T @ q, np.eye(n), atol=1e-12)
    values = np.linalg.eigvalsh(h)[::-1]
    np.testing.assert_allclose(q.conj().T @ h @ q, np.diag(values), atol=1e-10)


@given(seed=seeds, is_complex=st.booleans())
def test_refining_ends_at_the_eigenvectors(seed, is_complex):
    u = jnp.linalg.qr(random(4, 4, seed=seed, is_complex=is_complex))[0]
    h = (u * jnp.array([8.0, 4.0, 2.0, 1.0]).astype(u.dtype)[None, :]) @ u.conj().T
    q = jnp.linalg.qr(random(4, 4, seed=seed + 1, is_complex=is_complex))[0]
    q = refined_often(h, q)
    values = np.sort(np.diag(q.conj().T @ h @ q).real)
    np.testing.assert_allclose(values, [1, 2, 4, 8], rtol=1e-6)


def test_refining_eigenvectors_keeps_them_in_their_places():
    h = positive(4)
    q = eigenbasis(h)[:, jnp.array([2, 0, 3, 1])]
    overlap = np.abs(q.T @ refined(h, q))
    np.testing.assert_allclose(overlap, np.eye(4), atol=1e-10)


# --- Tensors, long dimensions, the paper's own form -----------------------------------


@pytest.mark.parametrize("is_complex", [False, True], ids=["real", "complex"])
@pytest.mark.parametrize(
    ("make", "paper", "kwargs"),
    [
        (optax_lab.shampoo, papers.shampoo, {"eps": 0.01}),
        (optax_lab.shampoo, papers.shampoo, {"eps": 0.01, "max_precond_dim": 2}),
        (optax_lab.shampoo, papers.shampoo, {"b1": 0.0, "b2": None, "eps": 1.0}),
        (optax_lab.soap, papers.soap, {"precondition_frequency": 2}),
        (optax_lab.soap, papers.soap, {"max_precond_dim": 3}),
    ],
)
def test_a_tensor_has_a_factor_for_each_dimension(make, paper, kwargs, is_complex):
    params = random(3, 2, 4, is_complex=is_complex)
    grads = [random(3, 2, 4, seed=1 + t, is_complex=is_complex) for t in range(12)]
    ours = run(make(RATE, **kwargs), params, grads)
    arrays = [np.asarray(g) for g in grads]
    theirs = paper(np.asarray(params), arrays, constant, **kwargs)
    assert_same_path(ours, theirs, 1e-8)


def test_shampoos_first_step_is_the_nearest_orthogonal_matrix():
    # (GGᵀ)^(−1/4) G (GᵀG)^(−1/4) = UVᵀ
    g = random(4, 4)
    rule = optax_lab.scale_by_shampoo(b1=0.0, b2=None, eps=0.0)
    step, _ = rule.update(g, rule.init(g))
    u, _, vh = np.linalg.svd(np.asarray(g))
    np.testing.assert_allclose(step, u @ vh, atol=1e-6)


def test_shampoo_of_a_vector_is_adagrad_with_the_full_matrix():
    grads = [random(3, seed=t) for t in range(5)]
    rule = optax_lab.scale_by_shampoo(b1=0.0, b2=None, eps=0.1)
    state, total = rule.init(grads[0]), 0.1 * np.eye(3)
    for g in grads:
        step, state = rule.update(g, state)
        total = total + np.outer(g, g)
        expected = papers.powered(total, -0.5) @ g
        np.testing.assert_allclose(step, expected, rtol=1e-9)


@pytest.mark.parametrize(
    "rule",
    [
        optax_lab.scale_by_shampoo(eps=0.1),
        optax_lab.scale_by_soap(precondition_frequency=2),
    ],
    ids=["shampoo", "soap"],
)
def test_gradients_seen_through_rotations_give_rotated_steps(rule):
    u, v = (jnp.linalg.qr(random(n, n, seed=n))[0] for n in (4, 3))
    update = jax.jit(rule.update)
    plain = turned = rule.init(jnp.zeros((4, 3)))
    for t in range(8):
        g = random(4, 3, seed=t)
        step, plain = update(g, plain)
        again, turned = update(u @ g @ v, turned)
        np.testing.assert_allclose(again, u @ step @ v, atol=1e-7)


def test_soap_without_rotations_is_adam_a_step_later():
    grads = [random(4, 3, seed=t) for t in range(6)]
    late = run(
        optax_lab.soap(RATE, max_precond_dim=0, weight_decay=0.0), grads[0], grads
    )
    adam = run(optax_lab.adam(RATE, 0.95, 0.95), grads[0], grads[1:])
    np.testing.assert_array_equal(late[0], grads[0])
    assert_same_path(late[1:], adam, 1e-12)


# --- When roots and bases are taken ---------------------------------------------------


def changes(rule, field, steps):
    """Returns at which steps a field of the state changed."""
    update, state, changed = jax.jit(rule.update), rule.init(random(3, 2)), []
    for t in range(steps):
        _, after = update(random(3, 2, seed=t), state)
        if not np.array_equal(getattr(state, field), getattr(after, field)):
            changed.append(t)
        state = after
    return changed


def test_roots_are_taken_at_the_first_steps_and_then_from_time_to_time():
    rule = optax_lab.scale_by_shampoo(precondition_frequency=3)
    assert changes(rule, "roots", 10) == [0, 1, 2, 3, 6, 9]


def test_a_basis_is_made_first_and_then_refined_from_time_to_time():
    rule = optax_lab.scale_by_soap(precondition_frequency=3)
    assert changes(rule, "basis", 10) == [0, 3, 6, 9]


# --- States, None, low precision, derivatives -----------------------------------------


def test_states_hold_a_flat_array_for_each_leaf():
    params = {"w": jnp.ones((4, 3), jnp.bfloat16), "b": jnp.ones(5), "s": jnp.ones(())}
    state = optax_lab.shampoo(0.1, max_precond_dim=3).init(params)[0]
    assert type(state).__name__ == "ScaleByShampooState"
    assert state._fields == ("count", "mu", "products", "roots")
    found = jax.tree.map(lambda x: (x.shape, x.dtype.name), state.products.average)
    expected = {
        "w": ((4 + 9,), "float32"),
        "b": ((5,), "float64"),
        "s": ((1,), "float64"),
    }
    assert found == expected

    state = optax_lab.soap(0.1).init(params)[0]
    assert type(state).__name__ == "ScaleBySoapState"
    assert state._fields == ("count", "mu", "nu", "products", "basis")
    averages = (state.mu, state.nu, state.products)
    assert all(isinstance(a, ewma.Ewma) for a in averages)
    assert state.basis["w"].shape == (16 + 9,)
    assert state.basis["b"].shape == state.basis["s"].shape == (1,)


@pytest.mark.parametrize("name", ["shampoo", "soap"])
def test_a_tree_like_the_parameters_may_be_mapped_over_the_state(name):
    optimizer = getattr(optax_lab, name)(0.1)
    params = {"w": random(4, 3), "b": random(5)}
    names = {n: n for n in params}
    state = optax.tree.map_params(
        optimizer, lambda x, n: n, optimizer.init(params), names
    )
    assert state[0].products.average == state[0].mu.average == names


@pytest.mark.parametrize("name", ["shampoo", "soap"])
def test_a_matrix_without_a_gradient_keeps_its_factors_and_stays(name):
    optimizer = getattr(optax_lab, name)(0.1, precondition_frequency=1)
    params = {"w": random(4, 3), "v": random(3, 3)}
    state = optimizer.init(params)
    for t in range(3):
        last = state
        grads = {"w": random(4, 3, seed=t), "v": None}
        updates, state = optimizer.update(grads, state, params)
        np.testing.assert_array_equal(updates["v"], 0)
    pick = lambda state: [
        tree["v"] for tree in (state[0].products.average, state[0][-1])
    ]
    jax.tree.map(np.testing.assert_array_equal, pick(last), pick(state))
    assert jax.tree.structure(last) == jax.tree.structure(state)


@pytest.mark.parametrize("name", ["shampoo", "soap"])
def test_the_derivative_through_steps_of_a_matrix_at_zero_is_finite(name):
    def after(rate):
        optimizer = getattr(optax_lab, name)(rate, precondition_frequency=2)
        x = jnp.zeros((2, 3))
        state = optimizer.init(x)
        for _ in range(5):
            updates, state = optimizer.update(x * jnp.arange(3.0)[None, :], state, x)
            x = optax.apply_updates(x, updates)
        return jnp.sum(x)

    assert np.isfinite(jitted(jax.grad(after))(0.1))


def test_shampoos_derivative_is_the_slope_of_its_path():
    def after(x):
        optimizer = optax_lab.shampoo(0.1, eps=0.1)
        state = optimizer.init(x)
        for t in range(3):
            g = jnp.sin(x + t)
            updates, state = optimizer.update(g, state, x)
            x = optax.apply_updates(x, updates)
        return jnp.sum(x**3)

    x, change, step = random(3, 2), random(3, 2, seed=1), 1e-5
    slope = jnp.sum(jitted(jax.grad(after))(x) * change)
    after = jitted(after)
    estimate = (after(x + step * change) - after(x - step * change)) / (2 * step)
    np.testing.assert_allclose(slope, estimate, rtol=1e-6)


def test_bfloat16_averages_arrive_where_nearest_rounding_stalls():
    g = jnp.ones((20, 20), jnp.float32)
    half = jnp.bfloat16

    def last(rounding):
        of_g = optax_lab.scale_by_shampoo(
            0.999, max_precond_dim=0, mu_dtype=half, rounding=rounding
        )
        rule = optax_lab.scale_by_soap(
            0.999,
            0.999,
            mu_dtype=half,
            nu_dtype=half,
            max_precond_dim=0,
            rounding=rounding,
        )
        step = lambda s, _: ((of_g.update(g, s[0])[1], rule.update(g, s[1])[1]), None)
        start = (of_g.init(g), rule.init(g))
        first, second = jax.lax.scan(step, start, None, 8_000)[0]
        averages = (first.mu, second.mu, second.nu)
        return [np.mean(np.asarray(a.average, np.float64)) for a in averages]

    np.testing.assert_allclose(last("stochastic"), 1, atol=0.03)
    assert max(last("nearest")) < 0.6


# --- What is refused ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["shampoo", "soap"])
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"b1": 1.0}, r"b1 must lie in \[0, 1\), got 1.0"),
        ({"b2": -0.1}, r"b2 must lie in \[0, 1\), got -0.1"),
        ({"eps": -1.0}, "eps must be.*got -1.0"),
        ({"weight_decay": -1.0}, "weight_decay must be.*got -1.0"),
        ({"max_precond_dim": -1}, "max_precond_dim must be.*got -1"),
        ({"precondition_frequency": 0}, "precondition_frequency must be at least 1"),
    ],
)
def test_what_neither_can_have_is_refused_by_name(name, kwargs, message):
    with pytest.raises(ValueError, match=message):
        getattr(optax_lab, name)(0.1, **kwargs).init(jnp.zeros((2, 2)))


def test_what_soap_cannot_have_is_refused_by_name():
    with pytest.raises(ValueError, match=r"shampoo_beta must lie in.*got 1.5"):
        optax_lab.soap(0.1, shampoo_beta=1.5)
    with pytest.raises(ValueError, match=r"nu_dtype must be.*float16"):
        optax_lab.soap(0.1, nu_dtype="float16").init(jnp.zeros((2, 2)))
    optimizer, g = optax_lab.soap(0.1), jnp.ones((2, 2))
    with pytest.raises(ValueError, match="weight_decay needs params"):
        optimizer.update(g, optimizer.init(g))
