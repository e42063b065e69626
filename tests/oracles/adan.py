# The average of gradients, corrected by how the gradient has changed.

import numpy as np

from tests.oracles import Case


def adan(
    theta,
    grads,
    lr,
    b1=0.98,
    b2=0.92,
    b3=0.99,
    eps=1e-8,
    eps_root=1e-8,
    weight_decay=0.0,
):
    """Xie et al. 2022, algorithm 1, with its authors' bias correction and `no_prox`."""
    beta1, beta2, beta3 = 1 - b1, 1 - b2, 1 - b3  # the paper's letters
    path, last = [], grads[0]
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    n = np.zeros(theta.shape)
    for i, g in enumerate(grads):
        k = i + 1
        m = (1 - beta1) * m + beta1 * g
        v = (1 - beta2) * v + beta2 * (g - last)
        n = (1 - beta3) * n + beta3 * np.abs(g + (1 - beta2) * (g - last)) ** 2
        m_hat = m / (1 - (1 - beta1) ** k)
        v_hat = v / (1 - (1 - beta2) ** k)
        n_hat = n / (1 - (1 - beta3) ** k)
        rate = lr(i) / (np.sqrt(n_hat + eps_root) + eps)
        decayed = (1 - lr(i) * weight_decay) * theta
        theta = decayed - rate * (m_hat + (1 - beta2) * v_hat)
        last = g
        path.append(theta)
    return path


def mars(
    theta,
    grads,
    lr,
    b1=0.95,
    b2=0.99,
    eps=1e-8,
    gamma=0.025,
    weight_decay=0.0,
):
    """Yuan et al. 2024, algorithm 2 (MARS-AdamW) with ∇f(x₀) = ∇f(x₁); approximate."""
    path, last = [], grads[0]
    m, v = np.zeros_like(theta), np.zeros(theta.shape)
    for i, g in enumerate(grads):
        t = i + 1
        c = g + gamma * (b1 / (1 - b1)) * (g - last)
        length = np.sqrt(np.sum(np.abs(c) ** 2))
        if length > 1:
            c = c / length
        m = b1 * m + (1 - b1) * c
        v = b2 * v + (1 - b2) * np.abs(c) ** 2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        theta = theta - lr(i) * (m_hat / (np.sqrt(v_hat) + eps) + weight_decay * theta)
        last = g
        path.append(theta)
    return path


CASES = [
    Case("adan", {}, adan),
    Case("adan", {"b1": 0.5, "b2": 0.7, "b3": 0.8, "eps": 0.1}, adan),
    Case("adan", {"b1": 0.8, "b3": 0.6, "eps": 0, "eps_root": 0.1}, adan),
    Case("adan", {"weight_decay": 0.1}, adan),
    Case("adan", {"b2": 0.5, "weight_decay": 0.1}, adan, True),  # where 1 − b2 is b2
    Case("mars", {}, mars),
    Case("mars", {"b1": 0.5, "b2": 0.8, "gamma": 0.5, "eps": 0.1}, mars),
    Case("mars", {"gamma": 0.0}, mars),
    Case("mars", {"weight_decay": 0.1}, mars),
]
