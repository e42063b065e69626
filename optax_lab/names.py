# What a name stands for: an optimizer or a surface, ours, Optax's or one's own.

import difflib
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import optax

from optax_lab import dialects
from optax_lab.optimizers import table
from optax_lab.problems import surfaces

RATE = "learning_rate"
# What goes over any surface, by the name that expressions know it by.
MOVES = {
    "noisy": surfaces.noisy,
    "rescale": surfaces.rescale,
    "rotate": surfaces.rotate,
    "shift": surfaces.shift,
}
DIALECTS = ("keras", "pytorch")


def optimizer(name: str) -> Any:
    """Finds what a name stands for, here, in Optax or in a module of one's own.

    Raises:
      ValueError: in one line, with what it may have been meant to be.
    """
    if ":" in name:
        return _imported(*name.split(":"))
    if name in table.OPTIMIZERS:
        return table.OPTIMIZERS[name].make
    if name in table.WRAPPERS:
        return table.WRAPPERS[name]
    if name.startswith("optax."):
        return _of_optax(name)
    if name.partition(".")[0] in DIALECTS:
        return _of_dialect(name)
    known = [*table.OPTIMIZERS, *table.WRAPPERS]
    known += [kind for framework in DIALECTS for kind in _kinds(framework)]
    raise ValueError(_unknown("optimizer", name, known, "optax-lab info lists them"))


def surface(name: str) -> Any:
    """Finds the function that makes a surface, or moves one.

    Raises:
      ValueError: in one line, with what it may have been meant to be.
    """
    known = surfaces.SURFACES | MOVES
    if name in known:
        return known[name]
    raise ValueError(_unknown("surface", name, known, "optax-lab info lists them"))


def one_line(error: BaseException) -> str:
    """Writes an error in one line, with its type unless it is a ValueError."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"


def argument(optimizer: str, name: str) -> str:
    """Returns what an argument is called here: PyTorch's `lr` is a learning rate."""
    return RATE if (optimizer[:8], name) == ("pytorch.", "lr") else name


def _of_optax(name: str) -> Any:
    found: Any = optax
    for part in name.split(".")[1:]:
        found = None if part.startswith("_") else getattr(found, part, None)
    if callable(found) and str(found.__module__).startswith("optax."):
        return found
    public = [f"optax.{known}" for known in dir(optax) if known[0] != "_"]
    raise ValueError(_unknown("function of Optax", name, public))


def _of_dialect(name: str) -> Any:
    framework, _, kind = name.partition(".")
    if name not in _kinds(framework):
        raise ValueError(_unknown("optimizer", name, _kinds(framework)))
    return _with_our_words(name, getattr(getattr(dialects, framework), kind))


def _kinds(framework: str) -> list[str]:
    """Lists a framework's optimizers as expressions know them."""
    return [f"{framework}.{kind}" for kind in getattr(dialects, framework).__all__]


def _with_our_words(name: str, make: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that takes its arguments by the names used here."""
    signature = inspect.signature(make)
    theirs = {
        argument(name, parameter): parameter for parameter in signature.parameters
    }

    @functools.wraps(make)
    def renamed(*args, **kwargs):
        return make(*args, **{theirs.get(k, k): v for k, v in kwargs.items()})

    ours = [
        p.replace(name=argument(name, p.name)) for p in signature.parameters.values()
    ]
    renamed.__signature__ = signature.replace(parameters=ours)
    return renamed


def _imported(module: str, path: str) -> Any:
    _check_hidden(module)
    if "" not in sys.path:
        sys.path.insert(0, "")  # the current folder, as `python -m` has it
    try:
        found = importlib.import_module(module)
    except Exception as error:  # whatever the module itself raises
        raise ValueError(f"{module} does not import: {one_line(error)}") from error
    for part in path.split("."):
        if not hasattr(found, part):
            public = [known for known in dir(found) if known[0] != "_"]
            raise ValueError(_unknown(f"name in {module}", path, public))
        found = getattr(found, part)
    return found


def _check_hidden(module: str) -> None:
    """Refuses a file of one's own that is called as a module of Python's is.

    Raises:
      ValueError: in one line, with the file.
    """
    top = module.partition(".")[0]
    own = [path for path in (Path(f"{top}.py"), Path(top)) if path.exists()]
    if own and top in sys.stdlib_module_names:
        raise ValueError(f"{top} is a module of Python's own: rename your {own[0]}")


def _unknown(kind: str, name: str, known: Iterable[str], else_: str = "") -> str:
    """Says what is unknown, the name nearest to it, and all names if they are few."""
    known = list(known)
    spelled = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), spelled, n=1)
    every = f"known: {', '.join(known)}"
    hints = [f"did you mean {spelled[each]}?" for each in near]
    hints.append(every if len(every) < 200 else else_)
    return f"unknown {kind} {name!r}; {' '.join(hints)}".removesuffix("; ")
