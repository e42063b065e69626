# An expression's calls: their arguments named, made, and written again.
import hashlib
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

from optax_lab.cli import expressions, names
from optax_lab.cli.expressions import Call
from optax_lab.optimizers import table

RATE = "learning_rate"
_LONGEST = 160  # characters of a name for folders
_USUAL_RATE = 1e-3  # for functions that need a rate and are not in OPTIMIZERS


def normalise(call: Call, find: Callable[[str], Any]) -> Call:
    """Names every argument, and fills in the learning rate where one is required."""
    deeper = lambda v: normalise(v, find) if isinstance(v, Call) else v
    args = [deeper(value) for value in call.args]
    named = [(names.argument(call.name, name), deeper(v)) for name, v in call.kwargs]
    kwargs, made = dict(named), find(call.name)
    if len(kwargs) < len(named):
        raise ValueError(f"{call}: {RATE} is given twice")
    if not callable(made):
        if args or kwargs:
            raise ValueError(f"{call}: {call.name} is an object: write it without ()")
        return call
    parameters = parameters_of(made)
    if not any(p.kind == p.VAR_POSITIONAL for p in parameters.values()):
        places = [n for n, p in parameters.items() if p.kind != p.KEYWORD_ONLY]
        if len(args) > len(places):
            raise ValueError(f"{call}: too many arguments{taken_by(made)}")
        named = dict(zip(places, args, strict=False))
        if twice := named.keys() & kwargs.keys():
            raise ValueError(f"{call}: {min(twice)} is given twice")
        args, kwargs = [], named | kwargs
    if RATE in parameters and RATE not in kwargs:
        kwargs = default_rate(call.name, parameters[RATE]) | kwargs
    return Call(call.name, tuple(args), tuple(kwargs.items()))


def make(call: Call, find: Callable[[str], Any]) -> Any:
    """Calls what a call names, inner calls first."""
    make = find(call.name)
    if not callable(make):
        return make
    args, kwargs = arguments(call, find)
    rate = kwargs.get(RATE)
    if isinstance(rate, int | float) and not (math.isfinite(rate) and rate >= 0):
        raise ValueError(f"{call}: a learning rate is finite and at least 0")
    try:
        return make(*args, **kwargs)
    except Exception as error:  # whatever someone's own function raises
        told = call.name.partition(".")[0] in names.DIALECTS  # what they take
        takes = taken_by(make) if isinstance(error, TypeError) and not told else ""
        raise ValueError(f"{call}: {names.one_line(error)}{takes}") from error


def arguments(call: Call, find: Callable[[str], Any]) -> tuple[list, dict[str, Any]]:
    """Makes what a call is given, and passes by position what has no other way."""
    deeper = lambda v: make(v, find) if isinstance(v, Call) else v
    kwargs = {name: deeper(value) for name, value in call.kwargs}
    parameters = parameters_of(find(call.name)).values()
    first = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    args = [kwargs.pop(name) for name in first if name in kwargs]
    return [*args, *(deeper(value) for value in call.args)], kwargs


def parameters_of(make: Any) -> dict[str, inspect.Parameter]:
    """Lists what a function takes by name, and *args, in order."""
    found = inspect.signature(make).parameters
    return {name: p for name, p in found.items() if p.kind != p.VAR_KEYWORD}


def taken_by(make: Any) -> str:
    """Writes what a function takes, to follow a message."""
    return f"; it takes {', '.join(parameters_of(make))}"


def default_rate(name: str, parameter: inspect.Parameter) -> dict[str, float]:
    """Spells out the rate that a function takes by default, or should take."""
    if name in table.OPTIMIZERS or parameter.default is parameter.empty:
        entry = table.OPTIMIZERS.get(re.split(r"[.:]", name)[-1])
        return {RATE: entry.learning_rate if entry else _USUAL_RATE}
    number = isinstance(parameter.default, int | float)
    return {RATE: parameter.default} if number else {}


def rate(call: Call) -> float | int | str:
    """Returns a call's learning rate, or the first one found inside it."""
    given = dict(call.kwargs).get(RATE)
    if given is not None:
        return plain(given)
    inside = (rate(inner) for inner in call.calls())
    return next((rate for rate in inside if rate != ""), "")


def shorten(call: Call) -> Call:
    """Writes what comes first without its name: a learning rate, or another call."""
    deeper = lambda v: shorten(v) if isinstance(v, Call) else v
    args = [deeper(value) for value in call.args]
    kwargs = {name: deeper(value) for name, value in call.kwargs}
    first = first_of(call)
    if first in kwargs and (first == RATE or isinstance(kwargs[first], Call)):
        args.insert(0, kwargs.pop(first))
    return Call(call.name, tuple(args), tuple(kwargs.items()))


def first_of(call: Call) -> str | None:
    """Returns the name of the first thing that a call with named arguments takes."""
    made = names.optimizer(call.name) if call.kwargs else None
    return None if made is None else next(iter(parameters_of(made)))


def label(call: Call, rate: float | int | str) -> str:
    """Writes `sgd_momentum=0.9_lr=0.05`, as a folder may be called."""
    parameters = parameters_of(names.optimizer(call.name)) if call.kwargs else {}
    parts = [call.name, *map(expressions.show, call.args)]
    for name, value in call.kwargs:
        usual = name in parameters and parameters[name].default == value
        named = "" if isinstance(value, Call) and name == first_of(call) else f"{name}="
        if name != RATE and not usual:
            parts.append(f"{named}{expressions.show(value)}")
    parts += [] if rate == "" else [f"lr={rate}"]
    label = file_name("_".join(parts))
    if len(label) <= _LONGEST:
        return label
    # A file system takes 255 bytes; what is cut off still tells two names apart.
    return f"{label[:_LONGEST]}_{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def file_name(text: str) -> str:
    """Writes text in characters that any file system takes, and a shell unquoted.

    >>> file_name("cautious(adam(b1=.8), min_share=0.1)")
    'cautious-adam-b1=.8,min_share=0.1'
    """
    text = re.sub(r"(?<=[=,])\s*[(\[]|[)\]']|(?<=,)\s+", "", text)
    return re.sub(r"[^\w.=+,-]+", "-", text)


def plain(value: Any) -> float | int | str:
    """Returns a value that a table can hold."""
    return value if isinstance(value, int | float | str) else expressions.show(value)
