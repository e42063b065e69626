# What an expression stands for: optimizers and surfaces, looked up and called.
import functools
import hashlib
import inspect
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from optax_lab.cli import expressions, names
from optax_lab.cli.expressions import Call
from optax_lab.optimizers import table
from optax_lab.problems import surfaces

_RATE = "learning_rate"
_LONGEST = 160  # characters of a name for folders
_USUAL_RATE = 1e-3  # for functions that need a rate and are not in OPTIMIZERS


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
    call = _normalise(expressions.parse(text), names.optimizer)
    made = _make(call, names.optimizer)
    if not (hasattr(made, "init") and hasattr(made, "update")):
        kind = type(made).__name__
        raise ValueError(
            f"{text!r} is not an optimizer: it makes a {kind}, "
            "and an optax.GradientTransformation is needed"
        )
    given = {name: _plain(value) for name, value in call.kwargs if name != _RATE}
    rate = _rate(call)
    return Optimizer(str(_shorten(call)), _label(call, rate), rate, given, made)


def head(expression: str) -> str:
    """Writes an expression without its learning rate: what is left when it is tuned.

    >>> head("adam(0.1, b1=0.8)"), head("sgd(0.1)"), head("cautious(adam(0.1))")
    ('adam(b1=0.8)', 'sgd', 'cautious(adam(0.1))')
    """
    call = _normalise(expressions.parse(expression), names.optimizer)
    kept = tuple((name, value) for name, value in call.kwargs if name != _RATE)
    return str(_shorten(Call(call.name, call.args, kept)))


def maker(text: str) -> tuple[str, Callable[..., Any]]:
    """Finds the function that an expression calls, and writes the expression.

    The function takes what is not in the expression, and what is there, anew.

    Raises:
        ValueError: in one line, if the expression is not an optimizer.
    """
    expression = optimizer(text).expression
    call = _normalise(expressions.parse(text), names.optimizer)
    make = names.optimizer(call.name)
    if not callable(make):
        return expression, lambda: make
    args, kwargs = _arguments(call, names.optimizer)
    return expression, functools.partial(make, *args, **kwargs)


def surface(text: str, condition: float | None = None) -> tuple[str, surfaces.Surface]:
    """Makes the surface that an expression stands for, and writes the expression.

    Args:
        text: such as ``quadratic(condition=100)`` or ``rotate(rosenbrock, 30)``.
        condition: its condition number, for surfaces that take one.

    Raises:
        ValueError: in one line, if there is none or it refuses its arguments.
    """
    call = _normalise(expressions.parse(text), names.surface)
    if condition is not None:
        call = _with_condition(call, condition)
    return str(call), _make(call, names.surface)


def _with_condition(call: Call, condition: float) -> Call:
    takes = {
        name
        for name, make in surfaces.SURFACES.items()
        if "condition" in _parameters(make)
    }
    if call.name not in takes:
        those = ", ".join(sorted(takes))
        told = f"--condition {condition:g}: {call.name} has no condition"
        raise ValueError(f"{told}; these have: {those}")
    kwargs = dict(call.kwargs) | {"condition": condition}
    return Call(call.name, call.args, tuple(kwargs.items()))


def _normalise(call: Call, find: Callable[[str], Any]) -> Call:
    """Names every argument, and fills in the learning rate where one is required."""
    deeper = lambda v: _normalise(v, find) if isinstance(v, Call) else v
    args = [deeper(value) for value in call.args]
    kwargs = {name: deeper(value) for name, value in call.kwargs}
    made = find(call.name)
    if not callable(made):
        if args or kwargs:
            raise ValueError(f"{call}: {call.name} is an object: write it without ()")
        return call
    parameters = _parameters(made)
    if not any(p.kind == p.VAR_POSITIONAL for p in parameters.values()):
        if len(args) > len(parameters):
            raise ValueError(f"{call}: too many arguments{_takes(made)}")
        named = dict(zip(parameters, args, strict=False))
        if twice := named.keys() & kwargs.keys():
            raise ValueError(f"{call}: {min(twice)} is given twice")
        args, kwargs = [], named | kwargs
    if _RATE in parameters and _RATE not in kwargs:
        kwargs = _default_rate(call.name, parameters[_RATE]) | kwargs
    return Call(call.name, tuple(args), tuple(kwargs.items()))


