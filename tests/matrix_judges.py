# What matrices, their factors and their stacks must answer, for the mutation.

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax.contrib import MuonDimensionNumbers

import optax_lab
from optax_lab.optimizers import (
    common,
    kronecker_factors,
    matrix_functions,
    muon,
    partition,
    sgd,
)
from tests.oracles import muon as orthogonal_papers
from tests.oracles import shampoo as kronecker_papers


def close(ours, expected):
    np.testing.assert_allclose(np.asarray(ours), expected, rtol=1e-11, atol=1e-12)


@jax.numpy_dtype_promotion("standard")
def sizes():
    for x, size in (
        ([[-4.0, 2.0]], 4.0),
        ([[2.0, -1.0]], 2.0),
        ([[1 - 3j, 2.0]], 3.0),
        ([[-3 + 1j, 0j]], 3.0),
        ([[0.0, 0.0]], 1.0),
        (np.zeros((0, 2)), 1.0),
    ):
        unit, found = matrix_functions.scaled(jnp.asarray(x))
        close(found, size)
        close(unit, np.asarray(x) / size)
    for size in (1.2e-38, 3.4e38):
        unit, _ = matrix_functions.scaled(jnp.array([size, -size], jnp.float32))
        np.testing.assert_allclose(unit, [1, -1], rtol=1e-6)


def _random(*shape, seed=0):
    r = np.random.default_rng(seed)
    return r.normal(size=shape) + 1j * r.normal(size=shape)


@jax.numpy_dtype_promotion("standard")
def nearly_orthogonal_matrices():
    rows = [(3.0, -3.2, 1.2), (2.0, -1.5, 0.5)]
    for x in (_random(3, 4), _random(3, 3), 1e-3 * _random(4, 2)):
        for name in matrix_functions.PRECONDITIONINGS:
            for eps in (0.0, 0.02, 30.0):
                found = matrix_functions.orthogonalise(jnp.asarray(x), rows, eps, name)
                close(found, orthogonal_papers.polar(x, rows, 2, name, eps))
            zero = matrix_functions.orthogonalise(jnp.zeros_like(x), rows, 0.0, name)
            close(zero, np.zeros_like(x))
    found = matrix_functions.orthogonalise(jnp.asarray(x), rows, 0.1)
    close(found, orthogonal_papers.polar(x, rows, 2, "frobenius", 0.1))


@jax.numpy_dtype_promotion("standard")
def inverse_roots():
    h = 50 * _random(3, 4) @ _random(3, 4).conj().T
    expected = kronecker_papers.powered(h + 0.5 * np.eye(3), -1 / 6)
    close(matrix_functions.inverse_root(jnp.asarray(h), 6, 0.5), expected)
    diagonal = jnp.asarray(np.array([4.0, 0.0, 2.0], complex))
    expected = np.array([4.5, 0.5, 2.5]) ** -0.25
    close(matrix_functions.inverse_root(diagonal, 4, 0.5), expected)
    lifted = (4 * np.finfo(float).eps) ** -0.25  # to the rounding error of the largest
    singular = jnp.array([4.0, 0.0])
    close(matrix_functions.inverse_root(singular, 4, 0.0), [4**-0.25, lifted])
    close(matrix_functions.inverse_root(jnp.diag(singular), 4, 0.0)[1, 1], lifted)


@jax.numpy_dtype_promotion("standard")
def slopes_of_roots():
    root = lambda h: matrix_functions.inverse_root(h, 2, 0.0)
    change = np.array([[1.0, 2.0, 3.0], [2.0, -1.0, 1.0], [3.0, 1.0, 2.0]])
    gaps = (0.0, 1e-12, 1e-9, 1e-7, 1e-6, 1e-4, 1e-2, 0.5)
    for a, b in [(4.0, 4 * (1 + gap)) for gap in gaps] + [(0.004, 0.006)]:
        roots = np.sqrt([a, b, 4.0])
        h = jnp.asarray(np.diag(roots**2))
        value, slope = jax.jvp(root, (h,), (jnp.asarray(change),))
        close(value, np.diag(1 / roots))
        # (1/√a − 1/√b)/(a − b), without a difference
        inner = -1 / (np.outer(roots, roots) * np.add.outer(roots, roots))
        np.testing.assert_allclose(slope, inner * change, rtol=1e-10)


@jax.numpy_dtype_promotion("standard")
def eigenvectors():
    overlap = lambda a, b: np.abs(np.asarray(a).conj().T @ np.asarray(b))
    h = _random(4, 5) @ _random(4, 5).conj().T
    q = np.linalg.eigh(h)[1][:, ::-1]
    close(overlap(q, matrix_functions.eigenbasis(jnp.asarray(h))), np.eye(4))
    start = np.linalg.qr(_random(4, 4, seed=1))[0]
    order = np.argsort(np.diag(start.conj().T @ h @ start).real)[::-1]
    expected = np.zeros_like(h)
    expected[:, order] = np.linalg.qr(h @ start[:, order])[0]
    found = matrix_functions.refined(jnp.asarray(h), jnp.asarray(start))
    close(overlap(expected, found), np.eye(4))


