# Several averages of gradients at once, or an average mixed with the gradient itself.

import numpy as np
import optax

from tests.oracles import Case, Line


def ademamix(
    theta,
    grads,
    lr,
    b1=0.9,
    b2=0.999,
    b3=0.9999,
    alpha=5.0,
    eps=1e-8,
    eps_root=0.0,
    weight_decay=0.0,
):
    """Pagliardini, Ablin & Grangier 2024, algorithm 1."""
    path = []
    m1, m2 = np.zeros_like(theta), np.zeros_like(theta)
    nu = np.zeros(theta.shape)
    for i, g in enumerate(grads):
        t = i + 1
        beta3, a = (x(i) if callable(x) else x for x in (b3, alpha))
        m1 = b1 * m1 + (1 - b1) * g
        m2 = beta3 * m2 + (1 - beta3) * g
        nu = b2 * nu + (1 - b2) * np.abs(g) ** 2
        m1_hat, nu_hat = m1 / (1 - b1**t), nu / (1 - b2**t)
        d = (m1_hat + a * m2) / (np.sqrt(nu_hat + eps_root) + eps)
        theta = theta - lr(i) * (d + weight_decay * theta)
        path.append(theta)
    return path


def qhm(theta, grads, lr, decay=0.999, nu=0.7, weight_decay=0.0):
    """Ma & Yarats 2018, section 3; the decay is decoupled."""
    path, buffer = [], np.zeros_like(theta)
    for i, g in enumerate(grads):
        buffer = decay * buffer + (1 - decay) * g
        d = (1 - nu) * g + nu * buffer
        theta = theta - lr(i) * (d + weight_decay * theta)
        path.append(theta)
    return path


def qhadam(
    theta,
    grads,
    lr,
    b1=0.995,
    b2=0.999,
    nu1=0.7,
    nu2=1.0,
    eps=1e-8,
    weight_decay=0.0,
):
    """Ma & Yarats 2018, section 4 (QHAdam); the decay is decoupled."""
    path = []
    first, second = np.zeros_like(theta), np.zeros(theta.shape)
    for i, g in enumerate(grads):
        t = i + 1
        first = b1 * first + (1 - b1) * g
        second = b2 * second + (1 - b2) * np.abs(g) ** 2
        up = (1 - nu1) * g + nu1 * first / (1 - b1**t)
        down = (1 - nu2) * np.abs(g) ** 2 + nu2 * second / (1 - b2**t)
        d = up / (np.sqrt(down) + eps)
        theta = theta - lr(i) * (d + weight_decay * theta)
        path.append(theta)
    return path


def aggmo(theta, grads, lr, betas=(0.0, 0.9, 0.99), weight_decay=0.0):
    """Lucas, Sun, Zemel & Grosse 2018, section 3; the decay is decoupled."""
    betas = np.atleast_1d(betas)
    path, velocities = [], [np.zeros_like(theta) for _ in betas]
    for i, g in enumerate(grads):
        velocities = [b * v - g for b, v in zip(betas, velocities, strict=True)]
        move = lr(i) / len(betas) * np.sum(velocities, axis=0)
        theta = theta + move - lr(i) * weight_decay * theta
        path.append(theta)
    return path


def nesterov(lr, decay, nu):
    """Where ν is β, QHM is Nesterov's momentum (section 4.1)."""
    assert nu == decay
    return optax.sgd(lr * (1 - decay), decay, nesterov=True)


def adam(lr, b1, b2, nu1, nu2):
    """Where ν₁ = ν₂ = 1, QHAdam is Adam."""
    assert nu1 == nu2 == 1
    return optax.adam(lr, b1, b2)


def heavy_ball(lr, betas):
    """A single sum is the heavy ball."""
    return optax.sgd(lr, betas)


CASES = [
    Case("ademamix", kwargs, ademamix, True)
    for kwargs in (
        {},
        {"b1": 0.5, "b2": 0.8, "b3": 0.95, "alpha": 2.0, "eps": 0.1},
        {"b3": 0.9, "eps": 0, "eps_root": 0.1},
        {"b3": 0.99, "weight_decay": 0.1},
        {"b3": Line(0.9, 0.001), "alpha": Line(0.5, 0.1)},
    )
] + [
    Case("qhm", {}, qhm),
    Case("qhm", {"decay": 0.9, "nu": 0.4, "weight_decay": 0.1}, qhm),
    Case("qhm", {"decay": 0.8, "nu": 0.8}, qhm, nesterov),
    Case("qhadam", {}, qhadam),
    Case(
        "qhadam",
        {"b1": 0.5, "b2": 0.8, "nu1": 0.6, "nu2": 0.3, "eps": 0.1},
        qhadam,
    ),
    Case("qhadam", {"weight_decay": 0.1}, qhadam),
    Case("qhadam", {"b1": 0.9, "b2": 0.99, "nu1": 1.0, "nu2": 1.0}, qhadam, adam),
    Case("aggmo", {}, aggmo),
    Case("aggmo", {"betas": (0.5, 0.8), "weight_decay": 0.1}, aggmo),
    Case("aggmo", {"betas": 0.9}, aggmo, heavy_ball),
]
