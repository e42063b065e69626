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
            optimizer = subject.shared(make, **subject.without_decay(make))
            params, zeros = subject.tree(dtype), subject.tree(dtype, 0.0, 0.0)
            state = optimizer.init(params)
            for number in range(2):
                with cases.case(f"step {number}"):
                    updates, state = optimizer.update(zeros, state, params)
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
            grads = x * np.array([1.0, 0.0, 2.0])
            updates, state = subject.update(optimizer, grads, state, x)
            return (subject.moved(x, updates), state), None

        (x, _), _ = jax.lax.scan(step, (x, optimizer.init(x)), None, 10)
        return jnp.sum(x)

    with jax.enable_x64(True):
        start = np.array(subject.RATE), np.zeros(3)
        slopes = subject.compiled(jax.grad(after_ten_steps, argnums=(0, 1)))(*start)
        cases.finite(slopes, "slope")


def none_moves_nothing(make: Make) -> None:
    """Checks that a None keeps its part of the state, and the others take their steps.

    Its update is 0 where parameters are given, and the other leaves take the steps
    that they take beside a gradient of 0.
    """
    optimizer, params = subject.shared(make), subject.tree()
    grads, beside = subject.tree() | {"b": None}, subject.tree() | {"b": np.float32(0)}
    state = optimizer.init(params)
    updates, after = optimizer.update(grads, state, params)
    cases.same_types(after, state, "state")
    cases.same_numbers(updates["b"], np.zeros(()), 0.0, "update['b']")
    wanted, _ = optimizer.update(beside, state, params)
    cases.same_numbers(updates["w"], wanted["w"], 1e-6, "update['w']")


def _stays_finite(make: Make, dtype: str) -> None:
    optimizer, params = subject.shared(make), subject.tree(dtype, 1.0, 1.0)
    state = optimizer.init(params)
    for number, grads in enumerate(_extremes(dtype)):
        with cases.case(f"step {number}, gradient {grads['b'][()]:.3g}"):
            updates, state = optimizer.update(grads, state, params)
            params = subject.moved(params, updates)
            cases.finite(updates, "update")


def _extremes(dtype: str) -> list[dict[str, np.ndarray]]:
    """Makes trees whose scalar takes every extreme, and whose matrix mixes them."""
    info = jnp.finfo(dtype)
    turn = 1 + 1j if dtype == "complex64" else 1
    sizes = [info.max, info.max, info.tiny, 0.0, -info.max, 1e-3, 0.0, 0.0]
    sizes = [float(size) * turn for size in sizes]
    rows = [sizes[k:] + sizes[:k] for k in range(len(sizes))]
    matrix = lambda row: np.array([row[:3], row[3:6]], dtype)
    return [{"w": matrix(row), "b": np.array(row[0], dtype)} for row in rows]
