# The tasks of notebook 0: a slope, many slopes at once, and a short descent.

import numpy as np

from optax_lab.checks import diagnosis
from optax_lab.checks.exercise import Exercise, Property, Step, Trial


def slope(f: Step, *, seed: int = 0) -> None:
    """Checks the derivative of the notebook's loss, √(1 + (x − 3)²).

    Args:
      f: `slope(x) -> slope`: takes a number; returns the derivative there.
      seed: of the random points.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(SLOPE, f, seed=seed)


def batched(f: Step, *, seed: int = 0) -> None:
    """Checks the derivatives of the notebook's loss at many points.

    Args:
      f: `batched(xs) -> slopes`: takes an array; returns one of the same shape.
      seed: of the random points.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(BATCHED, f, seed=seed)


def descend(f: Step, *, seed: int = 0) -> None:
    """Checks gradient descent on the notebook's loss.

    Args:
      f: `descend(x, lr, steps) -> x`: takes the start, the learning rate and how many
        steps are taken; returns the last point.
      seed: of the random descents.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(DESCEND, f, seed=seed)


def _slope(x, wrong=()):
    value = np.sqrt(1 + (x - 3) ** 2)
    slope = value if "value" in wrong else (x - 3) / value
    return -slope if "negative" in wrong else slope


def _batched(xs, wrong=()):
    return _slope(xs, wrong) / (len(xs) if "of_the_mean" in wrong else 1)


def _descend(x, lr, steps, wrong=()):
    point = x
    for _ in range(steps - ("too_few" in wrong) + ("too_many" in wrong)):
        step = (1.0 if "no_lr" in wrong else lr) * _slope(point)
        point = point + step if "plus" in wrong else point - step
    return x if "start" in wrong else point


def _draw_points(*shape: int):
    def draw(random: np.random.Generator) -> Trial:
        points = random.uniform(-1, 6, size=(10, *shape))
        return Trial("ten random ones", (), list(points), {})

    return draw


def _draw_descents(random: np.random.Generator) -> Trial:
    drawn = [
        (random.uniform(4, 6), random.uniform(0.05, 0.3), int(random.integers(2, 9)))
        for _ in range(10)
    ]
    return Trial("ten random ones", (), drawn, {})


SLOPE = Exercise(
    name="slope",
    signature="slope(x) -> slope",
    outputs=("slope",),
    call=lambda f, carry, x, hypers, t: f(x),
    kept=0,
    reference=_slope,
    mistakes=("value", "negative"),
    given=("x",),
    by_hand=Trial("the example by hand", (), [np.array(3.75)], {}),
    draw=_draw_points(),
    properties=(
        Property(
            "at the minimum, x = 3, the slope is 0",
            Trial("", (), [np.array(3.0)], {}),
            lambda rows: np.allclose(rows[0][0], 0),
        ),
    ),
)

BATCHED = Exercise(
    name="batched",
    signature="batched(xs) -> slopes",
    outputs=("slopes",),
    call=lambda f, carry, xs, hypers, t: f(xs),
    kept=0,
    reference=_batched,
    mistakes=("value", "negative", "of_the_mean"),
    given=("xs",),
    by_hand=Trial("the example by hand", (), [np.array([3.75, 2.25])], {}),
    draw=_draw_points(5),
    properties=(
        Property(
            "one point alone is a batch too",
            Trial("", (), [np.array([3.75])], {}),
            lambda rows: np.allclose(rows[0][0], 0.6),
        ),
    ),
)

DESCEND = Exercise(
    name="descend",
    signature="descend(x, lr, steps) -> x",
    outputs=("x",),
    call=lambda f, carry, given, hypers, t: f(*given),
    kept=0,
    reference=_descend,
    mistakes=("plus", "start", "too_few", "too_many", "no_lr"),
    given=("x", "lr", "steps"),
    by_hand=Trial("the example by hand", (), [(3.75, 0.5, 1)], {}),
    draw=_draw_descents,
    properties=(
        Property(
            "with lr = 0 it stays where it is",
            Trial("", (), [(5.0, 0.0, 3)], {}),
            lambda rows: np.allclose(rows[0][0], 5),
        ),
        Property(
            "with steps = 0 it stays where it is",
            Trial("", (), [(5.0, 0.5, 0)], {}),
            lambda rows: np.allclose(rows[0][0], 5),
        ),
        Property(
            "a hundred steps of 0.5 lead to the minimum, x = 3",
            Trial("", (), [(5.0, 0.5, 100)], {}),
            lambda rows: np.allclose(rows[0][0], 3, atol=1e-3),
        ),
    ),
)
