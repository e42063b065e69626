# Squares taken with care: of surprises only (AdaBelief), or one small step at a time.

import numpy as np

from tests.oracles import Case


def adabelief(
    theta, grads, lr, b1=0.9, b2=0.999, eps=1e-16, eps_root=1e-16, nesterov=False
):
    """Zhuang et al. 2020, algorithm 2; Dozat 2016 (nesterov)."""
    path = []
    m, s = np.zeros_like(theta), np.zeros(theta.shape)
    for i, g in enumerate(grads):
        t = i + 1
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * np.abs(g - m) ** 2 + eps_root
        d = m / (1 - b1**t)
        if nesterov:
            d = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
        theta = theta - lr(i) * d / (np.sqrt(s / (1 - b2**t)) + eps)
        path.append(theta)
    return path


def yogi(theta, grads, lr, b1=0.9, b2=0.999, eps=1e-3, start=1e-6, eps_root=0.0):
    """Zaheer et al. 2018, algorithm 2, with v₀ = 1e-6."""
    path = []
    m, v = np.zeros_like(theta), np.full(theta.shape, start)
    for i, g in enumerate(grads):
        g_sq = np.abs(g) ** 2
        m = b1 * m + (1 - b1) * g
        v = v - (1 - b2) * np.sign(v - g_sq) * g_sq
        theta = theta - lr(i) * m / (np.sqrt(v + eps_root) + eps)
        path.append(theta)
    return path


CASES = [
    *(
        Case("adabelief", kwargs, adabelief, True)
        for kwargs in (
            {},
            {"b1": 0.5, "b2": 0.9, "eps": 0.1},
            {"b2": 0.8, "eps": 0.0, "eps_root": 0.1},
            {"b1": 0.8, "b2": 0.99, "eps_root": 0.01, "nesterov": True},
        )
    ),
    Case("yogi", {}, yogi),  # Optax debiases a start that is no bias
    Case("yogi", {"b1": 0.5, "b2": 0.9, "eps": 0.1}, yogi),
    Case("yogi", {"b2": 0.6, "eps": 0.0}, yogi),
]
