"""Optimizers and surfaces as one writes them: `adam(1e-3, b1=.8)`, parsed once.

An expression is made of names, calls and literals; nothing is evaluated. A name is one
of `OPTIMIZERS`, a wrapper, `optax.lion`, `pytorch.Adam`, `keras.Adam`, or someone's own
`package.module:function`.
"""

import ast
import contextlib
import dataclasses
import functools
import inspect
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from optax_lab import names
from optax_lab.optimizers import table
from optax_lab.problems import surfaces

RATE = names.RATE
_HOW = "write name, name(0.01) or name(0.01, b1=0.8)"
_NUMBERS = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}
_USUAL_RATE = 1e-3  # for functions that need a rate and are not in OPTIMIZERS
# `package.module:function` is not Python. Its colon becomes this attribute while
# `ast` reads it; text in quotation marks (the first group) is left alone.
_COLON = "_colon_"
_PATH = re.compile(r"""("[^"]*"|'[^']*')|([A-Za-z_][\w.]*):(?=[A-Za-z_])""")


# --- Text -----------------------------------------------------------------------------


class Call(NamedTuple):
    """Holds a name and what it is called with: literals and other calls.

    A bare name is a call without arguments.

    Attributes:
      name: `adam`, `optax.adam` or `package.module:function`.
      args: the positional arguments.
      kwargs: the named arguments, in the order in which they were written.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        """Writes the call in its canonical form.

        >>> str(parse("sgd( .05,momentum=9e-1 )"))
        'sgd(0.05, momentum=0.9)'
        """
        parts = [_show(value) for value in self.args]
        parts += [f"{name}={_show(value)}" for name, value in self.kwargs]
        return f"{self.name}({', '.join(parts)})" if parts else self.name

    def calls(self) -> Iterator["Call"]:
        """Yields the calls among the arguments."""
        values = (*self.args, *(value for _, value in self.kwargs))
        return (value for value in values if isinstance(value, Call))

    def each(self, function: Callable[["Call"], Any]) -> "Call":
        """Returns the call with a function of every call among its arguments."""
        deeper = lambda v: function(v) if isinstance(v, Call) else v
        kwargs = tuple((name, deeper(value)) for name, value in self.kwargs)
        return Call(self.name, tuple(map(deeper, self.args)), kwargs)


def parse(text: str) -> Call:
    """Reads an expression made of names, calls and literals.

    >>> parse("adam(1e-3, b1=.8)")
    Call(name='adam', args=(0.001,), kwargs=(('b1', 0.8),))

    Args:
      text: such as `adam`, `optax.sgd(0.1)`, `cautious(adamw(3e-3))` or
        `package.module:function(b1=0.8)`.

    Raises:
      ValueError: if the text is anything else.
    """
    source = _PATH.sub(lambda m: m[1] or f"{m[2]}.{_COLON}.", text.strip())
    try:
        node = ast.parse(source, mode="eval").body
        if isinstance(node, ast.Name | ast.Attribute | ast.Call):
            return _call(node)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", None) or str(error) or "too deeply nested"
        raise ValueError(f"{text!r} does not parse ({reason}): {_HOW}") from None
    raise ValueError(f"{text!r} is not a name or a call: {_HOW}")


def _show(value: Any) -> str:
    return str(value) if isinstance(value, Call) else repr(value)


def _call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call):
        return Call(_name(node))
    words = [keyword.arg for keyword in node.keywords]
    if None in words or len(set(words)) < len(words):
        raise ValueError("each argument is named once, and ** is not allowed")
    kwargs = tuple((str(word.arg), _value(word.value)) for word in node.keywords)
    return Call(_name(node.func), tuple(map(_value, node.args)), kwargs)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        name = f"{_name(node.value)}.{node.attr}".replace(f".{_COLON}.", ":")
        if name.count(":") < 2:
            return name
    raise ValueError(f"{ast.unparse(node)} is not a name")


def _value(node: ast.expr) -> Any:
    shown = ast.unparse(node)
    if shown in _NUMBERS:
        return _NUMBERS[shown]
    if isinstance(node, ast.Name | ast.Attribute | ast.Call):
        return _call(node)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):  # {[]: 1} is not hashable
        raise ValueError(f"{shown} is neither a literal nor a call") from None


# --- Expressions ----------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Expression:
    """An optimizer that was written as an expression.

    Attributes:
      said: the call as it was written, with every argument named.
      call: the same, with the learning rate spelled out.
      optimizer: what the call makes.
    """

    said: Call
    call: Call
    optimizer: Any = dataclasses.field(compare=False)

    @property
    def text(self) -> str:
        """The expression in full, which makes the optimizer again."""
        return str(_shortened(self.call))

    @property
    def as_written(self) -> str:
        """The expression as it was written, in its canonical form."""
        return str(_shortened(self.said))

    @property
    def head(self) -> str:
        """The expression without its learning rate: what is left when that is tuned."""
        return str(_shortened(_without(self.call, RATE)))

    @property
    def rate(self) -> float | int | str:
        """The learning rate: a number, the text of a schedule, or ""."""
        return _rate(self.call)

    @property
    def written(self) -> set[str]:
        """The arguments that the text gives, those of inner calls among them."""
        return _given(self.said)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The other arguments that are given, by name, as a table can hold them."""
        return {name: _plain(v) for name, v in self.call.kwargs if name != RATE}

    @property
    def parameters(self) -> list[str]:
        """What `make` takes: arguments of the call, and of those inside it."""
        return list(_taken(self.call))

    @property
    def functions(self) -> list[Any]:
        """The functions that the expression calls, the outer one first."""
        return [names.optimizer(call.name) for call in _all_calls(self.call)]

    def make(self, **hyperparameters: Any) -> Any:
        """Makes the optimizer anew with other hyperparameters, inner ones too.

        `cautious(adam(0.1))` with `learning_rate=0.2` is `cautious(adam(0.2))`.
        """
        return _made_anew(self.call, hyperparameters)

    @property
    def factory(self) -> Callable[..., Any]:
        """The function that is called, with what the expression gives filled in.

        It takes what is not in the expression, and what is there, anew.
        """
        make = names.optimizer(self.call.name)
        if not callable(make):
            return lambda: make
        args, kwargs = _arguments(self.call, names.optimizer)
        return functools.partial(make, *args, **kwargs)


