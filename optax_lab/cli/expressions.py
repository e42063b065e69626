# An optimizer is written as one expression. This reads it and evaluates nothing.
import ast
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_HOW = "write name, name(0.01) or name(0.01, b1=0.8)"
_NUMBERS = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}

# `package.module:function` is not Python. Its colon becomes this attribute while
# `ast` reads it; text in quotation marks (the first group) is left alone.
_COLON = "_colon_"
_PATH = re.compile(r"""("[^"]*"|'[^']*')|([A-Za-z_][\w.]*):(?=[A-Za-z_])""")


class Call(NamedTuple):
    """Holds a name and what it is called with: literals and other calls.

    A bare name is a call without arguments.

    Attributes:
        name: ``adam``, ``optax.adam`` or ``package.module:function``.
        args: the positional arguments.
        kwargs: the named arguments, in the order in which they were written.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        """Writes the expression in its canonical form.

        >>> str(parse("sgd( .05,momentum=9e-1 )"))
        'sgd(0.05, momentum=0.9)'
        """
        parts = [show(value) for value in self.args]
        parts += [f"{name}={show(value)}" for name, value in self.kwargs]
        return f"{self.name}({', '.join(parts)})" if parts else self.name

    def calls(self) -> Iterator["Call"]:
        """Yields the calls among the arguments."""
        values = (*self.args, *(value for _, value in self.kwargs))
        return (value for value in values if isinstance(value, Call))


def show(value: Any) -> str:
    """Writes one argument as an expression would have it."""
    return str(value) if isinstance(value, Call) else repr(value)


def parse(text: str) -> Call:
    """Reads an expression made of names, calls and literals.

    >>> parse("adam(1e-3, b1=.8)")
    Call(name='adam', args=(0.001,), kwargs=(('b1', 0.8),))

    Args:
        text: such as ``adam``, ``optax.sgd(0.1)``, ``cautious(adamw(3e-3))`` or
            ``package.module:function(b1=0.8)``.

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
