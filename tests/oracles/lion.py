# The sign of an average: every element moves equally far.

import numpy as np

from tests.oracles import Case


def sign(x):
    """Returns x/|x|, and 0 for 0."""
    size = np.abs(x)
    return np.where(size > 0, x / np.where(size > 0, size, 1), 0)


def lion(theta, grads, lr, b1=0.9, b2=0.99, weight_decay=1e-3):
    """Chen et al. 2023, algorithm 2."""
    path, m = [], np.zeros_like(theta)
    for t, g in enumerate(grads):
        c = b1 * m + (1 - b1) * g
        theta = theta - lr(t) * (sign(c) + weight_decay * theta)
        m = b2 * m + (1 - b2) * g
        path.append(theta)
    return path


def signum(theta, grads, lr, beta=0.9):
    """Bernstein et al. 2018, algorithm 2, without workers."""
    path, m = [], np.zeros_like(theta)
    for t, g in enumerate(grads):
        m = beta * m + (1 - beta) * g
        theta = theta - lr(t) * sign(m)
        path.append(theta)
    return path


CASES = [
    Case("lion", {}, lion, True),
    Case("lion", {"b1": 0.5, "b2": 0.9}, lion, True),
    Case("lion", {"b1": 0.8, "b2": 0.3, "weight_decay": 0.5}, lion, True),
    Case("lion", {"weight_decay": 0.0}, lion, True),
    Case("signum", {}, signum, True),
    Case("signum", {"beta": 0.5}, signum, True),
]
