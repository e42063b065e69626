# 16-bit averages of every optimizer: at random they arrive, to nearest they stall.

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from optax_lab.optimizers import table

DTYPES = ("mu_dtype", "nu_dtype", "accumulator_dtype")


def makers():
    """Returns the optimizers that say how they round, and their averages' dtypes."""
    for name, entry in table.OPTIMIZERS.items():
        arguments = inspect.signature(entry.make).parameters
        if "rounding" in arguments:
            yield name, entry, [d for d in DTYPES if d in arguments]


def averages(entry, kwargs):
    """Returns the dtype and the mean of each average after 1500 gradients of 1."""
    optimizer, g = (
        entry.make(entry.learning_rate, **kwargs),
        jnp.ones((10, 10), "float32"),
    )
    half_square = lambda x: jnp.sum(x**2) / 2  # for those that ask for curvature

    def step(state, _):
        return optimizer.update(g, state, g, obj_fn=half_square)[1], None

    state = jax.lax.scan(step, optimizer.init(g), None, 1500)[0]
    leaves = [x for x in jax.tree.leaves(state) if x.shape == g.shape]
    return [(x.dtype, np.mean(np.asarray(x, np.float64))) for x in leaves]


@pytest.mark.parametrize(
    ("entry", "dtypes"), [m[1:] for m in makers()], ids=[m[0] for m in makers()]
)
def test_averages_of_16_bits_arrive_where_those_of_32_do(entry, dtypes):
    long = averages(entry, {})
    short = averages(entry, dict.fromkeys(dtypes, jnp.bfloat16))
    assert any(dtype == jnp.bfloat16 for dtype, _ in short)
    means = lambda rows: [mean for _, mean in rows]
    # To nearest, ν stays at a quarter. AMSGrad's maximum keeps the peaks of rounding.
    np.testing.assert_allclose(means(short), means(long), rtol=0.06)
