# Rules of PyTorch that Optax lacks, or gets wrong: step sizes by sign, averaged SGD.

from typing import NamedTuple

import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Int, PyTree

from optax_lab import ewma, precision
from optax_lab.optimizers import numerics


class RpropState(NamedTuple):
    """Holds the last gradient, 0 where it turned, and every element's step size."""

    prev: PyTree
    step_size: PyTree


def rprop(
    learning_rate: ArrayLike,
    etas: tuple[ArrayLike, ArrayLike],
    step_sizes: tuple[ArrayLike, ArrayLike],
) -> optax.GradientTransformation:
    """Steps by sign; the step grows while the sign stays, and shrinks where it turns.

    Where gₜgₜ₋₁ > 0, Δₜ = min(η⁺Δₜ₋₁, Δ_max); where it is below 0,
    Δₜ = max(η⁻Δₜ₋₁, Δ_min), and gₜ is taken for 0. The update is −sign(gₜ)Δₜ.

    Args:
      learning_rate: Δ₀.
      etas: η⁻ in (0, 1) and η⁺ > 1.
      step_sizes: Δ_min and Δ_max.

    Source: Riedmiller & Braun 1993, "A direct adaptive method for faster
    backpropagation learning: the RPROP algorithm".
    """
    numerics.check_at_least_0("lr", learning_rate)
    shrink, grow = etas
    if (
        isinstance(shrink, int | float)
        and isinstance(grow, int | float)
        and not 0 < shrink < 1 < grow
    ):
        raise ValueError(f"etas must be in (0, 1) and above 1, got {etas}")

    def init_fn(params):
        zeros = precision.store(precision.each(jnp.zeros_like, params), params)
        full = precision.each(lambda p: jnp.full_like(p, learning_rate), params)
        return RpropState(zeros, precision.store(full, params))

    def update_fn(updates, state, params=None):
        del params
        turn = lambda old, g: None if g is None else jnp.sign(g * old)
        turns = precision.each(turn, state.prev, updates)

        def resize(size, turn):
            if turn is None:
                return size
            factor = jnp.where(turn > 0, grow, jnp.where(turn < 0, shrink, 1))
            return jnp.clip(size * factor, *step_sizes)

        sizes = precision.each(resize, state.step_size, turns)
        keep = lambda g, turn: jnp.where(turn < 0, 0, g)
        kept = precision.each(keep, updates, turns)
        moves = precision.each(lambda g, size: -jnp.sign(g) * size, kept, sizes)
        prev = precision.each(lambda old, g: old if g is None else g, state.prev, kept)
        state = RpropState(
            precision.store(prev, state.prev), precision.store(sizes, state.step_size)
        )
        return numerics.like(moves, updates), state

    return optax.GradientTransformation(init_fn, update_fn)


class AsgdState(NamedTuple):
    """Holds the next step's rate η and averaging rate μ, and the average iterate."""

    step: Int[Array, ""]
    eta: Array
    mu: Array
    ax: PyTree


def asgd(
    learning_rate: ArrayLike, lambd: ArrayLike, alpha: ArrayLike, t0: ArrayLike
) -> optax.GradientTransformation:
    """Descends with a falling rate, and averages the parameters from step t₀ on.

    θₜ = θₜ₋₁ − ηₜ₋₁(gₜ + λθₜ₋₁),  aₜ = aₜ₋₁ + μₜ₋₁(θₜ − aₜ₋₁),
    ηₜ = lr/(1 + λ·lr·t)^α,  μₜ = 1/max(1, t − t₀). The update is θₜ − θₜ₋₁: a is what
    is to be judged, and nothing depends on it. A schedule arrives a step late.

    Args:
      learning_rate: lr.
      lambd: λ ≥ 0, both a decay and how soon the rate falls.
      alpha: α.
      t0: t₀.

    Source: Polyak & Juditsky 1992, doi:10.1137/0330046; Xu 2011, arXiv:1107.2490.
    """
    numerics.check_at_least_0("lr", learning_rate)
    numerics.check_at_least_0("lambd", lambd)

    def init_fn(params):
        ax = ewma.init(params)
        scalar = lambda value: jnp.asarray(value, ax.weight.dtype)
        step = jnp.zeros([], jnp.int32)
        return AsgdState(step, scalar(learning_rate), scalar(1.0), ax.average)

    def update_fn(updates, state, params=None):
        numerics.check_params(params, "ASGD")
        move = lambda g, p: -state.eta * (g + lambd * p)
        moves = precision.each(move, updates, params)
        arrive = lambda p, u: p if u is None else p + u
        arrived = precision.each(arrive, params, moves)
        average = ewma.Ewma(state.ax, jnp.ones_like(state.mu))
        average = ewma.update(average, arrived, 1 - state.mu)
        step = jnp.asarray(optax.safe_increment(state.step))
        fall = lambda t: learning_rate / (1 + lambd * learning_rate * t) ** alpha
        weigh = lambda t: 1 / jnp.maximum(1, t - t0)
        t = jnp.asarray(step, state.eta.dtype)
        eta, mu = (precision.each(f, t).astype(t.dtype) for f in (fall, weigh))
        return numerics.like(moves, updates), AsgdState(step, eta, mu, average.average)

    return optax.GradientTransformation(init_fn, update_fn)
