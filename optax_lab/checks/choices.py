# The tasks of the third notebook: four optimizers, and the epoch that counts.

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from optax_lab.checks import mistakes, trials
from optax_lab.checks.failure import CheckFailed

_STEPS = 10
_NEAR = 1e-4
_SHAPES = {"biases": (3,), "weights": (2, 3)}

Make = Callable[[], optax.GradientTransformation]
Tree = dict[str, np.ndarray]


class Asked(NamedTuple):
    """Holds an optimizer that is asked for.

    Attributes:
      make: makes the right one.
      wrong: what is often written instead, by the mistake's name in `mistakes.HINTS`.
    """

    make: Make
    wrong: Mapping[str, tuple[Make, ...]]


class Case(NamedTuple):
    """Holds accuracies and a target, for `first_epoch`."""

    accuracy: np.ndarray
    target: float


def optimizers(chosen: Any, *, seed: int = 0) -> None:
    """Checks a choice of four optimizers by stepping with each of them.

    Args:
      chosen: `{"SGD": …, "momentum": …, "RMSProp": …, "Adam": …}`, transformations of
        Optax's kind: from optax_lab, from Optax or of one's own. More may stand there;
        they need only work.
      seed: of the gradients.

    Raises:
      CheckFailed: where one is not the one that is asked for, with a hint.
    """
    _is_table(chosen)
    gradients = _gradients(seed)
    expected = {
        name: _updates(asked.make(), gradients) for name, asked in ASKED.items()
    }
    for name, optimizer in chosen.items():
        got = _tried(name, optimizer, gradients)
        if name in ASKED and not _alike(got, expected[name]):
            raise CheckFailed(_told(name, got, expected, gradients))
    names = ", ".join(ASKED)
    print(f"✓ optimizers: {names}: each is right in {_STEPS} random steps")


def first_epoch(f: Callable[..., Any], *, seed: int = 0) -> None:
    """Checks a function that finds the first epoch which reaches a target.

    Args:
      f: `first_epoch(accuracy, target)`: takes the accuracy after each epoch and what
        is to be reached; returns the number of the first epoch, counted from 1, whose
        accuracy is at least the target, or None where there is none.
      seed: of the random accuracies.

    Raises:
      CheckFailed: where it is not right yet, with a hint.
    """
    cases = [*CASES, *_drawn(seed)]
    got = [_answer(f, case) for case in cases]
    expected = [reference(*case) for case in cases]
    for case, right, answer in zip(cases, expected, got, strict=True):
        if answer != right:
            lines = [
                f"✗ first_epoch: for accuracies {_numbers(case.accuracy)} and the "
                f"target {case.target:g}",
                f"  it should return {right}, and returns {answer}.",
                *_hints(_recognised(cases, got)),
            ]
            raise CheckFailed("\n".join(lines))
    print(f"✓ first_epoch: right in {len(cases)} cases")


# --- Optimizers -----------------------------------------------------------------------


def _is_table(chosen: Any) -> None:
    if not isinstance(chosen, Mapping):
        raise CheckFailed(
            "✗ optimizers should be a dictionary from names to optimizers.\n"
            f"  This is {_kind(chosen)}."
        )
    if missing := [name for name in ASKED if name not in chosen]:
        there = ", ".join(map(repr, chosen)) or "nothing"
        raise CheckFailed(
            f"✗ optimizers: {', '.join(map(repr, missing))} missing; "
            f"there is {there}.\n  Hint: capitals count."
        )


def _tried(name: str, optimizer: Any, gradients: list[Tree]) -> list[Tree]:
    """Returns an optimizer's updates, if it is one and works."""
    if optimizer is None or optimizer is Ellipsis:
        raise CheckFailed(f"✗ {name}: nothing is written yet ({optimizer})")
    if not isinstance(optimizer, optax.GradientTransformation):
        raise CheckFailed(_no_transformation(name, optimizer))
    try:
        return _updates(optimizer, gradients)
    except Exception as error:
        call = "optimizer.update(gradients, state, params)"
        raise CheckFailed(trials.told(name, call, error)) from error


