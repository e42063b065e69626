# Steps divided by a running estimate of the Hessian's diagonal.

import jax
import jax.numpy as jnp
import numpy as np
import optax

import optax_lab
from tests.oracles import Case


def objective(params):
    """Has a diagonal Hessian, of which random signs make no estimate but itself."""
    return sum(jnp.sum(jnp.cos(2 * jnp.real(x))) for x in jax.tree.leaves(params))


def sophia(
    theta,
    grads,
    lr,
    b1=0.965,
    b2=0.99,
    eps=1e-8,
    weight_decay=1e-4,
    gamma=0.01,
    clip_threshold=1.0,
    update_interval=10,
):
    """Liu et al. 2023, algorithm 3, with Optax's two changes, on `objective`.

    m is debiased, and the estimate of a step serves from the next step on.
    """
    path = []
    m, h = np.zeros_like(theta), np.zeros(theta.shape)
    for t, g in enumerate(grads):
        m = b1 * m + (1 - b1) * g
        u = m / (1 - b1 ** (t + 1)) / np.maximum(gamma * h, eps)
        if clip_threshold is not None:
            u = u / np.maximum(np.abs(u) / clip_threshold, 1)
        if t % update_interval == 0:
            h = b2 * h + (1 - b2) * -4 * np.cos(2 * theta.real)
        theta = theta - lr(t) * weight_decay * theta - lr(t) * u
        path.append(theta)
    return path


def told(optimizer):
    """Hands `objective` to an optimizer as its `obj_fn`, and compiles a step once."""

    @jax.jit
    def update_fn(updates, state, params=None):
        return optimizer.update(updates, state, params, obj_fn=objective)

    return optax.GradientTransformation(optimizer.init, update_fn)


def ours(rate, **kwargs):
    estimate = optax_lab.hutchinson_estimator_diag_hessian()
    return told(optax_lab.sophia(rate, hessian_diagonal_fn=estimate, **kwargs))


def optaxs(rate, **kwargs):
    return told(optax.contrib.sophia(rate, **kwargs))


CASES = [
    Case("sophia", kwargs, sophia, optaxs, make=ours)
    for kwargs in (
        {"b1": 0.6, "b2": 0.5, "gamma": 2.0, "eps": 0.3, "update_interval": 3},
        {},
        {"gamma": 3.0, "eps": 0.5, "clip_threshold": 0.4, "weight_decay": 0.5},
        {
            "b1": 0.7,
            "b2": 0.4,
            "eps": 0.7,
            "gamma": 0.5,
            "clip_threshold": None,
            "update_interval": 2,
        },
    )
]
