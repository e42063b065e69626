# Descent along gradients seen through the averages of their outer products.

import numpy as np

from tests.oracles import Case
from tests.oracles.adam import adam


def unfolded(g, axis):
    """The matrix with g's slices along one axis as its rows."""
    return np.moveaxis(g, axis, 0).reshape(g.shape[axis], -1)


def multiplied(g, matrix, axis):
    """The tensor-matrix product of Gupta et al. 2018, section 2.2."""
    product = matrix @ unfolded(g, axis)
    rest = [n for a, n in enumerate(g.shape) if a != axis]
    return np.moveaxis(product.reshape(matrix.shape[0], *rest), 0, axis)


def powered(h, exponent):
    values, vectors = np.linalg.eigh(h)
    return vectors @ np.diag(values**exponent) @ vectors.conj().T


def shampoo(
    theta,
    grads,
    lr,
    b1=0.9,
    b2=0.99,
    eps=1e-6,
    precondition_frequency=10,
    max_precond_dim=1024,
    weight_decay=0.0,
):
    """Gupta, Koren & Singer 2018, algorithm 2, whose matrix case is algorithm 1.

    How often the roots are taken is ours: every so many steps
    and at each of the first so many.
    """
    shape = theta.shape
    theta = np.atleast_1d(theta)
    path, k = [], theta.ndim
    m = np.zeros_like(theta)
    h = [np.zeros((n, n), theta.dtype) for n in theta.shape]
    for i, g in enumerate(grads):
        t, g = i + 1, g.reshape(theta.shape)
        m = b1 * m + (1 - b1) * g
        for a in range(k):
            outer = unfolded(g, a) @ unfolded(g, a).conj().T
            if len(outer) > max_precond_dim:
                outer = np.diag(np.diag(outer))
            h[a] = h[a] + outer if b2 is None else b2 * h[a] + (1 - b2) * outer
        if i < precondition_frequency or i % precondition_frequency == 0:
            weight = 1 if b2 is None else 1 - b2**t
            damped = [x / weight + eps * np.eye(len(x)) for x in h]
            roots = [powered(x, -1 / (2 * k)) for x in damped]
        d = m / (1 - b1**t)
        for a in range(k):
            d = multiplied(d, roots[a], a)
        theta = theta - lr(i) * (d + weight_decay * theta)
        path.append(theta.reshape(shape))
    return path


def soap(
    theta,
    grads,
    lr,
    b1=0.95,
    b2=0.95,
    shampoo_beta=None,
    eps=1e-8,
    precondition_frequency=10,
    max_precond_dim=10_000,
    weight_decay=0.01,
):
    """Vyas et al. 2024, algorithms 3 and 4; the first step as in the authors' code."""
    beta = b2 if shampoo_beta is None else shampoo_beta
    idle = theta - lr(0) * weight_decay * theta
    if theta.ndim < 2:
        rate = lambda i: lr(i + 1)
        rest = {"b1": b1, "b2": b2, "eps": eps, "weight_decay": weight_decay}
        return [idle, *adam(idle, grads[1:], rate, **rest)]

    axes = [a for a, n in enumerate(theta.shape) if n <= max_precond_dim]
    outer = lambda g, a: unfolded(g, a) @ unfolded(g, a).conj().T
    p = {a: (1 - beta) * outer(grads[0], a) for a in axes}
    q = {a: np.linalg.eigh(p[a])[1][:, ::-1] for a in axes}
    theta, path = idle, [idle]
    m, v = np.zeros_like(theta), np.zeros(theta.shape)
    for t, g in enumerate(grads[1:], 1):
        g_, m = g, b1 * m + (1 - b1) * g
        m_ = m / (1 - b1**t)
        for a in axes:
            g_ = multiplied(g_, q[a].conj().T, a)
            m_ = multiplied(m_, q[a].conj().T, a)
        v = b2 * v + (1 - b2) * np.abs(g_) ** 2
        d = m_ / (np.sqrt(v / (1 - b2**t)) + eps)
        for a in axes:
            d = multiplied(d, q[a], a)
        theta = theta - lr(t) * (d + weight_decay * theta)
        path.append(theta)
        for a in axes:
            p[a] = beta * p[a] + (1 - beta) * outer(g, a)
            if t % precondition_frequency == 0:
                eigenvalues = np.diag(q[a].conj().T @ p[a] @ q[a]).real
                order = np.argsort(eigenvalues)[::-1]
                v = np.take(v, order, a)
                q[a] = np.linalg.qr(p[a] @ q[a][:, order])[0]
    return path


CASES = [
    Case("shampoo", kwargs, shampoo, close=1e-8)
    for kwargs in (
        {},
        {"b1": 0.0, "b2": None, "eps": 0.1, "precondition_frequency": 1},
        {"b1": 0.5, "b2": 0.5, "eps": 0.5, "weight_decay": 0.1},
        {"precondition_frequency": 3, "eps": 0.1},
        {"max_precond_dim": 3, "b2": 0.9},
        {"max_precond_dim": 0, "b2": None},
    )
] + [
    Case("soap", kwargs, soap, close=1e-8)
    for kwargs in (
        {},
        {"precondition_frequency": 1, "b1": 0.5, "b2": 0.9},
        {"precondition_frequency": 3, "shampoo_beta": 0.5, "eps": 0.3},
        {"max_precond_dim": 3, "precondition_frequency": 2},
        {"max_precond_dim": 0, "weight_decay": 0.0},
    )
]
