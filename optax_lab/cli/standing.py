# How the runs in folders stand: one is locked as long as its process lives.
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # on Windows, where a run that was killed says "running"
    fcntl: Any = None

RUNNING, GONE = "running", "gone"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks a folder; the system lets go of it when the process ends, however it does.

    Raises:
        ValueError: in one line, if another run has locked it.
    """
    with _opened(folder) as place:
        if place is not None and not _lock(place):
            raise ValueError(f"--out {folder}: a run is going on there")
        yield


def is_running(folder: Path) -> bool:
    """Says whether a run that has locked a folder lives; where nobody can say, yes."""
    with _opened(folder) as place:
        return place is None or not _lock(place)


def of(folder: Path) -> dict[str, Any]:
    """Returns the manifest of a folder's run; "gone" is one that was killed.

    Raises:
        OSError: if there is none.
        ValueError: if it is not JSON, or another program's.
    """
    found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{folder}: its manifest is none")
    if found.get("status") == RUNNING and not is_running(folder):
        found["status"] = GONE
    return found


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """Opens a folder, or yields None where folders cannot be locked."""
    if fcntl is None:
        yield None
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        yield place
    finally:
        os.close(place)


def _lock(place: int) -> bool:
    """Locks an open folder and returns True, unless another process has."""
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # or else this file system has no locks
        return not isinstance(error, BlockingIOError)
    return True
