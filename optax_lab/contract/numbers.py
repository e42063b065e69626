# Zero, the largest and the smallest gradients, none at all, and derivatives.

import jax
import jax.numpy as jnp
import numpy as np

from optax_lab.contract import cases, subject
from optax_lab.contract.subject import Make


def zero_moves_nothing(make: Make) -> None:
    """Checks zero gradients from a fresh state, without weight decay."""
    for dtype in subject.DTYPES:
        with subject.dtype_case(dtype, what=dtype):
            optimizer, step = subject.stepper(make, dtype, decayed=False)
            params, zeros = subject.tree(dtype), subject.tree(dtype, 0.0)
            state = optimizer.init(params)
            for number in range(2):
                with cases.case(f"step {number}"):
                    updates, state, _ = step(zeros, state, params)
                    cases.same_numbers(updates, zeros, 0.0, "update")


def extremes_stay_finite(make: Make) -> None:
    """Checks the update after the largest, the smallest and zero gradients."""
    for dtype in subject.DTYPES:
        with subject.dtype_case(dtype, what=dtype):
            _stays_finite(make, dtype)


def derivative_is_finite(make: Make) -> None:
    """Checks the slope of ten steps from zero in the learning rate and the start.

    It is float64, because the slope of g/(√ν + ε) at 0 is 1/ε, and ten of them leave
    float32.
    """
    given = subject.rate(make)

    def after_ten_steps(rate, x):
        optimizer = subject.build(make, **({given: rate} if given else {}))

        def step(carry, _):
            x, state = carry
            grads = x * jnp.array([1.0, 0.0, 2.0])
            updates, state = subject.update(optimizer, grads, state, x)
            return (subject.moved(x, updates), state), None

        (x, _), _ = jax.lax.scan(step, (x, optimizer.init(x)), None, 10)
        return jnp.sum(x)

    with jax.enable_x64(True):
        start = jnp.array(subject.RATE), jnp.zeros(3)
        slopes = subject.compiled(jax.grad(after_ten_steps, argnums=(0, 1)))(*start)
        cases.finite(slopes, "slope")


def none_moves_nothing(make: Make) -> None:
    """Checks that a None keeps its part of the state, and the others take their steps.

    Its update is 0 where parameters are given, and the other leaves take the steps
    that they take beside a gradient of 0.
    """
    optimizer, params = subject.build(make), subject.tree()
    grads = subject.tree() | {"b": None}
    state = optimizer.init(params)
    updates, after = subject.update(optimizer, grads, state, params)
    cases.same_types(after, state, "state")
    cases.same_numbers(updates["b"], np.zeros(()), 0.0, "update['b']")
    zero = grads | {"b": jnp.zeros(())}
    beside, _ = subject.update(optimizer, zero, state, params)
    cases.same_numbers(updates["w"], beside["w"], 1e-6, "update['w']")


def _stays_finite(make: Make, dtype: str) -> None:
    grads = _extremes(dtype)
    optimizer, step = subject.stepper(make, dtype, decayed=True)
    params = jax.tree.map(jnp.ones_like, grads[0])
    state = optimizer.init(params)
    for number, now in enumerate(grads):
        with cases.case(f"step {number}, gradient {now['b']:.3g}"):
            updates, state, params = step(now, state, params)
            cases.finite(updates, "update")


def _extremes(dtype: str) -> list[dict[str, jax.Array]]:
    """Makes trees whose scalar takes every extreme, and whose matrix mixes them."""
    info = jnp.finfo(dtype)
    turn = 1 + 1j if dtype == "complex64" else 1
    sizes = [info.max, info.max, info.tiny, 0.0, -info.max, 1e-3, 0.0, 0.0]
    sizes = [float(size) * turn for size in sizes]
    rows = [sizes[k:] + sizes[:k] for k in range(len(sizes))]
    matrix = lambda row: jnp.array([row[:3], row[3:6]], dtype)
    return [{"w": matrix(row), "b": jnp.array(row[0], dtype)} for row in rows]