def factors_of_leaves():
    kept = {2: (2, 2), 3: (3,), 4: ()}
    shapes = lambda shape: [kept.get(n, (n, n)) for n in shape]
    leaf, number = _random(2, 3, 4), np.asarray(2 - 1j)
    tree = {"t": jnp.asarray(leaf), "n": jnp.asarray(number), "none": None}
    templates = jax.tree.map(
        lambda t: t.shape, kronecker_factors.templates(tree, shapes)
    )
    assert templates == {"t": (4 + 3 + 1,), "n": (1,), "none": None}
    products = kronecker_factors.outer(tree, shapes)
    rows = leaf.reshape(2, -1)
    across = np.sum(np.abs(leaf) ** 2, (0, 2))
    expected = np.concatenate([(rows @ rows.conj().T).ravel(), across, [0]])
    close(products["t"], expected)
    close(products["n"], [5.0])

    flats = {"t": _random(8, seed=1), "n": _random(1, seed=2), "none": _random(1)}
    flats = jax.tree.map(jnp.asarray, flats)
    for apply, turn in (
        (kronecker_factors.apply, lambda f: f),
        (kronecker_factors.apply_adjoint, lambda f: f.conj().T),
    ):
        found = apply(flats, tree, shapes)
        matrix = turn(np.asarray(flats["t"][:4]).reshape(2, 2))
        diagonal = turn(np.asarray(flats["t"][4:7]))
        close(found["t"], np.einsum("ab,bcd,c->acd", matrix, leaf, diagonal))
        close(found["n"], number * turn(np.asarray(flats["n"]))[0])
    doubled = kronecker_factors.each(lambda a: [2 * f for f in a], tree, shapes, flats)
    close(doubled["none"], flats["none"])
    close(doubled["t"], 2 * flats["t"])


def products_of_the_largest_numbers():
    whole = lambda shape: [(n, n) for n in shape]
    largest = float(jnp.finfo(jnp.float32).max)
    g = jnp.full((2, 2), largest, jnp.float32)
    # In a leaf of 4 elements a square is a tenth of the largest number.
    np.testing.assert_allclose(
        kronecker_factors.outer(g, whole), np.full(8, largest / 5), rtol=1e-5
    )
    q = jnp.full(8, 4.0, jnp.float32)
    np.testing.assert_allclose(
        kronecker_factors.apply(q, g, whole), np.full((2, 2), largest)
    )


def stacks_of_matrices():
    axes = lambda tree: jax.tree.map(lambda _: MuonDimensionNumbers((-1,), (0,)), tree)
    g = np.random.default_rng(0).normal(size=(4, 3, 2))
    optimizer = optax_lab.muon(1.0, beta=0.0, muon_weight_dimension_numbers=axes)
    updates, _ = optimizer.update(jnp.asarray(g), optimizer.init(jnp.asarray(g)))
    steps = orthogonal_papers.STANDARD, 5, "frobenius", 1e-8
    for i in range(3):
        close(updates[:, i], -(2**0.5) * orthogonal_papers.polar(g[:, i], *steps))
    everywhere = MuonDimensionNumbers(2, (0, 1))
    rule = muon.scale_by_shape(everywhere)
    close(rule.update(jnp.asarray(g), rule.init(g))[0], 6**0.5 * g)
    for bad in ((1.0, 2.0), 1.0, np.ones((1, 1, 3))):
        with contextlib.suppress(ValueError):
            optax_lab.muon(1.0, ns_coeffs=bad)
            raise AssertionError(bad)


def matrices_without_an_average():
    g = 1e-8 * np.random.default_rng(0).normal(size=(3, 2))  # as small as ε
    rule = muon.orthogonalize()
    updates, _ = rule.update(jnp.asarray(g), rule.init(g))
    steps = orthogonal_papers.STANDARD, 5, "frobenius", 1e-8
    close(updates, orthogonal_papers.polar(g, *steps))


def leaves_of_two_kinds():
    labels = lambda tree: jax.tree.map(lambda x: "a" if x.ndim else "b", tree)
    decays = common.add_decayed_weights(0.5)
    both = partition.partition({"a": decays, "b": optax.identity()}, labels)
    grads = {"x": jnp.ones(2), "y": jnp.ones(()), "z": None}
    updates, _ = both.update(grads, both.init(grads), grads)
    close(updates["x"], [1.5, 1.5])
    close(updates["y"], 1)
    for one, moved in ((grads["x"], [1.5, 1.5]), (grads["y"], 1)):
        close(both.update(one, both.init(one), one)[0], moved)

    averages = {name: sgd.ema(0.5) for name in "ab"}
    both = partition.partition(averages, labels)
    state = both.init(grads)
    kinds = jax.tree.map(jnp.shape, state.inner_states["a"].ema.average)
    assert kinds == {"x": (2,), "y": optax.MaskedNode(), "z": None}
    updates, state = both.update(grads, state, grads)
    close(updates["x"], [1, 1])
    close(updates["y"], 1)
    assert updates["z"] is None
    updates, after = both.update(
        {"x": None, "y": jnp.ones(()), "z": None}, state, grads
    )
    close(updates["y"], 1)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    close(after.inner_states["a"].ema.average["x"], [0.5, 0.5])
    whole = {"x": jnp.ones(2), "y": jnp.ones(())}
    updates, _ = both.update(whole, both.init(whole))
    close(updates["x"], [1, 1])
    try:
        both.update(whole | {"x": None}, both.init(whole))
    except ValueError as error:
        assert "needs params beside it" in str(error)
        return
    raise AssertionError("a gradient without a label is refused")
