# The same trainings, stepped by Keras on its JAX backend.

import contextlib

import jax
import keras
import numpy as np

from tests import trajectories
from tests.trajectories import Case


@contextlib.contextmanager
def floats(dtype):
    """Makes Keras compute in a dtype, and lets it promote as it is used to."""
    before = keras.config.floatx()
    keras.config.set_floatx(np.dtype(dtype).name)
    try:
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            yield
    finally:
        keras.config.set_floatx(before)


def begin(case: Case, start: dict[str, np.ndarray], name: str | None = None):
    """Returns the variables, of one name if there is one, and the optimizer, built."""
    variables = {n: keras.Variable(x, name=name or n) for n, x in start.items()}
    optimizer = getattr(keras.optimizers, case.name)(**case.arguments)
    optimizer.build(list(variables.values()))
    return variables, optimizer


def run(case: Case, dtype=np.float64) -> dict[str, np.ndarray]:
    """Returns the variables after each of `trajectories.SEEN`."""
    with floats(dtype):
        start = trajectories.start(case, dtype)
        variables, optimizer = begin(case, start)
        state = [
            [v.value for v in each]
            for each in (variables.values(), optimizer.variables)
        ]
        rows = trajectories.gradients(case, dtype)

        @jax.jit
        def step(trained, kept, gradient):
            return optimizer.stateless_apply(kept, gradient, trained)

        seen = {name: [] for name in start}
        for index in range(trajectories.STEPS):
            trained, kept = state
            kept[1] = np.asarray(trajectories.rate_at(case, index), dtype)
            state = step(trained, kept, [row[index] for row in rows.values()])
            if index + 1 in trajectories.SEEN:
                for name, value in zip(start, state[0], strict=True):
                    seen[name].append(np.asarray(value))
    return {name: np.array(values) for name, values in seen.items()}
