# Averages of the parameters, which any optimizer can carry along.

import numpy as np

import optax_lab
from tests.oracles import Case


def lookahead(theta, grads, lr, k, alpha, decay=0.7, reset_state=False):
    """Zhang et al. 2019, algorithm 1, over the heavy ball: θ after every fast step.

    The outer loop's step comes with the k-th of the inner one, which is so recorded
    where the next inner loop starts. `reset_state` also restarts the fast schedule.
    """
    path = []
    slow, fast, v = theta, theta, np.zeros_like(theta)
    for t, g in enumerate(grads):
        v = decay * v + g
        fast = fast - lr(t % k if reset_state else t) * v
        if (t + 1) % k == 0:
            slow = slow + alpha * (fast - slow)
            fast = slow
            if reset_state:
                v = np.zeros_like(theta)
        path.append(fast)
    return path


def over_momentum(rate, k, alpha, decay=0.7, reset_state=False):
    return optax_lab.lookahead(optax_lab.sgd(rate, decay), k, alpha, reset_state)


CASES = [
    Case("lookahead", kwargs, lookahead, make=over_momentum)
    for kwargs in (
        {"k": 3, "alpha": 0.5},
        {"k": 5, "alpha": 0.8},
        {"k": 1, "alpha": 0.3},
        {"k": 2, "alpha": 0.7, "reset_state": True},
    )
]
