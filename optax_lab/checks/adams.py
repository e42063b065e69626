# Tasks of the second notebook: one step of Adam, and of RMSProp corrected as Adam is.

import numpy as np

from optax_lab.checks import diagnosis, steps
from optax_lab.checks.exercise import Exercise, Property, Step, Trial


def adam(f: Step, *, seed: int = 0) -> None:
    """Checks one step of Adam, with δ in the root.

    Args:
      f: `adam(x, g, state, lr, rhos, delta, t) -> (x, state)`: takes a point, the
        gradient there, the two averages (v, r) before this step (0 at first), the
        learning rate, (ρ₁, ρ₂), δ and the number of this step, which is 1 at first;
        returns the next point and the averages (v, r) after this step.
      seed: of the random steps.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(ADAM, f, seed=seed)


def rmsprop_corrected(f: Step, *, seed: int = 0) -> None:
    """Checks one step of RMSProp with bias correction, and with δ in the root.

    Args:
      f: `rmsprop_corrected(x, g, state, lr, rho, delta, t) -> (x, state)`: takes a
        point, the gradient there, the state before this step (a pair of zeros at
        first), the learning rate, ρ, δ and the number of this step, which is 1 at
        first; returns the next point and a state of its own choice.
      seed: of the random steps.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    diagnosis.check(RMSPROP_CORRECTED, f, seed=seed)


def _adam(x, g, state, lr, rhos, delta, t, wrong=()):
    before, (rho_v, rho_r) = state, rhos[::-1] if "rhos_swapped" in wrong else rhos
    rho_r = rho_v if "one_rho" in wrong else rho_r
    v = steps.average(before[0], g, rho_v, wrong)
    square = g if "no_square" in wrong else g**2
    r = steps.average(before[1], square, rho_r, wrong, "no_weight_r")
    v_hat = v if "v_uncorrected" in wrong else steps.corrected(v, rho_v, t, wrong)
    r_hat = r if "r_uncorrected" in wrong else steps.corrected(r, rho_r, t, wrong)
    x = steps.moved(x, v_hat / steps.scale(r_hat, delta, wrong), lr, wrong)
    handed_on = (v_hat, r_hat) if "fed_back" in wrong else (v, r)
    handed_on = handed_on[::-1] if "pair_order" in wrong else handed_on
    return x, (before if "not_handed_on" in wrong else handed_on)


def _rmsprop_corrected(x, g, state, lr, rho, delta, t, wrong=()):
    v = steps.average(state[0], g, rho, wrong)
    square = g if "no_square" in wrong else g**2
    r = steps.average(state[1], square, rho, wrong)
    r_hat = steps.corrected(r, rho, t, wrong)
    along = steps.corrected(v, rho, t, wrong) if "averaged" in wrong else g
    x = steps.moved(x, along / steps.scale(r_hat, delta, wrong), lr, wrong)
    return x, (state if "not_handed_on" in wrong else (v, _kept(r, r_hat, wrong)))


def _kept(r, r_hat, wrong):
    return r_hat if "fed_back" in wrong else r


def _with_a_pair(trial: Trial) -> Trial:
    """Returns a trial whose state is a pair, not two things that are handed on."""
    return trial._replace(start=(trial.start[0], trial.start[1:]))


def _draw_pairs(random: np.random.Generator) -> Trial:
    draw = steps.draw(2, lr=(0.05, 0.2), rho=(0.6, 0.9), delta=(0.01, 0.1))
    return _with_a_pair(draw(random))


ADAM = Exercise(
    name="adam",
    signature="adam(x, g, (v, r), lr, (rho1, rho2), delta, t) -> (x, (v, r))",
    outputs=("x", "v", "r"),
    call=lambda f, c, g, h, t: f(
        c[0], g, (c[1], c[2]), h["lr"], h["rhos"], h["delta"], t
    ),
    kept=3,
    reference=_adam,
    mistakes=(
        *(name for name in steps.RULE if name != "order"),
        "no_weight_r",
        *steps.SCALE,
        *steps.CORRECTION,
        "one_rho",
        "rhos_swapped",
        "v_uncorrected",
        "r_uncorrected",
        "pair_order",
    ),
    by_hand=steps.by_hand(2, {"lr": 0.1, "rhos": (0.5, 0.75), "delta": 0.5}),
    draw=steps.draw(
        2, lr=(0.05, 0.2), rhos=((0.5, 0.7), (0.8, 0.95)), delta=(0.01, 0.1)
    ),
    properties=(
        Property(
            "with delta = 0 the first step is lr long, whatever the gradient's size",
            Trial(
                "",
                (np.zeros(2), np.zeros(2), np.zeros(2)),
                [np.array([1e-3, -7.0])],
                {"lr": 0.1, "rhos": (0.9, 0.999), "delta": 0.0},
            ),
            lambda rows: np.allclose(rows[0][0], [-0.1, 0.1], rtol=1e-3),
        ),
        Property(
            "where g is 0 from the start, nothing moves",
            steps.still(2, {"lr": 0.1, "rhos": (0.9, 0.999), "delta": 1e-5}),
            steps.stays,
        ),
    ),
)

RMSPROP_CORRECTED = Exercise(
    name="rmsprop_corrected",
    signature="rmsprop_corrected(x, g, state, lr, rho, delta, t) -> (x, state)",
    outputs=("x",),
    call=lambda f, c, g, h, t: f(c[0], g, c[1], h["lr"], h["rho"], h["delta"], t),
    kept=2,
    own_state=True,
    reference=_rmsprop_corrected,
    mistakes=(
        *(name for name in steps.RULE if name != "order"),
        *steps.SCALE,
        *steps.CORRECTION,
        "averaged",
    ),
    by_hand=_with_a_pair(
        steps.by_hand(2, {"lr": 0.1, "rho": 0.75, "delta": 0.5}),
    ),
    draw=_draw_pairs,
    properties=(
        Property(
            "with delta = 0 the first step is lr long, whatever the gradient's size",
            Trial(
                "",
                (np.zeros(2), (np.zeros(2), np.zeros(2))),
                [np.array([1e-3, -7.0])],
                {"lr": 0.1, "rho": 0.999, "delta": 0.0},
            ),
            lambda rows: np.allclose(rows[0][0], [-0.1, 0.1], rtol=1e-3),
        ),
        Property(
            "where g is 0 from the start, nothing moves",
            _with_a_pair(steps.still(2, {"lr": 0.1, "rho": 0.999, "delta": 1e-5})),
            steps.stays,
        ),
    ),
)