def optimizer(text: str) -> Expression:
    """Reads the optimizer that an expression stands for, and makes it.

    Raises:
      ValueError: in one line, if there is no such optimizer, it refuses its arguments,
        or what is made is not an optimizer.

    >>> optimizer("adam(b1=.8)").text
    'adam(0.001, b1=0.8)'
    """
    with user_code():
        said = _named(parse(text), names.optimizer)
        call = _with_rates(said)
        made = _made(call, names.optimizer)
    if not (hasattr(made, "init") and hasattr(made, "update")):
        kind = type(made).__name__
        raise ValueError(
            f"{text!r} is not an optimizer: it makes a {kind}, "
            "and an optax.GradientTransformation is needed"
        )
    return Expression(said, call, made)


def optimizers(texts: Iterable[str], *, searched: bool = False) -> list[Expression]:
    """Reads several optimizers, no two of them equal.

    Args:
      texts: one expression each.
      searched: whether what is not written is searched, so that `adam` is not
        `adam(0.001)`.

    Raises:
      ValueError: in one line, if two are equal or one is not an optimizer.
    """
    found: dict[str, Expression] = {}
    for text in texts:
        made = optimizer(text)
        what = made.as_written if searched else _brief(made.call)
        twin = found.setdefault(str(what), made)
        if twin is not made:
            raise ValueError(f"{text!r} is {twin.text} again: give it once")
    return list(found.values())


