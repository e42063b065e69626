"""An epoch of the lab's as one writes it in JAX and Optax: one scan over its steps."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax


def epoch_of(apply: Callable, optimizer: optax.GradientTransformation) -> Callable:
    """Makes a pure epoch, to be jitted or scanned.

    It takes (params, state), the training set in batches along a leading axis, and the
    test set; it returns the new (params, state), and ((train loss, train accuracy),
    (test loss, test accuracy)).
    """

    def loss_and_hits(params, batch):
        inputs, labels = batch
        outputs = apply(params, inputs)
        losses = optax.softmax_cross_entropy_with_integer_labels(outputs, labels)
        return losses.mean(), (outputs.argmax(-1) == labels).mean()

    def step(carry, batch):
        params, state = carry
        slope = jax.value_and_grad(loss_and_hits, has_aux=True)
        measured, grad = slope(params, batch)
        updates, state = optimizer.update(grad, state, params)
        return (optax.apply_updates(params, updates), state), measured

    def epoch(carry, batches, test):
        carry, trained = jax.lax.scan(step, carry, batches)
        return carry, (jax.tree.map(jnp.mean, trained), loss_and_hits(carry[0], test))

    return epoch


def data() -> Any:
    """Returns the training set in batches of 100, and the test set, on the device."""
    from optax_lab.problems import digits

    train, test = (tuple(map(jnp.asarray, split)) for split in digits.frozen())
    return jax.tree.map(lambda x: x.reshape(-1, 100, *x.shape[1:]), train), test
