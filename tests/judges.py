# What the average and the denominators must answer, in plain NumPy, for the mutation.

import contextlib
import io

import jax
import jax.numpy as jnp
import numpy as np
import optax

import optax_lab
from optax_lab import ewma
from optax_lab.optimizers import (
    adabelief,
    adafactor,
    adamax,
    common,
    layerwise,
    numerics,
    prodigy,
    radam,
    rmsprop,
    sophia,
)
from tests import matrix_judges


def close(ours, expected):
    np.testing.assert_allclose(np.asarray(ours), expected, rtol=1e-11, atol=1e-12)


def averages_of(xs, decay):
    """Returns the average and its weight after each step, from 0."""
    a, w, rows = np.zeros(xs.shape[1:]), 0.0, []
    for x in xs:
        a, w = decay * a + (1 - decay) * x, decay * w + (1 - decay)
        rows.append((a, w))
    return rows


def smoothing():
    xs = np.random.default_rng(0).normal(size=(130, 2))  # more than two blocks
    rows = averages_of(xs, 0.97)
    close(ewma.smooth(jnp.asarray(xs), 0.97), [a / w for a, w in rows])
    few = jnp.asarray(xs[:5, 0])
    close(ewma.smooth(few, 0.97, debias=False), [a[0] for a, _ in rows[:5]])


def ways_to_say_a_decay():
    close(ewma.half_life(3.0) ** 3, 0.5)
    close(ewma.span(5.0), 4 / 6)
    close(ewma.com(4.0), 4 / 5)
    close(ewma.window(8.0), 7 / 8)


def averaging():
    xs = np.random.default_rng(0).normal(size=(3, 2))
    state = ewma.init(jnp.zeros(2))
    close(ewma.read(state), 0 * xs[0])
    for x, (a, w) in zip(xs, averages_of(xs, 0.6), strict=True):
        state = ewma.update(state, jnp.asarray(x), 0.6)
        close(state.average, a)
        close(state.weight, w)
        close(ewma.raw(state), a)
        close(ewma.read(state), a / w)
    state = ewma.update(state, None, 0.6)
    close(state.average, a)


def sizes():
    """Judges both ends an average may start from: one of them would lose digits."""
    for a, x, decay in [(1, 1e-20, 0.0), (1e-20, 1, 1 - 1e-12), (3, 1, 0.5)]:
        for said in (decay, jnp.asarray(decay)):
            state = ewma.update(ewma.init(jnp.zeros(()), start=a), jnp.asarray(x), said)
            after = decay * a + (1 - decay) * x
            np.testing.assert_allclose(state.average, after, rtol=1e-11)


def starts():
    begun = ewma.init(jnp.zeros(2), start=3.0)
    close(begun.average, [3, 3])
    close(begun.weight, 1)
    close(ewma.init(jnp.zeros(2)).average, [0, 0])
    state, x = ewma.init(jnp.zeros(2)), np.array([1.0, -2.0])
    state = ewma.update(state, jnp.asarray(x), ewma.first(state, 0.9))
    close(state.average, x)
    state = ewma.update(state, jnp.asarray(3 * x), ewma.first(state, 0.9))
    close(state.average, 1.2 * x)


def the_end_of_a_short_range():
    full = jnp.full(2, jnp.finfo(jnp.bfloat16).max, jnp.bfloat16)
    short = ewma.Ewma(full, jnp.asarray(0.5, jnp.float32))
    close(ewma.read(short), float(jnp.finfo(jnp.float32).max))
    largest = np.finfo(np.float64).max
    turned = ewma.Ewma(jnp.full(2, largest * 1j), jnp.asarray(0.5))
    close(ewma.read(turned), largest * 1j)


def summing():
    x = np.array([1.0, -2.0])
    total = ewma.accumulate(jnp.asarray(3 * x), jnp.asarray(x), 0.5)
    close(total, 2.5 * x)
    close(ewma.accumulate(total, None, 0.5), 2.5 * x)


def denominators():
    v, w = np.array([0.3, 2.0]), 0.4
    nu = ewma.Ewma(jnp.asarray(v), jnp.asarray(w))
    close(numerics.outside(0.1)(nu), np.sqrt(v / w) + 0.1)
    close(numerics.outside(0.1, 0.2)(nu), np.sqrt(v / w + 0.2) + 0.1)
    close(numerics.outside(0.1, 0.2, average=ewma.raw)(nu), np.sqrt(v + 0.2) + 0.1)
    close(numerics.inside(0.1)(nu), np.sqrt(v + 0.1))
    close(numerics.inside(0.1, average=ewma.read)(nu), np.sqrt(v / w + 0.1))
    close(numerics.hat(0.1)(nu), np.sqrt(v / w) + 0.1 / np.sqrt(w))