def shortest(expressions: Iterable[Expression]) -> list[str]:
    """Returns the shortest names that differ: at best without defaults and rates.

    >>> shortest(map(optimizer, ["adam(1e-3)", "adam(1e-2)", "sgd(momentum=None)"]))
    ['adam(0.001)', 'adam(0.01)', 'sgd']
    """
    each = list(expressions)
    chosen = [str(_brief(one.said, rates=False)) for one in each]
    for longer in (
        [str(_brief(one.said)) for one in each],
        [one.as_written for one in each],
        [one.text for one in each],
    ):
        twice = {name for name in chosen if chosen.count(name) > 1}
        chosen = [
            long if short in twice else short
            for short, long in zip(chosen, longer, strict=True)
        ]
    return chosen


def surface(text: str, condition: float | None = None) -> tuple[str, surfaces.Surface]:
    """Makes the surface that an expression stands for, and writes the expression.

    Args:
      text: such as `quadratic(condition=100)` or `rotate(rosenbrock, 30)`.
      condition: its condition number, for surfaces that take one.

    Raises:
      ValueError: in one line, if there is none or it refuses its arguments.
    """
    call = _named(parse(text), names.surface)
    if condition is not None:
        call = _with_condition(call, condition)
    return str(call), _made(call, names.surface)


@contextlib.contextmanager
def user_code() -> Iterator[None]:
    """Sends what code of the user's prints to stderr, since stdout is for results.

    Raises:
      ValueError: in one line, where that code would end the process.
    """
    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield
        except SystemExit as error:
            raise ValueError(f"it calls sys.exit({error.code!r})") from error


# --- Calls ----------------------------------------------------------------------------


def _named(call: Call, find: Callable[[str], Any]) -> Call:
    """Names every argument."""
    call = call.each(lambda inner: _named(inner, find))
    named = [(names.argument(call.name, name), value) for name, value in call.kwargs]
    args, kwargs, made = call.args, dict(named), find(call.name)
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
            raise ValueError(f"{call}: too many arguments{_taken_by(made)}")
        placed = dict(zip(places, args, strict=False))
        if twice := placed.keys() & kwargs.keys():
            raise ValueError(f"{call}: {min(twice)} is given twice")
        args, kwargs = (), placed | kwargs
    return Call(call.name, args, tuple(kwargs.items()))


def _with_rates(call: Call) -> Call:
    """Spells out the learning rate that functions take by default, or should take."""
    call = call.each(_with_rates)
    made = names.optimizer(call.name)
    parameter = parameters_of(made).get(RATE) if callable(made) else None
    if parameter is None or RATE in dict(call.kwargs):
        return call
    rate = _default_rate(call.name, parameter)
    return Call(call.name, call.args, (*rate.items(), *call.kwargs))


def _made(call: Call, find: Callable[[str], Any]) -> Any:
    """Calls what a call names, inner calls first."""
    make = find(call.name)
    if not callable(make):
        return make
    args, kwargs = _arguments(call, find)
    rate = kwargs.get(RATE)
    if isinstance(rate, int | float) and not (math.isfinite(rate) and rate >= 0):
        raise ValueError(f"{call}: a learning rate is finite and at least 0")
    try:
        return make(*args, **kwargs)
    except Exception as error:  # whatever someone's own function raises
        says_it = call.name.partition(".")[0] in names.DIALECTS  # what they take
        takes = _taken_by(make) if isinstance(error, TypeError) and not says_it else ""
        raise ValueError(f"{call}: {names.one_line(error)}{takes}") from error


def _made_anew(call: Call, hyperparameters: dict[str, Any]) -> Any:
    """Makes what a call names, with other hyperparameters here and inside."""
    make = names.optimizer(call.name)
    if not callable(make):
        return make
    taken = parameters_of(make)
    own = {k: v for k, v in hyperparameters.items() if k in taken}
    rest = {k: v for k, v in hyperparameters.items() if k not in own}
    call = call.each(lambda inner: _made_anew(inner, rest))
    return make(*call.args, **(dict(call.kwargs) | own))


def _arguments(call: Call, find: Callable[[str], Any]) -> tuple[list, dict[str, Any]]:
    """Makes what a call is given, and passes by position what has no other way."""
    call = call.each(lambda inner: _made(inner, find))
    kwargs, parameters = dict(call.kwargs), parameters_of(find(call.name)).values()
    first = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    return [kwargs.pop(name) for name in first if name in kwargs] + [*call.args], kwargs


