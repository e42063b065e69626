# The links that the named optimizers chain around their rules.

from typing import Any

import optax
from jax.typing import ArrayLike

from optax_lab.transforms import momentum, numerics, scaling

learning_rate = scaling.scale_by_learning_rate
weight_decay = scaling.weight_decay


def heavy_ball(
    decay: ArrayLike | None,
    nesterov: bool,
    accumulator_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformation:
    """Returns the heavy ball, or a link that does nothing where `decay` is None."""
    if decay is None:
        return optax.identity()
    numerics.check_at_least_0("momentum", decay)
    return momentum.trace(decay, nesterov, accumulator_dtype, rounding=rounding)
