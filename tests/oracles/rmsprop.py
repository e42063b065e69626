# Gradients over the root of an average of their squares.

import numpy as np

import optax_lab
from tests.oracles import Case


def rmsprop(
    theta,
    grads,
    lr,
    decay=0.9,
    eps=1e-8,
    initial_scale=0.0,
    eps_in_sqrt=True,
    centered=False,
    momentum=None,
    nesterov=False,
    bias_correction=False,
):
    """Hinton 2012, lecture 6e; Graves 2013, eq. 38-45 (centered)."""
    path = []
    n = np.full(theta.shape, initial_scale, float)
    m, buffer = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(grads):
        n = decay * n + (1 - decay) * np.abs(g) ** 2
        m = decay * m + (1 - decay) * g
        unbias = 1 - decay ** (t + 1) if bias_correction else 1.0
        v = n / unbias
        if centered:
            v = v - np.abs(m / unbias) ** 2
        root = np.sqrt(v + eps) if eps_in_sqrt else np.sqrt(v) + eps
        step = lr(t) * g / root
        if momentum is not None:
            buffer = momentum * buffer + step
            step = step + momentum * buffer if nesterov else buffer
        theta = theta - step
        path.append(theta)
    return path


def adadelta(theta, grads, lr, rho=0.9, eps=1e-6, weight_decay=0.0):
    """Zeiler 2012, algorithm 1, with λθ in the gradient (L2) and a rate."""
    path = []
    squares, lengths = np.zeros(theta.shape), np.zeros(theta.shape)
    for t, g in enumerate(grads):
        g = g + weight_decay * theta
        squares = rho * squares + (1 - rho) * np.abs(g) ** 2
        step = -np.sqrt(lengths + eps) / np.sqrt(squares + eps) * g
        lengths = rho * lengths + (1 - rho) * np.abs(step) ** 2
        theta = theta + lr(t) * step
        path.append(theta)
    return path


def adadelta_at_1(theta, grads, lr, **kwargs):
    """Zeiler 2012, algorithm 1, which has no rate."""
    return adadelta(theta, grads, lambda t: 1.0, **kwargs)


CASES = (
    [
        Case("rmsprop", kwargs, rmsprop, True)
        for kwargs in (
            {},
            {"eps": 1e-3, "decay": 0.99, "eps_in_sqrt": False},
            {"eps": 1e-3, "eps_in_sqrt": True},
            {"initial_scale": 1.0},
            {"centered": True, "eps": 1e-3},
            {"centered": True, "eps": 1e-3, "eps_in_sqrt": False},
            {"centered": True, "eps": 1e-3, "bias_correction": True},
            {"centered": True, "initial_scale": 1.0},
            {"momentum": 0.9},
            {"momentum": 0.9, "nesterov": True},
            {"bias_correction": True},
        )
    ]
    + [
        Case("adadelta", kwargs, adadelta, True)
        for kwargs in (
            {},
            {"rho": 0.5, "eps": 0.1},
            {"eps": 1e-2, "weight_decay": 0.1},
        )
    ]
    + [
        Case(
            "adadelta",
            {"rho": 0.8},
            adadelta_at_1,
            make=lambda rate, **kwargs: optax_lab.adadelta(**kwargs),
        ),  # Optax climbs without a rate
    ]
)
