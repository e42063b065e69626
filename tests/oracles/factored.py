# Averages of |g|² kept as two vectors. Optax computes its decay in float32, and is
# compared in `test_factored`.

import numpy as np

from tests.oracles import Case


def rms(x):
    return np.sqrt(np.mean(np.abs(x) ** 2))


def adafactor(
    theta,
    grads,
    lr,
    min_dim_size_to_factor=128,
    decay_rate=0.8,
    decay_offset=0,
    multiply_by_parameter_scale=True,
    clipping_threshold=1.0,
    momentum=None,
    dtype_momentum=None,
    weight_decay_rate=None,
    eps=1e-30,
    factored=True,
):
    """Shazeer & Stern 2018, algorithms 4 and 5, sections 5.1, 6, 7.2 and 8.

    The rate, the average of the steps and the decay stand in Optax's order.
    """
    path = []
    by_length = np.argsort(theta.shape, kind="stable")
    both = factored and theta.ndim > 1
    both = both and theta.shape[by_length[-2]] >= min_dim_size_to_factor
    R = C = V = 0.0
    m = np.zeros_like(theta)
    for i, g in enumerate(grads):
        b2 = 1 - max(i + 1 - decay_offset, 1) ** -decay_rate
        square = np.abs(g) ** 2 + eps
        if both:
            short, long = int(by_length[-2]), int(by_length[-1])
            R = b2 * R + (1 - b2) * square.sum(axis=long, keepdims=True)
            C = b2 * C + (1 - b2) * square.sum(axis=short, keepdims=True)
            V = R * C / R.sum(axis=short, keepdims=True)
        else:
            V = b2 * V + (1 - b2) * square
        u = g / np.sqrt(V)
        if clipping_threshold is not None:
            u = u / max(1, rms(u) / clipping_threshold)
        step = lr(i) * u
        if multiply_by_parameter_scale:
            step = step * max(1e-3, rms(theta))
        if momentum is not None:
            step = m = momentum * m + (1 - momentum) * step
        theta = theta - step - (weight_decay_rate or 0.0) * theta
        path.append(theta)
    return path


CASES = [
    Case("adafactor", kwargs, adafactor)
    for kwargs in (
        {},
        {"min_dim_size_to_factor": 2},
        {"min_dim_size_to_factor": 3, "eps": 0.3, "decay_rate": 0.4},
        {"min_dim_size_to_factor": 4},
        {"min_dim_size_to_factor": 2, "factored": False, "eps": 0.3},
        {"min_dim_size_to_factor": 2, "clipping_threshold": 0.4},
        {"min_dim_size_to_factor": 2, "clipping_threshold": None, "decay_offset": -3},
        {"decay_offset": 4, "multiply_by_parameter_scale": False},
        {"momentum": 0.6, "dtype_momentum": "float64", "weight_decay_rate": 0.1},
    )
]
