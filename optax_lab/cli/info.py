# optax-lab info: what there is, and on what it runs.
import contextlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from optax_lab import names
from optax_lab.cli import devices, manifest, output, standing
from optax_lab.cli.settings import Info
from optax_lab.optimizers import table
from optax_lab.problems import surfaces
from optax_lab.reporting.tables import Table


def run(settings: Info, argv: list[str]) -> int:
    """Prints versions, devices, folders, optimizers, wrappers and surfaces."""
    devices.start("auto")
    tables = [_optimizers(), _wrappers(), _surfaces(), _moves(), _machine()]
    if runs := _runs(output.RUNS):
        tables.append(_table("runs", f"Runs in {output.RUNS}{os.sep}", runs))
    return output.report(settings, tables)


def _optimizers() -> Table:
    rows = [
        {"name": name, "learning_rate": entry.learning_rate}
        | {"defaults": _defaults(entry.make)}
        for name, entry in table.OPTIMIZERS.items()
    ]
    return _table("optimizers", "Optimizers", rows)


def _wrappers() -> Table:
    rows = [
        {"name": f"{name}({', '.join(_required(make))})", "defaults": _defaults(make)}
        for name, make in table.WRAPPERS.items()
    ]
    return _table("wrappers", "What goes over an optimizer", rows)


def _surfaces() -> Table:
    """Lists every surface; its source, which is long, is in the JSON only."""
    rows, shown = [], []
    for name, make in surfaces.SURFACES.items():
        surface = make()
        row = {"name": name, "defaults": _defaults(make)}
        row |= {"formula": surface.formula, "start": surface.start}
        row |= {"best": surface.best, "source": surface.source}
        rows.append(row)
        told = {key: _text(row[key]) for key in ("name", "defaults", "formula")}
        told["start"] = _point(surface.start)
        told["best"] = "-" if surface.best is None else f"{surface.best:.6g}"
        shown.append(told)
    return Table("surfaces", "Surfaces", rows, shown)


def _moves() -> Table:
    rows = [
        {"name": f"{name}({', '.join(_required(make))})"}
        for name, make in names.MOVES.items()
    ]
    return _table("moves", "What goes over a surface", rows)


def _point(start: Any) -> str:
    """Writes a point: its numbers where they are few, else its shapes."""
    if getattr(start, "size", 99) <= 2:
        return " ".join(f"{x:g}" for x in start)
    shapes = jax.tree.leaves(jax.tree.map(lambda leaf: str(leaf.shape), start))
    return " ".join(shapes)


def _runs(parent: Path) -> list[dict[str, Any]]:
    """Lists the runs in a folder, the last one first, and how each stands."""
    rows = []
    for path in parent.glob("*/manifest.json"):
        with contextlib.suppress(OSError, ValueError):
            found = standing.of(path.parent)
            told = {key: found.get(key) for key in ("command", "status", "started")}
            rows.append({"folder": path.parent.name} | told)
    return sorted(rows, key=lambda row: str(row["started"]), reverse=True)


def _machine() -> Table:
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


def _table(name: str, title: str, rows: list[dict[str, Any]]) -> Table:
    shown = [{key: _text(value) for key, value in row.items()} for row in rows]
    return Table(name, title, rows, shown)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}={_text(v)}" for k, v in value.items() if v is not None)
    return manifest.text(value)
