# A task of notebook 4: another view of a function of the plane.

import math

import jax
import jax.numpy as jnp
import numpy as np

from optax_lab.checks import calls, diagnosis
from optax_lab.checks.exercise import Exercise, Property, Step, Trial
from optax_lab.checks.failure import CheckFailed


def rotated(f: Step, *, seed: int = 0) -> None:
    """Checks what turns a function of the plane about the origin, counterclockwise.

    Args:
      f: `rotated(f, degrees) -> function`: takes a function of a point, an array of two
        numbers, and an angle in degrees; returns the turned function.
      seed: of the random points and angles.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(ROTATED, f, seed=seed)


def _tried_on(point):
    """Is the function that is turned; nowhere 0 or symmetric where it is tried."""
    return (point[0] + 4) ** 2 + 10 * point[1] ** 2


def _turn(f: Step, carry, observation, hypers, t):
    point, degrees = jnp.asarray(observation[0]), observation[1]
    turned = f(_tried_on, degrees)
    if not callable(turned):
        raise CheckFailed(
            f"✗ rotated: it should return a function, got {type(turned).__name__}.\n"
            "  Hint: write a function inside of it, and return that one's name."
        )
    calls.fits("the function that is returned", "function(point)", turned, 1)
    value = turned(point)
    try:
        jax.eval_shape(turned, point)
    except jax.errors.JAXTypeError as error:
        raise CheckFailed(
            "✗ rotated: JAX cannot trace the function that it returns, and takes no\n"
            "  gradient of it.\n"
            "  Hint: where a point comes in, it takes jnp: no np, no math, and no `if`."
        ) from error
    return value


def _rotated(f, degrees, wrong=()):
    angle = degrees if "radians" in wrong else math.radians(degrees)
    angle = -angle if "turned_back" in wrong else angle
    cos, sin = math.cos(angle), math.sin(angle)

    def turned(point):
        x, y = point
        up = -sin if "two_minus" in wrong else sin
        new_x = x if "only_y" in wrong else cos * x + up * y
        x = new_x if "overwritten" in wrong else x
        down = sin if "no_minus" in wrong else -sin
        new_y = y if "only_x" in wrong else down * x + cos * y
        return f(jnp.stack([new_x, new_y]))

    return turned


def _draw_turns(random: np.random.Generator) -> Trial:
    points = random.uniform(-2, 2, size=(10, 2))
    angles = random.uniform(15, 75, size=10) + random.choice([0, 90, 180], size=10)
    turns = [(p, float(a)) for p, a in zip(points, angles, strict=True)]
    return Trial("ten random turns of (x + 4)² + 10y²", (), turns, {})


def _as_before(rows) -> bool:
    return np.allclose(rows[0][0], 65) and np.allclose(rows[1][0], 65, rtol=1e-4)


ROTATED = Exercise(
    name="rotated",
    signature="rotated(f, degrees) -> function of a point",
    outputs=("value",),
    call=_turn,
    kept=0,
    reference=_rotated,
    mistakes=(
        "turned_back",
        "radians",
        "only_x",
        "only_y",
        "overwritten",
        "no_minus",
        "two_minus",
    ),
    given=("point", "degrees"),
    by_hand=Trial(
        "the example by hand, a turn of (x + 4)² + 10y²,",
        (),
        [(np.array([1.0, 2.0]), 90.0)],
        {},
    ),
    draw=_draw_turns,
    properties=(
        Property(
            "turned by 0° or by 360° it is the function that it was",
            Trial("", (), [(np.array([1.0, 2.0]), a) for a in (0.0, 360.0)], {}),
            _as_before,
        ),
    ),
)
