# The average of gradients that are normalised first.

import numpy as np
import optax

from tests.oracles import Case, Line


def laprop(theta, grads, lr, b1=0.9, b2=0.999, eps=1e-15, weight_decay=0.0):
    """Ziyin, Wang & Ueda 2020, algorithm 1; the decay is decoupled."""
    path = []
    m, n = np.zeros_like(theta), np.zeros(theta.shape)
    for i, g in enumerate(grads):
        t = i + 1
        n = b2 * n + (1 - b2) * np.abs(g) ** 2
        m = b1 * m + (1 - b1) * g / (np.sqrt(n / (1 - b2**t)) + eps)
        theta = theta - lr(i) * (m / (1 - b1**t) + weight_decay * theta)
        path.append(theta)
    return path


def adopt(
    theta,
    grads,
    lr,
    b1=0.9,
    b2=0.9999,
    eps=1e-6,
    nesterov=False,
    use_clipping=True,
    clip_value_fn=lambda t: t**0.25,
):
    """Taniguchi et al. 2024, algorithms 1 and 2: the first gradient only makes v₀."""
    path = [theta]
    m, v = np.zeros_like(theta), np.abs(grads[0]) ** 2
    for t in range(1, len(grads)):
        g = grads[t]
        u = g / np.maximum(np.sqrt(v), eps)
        if use_clipping:
            u = u * np.minimum(1, clip_value_fn(t) / np.abs(u))
        m = b1 * m + (1 - b1) * u
        d = b1 * m + (1 - b1) * u if nesterov else m
        theta = theta - lr(t) * d
        v = b2 * v + (1 - b2) * np.abs(g) ** 2
        path.append(theta)
    return path


def without_momentum(lr, b1, b2, eps):
    """LaProp and Adam are one where nothing is averaged but squares."""
    assert b1 == 0
    return optax.adam(lr, b1, b2, eps)


CASES = [
    Case("laprop", {}, laprop),
    Case("laprop", {"b1": 0.5, "b2": 0.8, "eps": 0.1}, laprop),
    Case("laprop", {"b1": 0.99, "b2": 0.3, "weight_decay": 0.1}, laprop),
    Case("laprop", {"b1": 0.0, "b2": 0.9, "eps": 1e-3}, laprop, without_momentum),
] + [
    Case("adopt", kwargs, adopt, True)
    for kwargs in (
        {},
        {"b1": 0.5, "b2": 0.8, "eps": 1.0},
        {"nesterov": True, "b2": 0.9},
        {"use_clipping": False, "b2": 0.9},
        {"clip_value_fn": Line(0.3, 0.02)},
    )
]
