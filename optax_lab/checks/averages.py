# The task of the first notebook: one step of a moving average and of its correction.

import numpy as np

from optax_lab.checks import diagnosis
from optax_lab.checks.exercise import Exercise, Property, Step, Trial


def moving_average(f: Step, *, seed: int = 0) -> None:
    """Checks one step of an exponentially weighted moving average.

    Args:
      f: `moving_average(s, y, rho, t) -> (s, s_corrected)`: takes the average before
        this step, the new value, ρ and the number of this step, which is 1 at first;
        returns the average after it, and the same without its bias toward 0.
      seed: of the random steps.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(MOVING_AVERAGE, f, seed=seed)


def _reference(s, y, rho, t, wrong=()):
    rho = 1 - rho if "other_rho" in wrong else rho
    kept, new = (1 - rho, rho) if "swapped" in wrong else (rho, 1 - rho)
    s = kept * s + (1.0 if "no_weight" in wrong else new) * y
    weight = 1 - rho if "other_power" in wrong else rho
    power = weight ** (t - ("early" in wrong) + ("late" in wrong))
    missing = 1 + power if "plus_power" in wrong else np.subtract(1, power)
    corrected = s if "no_correction" in wrong else s / missing
    s = corrected if "fed_back" in wrong else s
    return (corrected, s) if "order" in wrong else (s, corrected)


def _draw(random: np.random.Generator) -> Trial:
    hypers = {"rho": random.uniform(0.6, 0.9)}
    return Trial(
        "ten random ones", (np.zeros(3),), list(random.normal(size=(10, 3))), hypers
    )


def _constant(rows) -> bool:
    return all(np.allclose(corrected, 3, rtol=1e-4) for _, corrected in rows)


MOVING_AVERAGE = Exercise(
    name="moving_average",
    signature="moving_average(s, y, rho, t) -> (s, s_corrected)",
    outputs=("s", "s_corrected"),
    call=lambda f, carry, y, hypers, t: f(carry[0], y, hypers["rho"], t),
    kept=1,
    reference=_reference,
    mistakes=(
        "no_weight",
        "swapped",
        "early",
        "late",
        "plus_power",
        "no_correction",
        "fed_back",
        "order",
        "other_rho",
        "other_power",
    ),
    by_hand=Trial(
        "the example by hand", (np.zeros(()),), [np.array(2.0)], {"rho": 0.75}
    ),
    draw=_draw,
    properties=(
        Property(
            "with rho = 0 nothing is remembered: both are y",
            Trial("", (np.zeros(2),), [np.array([2.0, -1.0])] * 2, {"rho": 0.0}),
            lambda rows: all(np.allclose(out, [2, -1]) for row in rows for out in row),
        ),
        Property(
            "corrected, the average of a constant is that constant from step 1 on",
            Trial("", (np.zeros((2, 2)),), [np.full((2, 2), 3.0)] * 30, {"rho": 0.9}),
            _constant,
        ),
    ),
)