def squares():
    close(numerics.abs_sq(jnp.array([3.0, -0.5])), [9, 0.25])
    close(numerics.abs_sq(jnp.array([3 - 4j, 2j])), [25, 4])
    close(numerics.abs_sq(jnp.array([1e200])), [np.finfo(np.float64).max / 2])
    close(numerics.root(jnp.array([4.0, 0.0])), [2, np.sqrt(np.finfo(float).tiny)])


def norms():
    close(numerics.norm_sq(jnp.array([[3.0, 0.0], [4.0, 1.0]])), 26)
    close(numerics.norm(jnp.array([3.0, -4j])), 5)
    close(numerics.norm(jnp.array([0.3, 0.4])), 0.5)
    assert float(numerics.norm(jnp.zeros(2))) == 0


def sums():
    x, y = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    close(numerics.add(jnp.asarray(x), jnp.asarray(y)), x + y)
    close(numerics.add(jnp.asarray(x), jnp.asarray(y), 0.3), x + 0.3 * y)


def links():
    g, x = jnp.array([1.0, -2.0]), jnp.array([3.0, 4.0])
    stepped = lambda link, params=x: link.update(g, link.init(x), params)[0]
    close(stepped(common.scale_by_learning_rate(0.5)), [-0.5, 1])
    close(stepped(common.scale_by_learning_rate(0.5, flip_sign=False)), [0.5, -1])
    halved = common.scale_by_learning_rate(lambda t: 0.5 + 0 * t, flip_sign=False)
    close(stepped(halved), [0.5, -1])
    close(stepped(common.add_decayed_weights(0.5)), [2.5, 0])
    close(stepped(common.add_decayed_weights(0.5, mask=False)), g)
    close(stepped(common.weight_decay(1.0)), [4, 2])
    close(stepped(common.weight_decay(0.0), params=None), g)


def a_square_that_is_its_average():
    rule = adabelief.scale_by_yogi(initial_accumulator_value=0.25)
    g = jnp.array([0.5, -0.5])
    close(rule.update(g, rule.init(g))[0], 0.1 * g / (0.5 + 1e-3))


def a_maximum_under_another_denominator():
    rule = adamax.scale_by_amsgrad(
        0.0, 0.5, bias_correction_nu=False, denominator=numerics.hat(0.3)
    )
    g = np.array([2.0, -4.0])
    _, state = rule.update(jnp.asarray(g), rule.init(g))
    # ν⁺ stays at g²/2, and the weight of ν is now 3/4.
    updates, _ = rule.update(jnp.asarray(g / 4), state)
    root, w = np.sqrt(g**2 / 2 / 0.75), 0.75
    close(updates, g / 4 / (root + 0.3 / np.sqrt(w)))


def a_maximum_of_nothing():
    rule, zeros = adamax.scale_by_adamax(eps=0.0), jnp.zeros(2)
    close(rule.update(zeros, rule.init(zeros))[0], zeros)


def a_maximum_that_is_added_to():
    add = lambda nu: nu.average + 0.5 * nu.weight.astype(nu.average.dtype)
    rule = adamax.scale_by_adamax(0.5, 0.5, eps=0.0, denominator=add)
    g = np.array([2.0, -4.0])
    updates, _ = rule.update(jnp.asarray(g), rule.init(g))
    close(updates, g / (np.abs(g) + 0.5))  # the maximum has a weight of 1


def a_weight_that_comes_to_rest():
    eps, count, decay, most = np.finfo(float).eps, 1e12, 0.75, 7
    for missing, taken in ((4 * eps, 4 * eps), (3 * eps, 0)):
        w = jnp.asarray(1 - missing)
        r, _ = radam.rectification(w, jnp.asarray(count), decay, 5.0)
        rho = most - 2 * count * taken / (1 - taken)
        close(r**2, (rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))


