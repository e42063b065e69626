# optax-lab info: what there is, and on what it runs.
import inspect
from collections.abc import Callable
from typing import Any

import jax

from optax_lab.cli import devices, manifest, output
from optax_lab.cli.settings import Info
from optax_lab.optimizers import table
from optax_lab.problems import surfaces


def run(settings: Info, argv: list[str]) -> int:
    """Prints versions, devices, folders, optimizers, wrappers and surfaces."""
    devices.start("auto")
    tables = [_optimizers(), _wrappers(), _surfaces(), _machine()]
    return output.report(settings, tables)


def _optimizers() -> output.Table:
    rows = [
        {"name": name, "learning_rate": entry.learning_rate}
        | {"defaults": _defaults(entry.make)}
        for name, entry in table.OPTIMIZERS.items()
    ]
    return _table("optimizers", "Optimizers", rows)


def _wrappers() -> output.Table:
    rows = [
        {"name": f"{name}({', '.join(_required(make))})", "defaults": _defaults(make)}
        for name, make in table.WRAPPERS.items()
    ]
    return _table("wrappers", "What goes over an optimizer", rows)


def _surfaces() -> output.Table:
    rows = []
    for name, make in surfaces.SURFACES.items():
        surface = make()
        facts = {"formula": surface.formula, "start": surface.start}
        facts |= {"best": surface.best, "source": surface.source}
        rows.append({"name": name, "defaults": _defaults(make)} | facts)
    return _table("surfaces", "Surfaces", rows)


def _machine() -> output.Table:
    found = jax.devices()
    facts = {
        "device": f"{len(found)} × {found[0].device_kind} ({found[0].platform})",
        "cores": devices.cores(),
        "cache": devices.cache(),
    }
    versions = {name: version or "-" for name, version in manifest.versions().items()}
    rows = [
        {"name": name, "value": value} for name, value in {**facts, **versions}.items()
    ]
    return _table("machine", "This machine", rows)


def _required(make: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(make).parameters
    return [n for n, p in parameters.items() if p.default is p.empty]


def _defaults(make: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(make).parameters
    return {n: p.default for n, p in parameters.items() if p.default is not p.empty}


def _table(name: str, title: str, rows: list[dict[str, Any]]) -> output.Table:
    shown = [{key: _text(value) for key, value in row.items()} for row in rows]
    return output.Table(name, title, rows, shown)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}={v}" for k, v in value.items() if v is not None)
    return str(value)
