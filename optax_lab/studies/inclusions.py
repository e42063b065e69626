# Which optimizer is which other one at certain hyperparameters, and whether that holds.

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from optax_lab.optimizers import table
from optax_lab.studies.plan import Candidate

RATE, STEPS = 0.01, 30
ROUNDING = 1e-4  # of the way: what float32 leaves between two orders of arithmetic


class Inclusion(NamedTuple):
    """Says that one optimizer, at certain hyperparameters, is another one.

    Attributes:
      general: the optimizer that holds the other, as a study calls it.
      at: its hyperparameters there.
      special: the optimizer that is held, by its name in OPTIMIZERS.
      given: the hyperparameters of that one.
    """

    general: str
    at: Mapping[str, Any]
    special: str
    given: Mapping[str, Any]


class Checked(NamedTuple):
    """Holds an inclusion, and how far apart its two ended.

    Attributes:
      inclusion: what was checked.
      apart: the largest distance of two parameters after 30 steps, over the way of the
        special one; inf if the general one could not be run.
      error: why not, in a line; "" otherwise.
    """

    inclusion: Inclusion
    apart: float
    error: str = ""

    @property
    def holds(self) -> bool:
        """Says whether they are as near as rounding."""
        return self.apart <= ROUNDING


_RMS = {"decay": 0.99, "eps": 1e-8, "eps_in_sqrt": False, "bias_correction": True}
_ADAM = {"b1": 0.8, "b2": 0.99, "eps": 1e-8}
_UNDECAYED = _ADAM | {"weight_decay": 0.0}

INCLUSIONS: tuple[Inclusion, ...] = (
    Inclusion("sgd", {"momentum": 0.0}, "sgd", {}),
    Inclusion("sgd(momentum=0.9)", {"momentum": 0.0}, "sgd", {}),
    Inclusion("sgd(nesterov=True)", {"momentum": 0.0}, "sgd", {}),
    Inclusion("momentum", {"decay": 0.0}, "sgd", {}),
    Inclusion("qhm", {"decay": 0.9, "nu": 0.0}, "sgd", {}),
    Inclusion("qhm", {"decay": 0.9, "nu": 1.0}, "momentum", {"decay": 0.9}),
    Inclusion("lion", {"b1": 0.9, "b2": 0.9, "weight_decay": 0.0}, "signum", {}),
    Inclusion("adam", {"b1": 0.0, "b2": 0.99}, "rmsprop", _RMS),
    Inclusion("nadam", {"b1": 0.0, "b2": 0.99}, "rmsprop", _RMS),
    Inclusion("laprop", {"b1": 0.0, "b2": 0.99, "eps": 1e-8}, "rmsprop", _RMS),
    Inclusion("adamw", _UNDECAYED, "adam", _ADAM),
    Inclusion("nadamw", _UNDECAYED, "nadam", _ADAM),
    Inclusion("adamaxw", _UNDECAYED, "adamax", _ADAM),
    Inclusion("ademamix", _ADAM | {"alpha": 0.0}, "adam", _ADAM),
    Inclusion("qhadam", _ADAM | {"nu1": 1.0, "nu2": 1.0}, "adam", _ADAM),
)


def check(candidates: Iterable[Candidate]) -> list[Checked]:
    """Runs every inclusion of a study's optimizers: 30 steps, the same gradients.

    The general one is made as the study makes it, so a study that hands a
    hyperparameter to the wrong place, or to none, is found out.
    """
    makes = {candidate.name: candidate.make for candidate in candidates}
    return [
        _checked(one, makes[one.general]) for one in INCLUSIONS if one.general in makes
    ]


def _checked(inclusion: Inclusion, make: Callable[..., Any]) -> Checked:
    special = table.OPTIMIZERS[inclusion.special].make
    wanted = _way(special(learning_rate=RATE, **inclusion.given))
    try:
        found = _way(make(learning_rate=RATE, **inclusion.at))
    except Exception as error:  # whatever an optimizer that was changed raises
        told = " ".join(str(error).split())[:200]
        return Checked(inclusion, np.inf, f"{type(error).__name__}: {told}")
    apart = np.abs(found - wanted).max() / np.abs(wanted).max()
    return Checked(inclusion, float(apart) if np.isfinite(apart) else np.inf)


def _way(optimizer: optax.GradientTransformation) -> np.ndarray:
    """Returns where 30 random gradients lead from the start, in float32."""
    drawn = np.random.default_rng(0).normal(size=(STEPS, 12)) * np.logspace(-2, 2, 12)
    start = jnp.linspace(-1, 1, 12, dtype=jnp.float32)

    def step(carry: Any, grads: jax.Array) -> tuple[Any, None]:
        params, state = carry
        updates, state = optimizer.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), None

    carry = start, optimizer.init(start)
    (end, _), _ = jax.lax.scan(step, carry, jnp.asarray(drawn, jnp.float32))
    return np.asarray(end - start, np.float64)
