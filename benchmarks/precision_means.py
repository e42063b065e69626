"""The means that `precision.py` compares: ours, Optax's, PyTorch's and Keras's.

Each contender takes a series (time, inputs) in float32, the dtype of the average, β and
a few numbers of steps; it yields its name and its means after those steps, in float64.
"""

import functools
import os
from collections.abc import Callable, Iterator

import bench
import numpy as np

SEED, INPUTS = 0, 16
KINDS = ("constants", "noise")
Steps = tuple[int, ...]
Means = Iterator[tuple[str, np.ndarray]]


def inputs(length: int) -> np.ndarray:
    """Returns a series of both kinds side by side, `INPUTS` columns of each."""
    random, shape = np.random.default_rng(SEED), (length, INPUTS)
    constants = np.broadcast_to(random.uniform(1, 2, INPUTS), shape)
    return np.hstack([constants, random.normal(1, 1, shape)]).astype(np.float32)


def errors(dtype: str, decay: float, steps: Steps) -> Means:
    """Yields every contender with its relative errors, (steps, inputs)."""
    import jax.numpy as jnp

    xs = inputs(steps[-1])
    rounded = xs.astype(jnp.dtype(dtype)).astype(np.float32)
    given = {ours: xs, optax_mean: xs, torch_means: rounded, keras_mean: rounded}
    for contender, seen in given.items():
        for name, found in contender(seen, dtype, decay, steps):
            order = 2 if name.endswith("squares") else 1
            truth = exact(seen.astype(np.float64) ** order, decay, steps)
            yield name, abs(found / truth - 1)


def exact(xs: np.ndarray, decay: float, steps: Steps) -> np.ndarray:
    """Returns the means in float64."""
    average, weight, seen = np.zeros(xs.shape[1]), 0.0, []
    for x in xs:
        average = average + (1 - decay) * (x - average)
        weight += (1 - decay) * (1 - weight)
        seen.append(average / weight)
    return np.array(seen)[np.array(steps) - 1]


def bound(decay: float) -> float:
    """Returns the relative error that float32 may bring into a constant's mean."""
    eps = float(np.finfo(np.float32).eps)
    return eps / (2 * (1 - decay)) + 4 * eps


def scanned(step: Callable, state, xs: np.ndarray, steps: Steps) -> np.ndarray:
    """Runs (state, (number, x)) → (state, mean) over a series, as one program."""
    import jax

    numbered = (np.arange(1, len(xs) + 1), xs)
    means = jax.jit(lambda state, rows: jax.lax.scan(step, state, rows)[1])
    return np.asarray(means(state, numbered))[np.array(steps) - 1].astype(np.float64)


# --- The contenders -------------------------------------------------------------------


def ours(xs: np.ndarray, dtype: str, decay: float, steps: Steps) -> Means:
    import jax

    from optax_lab import ewma

    def step(at_random, state, numbered):
        key = jax.random.fold_in(jax.random.key(SEED), numbered[0])
        state = ewma.update(state, numbered[1], decay, key=key if at_random else None)
        return state, ewma.read(state)

    run = lambda at_random: scanned(
        functools.partial(step, at_random), ewma.init(xs[0], dtype=dtype), xs, steps
    )
    yield "optax_lab", run(True)
    if dtype == "bfloat16":  # the only one that can be rounded in two ways
        yield "optax_lab, nearest", run(False)


def optax_mean(xs: np.ndarray, dtype: str, decay: float, steps: Steps) -> Means:
    import optax

    averaging = optax.ema(decay, accumulator_dtype=dtype)
    step = lambda state, numbered: averaging.update(numbered[1], state)[::-1]
    yield "Optax", scanned(step, averaging.init(xs[0]), xs, steps)


def torch_means(xs: np.ndarray, dtype: str, decay: float, steps: Steps) -> Means:
    torch = bench.peer("torch")
    rows = torch.tensor(xs).to(getattr(torch, dtype))
    weights = torch.zeros_like(rows[0], requires_grad=True)
    adam = torch.optim.Adam([weights], lr=0.0, betas=(decay, decay), foreach=False)
    seen = {"exp_avg": [], "exp_avg_sq": []}
    for t, row in enumerate(rows, start=1):
        weights.grad = row
        adam.step()
        for name, means in seen.items() if t in steps else ():
            # Adam divides by this number inside a product that is not rounded before.
            means.append(adam.state[weights][name].double().numpy() / (1 - decay**t))
    yield "PyTorch", np.array(seen["exp_avg"])
    yield "PyTorch, of squares", np.array(seen["exp_avg_sq"])


def in_keras():
    """Imports Keras on JAX."""
    os.environ["KERAS_BACKEND"] = "jax"
    return bench.peer("keras")


def keras_mean(xs: np.ndarray, dtype: str, decay: float, steps: Steps) -> Means:
    keras = in_keras()
    variable = keras.Variable(np.zeros(xs.shape[1]), dtype=dtype)
    adam = keras.optimizers.Adam(0.0, beta_1=decay, beta_2=decay)
    adam.build([variable])
    place = next(i for i, v in enumerate(adam.variables) if "momentum" in v.path)

    def step(state, numbered):
        trained, kept = adam.stateless_apply(state[1], [numbered[1]], [state[0]])
        # 1 − βᵗ in the variable's dtype, as its Adam has it.
        beta, count = (keras.ops.cast(x, dtype) for x in (decay, numbered[0]))
        return (trained[0], kept), kept[place] / (1 - keras.ops.power(beta, count))

    start = (variable.value, [v.value for v in adam.variables])
    yield "Keras", scanned(step, start, xs, steps)