def a_variance_under_another_denominator():
    g = np.array([2.0, -4.0])
    for start in (0.0, 1.0):
        rule = rmsprop.scale_by_stddev(
            0.75, initial_scale=start, denominator=numerics.hat(0.3)
        )
        updates, _ = rule.update(jnp.asarray(g), rule.init(g))
        w = start or 0.25  # a start that is given has a weight of 1
        variance = 0.75 * start + 0.25 * g**2 - (0.25 * g) ** 2
        close(updates, g / (np.sqrt(variance / w) + 0.3 / np.sqrt(w)))


def the_two_longest_of_three_axes():
    g = np.random.default_rng(0).normal(size=(2, 4, 3))
    rule = adafactor.scale_by_factored_rms(min_dim_size_to_factor=3)
    x = g**2 + 1e-30
    rows, columns = x.mean(1, keepdims=True), x.mean(2, keepdims=True)
    root = np.sqrt(rows * columns / x.mean((1, 2), keepdims=True))
    close(rule.update(jnp.asarray(g), rule.init(g))[0], g / root)
    close(adafactor.power_decay(4, 0.8), 1 - 5**-0.8)


def a_tensor_without_a_gradient():
    rule = layerwise.scale_by_trust_ratio()
    zeros, x = jnp.zeros(2), jnp.array([3.0, 4.0])
    close(rule.update(zeros, rule.init(x), x)[0], zeros)


def where_iterates_are_judged():
    x = {"a": jnp.array([1.0, -2.0]), "b": jnp.array(3.0)}
    g = {"a": jnp.array([0.5, 0.5]), "b": jnp.array(1.0)}
    free = optax_lab.schedule_free(optax_lab.sgd(0.4), 0.4, b1=0.5)
    optimizer = optax.masked(free, {"a": True, "b": False})
    state, y = optimizer.init(x), x
    for _ in range(2):
        u, state = optimizer.update(g, state, y)
        y = {"a": y["a"] + u["a"], "b": y["b"] + u["b"]}
    # z goes by 0.2, and x is the mean of the two z.
    judged = optax_lab.evaluation_params(state, y)
    close(judged["a"], x["a"] - 0.3)
    close(judged["b"], y["b"])
    close(y["a"], x["a"] - 0.35)


def steps_without_weight():
    free = optax_lab.schedule_free(optax_lab.sgd(1.0), 0.0, b1=0.5)
    x = jnp.array([1.0, -2.0])
    u, _ = free.update(x, free.init(x), x)
    close(u, -0.5 * x)  # z moves, and the average of the iterates stays


def averages_of_parameters():
    x = jnp.array([1.0, -2.0])
    fast = optax_lab.with_param_ema(optax_lab.sgd(1.0), 0.5)
    u, state = fast.update(x / 2, fast.init(x), x)
    close(optax_lab.param_ema(state), x * (0.25 + 0.25) / 0.75)
    optimizer = optax_lab.lookahead(fast, 1, 0.5, reset_state=True)
    u, state = optimizer.update(x, optimizer.init(x), x)
    close(u, -0.5 * x)
    close(optax_lab.param_ema(state), 0.5 * x)  # begins anew at the slow weights
    still = optax_lab.with_param_ema(optax.sgd(1.0), 0.5)  # its updates may be None
    _, state = still.update({"a": None}, still.init({"a": x}), {"a": x})
    close(optax_lab.param_ema(state)["a"], x)


def averages_of_groups():
    params = {"a": jnp.ones(2), "b": [jnp.full(1, 2.0), jnp.full(3, 3.0)], "c": 4.0}
    group = optax_lab.with_param_ema(optax_lab.sgd(0.1), 0.5)
    groups = {"x": group, "y": group, "z": optax.sgd(0.1)}
    labels = {"a": "x", "b": "y", "c": "z"}
    found = optax_lab.param_ema(optax.partition(groups, labels).init(params))
    assert jax.tree.structure(found) == jax.tree.structure(
        params | {"c": optax.MaskedNode()}
    )
    jax.tree.map(close, found, params | {"c": optax.MaskedNode()})
    parts = optax_lab.param_ema(optax.partition(groups, "x").init(params))
    jax.tree.map(close, parts, params)
    groups["y"] = optax_lab.with_param_ema(optax_lab.sgd(0.1), (0.5, 0.9))
    try:
        optax_lab.param_ema(optax.partition(groups, labels).init(params))
    except ValueError as error:
        assert "decays alike" in str(error)
        return
    raise AssertionError("groups of other decays make no tree")


