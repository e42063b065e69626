# AMSGrad, Adamax and AdamaxW: what the cases of their oracles cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from optax_lab.optimizers import numerics


def states(rule, grads):
    """Returns the rule's updates for each gradient, and its state after each."""
    state, rows = rule.init(grads[0]), []
    for g in grads:
        updates, state = rule.update(g, state)
        rows.append((updates, state))
    return rows


# --- AMSGrad --------------------------------------------------------------------------


def test_the_state_of_amsgrad_is_optaxs_with_averages_inside():
    state = optax_lab.amsgrad(0.1).init(jnp.zeros(2, jnp.complex64))[0]
    assert isinstance(state, optax.ScaleByAmsgradState)
    assert isinstance(state.mu, ewma.Ewma) and isinstance(state.nu, ewma.Ewma)
    assert state.nu_max.dtype == state.nu.average.dtype == jnp.float32


def test_a_denominator_of_amsgrad_never_falls():
    grads = [jnp.array([x]) for x in (1.0, 5.0, 0.1, 0.0, 0.0)]
    rows = states(optax_lab.scale_by_amsgrad(b2=0.5), grads)
    largest = np.array([float(state.nu_max[0]) for _, state in rows])
    assert np.all(np.diff(largest) >= 0)
    assert largest[-1] == largest[1] > float(rows[-1][1].nu.average[0])


def test_another_denominator_makes_it_pytorchs_amsgrad():
    # The maximum is taken of ν as it is, and what is found is debiased afterwards.
    rule = optax_lab.scale_by_amsgrad(
        b2=0.9, bias_correction_nu=False, denominator=numerics.outside(0.5)
    )
    grads = [jnp.array([x]) for x in (3.0, 1.0, 0.1)]
    m = v = largest = 0.0
    for t, (updates, _) in enumerate(states(rule, grads), 1):
        g = float(grads[t - 1][0])
        m, v = 0.9 * m + 0.1 * g, 0.9 * v + 0.1 * g**2
        largest = max(largest, v)
        size = np.sqrt(largest) / np.sqrt(1 - 0.9**t) + 0.5
        np.testing.assert_allclose(updates, [m / (1 - 0.9**t) / size], rtol=1e-13)


def test_a_maximum_in_16_bits_is_rounded_to_nearest():
    # Rounded at random it would find its way up to 1.0078.
    g = jnp.full(100, np.sqrt(1.001), jnp.float32)
    rule = optax_lab.scale_by_amsgrad(b2=0.0, nu_dtype=jnp.bfloat16)
    state = rule.init(g)._replace(nu=ewma.init(g))  # ν in float32, ν⁺ in bfloat16
    for _ in range(5):
        _, state = rule.update(g, state)
    np.testing.assert_array_equal(state.nu_max.astype(jnp.float32), 1)


# --- Adamax ---------------------------------------------------------------------------


def test_the_state_of_adamax_is_optaxs_with_a_real_maximum():
    state = optax_lab.adamax(0.1).init(jnp.zeros(2, jnp.complex64))[0]
    assert isinstance(state, optax.ScaleByAdamState)
    assert isinstance(state.mu, ewma.Ewma)
    assert state.nu.dtype == jnp.float32


def test_adamax_takes_full_steps_and_forgets_a_peak_at_the_pace_of_b2():
    rows = states(optax_lab.scale_by_adamax(0.0, 0.5, 0.0), [jnp.array([8.0])] * 2)
    np.testing.assert_array_equal([u[0] for u, _ in rows], [1, 1])
    peak = [jnp.array([x]) for x in (8.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)]
    rows = states(optax_lab.scale_by_adamax(0.0, 0.5, 0.0), peak)
    sizes = [float(state.nu[0]) for _, state in rows]
    assert sizes == [8, 4, 2, 1, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "complex64"])
def test_without_an_eps_a_zero_gradient_moves_nothing(dtype):
    optimizer = optax_lab.adamax(0.1, b2=0.0, eps=0.0)
    zeros = jnp.zeros(3, dtype)
    update, state = jax.jit(optimizer.update), optimizer.init(zeros)
    for _ in range(3):
        updates, state = update(zeros, state)
        np.testing.assert_array_equal(np.asarray(updates, np.complex64), 0)


def test_only_the_parameters_under_the_mask_decay():
    optimizer = optax_lab.adamaxw(0.1, weight_decay=0.5, mask={"w": True, "b": False})
    params = {"w": jnp.ones(2), "b": jnp.ones(2)}
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = optimizer.update(zeros, optimizer.init(params), params)
    np.testing.assert_allclose(updates["w"], -0.05, rtol=1e-14)
    np.testing.assert_array_equal(updates["b"], 0)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("amsgrad", {"b1": 1.0}, r"b1 must lie in \[0, 1\), got 1.0"),
        ("amsgrad", {"b2": -0.1}, r"b2 must lie in \[0, 1\), got -0.1"),
        ("amsgrad", {"eps": -1.0}, "eps must be finite and at least 0, got -1.0"),
        ("amsgrad", {"eps_root": -1.0}, "eps_root must be.*got -1.0"),
        ("amsgrad", {"nu_dtype": "float16"}, "nu_dtype must be.*float16"),
        ("adamax", {"b1": 1.0}, r"b1 must lie in \[0, 1\), got 1.0"),
        ("adamax", {"b2": 1.0}, r"b2 must lie in \[0, 1\), got 1.0"),
        ("adamax", {"eps": -1.0}, "eps must be finite and at least 0, got -1.0"),
        ("adamaxw", {"weight_decay": -1.0}, "weight_decay must be.*got -1.0"),
    ],
)
def test_an_impossible_number_is_refused_by_name(name, kwargs, message):
    with pytest.raises(ValueError, match=message):
        getattr(optax_lab, name)(0.1, **kwargs).init(jnp.zeros(2))
