# What frameworks put around their rules in another order than Optax. As of ours, these
# links are handed a factory's hyperparameters, which `scheduled` has evaluated.

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from optax_lab import ewma, precision
from optax_lab.optimizers import common, numerics, sgd
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers


def is_zero(value: Any) -> bool:
    """Whether a number 0 asks for nothing; arrays are not looked at."""
    return isinstance(value, int | float) and value == 0


def ascent(maximize: bool) -> optax.GradientTransformation:
    """Turns gradients around where the objective is to grow."""
    return optax.scale(-1.0) if maximize else optax.identity()


def decoupled(
    learning_rate: Hyper, weight_decay: Hyper | None
) -> optax.GradientTransformation:
    """Returns −ηλθ as the last link: what shrinks parameters before their step.

    It equals PyTorch's order, θ ← θ(1 − ηλ) and then a step that was computed from
    the gradient, as long as the step does not look at θ.
    """
    rate, decay = number(learning_rate), number(weight_decay)
    if decay is None or is_zero(decay):
        return optax.identity()

    def shrink(updates, params):
        numerics.check_params(params, "weight_decay")
        pull = lambda u, p: u - rate * decay * p
        return numerics.like(precision.each(pull, updates, params), updates)

    numerics.check_at_least_0("weight_decay", decay)
    return optax.stateless(shrink)


def after_decay(
    inner: optax.GradientTransformation,
    learning_rate: Hyper,
    weight_decay: Hyper | None,
) -> optax.GradientTransformationExtraArgs:
    """Shrinks parameters first, and shows `inner` what is left: Keras' order.

    θ′ = θₜ₋₁(1 − ηλ), and θₜ = θ′ + the step of `inner` at θ′.
    """
    inner = optax.with_extra_args_support(inner)
    if weight_decay is None or is_zero(weight_decay):
        return inner
    shrink = decoupled(learning_rate, weight_decay)
    arrive = lambda p, m: p if m is None else precision.saturate(p + m)

    def update_fn(updates, state, params=None, **extra_args):
        nothing = precision.each(jnp.zeros_like, updates)
        moves, _ = shrink.update(nothing, optax.EmptyState(), params)
        shrunk = precision.each(arrive, params, moves)
        steps, state = inner.update(updates, state, shrunk, **extra_args)
        return numerics.like(numerics.add(steps, moves), updates), state

    return optax.GradientTransformationExtraArgs(inner.init, update_fn)


def slowed(rate_decay: Hyper) -> optax.GradientTransformation:
    """Divides step t, counted from 0, by 1 + tδ: Adagrad's `lr_decay`."""
    rate_decay = number(rate_decay)
    if is_zero(rate_decay):
        return optax.identity()
    numerics.check_at_least_0("lr_decay", rate_decay)
    return _by_step(lambda t: 1 / (1 + t * rate_decay))


def relative(learning_rate: Hyper) -> optax.GradientTransformation:
    """Multiplies step t by −min(η, 1/√t), t from 1: Adafactor's relative step."""
    learning_rate = number(learning_rate)
    numerics.check_at_least_0("learning_rate", learning_rate)
    return _by_step(lambda t: -jnp.minimum(learning_rate, (t + 1) ** -0.5))


def dampened(dampening: Hyper, momentum: Hyper) -> optax.GradientTransformation:
    """Multiplies all gradients but the first by 1 − τ, where there is a momentum.

    A heavy ball of them starts at its first gradient and takes 1 − τ of each later one.
    """
    dampening, momentum = numbers(dampening, momentum)
    if is_zero(dampening):
        return optax.identity()
    is_whole = lambda t: (t == 0) | (jnp.asarray(momentum) == 0)
    return _by_step(lambda t: jnp.where(is_whole(t), 1.0, 1 - dampening))


def average(decay: Hyper, nesterov: bool) -> optax.GradientTransformation:
    """Averages gradients with the average's bias toward 0, as PyTorch's Muon.

    mₜ = mₜ₋₁ + (1 − β)(gₜ − mₜ₋₁), and the update is mₜ, or (1 − β)gₜ + βmₜ.
    """
    decay = number(decay)
    ewma.check_decay("momentum", decay)

    def init_fn(params):
        return optax.EmaState(count=jnp.zeros([], jnp.int32), ema=ewma.init(params))

    def update_fn(updates, state, params=None):
        del params
        mean = ewma.update(state.ema, updates, decay)
        # Nesterov: the average that the same gradient once more would make of it.
        seen = ewma.update(mean, updates, decay) if nesterov else mean
        count = optax.safe_increment(state.count)
        return numerics.like(ewma.raw(seen), updates), optax.EmaState(count, mean)

    return optax.GradientTransformation(init_fn, update_fn)


heavy_ball = sgd.heavy_ball
learning_rate = common.scale_by_learning_rate
coupled = common.weight_decay


def _by_step(factor: Callable) -> optax.GradientTransformation:
    """Multiplies by a function of the step, counted from 0; None stays None."""

    def init_fn(params):
        del params
        return optax.ScaleByScheduleState(count=jnp.zeros([], jnp.int32))

    def update_fn(updates, state, params=None):
        del params
        with jax.numpy_dtype_promotion("standard"):
            now = factor(state.count)
        scaled = precision.each(lambda u: now * u, updates)
        count = jnp.asarray(optax.safe_increment(state.count))
        return numerics.like(scaled, updates), optax.ScaleByScheduleState(count=count)

    return optax.GradientTransformation(init_fn, update_fn)
