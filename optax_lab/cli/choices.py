# What an expression stands for: optimizers and surfaces, looked up and called.
import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from optax_lab.cli import calls, expressions, names
from optax_lab.cli.expressions import Call
from optax_lab.problems import surfaces


class Optimizer(NamedTuple):
    """Holds an optimizer and its names.

    Attributes:
        expression: what makes it again, with the learning rate spelled out.
        name: a name for folders: what differs from the defaults, and the rate.
        rate: the learning rate: a number, the text of a schedule, or "".
        hyperparameters: the other arguments that were given, by name.
        transformation: the optimizer.
    """

    expression: str
    name: str
    rate: float | int | str
    hyperparameters: dict[str, Any]
    transformation: Any


def all_optimizers(texts: Iterable[str]) -> list[Optimizer]:
    """Makes the optimizers that the expressions stand for, no two of them equal.

    Raises:
        ValueError: in one line, if two are equal or one is not an optimizer.
    """
    found: dict[str, Optimizer] = {}
    for text in texts:
        made = optimizer(text)
        twin = found.setdefault(made.name, made)
        if twin is not made:
            raise ValueError(f"{text!r} is {twin.expression} again: give it once")
    return list(found.values())


def optimizer(text: str) -> Optimizer:
    """Makes the optimizer that an expression stands for.

    Raises:
        ValueError: in one line, if there is no such optimizer, it refuses its
            arguments, or what is made is not an optimizer.
    """
    call = calls.normalise(expressions.parse(text), names.optimizer)
    made = calls.make(call, names.optimizer)
    if not (hasattr(made, "init") and hasattr(made, "update")):
        kind = type(made).__name__
        raise ValueError(
            f"{text!r} is not an optimizer: it makes a {kind}, "
            "and an optax.GradientTransformation is needed"
        )
    given = {
        name: calls.plain(value) for name, value in call.kwargs if name != calls.RATE
    }
    rate = calls.rate(call)
    return Optimizer(
        str(calls.shorten(call)), calls.label(call, rate), rate, given, made
    )


def head(expression: str) -> str:
    """Writes an expression without its learning rate: what is left when it is tuned.

    >>> head("adam(0.1, b1=0.8)"), head("sgd(0.1)"), head("cautious(adam(0.1))")
    ('adam(b1=0.8)', 'sgd', 'cautious(adam(0.1))')
    """
    call = calls.normalise(expressions.parse(expression), names.optimizer)
    kept = tuple((name, value) for name, value in call.kwargs if name != calls.RATE)
    return str(calls.shorten(Call(call.name, call.args, kept)))


def maker(text: str) -> tuple[str, Callable[..., Any]]:
    """Finds the function that an expression calls, and writes the expression.

    The function takes what is not in the expression, and what is there, anew.

    Raises:
        ValueError: in one line, if the expression is not an optimizer.
    """
    expression = optimizer(text).expression
    call = calls.normalise(expressions.parse(text), names.optimizer)
    make = names.optimizer(call.name)
    if not callable(make):
        return expression, lambda: make
    args, kwargs = calls.arguments(call, names.optimizer)
    return expression, functools.partial(make, *args, **kwargs)


def tunable(text: str) -> Callable[..., Any]:
    """Finds what makes an optimizer anew from its hyperparameters, inner ones too.

    `tunable("cautious(adam(0.1))")(learning_rate=0.2)` is `cautious(adam(0.2))`.
    """
    call = calls.normalise(expressions.parse(text), names.optimizer)
    return functools.partial(_rebuilt, call)


def hyperparameters(text: str) -> list[str]:
    """Lists what `tunable` takes: arguments of the call, and of those inside it."""
    return list(_named(calls.normalise(expressions.parse(text), names.optimizer)))


def functions(text: str) -> list[Callable[..., Any]]:
    """Lists the functions that an expression calls, the outer one first."""
    return _called(expressions.parse(text))


def _called(call: Call) -> list[Callable[..., Any]]:
    inner = [found for deeper in call.calls() for found in _called(deeper)]
    return [names.optimizer(call.name), *inner]


def given(text: str) -> set[str]:
    """Lists the arguments that an expression gives, those of inner calls too."""
    return _given(calls.normalise(expressions.parse(text), names.optimizer))


def _given(call: Call) -> set[str]:
    own = {name for name, value in call.kwargs if not isinstance(value, Call)}
    return own.union(*map(_given, call.calls()))


def _named(call: Call) -> dict[str, None]:
    """Lists the arguments that a call and those inside it take, once each."""
    make = names.optimizer(call.name)
    own = calls.parameters_of(make) if callable(make) else {}
    inner = [name for name, value in call.kwargs if isinstance(value, Call)]
    found = dict.fromkeys(name for name in own if name not in inner)
    for deeper in call.calls():
        found |= _named(deeper)
    return found


def _rebuilt(call: Call, **hypers: Any) -> Any:
    """Makes what a call names, with other hyperparameters here and inside."""
    make = names.optimizer(call.name)
    if not callable(make):
        return make
    own = {k: v for k, v in hypers.items() if k in calls.parameters_of(make)}
    rest = {k: v for k, v in hypers.items() if k not in own}
    deeper = lambda v: _rebuilt(v, **rest) if isinstance(v, Call) else v
    kwargs = {name: deeper(value) for name, value in call.kwargs}
    return make(*map(deeper, call.args), **(kwargs | own))


def surface(text: str, condition: float | None = None) -> tuple[str, surfaces.Surface]:
    """Makes the surface that an expression stands for, and writes the expression.

    Args:
        text: such as ``quadratic(condition=100)`` or ``rotate(rosenbrock, 30)``.
        condition: its condition number, for surfaces that take one.

    Raises:
        ValueError: in one line, if there is none or it refuses its arguments.
    """
    call = calls.normalise(expressions.parse(text), names.surface)
    if condition is not None:
        call = _with_condition(call, condition)
    return str(call), calls.make(call, names.surface)


def _with_condition(call: Call, condition: float) -> Call:
    takes = {
        name
        for name, make in surfaces.SURFACES.items()
        if "condition" in calls.parameters_of(make)
    }
    if call.name not in takes:
        those = ", ".join(sorted(takes))
        told = f"--condition {condition:g}: {call.name} has no condition"
        raise ValueError(f"{told}; these have: {those}")
    kwargs = dict(call.kwargs) | {"condition": condition}
    return Call(call.name, call.args, tuple(kwargs.items()))
