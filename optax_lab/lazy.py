# Names that are loaded when they are first touched (PEP 562).

import gc
import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping
from typing import Any


def attach(
    package: str, modules: Mapping[str, str], name: str | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Makes a package's `__getattr__` and `__dir__`.

    A module of the package that has no public name is imported when it is touched, and
    listed only where there are no public names.

    Args:
      package: the package's name.
      modules: by public name, the module below the package that defines it, or is it.
      name: who has the names, where that is not the package.
    """
    here, kept = name or package, {}

    def getattr_(name: str) -> Any:
        if name not in modules:
            below = _below(package) if here == package else []
            if name in below:
                return _load(f"{package}.{name}")
            raise AttributeError(_unknown(here, name, [*modules, *below]))
        if name not in kept:
            module = _load(f"{package}.{modules[name]}")
            # A module may hold a function of its own name.
            is_module = name == modules[name] and name not in vars(module)
            kept[name] = module if is_module else getattr(module, name)
        return kept[name]

    return getattr_, lambda: sorted(modules or _below(package))


def _below(package: str) -> list[str]:
    """Lists the modules of a package, those of Python's own names apart."""
    found = pkgutil.iter_modules(sys.modules[package].__path__)
    return [module.name for module in found if not module.name.startswith("_")]


def _unknown(package: str, name: str, known: list[str]) -> str:
    """Says that there is no such name, and which are nearest."""
    import difflib  # which a name that is there does not cost

    near = " or ".join(difflib.get_close_matches(name, known))
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
