# Adam, shortened while the average of the squares is too young to be relied on.

import numpy as np

from tests.oracles import Case


def radam(
    theta,
    grads,
    lr,
    b1=0.9,
    b2=0.999,
    eps=1e-8,
    eps_root=0.0,
    threshold=5.0,
    nesterov=False,
):
    """Liu et al. 2019, algorithm 2; Dozat 2016 (nesterov)."""
    path = []
    m, v = np.zeros_like(theta), np.zeros(theta.shape)
    rho_inf = 2 / (1 - b2) - 1
    for i, g in enumerate(grads):
        t = i + 1
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * np.abs(g) ** 2
        d = m / (1 - b1**t)
        if nesterov:
            d = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
        rho = rho_inf - 2 * t * b2**t / (1 - b2**t)
        if rho >= max(threshold, 4):
            top = (rho - 4) * (rho - 2) * rho_inf
            r = np.sqrt(top / ((rho_inf - 4) * (rho_inf - 2) * rho))
            d = r * d / (np.sqrt(v / (1 - b2**t) + eps_root) + eps)
        theta = theta - lr(i) * d
        path.append(theta)
    return path


CASES = [
    Case("radam", kwargs, radam, True)
    for kwargs in (
        {},
        {"b1": 0.5, "b2": 0.9, "eps": 0.1},
        {"b2": 0.8, "eps": 0.0, "eps_root": 0.1, "threshold": 4.5},
        {"b2": 0.99, "threshold": 9.0},
        {"b1": 0.8, "b2": 0.95, "nesterov": True},
        {"b2": 0.5},  # ρ∞ = 3: never rectified
    )
] + [
    Case("radam", {"b2": 0.9, "threshold": 1.0}, radam),  # Optax: NaN under ρ = 4
]
