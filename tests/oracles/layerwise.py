# Steps whose length belongs to a whole tensor: norms of parameters and of gradients.

import numpy as np

from tests.oracles import Case


def length(x):
    return np.sqrt(np.sum(np.abs(x) ** 2))


def lamb(theta, grads, lr, b1=0.9, b2=0.999, eps=1e-6, eps_root=0.0, weight_decay=0.0):
    """You et al. 2019, algorithm 2, with φ(z) = z."""
    path = []
    m, v = np.zeros_like(theta), np.zeros(theta.shape)
    for i, g in enumerate(grads):
        t = i + 1
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * np.abs(g) ** 2
        r = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t) + eps_root) + eps)
        r = r + weight_decay * theta
        both = length(theta) * length(r)
        ratio = length(theta) / length(r) if both > 0 else 1.0
        theta = theta - lr(i) * ratio * r
        path.append(theta)
    return path


def lars(
    theta,
    grads,
    lr,
    weight_decay=0.0,
    trust_coefficient=0.001,
    eps=0.0,
    momentum=0.9,
    nesterov=False,
    weight_decay_mask=True,
    trust_ratio_mask=True,
):
    """You et al. 2017, algorithm 1, with ‖g + βw‖ for ‖g‖ + β‖w‖; masks for all."""
    path, v = [], np.zeros_like(theta)
    for i, g in enumerate(grads):
        if weight_decay_mask:
            g = g + weight_decay * theta
        both = length(theta) * length(g)
        local = trust_coefficient * length(theta) / (length(g) + eps) if both else 1.0
        if not trust_ratio_mask:
            local = 1.0
        step = lr(i) * local * g
        v = momentum * v + step
        theta = theta - (step + momentum * v if nesterov else v)
        path.append(theta)
    return path


def novograd(
    theta, grads, lr, b1=0.9, b2=0.25, eps=1e-6, eps_root=0.0, weight_decay=0.0
):
    """Ginsburg et al. 2019, algorithm 1, with an epsilon in the first step too."""
    path, v, m = [], None, None
    for i, g in enumerate(grads):
        size = length(g) ** 2
        v = size if v is None else b2 * v + (1 - b2) * size
        step = g / (np.sqrt(v + eps_root) + eps) + weight_decay * theta
        m = step if m is None else b1 * m + step
        theta = theta - lr(i) * m
        path.append(theta)
    return path


CASES = [
    Case("lamb", {}, lamb, True),
    Case("lamb", {"b1": 0.5, "b2": 0.8, "eps": 0.3, "weight_decay": 0.5}, lamb, True),
    Case("lamb", {"eps_root": 0.3, "weight_decay": 0.1}, lamb, True),
    Case("lars", {}, lars, True),
    Case("lars", {"trust_coefficient": 0.3, "eps": 0.5}, lars, True),
    Case("lars", {"weight_decay": 0.5, "trust_coefficient": 0.2}, lars, True),
    Case("lars", {"nesterov": True, "momentum": 0.6}, lars, True),
    Case("lars", {"weight_decay": 0.5, "weight_decay_mask": False}, lars, True),
    Case("lars", {"trust_ratio_mask": False}, lars, True),
    Case("novograd", {}, novograd, True),
    Case("novograd", {"b1": 0.5, "b2": 0.9, "weight_decay": 0.5}, novograd, True),
    Case("novograd", {"eps": 2.0, "b2": 0.6}, novograd, True),
    Case("novograd", {"eps_root": 2.0}, novograd, True),
]