def _make(call: Call, find: Callable[[str], Any]) -> Any:
    """Calls what a call names, inner calls first."""
    make = find(call.name)
    if not callable(make):
        return make
    args, kwargs = _arguments(call, find)
    rate = kwargs.get(_RATE)
    if isinstance(rate, int | float) and not (math.isfinite(rate) and rate >= 0):
        raise ValueError(f"{call}: a learning rate is finite and at least 0")
    try:
        return make(*args, **kwargs)
    except Exception as error:  # whatever someone's own function raises
        takes = _takes(make) if isinstance(error, TypeError) else ""
        raise ValueError(f"{call}: {names.one_line(error)}{takes}") from error


def _arguments(call: Call, find: Callable[[str], Any]) -> tuple[list, dict[str, Any]]:
    """Makes what a call is given, and passes by position what has no other way."""
    deeper = lambda v: _make(v, find) if isinstance(v, Call) else v
    kwargs = {name: deeper(value) for name, value in call.kwargs}
    parameters = _parameters(find(call.name)).values()
    first = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    args = [kwargs.pop(name) for name in first if name in kwargs]
    return [*args, *(deeper(value) for value in call.args)], kwargs


def _parameters(make: Any) -> dict[str, inspect.Parameter]:
    """Lists what a function takes by name, and *args, in order."""
    found = inspect.signature(make).parameters
    return {name: p for name, p in found.items() if p.kind != p.VAR_KEYWORD}


def _takes(make: Any) -> str:
    return f"; it takes {', '.join(_parameters(make))}"


def _default_rate(name: str, parameter: inspect.Parameter) -> dict[str, float]:
    """Spells out the rate that a function takes by default, or should take."""
    if name in table.OPTIMIZERS or parameter.default is parameter.empty:
        entry = table.OPTIMIZERS.get(re.split(r"[.:]", name)[-1])
        return {_RATE: entry.learning_rate if entry else _USUAL_RATE}
    number = isinstance(parameter.default, int | float)
    return {_RATE: parameter.default} if number else {}


def _rate(call: Call) -> float | int | str:
    """Returns a call's learning rate, or the first one found inside it."""
    given = dict(call.kwargs).get(_RATE)
    if given is not None:
        return _plain(given)
    inside = (_rate(inner) for inner in call.calls())
    return next((rate for rate in inside if rate != ""), "")


def _shorten(call: Call) -> Call:
    """Writes what comes first without its name: a learning rate, or another call."""
    deeper = lambda v: _shorten(v) if isinstance(v, Call) else v
    args = [deeper(value) for value in call.args]
    kwargs = {name: deeper(value) for name, value in call.kwargs}
    first = _first(call)
    if first in kwargs and (first == _RATE or isinstance(kwargs[first], Call)):
        args.insert(0, kwargs.pop(first))
    return Call(call.name, tuple(args), tuple(kwargs.items()))


def _first(call: Call) -> str | None:
    """Returns the name of the first thing that a call with named arguments takes."""
    made = names.optimizer(call.name) if call.kwargs else None
    return None if made is None else next(iter(_parameters(made)))


def _label(call: Call, rate: float | int | str) -> str:
    """Writes `sgd_momentum=0.9_lr=0.05`, in characters that any file system takes."""
    parameters = _parameters(names.optimizer(call.name)) if call.kwargs else {}
    parts = [call.name, *map(expressions.show, call.args)]
    for name, value in call.kwargs:
        usual = name in parameters and parameters[name].default == value
        named = "" if isinstance(value, Call) and name == _first(call) else f"{name}="
        if name != _RATE and not usual:
            parts.append(f"{named}{expressions.show(value)}")
    parts += [] if rate == "" else [f"lr={rate}"]
    label = re.sub(r"[^\w.=+,()-]+", "-", "_".join(parts).replace("'", ""))
    if len(label) <= _LONGEST:
        return label
    # A file system takes 255 bytes; what is cut off still tells two names apart.
    return f"{label[:_LONGEST]}_{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def _plain(value: Any) -> float | int | str:
    return value if isinstance(value, int | float | str) else expressions.show(value)
