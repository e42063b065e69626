# The links that the named optimizers chain around their rules, and hand their own
# hyperparameters: `scheduled` has evaluated those.

from collections.abc import Callable
from typing import Any

import optax
from jaxtyping import PyTree

from optax_lab.transforms import momentum, numerics, scaling
from optax_lab.transforms.scheduling import Hyper, number

learning_rate = scaling.scale_by_learning_rate


def weight_decay(
    rate: Hyper | None, mask: PyTree | Callable[..., Any] | None = None
) -> optax.GradientTransformation:
    """Returns weight decay, or a link that does nothing where `rate` is None or 0."""
    return scaling.weight_decay(number(rate), mask)


def heavy_ball(
    decay: Hyper | None,
    nesterov: bool,
    accumulator_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformation:
    """Returns the heavy ball, or a link that does nothing where `decay` is None."""
    decay = number(decay)
    if decay is None:
        return optax.identity()
    numerics.check_at_least_0("momentum", decay)
    return momentum.trace(decay, nesterov, accumulator_dtype, rounding=rounding)
