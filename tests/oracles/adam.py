# The average of gradients over the root of that of their squares.

import numpy as np

from tests.oracles import Case


def adam(
    theta,
    grads,
    lr,
    b1=0.9,
    b2=0.999,
    eps=1e-8,
    eps_root=0.0,
    nesterov=False,
    weight_decay=0.0,
):
    """Kingma & Ba 2014, algorithm 1; Dozat 2016; Loshchilov & Hutter 2017, alg. 2."""
    path = []
    m, v = np.zeros_like(theta), np.zeros(theta.shape)
    for i, g in enumerate(grads):
        t = i + 1
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * np.abs(g) ** 2
        m_hat = m / (1 - b1**t)
        if nesterov:
            m_hat = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
        v_hat = v / (1 - b2**t)
        d = m_hat / (np.sqrt(v_hat + eps_root) + eps)
        theta = theta - lr(i) * (d + weight_decay * theta)
        path.append(theta)
    return path


def adamw(theta, grads, lr, weight_decay=1e-4, **kwargs):
    """Loshchilov & Hutter 2017, algorithm 2, with ηλ for the decay's rate."""
    return adam(theta, grads, lr, weight_decay=weight_decay, **kwargs)


def nadam(theta, grads, lr, **kwargs):
    """Dozat 2016, with the same β₁ in every step."""
    return adam(theta, grads, lr, **({"nesterov": True} | kwargs))


def nadamw(theta, grads, lr, **kwargs):
    """Dozat 2016 with the decay of Loshchilov & Hutter 2017."""
    return adamw(theta, grads, lr, **({"nesterov": True} | kwargs))


CASES = [
    Case("adam", {}, adam, True),
    Case("adam", {"b1": 0.5, "b2": 0.9, "eps": 1e-3}, adam, True),
    Case("adam", {"eps": 0, "eps_root": 1e-3}, adam, True),
    Case("adam", {"nesterov": True}, adam, True),
    Case("adamw", {}, adamw, True),
    Case("adamw", {"weight_decay": 0.1, "nesterov": True}, adamw, True),
    Case("adamw", {"b1": 0.6, "b2": 0.8, "eps": 0.1, "eps_root": 0.1}, adamw, True),
    Case("nadam", {}, nadam, True),
    Case("nadam", {"b1": 0.5, "b2": 0.9, "eps": 0.1, "eps_root": 0.1}, nadam, True),
    Case("nadam", {"b1": 0.8, "nesterov": False}, nadam, True),
    Case("nadamw", {}, nadamw, True),
    Case("nadamw", {"b1": 0.5, "b2": 0.7, "weight_decay": 0.1}, nadamw, True),
    Case("nadamw", {"eps": 0.1, "eps_root": 0.1, "nesterov": False}, nadamw, True),
]
