# lamb, lars and novograd: what the cases of their oracles cannot say.

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab import ewma
from optax_lab.optimizers import numerics
from tests.paths import RATE, assert_same_path, run, tree


def length(x):
    return np.sqrt(np.sum(np.abs(np.asarray(x)) ** 2))


# --- The trust ratio ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("update", "param"), [([0.0, 0.0], [3.0, 4.0]), ([0.6, 0.8], [0.0, 0.0])]
)
def test_where_a_norm_is_zero_the_trust_ratio_is_1(update, param):
    rule = optax_lab.scale_by_trust_ratio(trust_coefficient=0.001)
    scale = lambda u, p: rule.update(u, rule.init(p), p)[0]
    update, param = jnp.array(update), jnp.array(param)
    np.testing.assert_array_equal(scale(update, param), update)
    slope = jax.grad(lambda u, p: jnp.sum(scale(u, p)), argnums=(0, 1))(update, param)
    assert np.all(np.isfinite(slope))
    np.testing.assert_array_equal(slope[0], 1)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 0.0])
def test_the_trust_ratio_is_optaxs(scale):
    kwargs = {"min_norm": 0.2, "trust_coefficient": 0.3, "eps": 0.1}
    params = jax.tree.map(lambda x: scale * x, tree(0))
    found = []
    for lib in (optax_lab, optax):
        rule = lib.scale_by_trust_ratio(**kwargs)
        found.append(rule.update(tree(1), rule.init(params), params)[0])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), *found)


def test_a_tensor_moves_by_a_part_of_its_length():
    params = tree(0)
    (after,) = run(optax_lab.lamb(RATE, weight_decay=0.1), params, [tree(1)])
    for old, new in zip(*map(jax.tree.leaves, (params, after)), strict=True):
        np.testing.assert_allclose(length(new - old), RATE * length(old), rtol=1e-12)


def test_the_longest_and_the_shortest_tensors_keep_a_finite_ratio():
    rule = optax_lab.scale_by_trust_ratio(trust_coefficient=1e3)
    for p, u in ((3e38, 1e-18), (1e-18, 3e38), (3e38, 3e38)):
        p, u = jnp.full(9, p, jnp.float32), jnp.full(9, u, jnp.float32).at[0].set(0)
        update, _ = rule.update(u, rule.init(p), p)
        assert np.all(np.isfinite(update))


# --- LARS -----------------------------------------------------------------------------


def algorithm_1(theta, grads, rate, decay, coefficient=0.001, momentum=0.9):
    """You et al. 2017 to the letter: ‖g‖ + λ‖θ‖ below the ratio."""
    path, v = [], np.zeros_like(theta)
    for g in grads:
        local = coefficient * length(theta) / (length(g) + decay * length(theta))
        v = momentum * v + rate * local * (g + decay * theta)
        theta = theta - v
        path.append(theta)
    return path


def test_without_weight_decay_lars_is_algorithm_1_to_the_letter():
    theta, grads = tree(0)["w"], [tree(1 + t)["w"] for t in range(20)]
    ours = run(optax_lab.lars(RATE), theta, grads)
    assert_same_path(ours, algorithm_1(theta, grads, RATE, 0.0), 1e-12)


def test_with_weight_decay_the_norm_is_of_the_sum_a_deviation_shared_with_optax():
    theta, grads = tree(0)["w"], [tree(1 + t)["w"] for t in range(20)]
    ours = run(optax_lab.lars(RATE, 0.5), theta, grads)
    theirs = run(optax.lars(RATE, 0.5), theta, grads)
    paper = algorithm_1(theta, grads, RATE, 0.5)
    assert_same_path(ours, theirs, 1e-12)
    assert np.max(np.abs(ours[-1] - paper[-1])) > 1e-4


def test_a_dropping_rate_is_felt_as_slowly_as_lars_forgets():
    # The rate is inside of the sum, as in the paper: a rate of 0 does not stop it.
    optimizer = optax_lab.lars(lambda t: RATE * (t == 0), momentum=0.5)
    params, zeros = tree(0), jax.tree.map(np.zeros_like, tree(0))
    first, second = run(optimizer, params, [tree(1), zeros])
    for before, after, last in zip(
        *map(jax.tree.leaves, (params, first, second)), strict=True
    ):
        np.testing.assert_allclose(last - after, 0.5 * (after - before), rtol=1e-9)


def test_masks_say_which_tensors_decay_and_whose_length_counts():
    kwargs = {
        "weight_decay": 0.5,
        "weight_decay_mask": {"w": True, "deep": [False, False]},
        "trust_ratio_mask": lambda p: jax.tree.map(lambda x: x.ndim > 1, p),
    }
    params, grads = tree(0), [tree(1 + t) for t in range(5)]
    with jax.numpy_dtype_promotion("standard"):
        theirs = run(optax.lars(RATE, **kwargs), params, grads)
    assert_same_path(run(optax_lab.lars(RATE, **kwargs), params, grads), theirs, 1e-12)


# --- NovoGrad -------------------------------------------------------------------------


