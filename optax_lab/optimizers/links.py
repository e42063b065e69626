# The links that the named optimizers chain around their rules.

from typing import Any

import optax
from jax.typing import ArrayLike

from optax_lab.transforms import momentum, scaling

learning_rate = scaling.scale_by_learning_rate


def heavy_ball(
    decay: ArrayLike | None, nesterov: bool = False, accumulator_dtype: Any = None
) -> optax.GradientTransformation:
    """Returns the heavy ball, or a link that does nothing where `decay` is None."""
    if decay is None:
        return optax.identity()
    return momentum.trace(decay, nesterov, accumulator_dtype)


def weight_decay(
    rate: ArrayLike | None, mask: Any = None
) -> optax.GradientTransformation:
    """Returns weight decay, or a link that does nothing where `rate` is None or 0.

    Nothing is what a number 0 asks for, and then `params` are not needed.
    """
    if rate is None or (isinstance(rate, int | float) and rate == 0):
        return optax.identity()
    return scaling.add_decayed_weights(rate, mask)