def _no_transformation(name: str, it: Any) -> str:
    said = f"✗ {name}: this is {_kind(it)}, and no optimizer.\n  Hint: "
    if isinstance(it, str):
        return said + "its name alone does not step; call the function of that name."
    if callable(it):
        return said + "it makes an optimizer once it is called; with which rate?"
    if isinstance(it, int | float):
        return said + "a rate belongs into the brackets of a function."
    return said + "what is needed has `init` and `update`, as Optax's have."


def _kind(it: Any) -> str:
    if isinstance(it, str | int | float):
        return f"the {type(it).__name__} {it!r}"
    if callable(it):
        return f"the function {getattr(it, '__name__', type(it).__name__)}"
    return f"of the type {type(it).__name__}"


def _told(
    name: str, got: list[Tree], expected: dict[str, list[Tree]], gradients: list[Tree]
) -> str:
    right = expected[name]
    step = next(
        i for i in range(_STEPS) if not _alike(got[i : i + 1], right[i : i + 1])
    )
    first = [float(updates[step]["biases"][0]) for updates in (right, got)]
    lines = [
        f"✗ {name}: step {step + 1} of ten random ones differs",
        f"    first weight  expected {first[0]:+.5f}, got {first[1]:+.5f}",
    ]
    for mistake, makers in ASKED[name].wrong.items():
        if any(_alike(got, _updates(make(), gradients)) for make in makers):
            return "\n".join([*lines, *_hints((mistake,))])
    for other, updates in expected.items():
        if other != name and _alike(got, updates):
            return "\n".join([*lines, *_hints(("another",))])
    return "\n".join([*lines, *_in_general(got, right)])


def _in_general(got: list[Tree], right: list[Tree]) -> list[str]:
    """Says what can be said of a mistake that is not known."""
    times = float(got[0]["biases"][0] / right[0]["biases"][0])
    scaled = [{k: times * x for k, x in updates.items()} for updates in right]
    if _alike(got, scaled):
        return [
            f"  All steps are {times:.3g} times those that are asked for.",
            "  Hint: how is the learning rate said?",
        ]
    if _alike(got[:1], right[:1]):
        return [
            "  Hint: the first step is right. What is remembered, and for how long?"
        ]
    return [
        "  Hint: is it the function that is asked for, with nothing but what is asked?"
    ]


def _gradients(seed: int) -> list[Tree]:
    random = np.random.default_rng(seed)
    draw = lambda shape: random.normal(0.5, 1, shape).astype(np.float32)
    return [{k: draw(shape) for k, shape in _SHAPES.items()} for _ in range(_STEPS)]


def _updates(optimizer: optax.GradientTransformation, gradients: list) -> list[Tree]:
    """Returns what an optimizer adds to parameters at each step."""
    params = jax.tree.map(lambda g: jax.numpy.ones_like(g), gradients[0])
    state, rows = optimizer.init(params), []
    for g in gradients:
        updates, state = optimizer.update(
            jax.tree.map(jax.numpy.asarray, g), state, params
        )
        params = optax.apply_updates(params, updates)
        rows.append(jax.tree.map(np.asarray, updates))
    return rows


def _alike(a: list[Tree], b: list[Tree]) -> bool:
    return all(
        np.allclose(x[k], y[k], rtol=_NEAR, atol=_NEAR * 1e-2 * np.max(np.abs(y[k])))
        for x, y in zip(a, b, strict=True)
        for k in y
    )


def _flipped(make: Make) -> Make:
    return lambda: optax.chain(make(), optax.scale(-1.0))


def _average(debias: bool) -> Make:
    return lambda: optax.chain(optax.ema(0.9, debias), optax.scale(-0.05))


