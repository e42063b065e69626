# A task of the third notebook: four optimizers are chosen.

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from optax_lab.checks import calls, mistakes
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


def _is_table(chosen: Any) -> None:
    if not isinstance(chosen, Mapping):
        raise CheckFailed(
            "✗ optimizers should be a dictionary from names to optimizers.\n"
            f"  This is {calls.kind(chosen)}."
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
    except calls.FAULTS as error:
        call = "optimizer.update(gradients, state, params)"
        raise CheckFailed(calls.told(name, call, error)) from error


def _no_transformation(name: str, it: Any) -> str:
    said = f"✗ {name}: this is {calls.kind(it)}, and no optimizer.\n  Hint: "
    if isinstance(it, str):
        return said + "its name alone does not step; call the function of that name."
    if callable(it):
        return said + "it makes an optimizer once it is called; with which rate?"
    if isinstance(it, int | float):
        return said + "a rate belongs into the brackets of a function."
    return said + "what is needed has `init` and `update`, as Optax's have."


def _told(
    name: str, got: list[Tree], expected: dict[str, list[Tree]], gradients: list[Tree]
) -> str:
    right = expected[name]
    step = next(
        i for i in range(_STEPS) if not _alike(got[i : i + 1], right[i : i + 1])
    )
    a, b = _furthest(right[step], got[step])
    place = f"the first step is right, step {step + 1} of ten random ones"
    lines = [
        f"✗ {name}: {place if step else 'the first of ten random steps'} differs",
        f"    one weight's step  expected {a:+.6g}, got {b:+.6g}",
    ]
    for mistake, makers in ASKED[name].wrong.items():
        if any(_alike(got, _updates(make(), gradients)) for make in makers):
            return "\n".join([*lines, *mistakes.told((mistake,))])
    for other, updates in expected.items():
        if other != name and _alike(got, updates):
            return "\n".join([*lines, *mistakes.told(("another",))])
    return "\n".join([*lines, *_in_general(got, right)])


def _furthest(right: Tree, got: Tree) -> tuple[float, float]:
    """Returns the step of the weight where two optimizers differ most."""
    a, b = (np.concatenate([x[k].ravel() for k in _SHAPES]) for x in (right, got))
    weight = int(np.argmax(np.abs(a - b) / np.abs(a)))
    return float(a[weight]), float(b[weight])


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
    """Draws gradients of either sign, far enough from 0 that no ε counts."""
    random = np.random.default_rng(seed)
    sizes = lambda shape: random.uniform(0.3, 2, shape)
    signs = lambda shape: random.choice([-1, 1, 1], shape)
    draw = lambda shape: (signs(shape) * sizes(shape)).astype(np.float32)
    return [{k: draw(shape) for k, shape in _SHAPES.items()} for _ in range(_STEPS)]


def _updates(optimizer: optax.GradientTransformation, gradients: list) -> list[Tree]:
    """Returns what an optimizer adds to parameters at each step."""
    params = jax.tree.map(lambda g: jax.numpy.full_like(g, 3), gradients[0])
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