def test_the_average_of_a_norm_starts_at_its_first_value_one_number_a_tensor():
    rule = optax_lab.scale_by_novograd(b2=0.9)
    state = rule.init(tree(0))
    for t, weights in enumerate(([1.0], [0.9, 0.1])):
        _, state = rule.update(tree(1 + t), state)
        squares = [length(tree(1 + s)["w"]) ** 2 for s in range(t + 1)]
        np.testing.assert_allclose(state.nu.average["w"], np.dot(weights, squares))
    assert isinstance(state.nu, ewma.Ewma)
    assert {x.shape for x in jax.tree.leaves(state.nu)} == {()}


def test_the_first_gradient_counts_once_and_only_its_direction():
    params, grads = tree(0), [tree(1)]
    (after,) = run(optax_lab.novograd(RATE, eps=0.0), params, grads)
    for old, new, g in zip(
        *map(jax.tree.leaves, (params, after, grads[0])), strict=True
    ):
        np.testing.assert_allclose(new, old - RATE * g / length(g), rtol=1e-12)


def test_a_zero_gradient_in_float16_is_zero_and_nan_in_optax():
    # optax issue #1789: an epsilon of 1e-8 is 0 in float16.
    g = jnp.zeros(2, jnp.float16)
    ours, theirs = optax_lab.scale_by_novograd(), optax.scale_by_novograd()
    np.testing.assert_array_equal(ours.update(g, ours.init(g), g)[0], 0)
    assert np.all(np.isnan(theirs.update(g, theirs.init(g), g)[0]))


def test_novograd_takes_another_denominator_in_the_place_of_its_own():
    g = jnp.array([3.0, -4.0])
    rule = optax_lab.scale_by_novograd(denominator=numerics.inside(11.0))
    updates, _ = rule.update(g, rule.init(g))
    np.testing.assert_allclose(updates, g / 6, rtol=1e-12)


@pytest.mark.slow
def test_16_bit_sums_and_norms_arrive_where_nearest_rounding_stalls():
    # Four equal gradients have a norm of 2 and a direction of 1/2: μ → 1/2/(1 − β₁).
    g = jnp.ones(4, jnp.float32)

    def means(rounding):
        rule = optax_lab.scale_by_novograd(
            0.99, 0.99, mu_dtype="bfloat16", nu_dtype="bfloat16", rounding=rounding
        )
        _, state = rule.update(jnp.zeros_like(g), rule.init(g))  # ν starts at 0

        def step(state, _):
            _, state = rule.update(g, state)
            return state, (state.mu[0], state.nu.average)

        _, series = jax.lax.scan(step, state, None, 10_000)
        return [np.mean(np.asarray(x[2000:], np.float64)) for x in series]

    np.testing.assert_allclose(means("stochastic"), (50, 4), rtol=0.02)
    mu, nu = means("nearest")
    assert abs(mu / 50 - 1) > 0.1
    assert nu < 3.5


# --- States and refusals --------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (
            lambda lib: lib.lamb(RATE, weight_decay=0.1),
            "ScaleByAdamState EmptyState EmptyState EmptyState",
        ),
        (
            lambda lib: lib.lars(RATE, 0.1),
            "MaskedState MaskedState EmptyState TraceState",
        ),
        (lambda lib: lib.novograd(RATE), "ScaleByNovogradState EmptyState"),
    ],
)
def test_states_of_tensors_have_optaxs_classes_and_fields(make, names):
    ours, theirs = make(optax_lab).init(tree(0)), make(optax).init(tree(0))
    assert [type(s).__name__ for s in ours] == names.split()
    assert [s._fields for s in ours] == [s._fields for s in theirs]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optax_lab.lamb(RATE, b1=1.0), r"b1 must lie in \[0, 1\), got 1.0"),
        (lambda: optax_lab.lamb(RATE, eps=-1.0), "eps must be finite.*got -1.0"),
        (lambda: optax_lab.lars(RATE, eps=-1.0), "eps must be finite.*got -1.0"),
        (
            lambda: optax_lab.lars(RATE, trust_coefficient=-1.0),
            "trust_coefficient must",
        ),
        (lambda: optax_lab.lars(RATE, momentum=-1.0), "momentum must be.*got -1.0"),
        (lambda: optax_lab.novograd(RATE, b2=1.5), r"b2 must lie in \[0, 1\), got 1.5"),
        (lambda: optax_lab.novograd(RATE, eps_root=-1.0), "eps_root must be"),
        (lambda: optax_lab.novograd(RATE, weight_decay=-1.0), "weight_decay must be"),
        (lambda: optax_lab.scale_by_trust_ratio(-1.0), "min_norm must be"),
    ],
)
def test_what_no_layerwise_step_can_have_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optax_lab.lamb(RATE), "a trust ratio needs params"),
        (lambda: optax_lab.lars(RATE), "a trust ratio needs params"),
        (
            lambda: optax_lab.novograd(RATE, weight_decay=0.1),
            "weight_decay needs params",
        ),
    ],
)
def test_without_params_a_layerwise_step_says_what_is_missing(make, message):
    optimizer = make()
    with pytest.raises(ValueError, match=message):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
