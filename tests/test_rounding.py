# 16-bit averages of every optimizer: at random they arrive, to nearest they stall.

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.optimizers import table
from tests.paths import jitted

DTYPES = ("mu_dtype", "nu_dtype", "accumulator_dtype")
SUMS = {"sgd": {"momentum": 0.999}, "rmsprop": {"momentum": 0.999}}  # none by default


def makers():
    """Returns the optimizers that say how they round, and their averages' dtypes."""
    for name, entry in table.OPTIMIZERS.items():
        arguments = inspect.signature(entry.make).parameters
        if "rounding" in arguments:
            yield name, entry, [d for d in DTYPES if d in arguments]


def averages(entry, kwargs, g):
    """Returns the averages after 1500 gradients g."""
    optimizer = entry.make(entry.learning_rate, **kwargs)
    half_square = lambda x: jnp.sum(x**2) / 2  # for those that ask for curvature

    def step(state, _):
        return optimizer.update(g, state, g, obj_fn=half_square)[1], None

    state = jax.lax.scan(step, optimizer.init(g), None, 1500)[0]
    return [x for x in jax.tree.leaves(state) if x.shape == g.shape]


@pytest.mark.parametrize(
    ("name", "entry", "dtypes"), list(makers()), ids=[m[0] for m in makers()]
)
def test_averages_of_16_bits_arrive_where_those_of_32_do(name, entry, dtypes):
    given = SUMS.get(name, {})
    halved = given | dict.fromkeys(dtypes, jnp.bfloat16)
    both = jitted(lambda g: [averages(entry, kwargs, g) for kwargs in (given, halved)])
    long, short = both(jnp.ones((10, 10), "float32"))
    assert any(x.dtype == jnp.bfloat16 for x in short)
    means = lambda rows: [np.mean(np.asarray(x, np.float64)) for x in rows]
    # To nearest, ν stays at a quarter. AMSGrad's maximum keeps the peaks of rounding.
    np.testing.assert_allclose(means(short), means(long), rtol=0.06)


def test_a_short_sum_counts_steps_only_where_it_is_rounded_at_random():
    params = jnp.ones(2, jnp.bfloat16)

    def kept(dtype, **kwargs):
        made = optax_lab.sgd(0.1, momentum=0.9, accumulator_dtype=dtype, **kwargs)
        return made.init(params)[0]

    assert kept("bfloat16")._fields == ("count", "trace")
    for plain in (None, "float16", "float32"):
        assert isinstance(kept(plain), optax.TraceState)
    assert isinstance(kept("bfloat16", rounding="nearest"), optax.TraceState)


def test_a_sum_arrives_where_nearest_rounding_stalls():
    g = jnp.ones(500, jnp.float32)

    def mean(rounding):
        link = optax_lab.trace(0.999, False, "bfloat16", rounding=rounding)
        step = lambda state, _: (link.update(g, state)[1], None)
        scan = lambda: jax.lax.scan(step, link.init(g), None, 2000)[0]
        total = jitted(scan)().trace
        return np.mean(np.asarray(total, np.float64))

    wanted = (1 - 0.999**2000) / 0.001
    assert mean("stochastic") == pytest.approx(wanted, rel=0.01)
    assert mean("nearest") < 0.5 * wanted
