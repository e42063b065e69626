# Averages of |g|² kept as two vectors. Optax computes its decay in float32, and is
# compared in `test_factored`.

import numpy as np
import optax

import optax_lab
from optax_lab.optimizers import hyperparameters, numerics
from tests.oracles import Case


def rms(x):
    return np.sqrt(np.mean(np.abs(x) ** 2))


def averages(grads, smallest, rate, offset, eps):
    """Yields V̂ and its weight: sections 3 (factors, in sums as there) and 7.2."""
    shape = grads[0].shape
    by_length = np.argsort(shape, kind="stable")
    both = len(shape) > 1 and shape[by_length[-2]] >= smallest
    R = C = V = weight = 0.0
    for t in range(1, len(grads) + 1):
        b2 = 1 - max(t - offset, 1) ** -rate
        weight = b2 * weight + (1 - b2)
        square = np.abs(grads[t - 1]) ** 2 + eps
        if both:
            short, long = int(by_length[-2]), int(by_length[-1])
            R = b2 * R + (1 - b2) * square.sum(axis=long, keepdims=True)
            C = b2 * C + (1 - b2) * square.sum(axis=short, keepdims=True)
            V = R * C / R.sum(axis=short, keepdims=True)
        else:
            V = b2 * V + (1 - b2) * square
        yield V, weight


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
    """Shazeer & Stern 2018, algorithms 4 and 5, sections 6 and 8.

    The rate, the average of the steps and the decay stand in Optax's order.
    """
    path, m = [], np.zeros_like(theta)
    smallest = min_dim_size_to_factor if factored else np.inf
    V = averages(grads, smallest, decay_rate, decay_offset, eps)
    for i, (g, (v, _)) in enumerate(zip(grads, V, strict=True)):
        u = g / np.sqrt(v)
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


def outside(theta, grads, lr, eps, decay_offset):
    """The same direction with V̂ over its weight, and an epsilon outside of the root."""
    path = []
    V = averages(grads, 2, 0.8, decay_offset, 1e-30)
    for i, (g, (v, weight)) in enumerate(zip(grads, V, strict=True)):
        theta = theta - lr(i) * g / (np.sqrt(v / weight) + eps)
        path.append(theta)
    return path


@hyperparameters.scheduled
def with_outside(learning_rate: hyperparameters.Hyper, eps, decay_offset):
    """Makes the rule with a denominator that is not its own."""
    rule = optax_lab.scale_by_factored_rms(
        step_offset=decay_offset,
        min_dim_size_to_factor=2,
        denominator=numerics.outside(eps),
    )
    return optax.chain(rule, optax_lab.scale_by_learning_rate(learning_rate))


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
] + [Case("adafactor", {"eps": 0.3, "decay_offset": -3}, outside, make=with_outside)]
