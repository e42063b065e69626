# What arguments are called and are worth where nobody gives them, read off signatures.

import functools
import importlib
import inspect
import operator
import re
from collections.abc import Mapping
from typing import Any

from optax_lab.dialects.explaining.forms import Form

REQUIRED = "required"
_OFF = ("λ", "μ", "τ")  # where None asks for what 0 asks for
_PLACE = re.compile(r"(-?)(\w+)(?:\[(\d)\])?")
_ROOTS = {
    "torch.optim": "optax_lab.dialects.pytorch",
    "keras.optimizers": "optax_lab.dialects.keras",
}


def argument(place: str) -> str:
    """Returns the argument that a place is in: "betas" of "betas[0]"."""
    return _match(place)[2]


@functools.cache
def signature(call: str) -> Mapping[str, inspect.Parameter]:
    """Returns what a framework's optimizer takes, but for how it is executed."""
    path, name = call.split("(")[0].rsplit(".", 1)
    module = importlib.import_module(_ROOTS.get(path, "optax"))
    if path not in _ROOTS:
        module = functools.reduce(getattr, path.split(".")[1:], module)
    make = getattr(module, name)
    # Ours take arguments without effect; the function they wrap does not.
    own = getattr(make, "__wrapped__", make) if path in _ROOTS else make
    return inspect.signature(own).parameters


def default(form: Form, symbol: str) -> Any:
    """Returns what a symbol is worth by default, or `REQUIRED`."""
    sign, name, index = _match(form.arguments[symbol]).groups()
    value = signature(form.call)[name].default
    if value is inspect.Parameter.empty:
        return REQUIRED
    value = value if index is None else operator.getitem(value, int(index))
    if value is None and symbol in _OFF:
        return 0
    return -value if sign and value is not None else value


def told(form: Form, symbol: str) -> str:
    """Writes an argument with its default."""
    place, value = form.arguments[symbol], default(form, symbol)
    name = place.lstrip("-")
    if value is REQUIRED:
        return f"{name} {REQUIRED}"
    parameter = signature(form.call)[argument(place)].default
    return f"{name}={parameter if '[' not in place else value}"


def unmatched(form: Form, others: list[Form]) -> list[str]:
    """Lists the arguments that mean nothing to any of the others."""
    known = {symbol for other in others for symbol in other.arguments}
    shared = {argument(p) for s, p in form.arguments.items() if s in known}
    return [name for name in signature(form.call) if name not in shared]


def _match(place: str) -> re.Match[str]:
    found = _PLACE.fullmatch(place)
    if found is None:
        raise ValueError(f"{place!r} is no place in a signature")
    return found
