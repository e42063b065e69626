# Names that are loaded when they are first touched (PEP 562).

import gc
import importlib
from collections.abc import Callable
from typing import Any


def attach(
    package: str, modules: dict[str, str], name: str | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Makes a package's `__getattr__` and `__dir__`.

    Args:
      package: the package's name.
      modules: by public name, the module below the package that defines it, or is it.
      name: who has the names, where that is not the package.
    """
    here, kept = name or package, {}

    def getattr_(name: str) -> Any:
        if name not in modules:
            raise AttributeError(_unknown(here, name, modules))
        if name not in kept:
            module = _load(f"{package}.{modules[name]}")
            # A module may hold a function of its own name.
            is_module = name == modules[name] and name not in vars(module)
            kept[name] = module if is_module else getattr(module, name)
        return kept[name]

    return getattr_, lambda: sorted(modules)


def _unknown(package: str, name: str, modules: dict[str, str]) -> str:
    """Says that there is no such name, and which are nearest."""
    import difflib  # which a name that is there does not cost

    near = " or ".join(difflib.get_close_matches(name, modules))
    hint = f"; did you mean {near}?" if near else ""
    return f"module {package!r} has no attribute {name!r}{hint}"


def _load(name: str) -> Any:
    """Imports a module. What it makes stays, so no garbage is looked for meanwhile."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        if collects:
            gc.enable()
