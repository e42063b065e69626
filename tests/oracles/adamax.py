# The average of gradients over a maximum.

import numpy as np

from tests.oracles import Case


def amsgrad(
    theta,
    grads,
    lr,
    b1=0.9,
    b2=0.999,
    eps=1e-8,
    eps_root=0.0,
    bias_correction_mu=True,
    bias_correction_nu=True,
):
    """Reddi et al. 2018, algorithm 2, with Adam's bias corrections where asked for."""
    path = []
    m, v, v_max = np.zeros_like(theta), np.zeros(theta.shape), np.zeros(theta.shape)
    for i, g in enumerate(grads):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * np.abs(g) ** 2
        m_hat = m / (1 - b1 ** (i + 1)) if bias_correction_mu else m
        v_hat = v / (1 - b2 ** (i + 1)) if bias_correction_nu else v
        v_max = np.where(v_hat > v_max, v_hat, v_max)
        theta = theta - lr(i) * m_hat / (np.sqrt(v_max + eps_root) + eps)
        path.append(theta)
    return path


def adamax(theta, grads, lr, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0):
    """Kingma & Ba 2014, algorithm 2, with eps beside the new gradient's size."""
    path = []
    m, u = np.zeros_like(theta), np.zeros(theta.shape)
    for i, g in enumerate(grads):
        m = b1 * m + (1 - b1) * g
        size, faded = np.abs(g) + eps, b2 * u
        u = np.where(size > faded, size, faded)
        d = m / ((1 - b1 ** (i + 1)) * u)
        theta = theta - lr(i) * (d + weight_decay * theta)
        path.append(theta)
    return path


def adamaxw(theta, grads, lr, weight_decay=1e-4, **kwargs):
    """Loshchilov & Hutter 2017: the decay beside the step, with ηλ for its rate."""
    return adamax(theta, grads, lr, weight_decay=weight_decay, **kwargs)


RAW_MU, RAW_NU = {"bias_correction_mu": False}, {"bias_correction_nu": False}
CASES = [
    *(
        Case("amsgrad", kwargs, amsgrad, True)
        for kwargs in (
            {},
            {"b1": 0.5, "b2": 0.6, "eps": 0.1},
            {"b2": 0.9, "eps": 0.0, "eps_root": 0.1},
            {"b2": 0.99} | RAW_MU,
            {"b2": 0.99, "eps_root": 0.01} | RAW_NU,
            {"b1": 0.8, "b2": 0.7} | RAW_MU | RAW_NU,
        )
    ),
    Case("adamax", {}, adamax, True),
    Case("adamax", {"b1": 0.5, "b2": 0.7, "eps": 0.3}, adamax, True),
    Case("adamax", {"b2": 0.9, "eps": 0.0}, adamax, True),
    Case("adamaxw", {}, adamaxw, True),
    Case("adamaxw", {"b1": 0.8, "b2": 0.6, "weight_decay": 0.1}, adamaxw, True),
]
