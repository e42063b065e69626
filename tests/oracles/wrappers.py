# What goes over any optimizer: its gradients before, or its steps after.

import numpy as np

import optax_lab
from tests.oracles import Case


def adams_steps(grads, b1=0.9, b2=0.999, eps=1e-8):
    """Kingma & Ba 2014, algorithm 1: the direction at every step, without the rate."""
    m, v, steps = 0.0, 0.0, []
    for i, g in enumerate(grads):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * np.abs(g) ** 2
        m_hat, v_hat = m / (1 - b1 ** (i + 1)), v / (1 - b2 ** (i + 1))
        steps.append(m_hat / (np.sqrt(v_hat) + eps))
    return steps


def cautious(theta, grads, lr, min_share=1e-3, weight_decay=0.0, **adam):
    """Liang et al. 2024, algorithm 1, with the authors' floor under the mean."""
    path = []
    for t, (g, u) in enumerate(zip(grads, adams_steps(grads, **adam), strict=True)):
        u = u + weight_decay * theta
        mask = (u.real * g.real + u.imag * g.imag > 0).astype(float)
        theta = theta - lr(t) * u * mask / max(mask.mean(), min_share)
        path.append(theta)
    return path


def grams(theta, grads, lr, weight_decay=0.0, **adam):
    """Cao et al. 2024, algorithm 1, with the decay inside."""
    path = []
    for t, (g, u) in enumerate(zip(grads, adams_steps(grads, **adam), strict=True)):
        u = u + weight_decay * theta
        theta = theta - lr(t) * g / np.abs(g) * np.abs(u)
        path.append(theta)
    return path


def grokfast(theta, grads, lr, alpha=0.98, lamb=2.0, **adam):
    """Lee et al. 2024: gradfilter_ema before Adam; the average starts at g₁."""
    mu, louder = grads[0], []
    for g in grads:
        mu = alpha * mu + (1 - alpha) * g
        louder.append(g + lamb * mu)
    path = []
    for t, u in enumerate(adams_steps(louder, **adam)):
        theta = theta - lr(t) * u
        path.append(theta)
    return path


def over_adamw(wrapper, *own):
    """Returns what puts a wrapper over AdamW; its own arguments go to it."""

    def make(rate, weight_decay=0.0, **kwargs):
        mine = {name: kwargs.pop(name) for name in own if name in kwargs}
        inner = optax_lab.adamw(rate, weight_decay=weight_decay, **kwargs)
        return wrapper(inner, **mine)

    return make


cautiously = over_adamw(optax_lab.cautious, "min_share")
by_grams = over_adamw(optax_lab.grams)
slowly = over_adamw(optax_lab.grokfast, "alpha", "lamb")

CASES = [
    Case("cautious", {}, cautious, make=cautiously),
    Case("cautious", {"b1": 0.7, "min_share": 0.6}, cautious, make=cautiously),
    Case("cautious", {"weight_decay": 0.5, "eps": 0.1}, cautious, make=cautiously),
    Case("grams", {}, grams, make=by_grams),
    Case("grams", {"b1": 0.5, "eps": 0.1, "weight_decay": 0.3}, grams, make=by_grams),
    Case("grokfast", {}, grokfast, make=slowly),
    Case(
        "grokfast",
        {"alpha": 0.6, "lamb": 0.7, "eps": 0.1},
        grokfast,
        make=slowly,
    ),
]
