# Step lengths from an estimate of the distance to the solution.

import numpy as np

from tests.oracles import Case


def prodigy(
    leaves,
    series,
    lr,
    betas=(0.9, 0.999),
    beta3=None,
    eps=1e-8,
    estim_lr0=1e-6,
    estim_lr_coef=1.0,
    weight_decay=0.0,
    safeguard_warmup=False,
    bias_correction=True,
):
    """Mishchenko & Defazio 2023, algorithm 4, with the options of the authors' code.

    `series` holds a list of the leaves' gradients for every step. The code's extras are
    `bias_correction` (off in the paper), the decoupled decay, and the new d beside ε.
    """
    b1, b2 = betas
    b3 = np.sqrt(b2) if beta3 is None else beta3
    x0 = x = leaves
    m = [0.0 * leaf for leaf in leaves]
    v = [0.0 * np.abs(leaf) for leaf in leaves]
    s = [0.0 * leaf for leaf in leaves]
    r, d, path = 0.0, estim_lr0, []
    for i, g in enumerate(series):
        rate = d * lr(i)
        if bias_correction:
            rate = rate * np.sqrt(1 - b2 ** (i + 1)) / (1 - b1 ** (i + 1))
        weight = d * d if safeguard_warmup else d * rate
        product = 0.0
        for k in range(len(x)):
            m[k] = b1 * m[k] + (1 - b1) * d * g[k]
            v[k] = b2 * v[k] + (1 - b2) * d**2 * np.abs(g[k]) ** 2
            s[k] = b3 * s[k] + (1 - b3) * weight * g[k]
            apart = x0[k] - x[k]
            product += np.sum(g[k].real * apart.real + g[k].imag * apart.imag)
        r = b3 * r + (1 - b3) * d * rate * product
        d = max(d, estim_lr_coef * r / sum(np.sum(np.abs(leaf)) for leaf in s))
        x = [
            x[k] - rate * (m[k] / (np.sqrt(v[k]) + d * eps) + weight_decay * x[k])
            for k in range(len(x))
        ]
        path.append(x)
    return path


# Random gradients show no distance; a large coefficient makes d grow all the same.
CASES = [
    Case("prodigy", {"estim_lr0": 0.1} | kwargs, prodigy, optax, whole=True)
    for kwargs, optax in (
        ({"estim_lr0": 1e-6}, True),
        ({"estim_lr_coef": 300.0, "betas": (0.6, 0.8), "eps": 0.3}, True),
        ({"estim_lr_coef": 20.0, "beta3": 0.5, "weight_decay": 0.5}, True),
        ({"estim_lr_coef": 3e3, "safeguard_warmup": True, "beta3": 0.3}, True),
        ({"estim_lr_coef": 30.0, "bias_correction": False, "beta3": 0.7}, None),
    )
]
