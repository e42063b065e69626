# The tasks of notebook 4: another view of a function, a stop rule, an error bar.

import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from optax_lab.checks import diagnosis
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


def has_converged(f: Step, *, seed: int = 0) -> None:
    """Checks a stop rule: whether a gradient is at most as long as a tolerance.

    Args:
      f: `has_converged(gradient, tolerance) -> bool`: False where the length is NaN.
      seed: of the random gradients.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(HAS_CONVERGED, f, seed=seed)


def paired_interval(f: Step, *, seed: int = 0) -> None:
    """Checks the 95 % t-interval of a mean paired difference.

    Args:
      f: `paired_interval(a, b) -> (low, high)`: takes what two optimizers reached with
        the same seeds, in the same order; returns the interval of the mean of a − b.
      seed: of the random runs.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(PAIRED_INTERVAL, f, seed=seed)


# --- A function, turned ---------------------------------------------------------------


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
    value = turned(point)
    try:
        jax.eval_shape(turned, point)
    except jax.errors.JAXTypeError as error:
        raise CheckFailed(
            "✗ rotated: JAX cannot trace the function that it returns, and takes no\n"
            "  gradient of it.\n"
            "  Hint: does it compute with np or math where a point comes in? Take jnp."
        ) from error
    return value


def _rotated(f, degrees, wrong=()):
    angle = degrees if "radians" in wrong else math.radians(degrees)
    angle = -angle if "turned_back" in wrong else angle
    cos, sin = math.cos(angle), math.sin(angle)

    def turned(point):
        x, y = point
        new_x = x if "only_y" in wrong else cos * x + sin * y
        x = new_x if "overwritten" in wrong else x
        down = sin if "no_minus" in wrong else -sin
        new_y = y if "only_x" in wrong else down * x + cos * y
        return f(jnp.stack([new_x, new_y]))

    return turned


def _draw_turns(random: np.random.Generator) -> Trial:
    points = random.uniform(-2, 2, size=(10, 2))
    angles = random.uniform(15, 75, size=10) + random.choice([0, 90, 180], size=10)
    turns = [(p, float(a)) for p, a in zip(points, angles, strict=True)]
    return Trial("ten random ones", (), turns, {})


def _as_before(rows) -> bool:
    return np.allclose(rows[0][0], 65) and np.allclose(rows[1][0], 65, rtol=1e-4)