# Optax's own, so that the library is not held against itself.
_SGD: Make = lambda: optax.sgd(0.05)
_MOMENTUM: Make = lambda: optax.sgd(0.05, momentum=0.9)
_RMSPROP: Make = lambda: optax.rmsprop(1e-3)
_ADAM: Make = lambda: optax.adam(1e-3)

ASKED: dict[str, Asked] = {
    "SGD": Asked(_SGD, {"uphill": (_flipped(_SGD),)}),
    "momentum": Asked(
        _MOMENTUM,
        {
            "no_momentum": (_SGD,),
            "average_form": (_average(False), _average(True)),
            "nesterov": (lambda: optax.sgd(0.05, momentum=0.9, nesterov=True),),
            "small_rate": (lambda: optax.sgd(1e-3, momentum=0.9),),
            "uphill": (_flipped(_MOMENTUM),),
        },
    ),
    "RMSProp": Asked(
        _RMSPROP,
        {
            "explodes": (
                lambda: optax.rmsprop(1e-2),
                lambda: optax.rmsprop(1e-2, decay=0.99),
            ),
            "sgd_rate": (lambda: optax.rmsprop(0.05),),
            "uphill": (_flipped(_RMSPROP),),
        },
    ),
    "Adam": Asked(
        _ADAM,
        {
            "sgd_rate": (lambda: optax.adam(0.05),),
            "uphill": (_flipped(_ADAM),),
        },
    ),
}


# --- The first epoch ------------------------------------------------------------------

MISTAKES = ("from_zero", "never_is_first", "strictly", "last")
CASES = (
    Case(np.array([0.2, 0.5, 0.9, 0.8, 0.95]), 0.9),
    Case(np.array([0.95, 0.96]), 0.9),
    Case(np.array([0.3, 0.6, 0.7]), 0.5),
    Case(np.array([0.1, 0.2, 0.3]), 0.9),
)


def reference(
    accuracy: np.ndarray, target: float, wrong: tuple[str, ...] = ()
) -> int | None:
    """Returns the first epoch that reaches a target; with mistakes, another number."""
    reached = accuracy > target if "strictly" in wrong else accuracy >= target
    if not reached.any() and "never_is_first" not in wrong:
        return None
    epochs = np.flatnonzero(reached) if reached.any() else np.zeros(1, int)
    return int(epochs[-1 if "last" in wrong else 0]) + ("from_zero" not in wrong)


def _drawn(seed: int) -> list[Case]:
    random = np.random.default_rng(seed)
    rows = random.integers(0, 10, (_STEPS, 8)) / 10
    return [Case(row, float(random.integers(5, 11)) / 10) for row in rows]


def _answer(f: Callable[..., Any], case: Case) -> Any:
    """Returns what a function says of a case, a whole number or None."""
    try:
        said = f(case.accuracy.copy(), case.target)
    except Exception as error:
        call = "first_epoch(accuracy, target) -> epoch or None"
        raise CheckFailed(trials.told("first_epoch", call, error)) from error
    if said is None:
        return None
    if not _is_whole(said):
        raise CheckFailed(
            "✗ first_epoch should return a whole number or None.\n"
            f"  This is {_kind(said)}."
        )
    return int(said)


def _is_whole(it: Any) -> bool:
    number = np.asarray(it)
    return not number.ndim and number.dtype.kind in "iuf" and float(it).is_integer()


def _recognised(cases: list[Case], got: list[Any]) -> tuple[str, ...]:
    single = [(name,) for name in MISTAKES]
    for wrong in (*single, *itertools.combinations(MISTAKES, 2)):
        if [reference(*case, wrong) for case in cases] == got:
            return wrong
    return ()


def _hints(known: tuple[str, ...]) -> list[str]:
    told = [mistakes.HINTS[name] for name in known]
    return [
        line
        for seen, hint in told
        for line in (f"  It looks like {seen}.", f"  Hint: {hint}")
    ]


def _numbers(x: np.ndarray) -> str:
    return np.array2string(x, separator=", ")
