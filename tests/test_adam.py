# Adam, AdamW, NAdam and NAdamW: what the cases of their oracles cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optax_lab
from optax_lab.optimizers import adam, numerics
from tests.paths import run, tree


def test_a_rule_takes_another_denominator_in_the_place_of_its_own():
    # Keras' Adam: ε is added before the bias is corrected.
    rule = adam.scale_by_adam(denominator=numerics.hat(1e-3))
    g = jnp.array([0.5, -2.0])
    updates, _ = rule.update(g, rule.init(g))
    w = 1 - 0.999
    expected = g * np.sqrt(w) / (np.sqrt(w * np.asarray(g) ** 2) + 1e-3)
    np.testing.assert_allclose(updates, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "dtypes", [{}, {"mu_dtype": "bfloat16", "nu_dtype": "bfloat16"}]
)
def test_the_largest_gradient_at_every_step_gives_finite_updates(dtypes):
    # An average of a constant may be read as one rounding more than it.
    optimizer = optax_lab.adam(1e-3, **dtypes)
    g = jnp.full(3, jnp.finfo(jnp.float32).max, jnp.float32)
    step = lambda state, _: optimizer.update(g, state)[::-1]
    _, updates = jax.lax.scan(step, optimizer.init(g), None, 100)
    assert np.all(np.isfinite(updates))


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_with_nesterov_it_is_the_optimizer_of_that_name(name):
    params, grads = tree(0), [tree(1), tree(2)]
    ours = run(getattr(optax_lab, name)(0.1, nesterov=True), params, grads)
    named = run(getattr(optax_lab, f"n{name}")(0.1), params, grads)
    jax.tree.map(np.testing.assert_array_equal, ours, named)


def test_nesterov_looks_where_the_next_step_would_stand():
    # With the same gradient twice, the second average is what the first looked at.
    g = jnp.array([3.0, -0.5])
    hyper = {"b1": 0.9, "b2": 0.0, "eps": 0.0}
    looking = adam.scale_by_adam(**hyper, nesterov=True)
    state = looking.init(g)
    _, state = looking.update(g, state)
    other = jnp.array([1.0, 1.0])
    first, after = looking.update(other, state)
    m, w = np.asarray(after.mu.average), float(after.mu.weight)
    w_next = 1 - 0.9 * (1 - w)
    expected = 0.9 * m / w_next + 0.1 * np.asarray(other) / w
    np.testing.assert_allclose(first, expected / np.abs(other), rtol=1e-13)


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam", "nadamw"])
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"b1": 1.0}, r"b1 must lie in \[0, 1\), got 1.0"),
        ({"b2": -0.1}, r"b2 must lie in \[0, 1\), got -0.1"),
        ({"eps": -1.0}, "eps must be finite and at least 0, got -1.0"),
        ({"eps_root": -1.0}, "eps_root must be finite and at least 0, got -1.0"),
        ({"nu_dtype": "float16"}, "nu_dtype must be.*float16"),
    ],
)
def test_an_impossible_number_is_refused_by_name(name, kwargs, message):
    with pytest.raises(ValueError, match=message):
        getattr(optax_lab, name)(0.1, **kwargs).init(jnp.zeros(2))
