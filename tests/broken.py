# An optimizer for each line of the contract that does not keep it, and the case.

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
import optax.contrib


class State(NamedTuple):
    count: jax.Array
    mu: dict


def gradient_descent(learning_rate=0.1):
    """Keeps most lines; the others here are it, with one fault each."""

    def update(updates, state, params=None):
        del params
        return jax.tree.map(lambda u: -learning_rate * u, updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def looks_at_values(learning_rate=0.1):
    def init(params):
        total = sum(float(jnp.sum(p)) for p in jax.tree.leaves(params))
        return optax.ScaleState() if total else optax.EmptyState()

    return gradient_descent(learning_rate)._replace(init=init)


def keeps_an_array(learning_rate=0.1):
    """Hands out the same zero with every state: once donated, it is gone."""
    zero = jnp.zeros([])
    return gradient_descent(learning_rate)._replace(init=lambda params: zero)


def starts_from_its_parameters(learning_rate=0.1):
    return gradient_descent(learning_rate)._replace(init=lambda params: params)


def starts_weakly_typed(learning_rate=0.1):
    def update(updates, state, params=None):
        updates, _ = gradient_descent(learning_rate).update(updates, None, params)
        return updates, state + jnp.ones([], state.dtype)

    return optax.GradientTransformation(lambda params: jnp.asarray(0.0), update)


def takes_floats_only(learning_rate=0.1, decay=0.9):
    if not isinstance(decay, float):
        raise TypeError("decay is a float")
    return gradient_descent(learning_rate * (1 - decay))


def calls_its_eps_epsilon(learning_rate=0.1, eps=1e-8):
    if eps < 0:
        raise ValueError("epsilon must be at least 0")
    if not math.isfinite(learning_rate):
        raise ValueError("learning_rate must be finite")
    return gradient_descent(learning_rate * (1 + eps))


def reads_its_decay(learning_rate=0.1, decay=0.9):
    return gradient_descent(learning_rate * (1 - float(decay)))


SEEN = []


def remembers_elsewhere(learning_rate=0.1):
    """Keeps a state that no wrapper sees: every update is longer than the last."""
    rule = gradient_descent(learning_rate)

    def update(updates, state, params=None):
        SEEN.append(None)
        updates = jax.tree.map(lambda u: u * float(len(SEEN)), updates)
        return rule.update(updates, state, params)

    return rule._replace(update=update)


def knows_its_leaves(learning_rate=0.1):
    """Averages w by name, so that nobody can tell what looks like a parameter."""

    def init(params):
        return State(jnp.zeros([], jnp.float32), jnp.zeros_like(params["w"]))

    return gradient_descent(learning_rate)._replace(init=init)


def counts_in_floats(learning_rate=0.1):
    init = lambda params: State(jnp.zeros([], jnp.float32), {})
    return gradient_descent(learning_rate)._replace(init=init)


def refuses_arguments(learning_rate=0.1):
    def update(updates, state, params=None, *, value=None):
        del value
        return gradient_descent(learning_rate).update(updates, state, params)

    return optax.GradientTransformationExtraArgs(
        lambda params: optax.EmptyState(), update
    )


def adds_params_blindly(learning_rate=0.1):
    def update(updates, state, params=None):
        step = lambda u, p: -learning_rate * (u + 0.0 * p)
        return jax.tree.map(step, updates, params), state

    return gradient_descent(learning_rate)._replace(update=update)
