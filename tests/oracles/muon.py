# Descent along the average of gradients, made orthogonal.

import jax
import numpy as np
from optax.contrib import MuonDimensionNumbers

from tests.oracles import Case
from tests.oracles.adam import adam

STANDARD = (3.4445, -4.7750, 2.0315)
# Ahn et al. 2025, arXiv:2504.05295, appendix (Dion's Newton-Schulz).
DION = [
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
]


def newton_schulz(x, rows):
    """Jordan 2024: an odd polynomial of a matrix is one of its singular values."""
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    for a, b, c in rows:
        s = a * s + b * s**3 + c * s**5
    return (u * s) @ vh


def preconditioned(x, name, eps):
    """Boissin et al. 2025, section 3; Grishina et al. 2025; Optax's places of ε."""
    s = np.linalg.svd(x, compute_uv=False)
    if name == "frobenius":
        return x / (np.sqrt(np.sum(s**2)) + eps)
    if name == "spectral":
        return x / (np.max(s) + eps)
    if name == "schatten":
        return x / np.sqrt(max(np.sqrt(np.sum(s**4)), eps))
    rows = np.abs(x @ x.conj().T).sum(1)
    return x / np.sqrt(np.maximum(rows, eps))[:, None]


def polar(x, ns_coeffs, ns_steps, preconditioning, eps):
    if isinstance(ns_coeffs, str):
        ns_coeffs = {"standard": STANDARD, "dion": DION}[ns_coeffs]
    rows = [ns_coeffs] * ns_steps if np.ndim(ns_coeffs) == 1 else ns_coeffs
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = newton_schulz(preconditioned(x, preconditioning, eps), rows)
    return x.T if tall else x


def muon(
    theta,
    grads,
    lr,
    ns_coeffs=STANDARD,
    ns_steps=5,
    beta=0.95,
    eps=1e-8,
    weight_decay=0.0,
    nesterov=True,
    adaptive=False,
    preconditioning="frobenius",
    adam_b1=0.9,
    adam_b2=0.999,
    adam_eps_root=0.0,
    adam_weight_decay=0.0,
    adam_learning_rate=None,
    muon_weight_dimension_numbers=None,
    consistent_rms=None,
):
    """Jordan 2024, with Dozat's Nesterov; Liu et al. 2025 (consistent_rms)."""
    if theta.ndim != 2:
        rate = lr if adam_learning_rate is None else lambda t: adam_learning_rate
        return adam(
            theta,
            grads,
            rate,
            b1=adam_b1,
            b2=adam_b2,
            eps=eps,
            eps_root=adam_eps_root,
            nesterov=nesterov,
            weight_decay=adam_weight_decay,
        )
    turned = muon_weight_dimension_numbers is not None  # then axis 1 is reduced
    path, m = [], np.zeros_like(theta)
    for i, g in enumerate(grads):
        t = i + 1
        m = beta * m + (1 - beta) * g
        x = m / (1 - beta**t)
        if nesterov:
            x = beta * m / (1 - beta ** (t + 1)) + (1 - beta) * g / (1 - beta**t)
        x = x.T if turned else x
        o = polar(x, ns_coeffs, ns_steps, preconditioning, eps)
        if adaptive:
            o = np.real(np.vdot(x, o)) * o
        inputs, outputs = x.shape
        scale = np.sqrt(max(1, outputs / inputs))
        if consistent_rms is not None:
            scale = consistent_rms * np.sqrt(max(inputs, outputs))
        o = o.T if turned else o
        theta = theta - lr(i) * (scale * o + weight_decay * theta)
        path.append(theta)
    return path


def turned(params):
    axes = lambda x: MuonDimensionNumbers(1, 0) if x.ndim == 2 else None
    return jax.tree.map(axes, params)


CASES = [
    Case("muon", kwargs, muon, True, close=1e-10)
    for kwargs in (
        {},
        {"nesterov": False, "beta": 0.5, "ns_steps": 3},
        {"adaptive": True, "eps": 0.3, "weight_decay": 0.1},
        {"preconditioning": "spectral", "eps": 0.3},
        {"preconditioning": "schatten", "ns_steps": 2},
        {"preconditioning": "aol", "ns_steps": 2},
        {"consistent_rms": 0.2},
        {"ns_coeffs": "dion", "eps": 0.3},
        {"muon_weight_dimension_numbers": turned, "weight_decay": 0.1},
        {
            "adam_b1": 0.5,
            "adam_b2": 0.9,
            "adam_eps_root": 0.1,
            "adam_weight_decay": 0.1,
            "adam_learning_rate": 0.01,
        },
    )
] + [
    # Optax takes 1e-8 for ε here, whatever it is given.
    Case("muon", {"preconditioning": name, "eps": 3.0}, muon, close=1e-10)
    for name in ("schatten", "aol")
]
