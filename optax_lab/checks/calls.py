# How a function is called, and what is said where that fails.

import functools
import inspect
import textwrap
import traceback
from collections.abc import Callable
from typing import Any

from optax_lab.checks.failure import CheckFailed

FAULTS = (Exception, SystemExit)  # what a student's function may end with


def fits(name: str, signature: str, f: Any, count: int) -> None:
    """Asserts that it is a function that can be called with so many arguments.

    Raises:
      CheckFailed: if it is not.
    """
    if not callable(f):
        raise CheckFailed(
            f"✗ {name} should be a function. This is {kind(f)}.\n"
            "  Hint: hand over its name alone, without calling it."
        )
    try:
        inspect.signature(f).bind(*range(count))
    except TypeError as error:
        arguments = "1 argument" if count == 1 else f"{count} arguments"
        raise CheckFailed(
            f"✗ {name} cannot be called with {arguments}: {error}.\n"
            f"  It is called as {signature}."
        ) from error
    except ValueError:  # some of those that are written in C do not say
        return


def asked(reference: Callable[..., Any]) -> int:
    """Returns how many arguments a reference takes, and so those who hand in."""
    return len(set(inspect.signature(reference).parameters) - {"wrong"})


def told(name: str, signature: str, error: BaseException, f: Any = None) -> str:
    """Says what was raised, in which line of the function, and how it is called."""
    if isinstance(error, NotImplementedError):
        return (
            f"✗ {name}: nothing is written yet ({str(error) or 'a blank'})\n"
            "  Hint: if it is, run its cell again. One that ended in an error leaves\n"
            "  the old function in its place; a SyntaxError does."
        )
    words = (str(error).strip() or "no words").splitlines()[0]
    said = f"✗ {name} raised {type(error).__name__}: {words}"
    lines = textwrap.wrap(textwrap.shorten(said, 280), 96, subsequent_indent="  ")
    where = f"  It is called as {signature}."
    return "\n".join([*lines, *_line_in(f, error), where])


def kind(it: Any) -> str:
    """Says what a thing is that should be another."""
    if isinstance(it, str | int | float):
        return f"the {type(it).__name__} {it!r}"
    if callable(it):
        return f"the function {getattr(it, '__name__', type(it).__name__)}"
    return f"of the type {type(it).__name__}"


def _line_in(f: Any, error: BaseException) -> list[str]:
    """Returns the last line of a function's own file that led to an error."""
    file = _file(f)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file and frame.line]
    return [f"    line {own[-1].lineno}: {own[-1].line}"] if own else []


def _file(f: Any) -> str | None:
    while isinstance(f, functools.partial):
        f = f.func
    f = inspect.unwrap(f) if callable(f) else f
    code = getattr(f, "__code__", getattr(type(f).__call__, "__code__", None))
    return getattr(code, "co_filename", None)
