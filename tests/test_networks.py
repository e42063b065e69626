import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from optax_lab.problems import networks

LAB = networks.residual_mlp()
LAYERS = {
    "first": (40, 200),
    "hidden/0": (200, 200),
    "hidden/1": (200, 200),
    "hidden/2": (200, 200),
    "hidden/3": (200, 200),
    "last": (200, 10),
}


@pytest.fixture(scope="module")
def params():
    return LAB.init(jax.random.key(0))


@pytest.fixture(scope="module")
def many():
    """Holds the parameters of fifty networks."""
    return jax.vmap(LAB.init)(jax.random.split(jax.random.key(1), 50))


def layer(params, path):
    """Finds a layer's kernel and bias."""
    for name in path.split("/"):
        params = params[int(name) if name.isdigit() else name]
    return np.asarray(params["kernel"]), np.asarray(params["bias"])


def numpy_forward(params, x):
    """Computes the lab's network in float64 NumPy, layer by layer."""
    h = x.astype(np.float64)
    for path in LAYERS:
        kernel, bias = (a.astype(np.float64) for a in layer(params, path))
        z = h @ kernel + bias
        if path == "last":
            return z
        h = np.maximum(z, 0) + (0 if path == "first" else h)


def test_the_labs_network_has_171010_parameters(params):
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 171_010


def test_parameters_are_plain_dicts_of_float32(params):
    def walk(node):
        if type(node) is dict:
            return [leaf for child in node.values() for leaf in walk(child)]
        return [node]

    leaves = walk(params)
    assert len(leaves) == 12
    assert all(isinstance(leaf, jax.Array) for leaf in leaves)
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}


@pytest.mark.parametrize("path", LAYERS)
def test_weights_and_biases_start_uniform_within_one_over_root_fan_in(
    params, many, path
):
    kernel, bias = layer(params, path)
    assert (kernel.shape, bias.shape) == (LAYERS[path], LAYERS[path][1:])
    bound = 1 / math.sqrt(LAYERS[path][0])
    for values in layer(many, path):
        count = values.size
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > bound * (1 - 20 / count)
        # The mean of n uniforms has a standard deviation of bound/√(3n), their mean
        # square one of bound²·√(4/45n): five of them are allowed.
        assert abs(values.mean()) < 5 * bound / math.sqrt(3 * count)
        spread = 5 * bound**2 * math.sqrt(4 / 45 / count)
        assert abs(np.square(values.astype(float)).mean() - bound**2 / 3) < spread


def test_no_two_layers_share_their_draw(params):
    parts = [values.ravel() for path in LAYERS for values in layer(params, path)]
    scaled = np.concatenate([part / np.abs(part).max() for part in parts])
    repeated = len(scaled) - len(np.unique(scaled))
    assert repeated < 0.01 * len(scaled)  # of 2²³ values, some come twice by chance


def test_another_key_gives_other_parameters_and_the_same_key_the_same(params):
    same, other = LAB.init(jax.random.key(0)), LAB.init(jax.random.key(1))
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), params, same))
    assert jax.tree.all(jax.tree.map(lambda a, b: (a != b).any(), params, other))


def test_initialisers_map_over_keys(params):
    keys = jax.vmap(jax.random.key)(jnp.arange(3))
    first = jax.tree.map(lambda leaf: leaf[0], jax.vmap(LAB.init)(keys))
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6)
    jax.tree.map(close, first, params)


@given(st.integers(0, 2**31), st.sampled_from([1, 7]))
def test_the_forward_pass_equals_numpys(seed, batch):
    key = jax.random.key(seed)
    params = LAB.init(key)
    x = jax.random.normal(key, (batch, 40), jnp.float32)
    expected = numpy_forward(params, np.asarray(x))
    np.testing.assert_allclose(LAB.apply(params, x), expected, rtol=1e-4, atol=2e-6)


def test_the_forward_pass_stays_float32_and_differentiable(params):
    x = jnp.ones((3, 40), jnp.float32)
    assert LAB.apply(params, x).dtype == jnp.float32
    gradient = jax.grad(lambda p: LAB.apply(p, x).sum())(params)
    assert jax.tree.structure(gradient) == jax.tree.structure(params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert all(np.any(leaf != 0) for leaf in jax.tree.leaves(gradient))


def test_apply_compiles_once_for_all_parameters():
    apply = jax.jit(LAB.apply)
    x = jnp.ones((2, 40), jnp.float32)
    for seed in range(3):
        apply(LAB.init(jax.random.key(seed)), x)
    assert apply._cache_size() == 1


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(1, 6))
def test_sizes_are_as_asked(inputs, width, depth, outputs):
    network = networks.residual_mlp(
        inputs=inputs, width=width, depth=depth, outputs=outputs
    )
    params = jax.eval_shape(network.init, jax.random.key(0))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    hidden = (depth - 1) * (width + 1) * width
    assert count == (inputs + 1) * width + hidden + (width + 1) * outputs
    x = jax.ShapeDtypeStruct((5, inputs), jnp.float32)
    assert jax.eval_shape(network.apply, params, x).shape == (5, outputs)


@pytest.mark.parametrize("name", ["inputs", "width", "depth", "outputs"])
def test_a_size_below_one_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 0: it must be at least 1"):
        networks.residual_mlp(**{name: 0})


def test_anyones_module_becomes_a_network():
    network = networks.from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
    params = network.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (4, 3), jnp.float32)
    expected = np.asarray(x) @ np.asarray(params["kernel"]) + np.asarray(params["bias"])
    np.testing.assert_allclose(network.apply(params, x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        (lambda rngs: nnx.BatchNorm(3, rngs=rngs), "BatchStat"),
        (lambda rngs: nnx.Dropout(0.5, rngs=rngs), "RngCount, RngKey"),
    ],
)
def test_a_module_that_keeps_more_than_parameters_is_refused(make, kept):
    with pytest.raises(ValueError, match=f"keeps {kept}: .* only Param"):
        networks.from_nnx(make)


def test_the_layer_table_names_every_layer_and_the_total():
    table = networks.table(LAB, jnp.ones((1, 40), jnp.float32))
    rows = [[cell.strip() for cell in row.split("│")] for row in table.splitlines()]
    named = {row[1] for row in rows if len(row) > 5 and row[2] == "Linear"}
    assert named == set(LAYERS)
    assert "Total Parameters: 171,010" in table
    assert "\x1b" not in table  # plain text: it goes into files and notebooks


def test_the_layer_table_counts_a_shared_parameter_once():
    class Tied(nnx.Module):
        def __init__(self, rngs):
            self.a, self.b = (nnx.Linear(5, 5, rngs=rngs) for _ in range(2))
            self.b.kernel = self.a.kernel

        def __call__(self, x):
            return self.b(self.a(x))

    network = networks.from_nnx(Tied)
    size = sum(leaf.size for leaf in jax.tree.leaves(network.init(jax.random.key(0))))
    table = networks.table(network, jnp.ones((1, 5), jnp.float32))
    assert size == 35
    assert f"Total Parameters: {size}" in table


def test_a_table_for_inputs_that_do_not_fit_fails_and_breaks_nothing():
    before = nnx.Linear.__call__
    with pytest.raises((TypeError, ValueError)):
        networks.table(LAB, jnp.ones((1, 41), jnp.float32))
    assert nnx.Linear.__call__ is before


def test_a_network_without_a_module_has_no_table():
    network = networks.Network(LAB.init, LAB.apply)
    with pytest.raises(ValueError, match="NNX module"):
        networks.table(network, jnp.ones((1, 40), jnp.float32))
