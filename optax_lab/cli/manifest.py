# What a run was: enough to run it again, and to see what differed if it differs.
import dataclasses
import datetime
import importlib.metadata
import json
import math
import os
import platform
import re
import subprocess
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optax_lab.cli.settings import Settings

SCHEMA = 1
_PACKAGES = ("optax_lab", "jax", "jaxlib", "optax", "flax", "numpy", "mnist1d")


def describe(settings: Settings, argv: list[str]) -> dict[str, Any]:
    """Describes a run that begins now; JAX has started by then.

    Args:
        settings: the resolved settings.
        argv: what was typed after the program's name.
    """
    import jax

    devices = jax.devices()
    kept = dataclasses.asdict(settings)
    return {
        "schema": SCHEMA,
        "command": settings.command,
        "argv": argv,
        "settings": {k: v for k, v in kept.items() if k not in settings.local},
        "status": "running",
        "started": now(),
        "ended": None,
        "versions": versions(),
        "device": {
            "platform": devices[0].platform,
            "kind": devices[0].device_kind,
            "count": len(devices),
        },
        "environment": {
            "system": platform.platform(),
            "XLA_FLAGS": os.environ.get("XLA_FLAGS"),
            "x64": bool(jax.config.jax_enable_x64),
        },
        "git": _commit(),
    }


def versions() -> dict[str, str | None]:
    """Lists the versions of Python and of the packages that numbers depend on."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None  # imported from a folder, never installed
    return found


def now() -> str:
    """Returns the time in ISO 8601, with its offset from UTC."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def to_json(value: Any, indent: int | None = 2) -> str:
    """Writes JSON that any reader takes: nan and the infinities become null."""
    text = json.dumps(_plain(value), indent=indent, allow_nan=False, ensure_ascii=False)
    return text + "\n"


def write(path: Path, value: Any) -> None:
    """Writes JSON so that a reader finds the old file or the new one, never a part."""
    part = path.with_name(path.name + ".part")
    part.write_text(to_json(value), encoding="utf-8")
    part.replace(path)


def is_one(path: Path) -> bool:
    """Says whether a file is the manifest of a run, and not another program's."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"schema", "command", "argv"} <= found.keys()


def load(path: Path, kind: type[Settings]) -> Settings:
    """Reads the settings that a manifest holds for a command.

    Raises:
        ValueError: in one line, if the file cannot be read or is not such a manifest.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"--config {path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"--config {path}: not JSON ({error})") from error
    try:
        return _settings(found, kind)
    except ValueError as error:
        raise ValueError(f"--config {path}: {error}") from error


def differences(old: Path, new: Mapping[str, Any]) -> list[str]:
    """Says in what a run cannot be the one it replays: versions, device, data."""
    before = json.loads(old.read_text(encoding="utf-8"))
    found = []
    for part in ("versions", "device", "data"):
        then, today = before.get(part), new.get(part) or {}
        then = then if isinstance(then, dict) else {}
        keys = [key for key in then if then[key] != today.get(key)]
        found += [f"{part}: {k} was {then[k]}, is {today.get(k)}" for k in keys]
    return found


def _settings(found: Any, kind: type[Settings]) -> Settings:
    if not isinstance(found, dict) or not isinstance(found.get("settings"), dict):
        raise ValueError("not a manifest: it has no settings")
    if found.get("schema") != SCHEMA:
        raise ValueError(f"schema {found.get('schema')!r} is not {SCHEMA}")
    command = found.get("command")
    if command != kind.command:
        raise ValueError(f"it is of {command!r}, not of {kind.command!r}")
    hints = typing.get_type_hints(kind)
    allowed = hints.keys() - {"command", *kind.local}
    if unknown := found["settings"].keys() - allowed:
        raise ValueError(f"unknown setting {min(unknown)!r}")
    return kind(**{k: _typed(k, v, hints[k]) for k, v in found["settings"].items()})


def _typed(name: str, value: Any, hint: Any) -> Any:
    """Turns a value of JSON into what a setting holds, or raises ValueError."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and isinstance(value, list):
        return tuple(_typed(name, item, inner[0]) for item in value)
    if origin is typing.Literal and value in inner:
        return value
    if origin not in (None, tuple, typing.Literal):  # a union
        return value if value is None else _typed(name, value, inner[0])
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and type(value) is int:
        return float(value)
    if origin is None and type(value) is hint:
        return value
    raise ValueError(f"{name} cannot be {value!r}")


def text(value: Any) -> str:
    """Writes a value; of a function its name, and of nothing an address."""
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # of NumPy or JAX
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | None) else text(value)


def _commit() -> dict[str, Any] | None:
    """Returns the current folder's commit, and whether files differ from it."""
    run = lambda *words: subprocess.run(
        ["git", *words], capture_output=True, text=True, timeout=5, check=True
    ).stdout.strip()
    try:
        return {
            "commit": run("rev-parse", "HEAD"),
            "dirty": bool(run("status", "--porcelain", "--untracked-files=no")),
        }
    except (OSError, subprocess.SubprocessError):
        return None