def a_distance_of_nothing_and_in_16_bits():
    x = jnp.array([1.0, -2.0])
    optimizer = prodigy.scale_by_prodigy(estim_lr0=0.5)
    u, state = optimizer.update(0 * x, optimizer.init(x), x)
    close(u, 0 * x)
    close(state.estim_lr, 0.5)
    small = x.astype(jnp.float16)
    for given, stored in ((None, "float32"), ("bfloat16", "bfloat16")):
        state = prodigy.scale_by_prodigy(mu_dtype=given).init(small)
        averages = state.exp_avg.average, state.grad_sum.average
        assert [a.dtype for a in averages] == [jnp.dtype(stored)] * 2


def a_curvature_across_the_axes():
    f = lambda x: x[0] * x[1] + 3 * x[0] * x[2] + x[0] ** 2
    x = jnp.array([1.0, -2.0, 0.5])
    hessian = np.array([[2.0, 1, 3], [1, 0, 0], [3, 0, 0]])
    for seed in (None, jax.random.PRNGKey(7)):
        estimate = sophia.hutchinson_estimator_diag_hessian(seed)
        state, key = estimate.init(x), seed
        key = jax.random.PRNGKey(0) if key is None else key
        for _ in range(4):
            close(state.key, key)
            key, used = jax.random.split(key)
            r = optax.tree.random_like(used, x, jax.random.rademacher, jnp.float32)
            r = np.asarray(r, float)
            h, state = estimate.update(x, state, x, obj_fn=f)
            close(h, r * (hessian @ r))


def the_share_that_is_not_clipped():
    g = jnp.array([0.25, 0.5, -1.0, -0.75])

    def printed(**kwargs):
        optimizer = sophia.scale_by_sophia(b1=0.5, eps=0.5, **kwargs)
        update = jax.jit(lambda state: optimizer.update(g, state, g, obj_fn=jnp.sum))
        state, said = optimizer.init(g), io.StringIO()
        with contextlib.redirect_stdout(said):
            for _ in range(4):
                _, state = update(state)
            jax.effects_barrier()
        return said.getvalue()

    asked = {"verbose": True, "print_win_rate_every_n_steps": 3}
    assert printed(**asked) == "Sophia optimizer win rate: 0.25\n"
    for change in (
        {"verbose": False},
        {"print_win_rate_every_n_steps": 0},
        {"clip_threshold": None},
    ):
        assert printed(**asked | change) == ""


def steps_down_gradients_that_are_small_or_nothing():
    inner = optax.stateless(lambda g, _: jnp.full_like(g, -1e-170))
    optimizer = optax_lab.cautious(inner)
    g = jnp.array([1e-170, 0.0, -1e-170, 1e-170])
    u, _ = optimizer.update(g, optimizer.init(g))
    close(1e170 * u, [-2, 0, 0, -2])


ALL = {
    "adabelief": [a_square_that_is_its_average],
    "sophia": [a_curvature_across_the_axes, the_share_that_is_not_clipped],
    "prodigy": [a_distance_of_nothing_and_in_16_bits],
    "ewma": [
        averaging,
        sizes,
        starts,
        the_end_of_a_short_range,
        summing,
        smoothing,
        ways_to_say_a_decay,
    ],
    "adafactor": [the_two_longest_of_three_axes],
    "kronecker_factors": [
        matrix_judges.factors_of_leaves,
        matrix_judges.products_of_the_largest_numbers,
    ],
    "schedule_free": [where_iterates_are_judged, steps_without_weight],
    "layerwise": [a_tensor_without_a_gradient],
    "matrix_functions": [
        matrix_judges.sizes,
        matrix_judges.nearly_orthogonal_matrices,
        matrix_judges.inverse_roots,
        matrix_judges.slopes_of_roots,
        matrix_judges.eigenvectors,
    ],
    "adamax": [
        a_maximum_under_another_denominator,
        a_maximum_of_nothing,
        a_maximum_that_is_added_to,
    ],
    "numerics": [denominators, squares, norms, sums],
    "muon": [
        matrix_judges.stacks_of_matrices,
        matrix_judges.matrices_without_an_average,
    ],
    "parameter_averaging": [averages_of_parameters, averages_of_groups],
    "partition": [matrix_judges.leaves_of_two_kinds],
    "radam": [a_weight_that_comes_to_rest],
    "rmsprop": [a_variance_under_another_denominator],
    "common": [links],
    "wrappers": [steps_down_gradients_that_are_small_or_nothing],
}