def parameters_of(make: Any) -> dict[str, inspect.Parameter]:
    """Lists what a function takes by name, and *args, in order."""
    found = inspect.signature(make).parameters
    return {name: p for name, p in found.items() if p.kind != p.VAR_KEYWORD}


def _taken_by(make: Any) -> str:
    return f"; it takes {', '.join(parameters_of(make))}"


def _default_rate(name: str, parameter: inspect.Parameter) -> dict[str, float]:
    """Spells out the rate that a function takes by default, or should take."""
    if name in table.OPTIMIZERS or parameter.default is parameter.empty:
        entry = table.OPTIMIZERS.get(re.split(r"[.:]", name)[-1])
        return {RATE: entry.learning_rate if entry else _USUAL_RATE}
    number = isinstance(parameter.default, int | float)
    return {RATE: parameter.default} if number else {}


def _rate(call: Call) -> float | int | str:
    """Returns a call's learning rate, or the first one found inside it."""
    given = dict(call.kwargs).get(RATE)
    if given is not None:
        return _plain(given)
    inside = (_rate(inner) for inner in call.calls())
    return next((rate for rate in inside if rate != ""), "")


def _shortened(call: Call) -> Call:
    """Writes what comes first without its name: a learning rate, or another call."""
    call = call.each(_shortened)
    args, kwargs = [*call.args], dict(call.kwargs)
    made = names.optimizer(call.name) if kwargs else None
    first = None if made is None else next(iter(parameters_of(made)))
    if first in kwargs and (first == RATE or isinstance(kwargs[first], Call)):
        args.insert(0, kwargs.pop(first))
    return Call(call.name, tuple(args), tuple(kwargs.items()))


def _brief(call: Call, *, rates: bool = True) -> Call:
    """Leaves out what is as by default, and learning rates unless wanted."""
    usual = parameters_of(names.optimizer(call.name)) if call.kwargs else {}
    kept = tuple(
        (name, value)
        for name, value in call.kwargs
        if (rates if name == RATE else _differs(usual.get(name), value))
    )
    call = Call(call.name, call.args, kept)
    return _shortened(call.each(lambda inner: _brief(inner, rates=rates)))


def _differs(parameter: inspect.Parameter | None, value: Any) -> bool:
    if parameter is None:
        return True
    default = parameter.default
    return type(default) is not type(value) or default != value


def _without(call: Call, name: str) -> Call:
    kept = tuple((key, value) for key, value in call.kwargs if key != name)
    return Call(call.name, call.args, kept)


def _given(call: Call) -> set[str]:
    """Lists the arguments that a call gives, those of inner calls too."""
    own = {name for name, value in call.kwargs if not isinstance(value, Call)}
    return own.union(*map(_given, call.calls()))


def _taken(call: Call) -> dict[str, None]:
    """Lists the arguments that a call and those inside it take, once each."""
    make = names.optimizer(call.name)
    own = parameters_of(make) if callable(make) else {}
    inner = [name for name, value in call.kwargs if isinstance(value, Call)]
    found = dict.fromkeys(name for name in own if name not in inner)
    for deeper in call.calls():
        found |= _taken(deeper)
    return found


def _all_calls(call: Call) -> Iterator[Call]:
    yield call
    for inner in call.calls():
        yield from _all_calls(inner)


def _plain(value: Any) -> float | int | str:
    """Returns a value that a table can hold."""
    return value if isinstance(value, int | float | str) else _show(value)


def _with_condition(call: Call, condition: float) -> Call:
    takes = {
        name
        for name, make in surfaces.SURFACES.items()
        if "condition" in parameters_of(make)
    }
    if call.name not in takes:
        those = ", ".join(sorted(takes))
        problem = f"--condition {condition:g}: {call.name} has no condition"
        raise ValueError(f"{problem}; these have: {those}")
    kwargs = dict(call.kwargs) | {"condition": condition}
    return Call(call.name, call.args, tuple(kwargs.items()))
