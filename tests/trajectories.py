# What the dialects are run on, here and in the frameworks they speak for.

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from optax_lab import dialects
from tests import paths

STEPS = 150
DROP = 100  # from this step on, the learning rate is a tenth
SEEN = (1, 2, 10, DROP, STEPS)  # the steps whose parameters are kept
RATE = {"pytorch": "lr", "keras": "learning_rate"}

_SHAPES = {"b": (3,), "k": (2, 3, 4), "s": (), "w": (5, 3)}
_MATRICES = {"v": (3, 6), "w": (5, 3)}
_BETAS = {"betas": (0.8, 0.95), "eps": 1e-3}
_BETA = {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}
_DECAY, _UP = {"weight_decay": 0.1}, {"maximize": True}
_BALL = {"momentum": 0.9}

# By class: what all its cases have, and what is added to that, case by case.
_PYTORCH: dict[str, tuple[dict, list[dict]]] = {
    "SGD": (
        {"lr": 0.05},
        [
            {},
            _BALL,
            _BALL | {"dampening": 0.5},
            _BALL | {"nesterov": True},
            _BALL | _DECAY,
            _UP,
            _BALL | _DECAY | _UP | {"nesterov": True},
        ],
    ),
    "RMSprop": (
        {"lr": 0.01, "alpha": 0.95, "eps": 1e-3},
        [{}, {"centered": True}, _BALL, _DECAY, _BALL | _DECAY | _UP],
    ),
    "Adagrad": (
        {"lr": 0.1, "eps": 1e-3},
        [
            {},
            {"lr_decay": 0.01},
            {"initial_accumulator_value": 0.2},
            {"lr_decay": 0.01} | _DECAY | _UP,
        ],
    ),
    "Adadelta": ({"lr": 0.5, "eps": 1e-3}, [{}, _DECAY, _DECAY | _UP]),
    "Adam": (
        {"lr": 0.01, **_BETAS},
        [
            {},
            {"amsgrad": True},
            _DECAY,
            _DECAY | {"decoupled_weight_decay": True},
            _DECAY | _UP | {"amsgrad": True},
        ],
    ),
    "AdamW": ({"lr": 0.01, **_BETAS}, [{}, {"amsgrad": True}, _DECAY | _UP]),
    "Adamax": ({"lr": 0.01, **_BETAS}, [{}, _DECAY, _DECAY | _UP]),
    "NAdam": (
        {"lr": 0.01, **_BETAS},
        [
            {},
            {"momentum_decay": 0.5},
            _DECAY,
            _DECAY | _UP | {"decoupled_weight_decay": True},
        ],
    ),
    "RAdam": (
        {"lr": 0.01, **_BETAS},
        [{}, _DECAY, _DECAY | _UP | {"decoupled_weight_decay": True}],
    ),
    "Rprop": ({"lr": 0.01}, [{}, {"etas": (0.4, 1.3), "step_sizes": (1e-3, 0.1)}, _UP]),
    "ASGD": (
        {"lr": 0.05, "lambd": 0.01},
        [{}, {"t0": 20.0}, {"alpha": 0.5} | _DECAY | _UP],
    ),
    "Adafactor": (
        {"lr": 0.05},
        [
            {},
            {"eps": (0.5, 0.1)},
            {"d": 1.5, "beta2_decay": -0.5},
            _DECAY | _UP,
        ],
    ),
}
_KERAS: dict[str, tuple[dict, list[dict]]] = {
    "SGD": (
        {"learning_rate": 0.05},
        [{}, _BALL, _BALL | {"nesterov": True}, _BALL | _DECAY | {"nesterov": True}],
    ),
    "RMSprop": (
        {"learning_rate": 0.01, "rho": 0.95, "epsilon": 1e-3},
        [{}, {"centered": True}, _BALL, _BALL | _DECAY | {"centered": True}],
    ),
    "Adagrad": (
        {"learning_rate": 0.1, "epsilon": 1e-3},
        [{}, {"initial_accumulator_value": 0.5}, _DECAY],
    ),
    "Adadelta": ({"learning_rate": 0.5, "epsilon": 1e-3}, [{}, _DECAY]),
    "Adam": (
        {"learning_rate": 0.01, **_BETA},
        [{}, {"amsgrad": True}, _DECAY, _DECAY | {"amsgrad": True}],
    ),
    "AdamW": ({"learning_rate": 0.01, **_BETA}, [{}, _DECAY | {"amsgrad": True}]),
    "Adamax": ({"learning_rate": 0.01, **_BETA}, [{}, _DECAY]),
    "Nadam": ({"learning_rate": 0.01, **_BETA}, [{}, _DECAY]),
    "Lamb": ({"learning_rate": 0.01, **_BETA}, [{}, _DECAY]),
    "Lion": ({"learning_rate": 0.01, "beta_1": 0.8}, [{}, _DECAY]),
    "Adafactor": (
        {"learning_rate": 0.05},
        [
            {},
            {"epsilon_1": 1e-2, "epsilon_2": 0.1},
            {"clip_threshold": 1.5, "beta_2_decay": -0.5, "relative_step": False},
            _DECAY,
        ],
    ),
    "Ftrl": (
        {"learning_rate": 0.1},
        [
            {},
            {"l1_regularization_strength": 0.5, "l2_regularization_strength": 0.1},
            {"l2_shrinkage_regularization_strength": 0.1, "beta": 0.2},
            {"learning_rate_power": -0.3} | _DECAY,
        ],
    ),
    "Muon": (
        {"learning_rate": 0.01},
        [
            {},
            {"nesterov": False},
            {"rms_rate": None, "adam_lr_ratio": 0.1},
            {"weight_decay": None, "adam_weight_decay": None, "ns_steps": 3},
            {"exclude_layers": ["^w"]},
        ],
    ),
}
# Newton–Schulz in bfloat16 cannot be followed to 1e-10: tests/peers/test_pytorch.py.
MUON: list[dict] = [
    {"lr": 0.01, "weight_decay": 0.1, **more}
    for more in (
        {},
        {"nesterov": False},
        {"adjust_lr_fn": "match_rms_adamw"},
        {"adjust_lr_fn": "original", "momentum": 0.8},
        {"ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5)},
    )
]


class Case(NamedTuple):
    """An optimizer of a framework, with some of its arguments."""

    framework: str
    name: str
    arguments: dict[str, Any]

    def __str__(self):
        told = ", ".join(f"{k}={v}" for k, v in self.arguments.items())
        return f"{self.framework}.{self.name}({told})"

    @property
    def rate(self) -> float:
        """The learning rate of the first steps."""
        return self.arguments[RATE[self.framework]]

    @property
    def tolerance(self) -> float:
        """How far two float64 programs may end apart."""
        inexact = self.framework == "keras" and self.name in ("Muon", "Adafactor")
        return 1e-7 if inexact else 1e-10


def _cases(framework: str, table: dict) -> list[Case]:
    rows = [(n, base | more) for n, (base, each) in table.items() for more in each]
    return [Case(framework, name, arguments) for name, arguments in rows]


CASES = _cases("pytorch", _PYTORCH) + _cases("keras", _KERAS)
LAST = {(case.framework, case.name): case for case in CASES}  # one of each class


def shapes(case: Case) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the parameters that a case is run on."""
    is_whole = case.framework == "pytorch" and case.name == "Muon"
    return _MATRICES if is_whole else _SHAPES


def start(case: Case, dtype: Any = np.float64) -> dict[str, np.ndarray]:
    """Returns the parameters before the first step."""
    rng = np.random.default_rng(0)
    return {n: np.asarray(rng.normal(size=s), dtype) for n, s in shapes(case).items()}


def gradients(case: Case, dtype: Any = np.float64) -> dict[str, np.ndarray]:
    """Returns a gradient for every step: noise around a mean, of several sizes."""
    rng = np.random.default_rng(1)
    size = np.geomspace(0.1, 1, STEPS)
    rows = {}
    for name, shape in shapes(case).items():
        noise = rng.normal(0.3, 1.0, size=(STEPS, *shape))
        rows[name] = (noise * size.reshape(-1, *[1] * len(shape))).astype(dtype)
    return rows


def rate_at(case: Case, step: int) -> float:
    """Returns the learning rate of a step, counted from 0."""
    return case.rate if step < DROP else case.rate / 10


def optimizer(case: Case) -> optax.GradientTransformation:
    """Makes the dialect's optimizer, with a learning rate that drops."""
    drop = lambda step: jnp.where(step < DROP, case.rate, case.rate / 10)
    arguments = case.arguments | {RATE[case.framework]: drop}
    return getattr(getattr(dialects, case.framework), case.name)(**arguments)


def together(cases: list[Case], dtype: Any = np.float64) -> list[dict[str, np.ndarray]]:
    """Runs cases of one class in one program: see `ours`."""
    arrays = jax.tree.map(
        jnp.asarray, (start(cases[0], dtype), gradients(cases[0], dtype))
    )
    rules = [optimizer(case) for case in cases]
    runs = paths.jitted(functools.partial(paths.follow, rules))(*arrays)
    return jax.tree.map(lambda rows: np.asarray(rows)[np.array(SEEN) - 1], runs)


def ours(case: Case, dtype: Any = np.float64) -> dict[str, np.ndarray]:
    """Runs the dialect, and returns the parameters after each of `SEEN`."""
    return together([case], dtype)[0]


@functools.partial(jax.jit, static_argnums=0, compiler_options=paths.QUICK)
def advance(rule: optax.GradientTransformation, params, state, rows):
    """Takes a step along each row of gradients, and returns parameters and state."""
    step = lambda carry, g: (paths.one_step(rule, carry, g), None)
    return jax.lax.scan(step, (params, state), rows)[0]
