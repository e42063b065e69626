# Descent along the gradient, a sum of gradients, or their average.

import numpy as np

from tests.oracles import Case


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


CASES = [
    Case("sgd", {}, sgd, True),
    Case("sgd", {"momentum": 0.9}, sgd, True),
    Case("sgd", {"momentum": 0.9, "nesterov": True}, sgd, True),
    Case("momentum", {}, momentum),
    Case("momentum", {"decay": 0.99, "debias": True}, momentum),
    Case("momentum", {"weight_decay": 0.1}, momentum),
]
