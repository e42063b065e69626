# The papers' algorithms, written from the papers and not from our code: one function of
# (gradients, parameters) each, which returns the parameters after every step. Leaves
# are walked one by one; nothing is shared between the algorithms.

import numpy as np


def sgd(theta, grads, lr, momentum=None, nesterov=False):
    """Polyak 1964; Sutskever et al. 2013, eq. 1-4 (in the form v ← μv + g)."""
    path, v = [], np.zeros_like(theta)
    for t, g in enumerate(grads):
        if momentum is None:
            d = g
        else:
            v = momentum * v + g
            d = g + momentum * v if nesterov else v
        theta = theta - lr(t) * d
        path.append(theta)
    return path


def momentum(theta, grads, lr, decay=0.9, debias=False, weight_decay=0.0):
    """The lab's form: v ← ρv + (1 − ρ)g, θ ← θ − εv."""
    path, v = [], np.zeros_like(theta)
    for t, g in enumerate(grads):
        v = decay * v + (1 - decay) * g
        d = v / (1 - decay ** (t + 1)) if debias else v
        theta = theta - lr(t) * (d + weight_decay * theta)
        path.append(theta)
    return path


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