ROTATED = Exercise(
    name="rotated",
    signature="rotated(f, degrees) -> function of a point",
    outputs=("value",),
    call=_turn,
    kept=0,
    reference=_rotated,
    mistakes=("turned_back", "radians", "only_x", "only_y", "overwritten", "no_minus"),
    by_hand=Trial(
        "the example by hand, (x + 4)² + 10y² turned by 90° at (1, 2),",
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


# --- A stop rule ----------------------------------------------------------------------


def _has_converged(gradient, tolerance, wrong=()):
    g = np.asarray(gradient)
    if "signed" in wrong:
        small = np.all(g <= tolerance)
    elif "signed_sum" in wrong:
        small = np.sum(g) <= tolerance
    elif "each_alone" in wrong:
        small = np.all(np.abs(g) <= tolerance)
    elif "any_small" in wrong:
        small = np.any(np.abs(g) <= tolerance)
    elif "squared" in wrong:
        small = np.sum(g**2) <= tolerance
    else:
        small = np.linalg.norm(g) <= tolerance
    if "nan_converged" in wrong:
        small = small or np.isnan(np.sum(g))
    return not small if "negated" in wrong else bool(small)


# Gradients in units of the tolerance. The mistakes differ from the rule, and from each
# other, somewhere among them.
_GRADIENTS = (
    (0.1, 0.3, -0.5),
    (0.4, -0.2, 0.6),
    (-3.0, -2.0, -4.0),  # long, and every coordinate below the tolerance
    (-5.0, 3.0, 0.5),  # long, and with a negative sum
    (2.0, 3.0, 4.0),
    (0.8, -0.7, 0.9),  # each coordinate is small enough, all together are not
    (0.1, 6.0, 0.2),  # two are small, one is not
    (0.5, 0.5, 0.5),  # short, with a sum above the tolerance
    (math.nan, 0.1, -0.2),
    (math.inf, 0.1, 0.2),
)


def _draw_gradients(random: np.random.Generator) -> Trial:
    tolerances = 10.0 ** random.choice([-3, -2, -1.5, 0.5, 1, 2], size=10)
    tolerances[:2] = 1e-3, 10.0  # so that squares are told from lengths in both ways
    cases = [
        (t * random.uniform(0.9, 1.1) * random.permutation(np.array(g)), float(t))
        for g, t in zip(_GRADIENTS, tolerances, strict=True)
    ]
    return Trial("ten random ones", (), cases, {})


HAS_CONVERGED = Exercise(
    name="has_converged",
    signature="has_converged(gradient, tolerance) -> bool",
    outputs=("converged",),
    call=lambda f, carry, given, hypers, t: f(*given),
    kept=0,
    reference=_has_converged,
    mistakes=(
        "nan_converged",
        "signed",
        "signed_sum",
        "each_alone",
        "any_small",
        "squared",
        "negated",
    ),
    by_hand=Trial(
        "the example by hand, (-3, -4) against 1,",
        (),
        [(np.array([-3.0, -4.0]), 1.0)],
        {},
    ),
    draw=_draw_gradients,
    properties=(
        Property(
            "a gradient of 0 has converged, in any shape",
            Trial("", (), [(np.zeros(2), 1e-6), (np.zeros(7), 1e-6)], {}),
            lambda rows: all(bool(row[0]) for row in rows),
        ),
        Property(
            "a gradient that is NaN has not converged, however large the tolerance",
            Trial("", (), [(np.full(2, math.nan), 1e6)], {}),
            lambda rows: not rows[0][0],
        ),
    ),
)


# --- An interval ----------------------------------------------------------------------


def _paired_interval(a, b, wrong=()):
    a, b = np.asarray(a, float), np.asarray(b, float)
    n, ddof = len(a), 0 if "ddof" in wrong else 1
    differences = b - a if "exchanged" in wrong else a - b
    degrees = n if "degrees_n" in wrong else n - 1
    if "unpaired" in wrong:
        variance, degrees = a.var(ddof=ddof) + b.var(ddof=ddof), 2 * n - 2
    else:
        variance = differences.var(ddof=ddof)
    share = 0.95 if "one_sided" in wrong else 0.975
    width = 1.96 if "normal" in wrong else stats.t.ppf(share, degrees)
    over = 1 if "no_root_n" in wrong else n if "over_n" in wrong else math.sqrt(n)
    half = width * math.sqrt(variance) / over
    return differences.mean() - half, differences.mean() + half


def _draw_runs(random: np.random.Generator) -> Trial:
    cases = []
    for n in range(3, 13):
        luck = random.normal(70, 2, size=n)  # of a seed, the same for both
        a, b = (luck + random.normal(size=n) + x for x in (1.5, 0))
        cases.append((a, b))
    return Trial("ten random ones", (), cases, {})


def _same_luck(rows) -> bool:
    return np.allclose(rows[0], [2, 2], rtol=1e-4, atol=1e-4)


def _a_study(*luck: int):
    gains = np.array([1.0, 3.0, 2.0, 4.0])
    return gains + np.array(luck), np.array(luck)


PAIRED_INTERVAL = Exercise(
    name="paired_interval",
    signature="paired_interval(a, b) -> (low, high)",
    outputs=("low", "high"),
    call=lambda f, carry, given, hypers, t: f(*given),
    kept=0,
    reference=_paired_interval,
    mistakes=(
        "ddof",
        "no_root_n",
        "over_n",
        "unpaired",
        "normal",
        "one_sided",
        "degrees_n",
        "exchanged",
    ),
    by_hand=Trial(
        "the example by hand, (2, 4, 6) and (1, 2, 3),",
        (),
        [(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]))],
        {},
    ),
    draw=_draw_runs,
    properties=(
        Property(
            "where all differences are 2, so are both ends",
            Trial("", (), [(np.array([3.0, 7.0, 5.0]), np.array([1.0, 5.0, 3.0]))], {}),
            _same_luck,
        ),
        Property(
            "what both share, such as a lucky seed, changes nothing",
            Trial("", (), [_a_study(0, 0, 0, 0), _a_study(10, -20, 40, 5)], {}),
            lambda rows: np.allclose(rows[0], rows[1], rtol=1e-3),
        ),
    ),
)
