# Gradients over the root of the sum of their squares.

import numpy as np

from tests.oracles import Case


def adagrad(theta, grads, lr, initial_accumulator_value=0.1, eps=1e-7):
    """Duchi et al. 2011, figure 1 (diagonal), with its δ inside the root."""
    path = []
    g_sq = np.full(theta.shape, initial_accumulator_value, float)
    for i, g in enumerate(grads):
        g_sq = g_sq + np.abs(g) ** 2
        theta = theta - lr(i) * g / np.sqrt(g_sq + eps)
        path.append(theta)
    return path


CASES = [
    Case("adagrad", kwargs, adagrad, True)
    for kwargs in (
        {},
        {"initial_accumulator_value": 0.0, "eps": 0.5},
        {"initial_accumulator_value": 2.0, "eps": 0.0},
    )
]
