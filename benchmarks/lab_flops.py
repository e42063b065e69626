"""Counts the floating-point operations of the lab's trainings: one way for all.

Nothing heavy is imported here: a process that only starts others need not wait for it.
"""

import itertools
from collections.abc import Sequence

WIDTHS = (40, 200, 200, 200, 200, 200, 10)  # of the lab's network
TRAINED, TESTED = 4000, 1000  # examples in every epoch of the lab's


def flops(trained: int, tested: int, widths: Sequence[int] = WIDTHS) -> int:
    """Counts the floating-point operations of products with kernels.

    Of a trained example: forward, backward to the kernels, and backward to the inputs
    of all layers but the first. Of a tested one: forward. Biases, activations and the
    optimizer are not counted.

    Args:
      trained: how many examples the network is trained on.
      tested: how many it is tested on.
      widths: of the network's layers, inputs and outputs among them.
    """
    sizes = [above * below for above, below in itertools.pairwise(widths)]
    forward = 2 * sum(sizes)
    return trained * (3 * forward - 2 * sizes[0]) + tested * forward


def of_epochs(epochs: int) -> int:
    """Counts those of one training of the lab's, which tests after every epoch."""
    return flops(TRAINED * epochs, TESTED * epochs)
