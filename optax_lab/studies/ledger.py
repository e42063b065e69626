# What a study has finished, in one SQLite file that a killed process cannot hurt.

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

SCHEMA = 1  # in the file's user_version; what it means is in docs/ledger.md
_TABLES = """
CREATE TABLE study (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
  key TEXT PRIMARY KEY,
  optimizer TEXT NOT NULL,
  role TEXT NOT NULL,
  point INTEGER NOT NULL,
  schedule TEXT NOT NULL,
  seed INTEGER NOT NULL,
  hypers TEXT NOT NULL,
  status TEXT NOT NULL,
  error TEXT NOT NULL,
  run_seconds REAL
) WITHOUT ROWID;
CREATE TABLE finals (
  key TEXT NOT NULL, tag TEXT NOT NULL, value REAL, PRIMARY KEY (key, tag)
) WITHOUT ROWID;
CREATE TABLE curves (
  key TEXT NOT NULL, tag TEXT NOT NULL, epochs BLOB NOT NULL, PRIMARY KEY (key, tag)
) WITHOUT ROWID;
"""
# What runs are named by: a study made with other keys is another.
KEYS = "of whole programs"
_MANY = 5  # words of a fact, of which only those that differ are told
_FLOATS = np.dtype("<f4")  # of a curve, one after the other


class Record(NamedTuple):
    """Holds one run, finished or failed.

    Attributes:
      key: the hash of everything that decides its result, of `key_of`.
      optimizer: its name in the study.
      role: what it is for: "tune", "report" or "default".
      point: the number of its hyperparameters among the points of the search, −1 for
        the defaults.
      schedule: of the learning rate.
      seed: of the parameters and the batches.
      hypers: its hyperparameters, by name.
      status: "ok", "diverged" or "failed".
      error: what failed, in a line; "" otherwise.
      run_seconds: how long it took, in its share of the chunk.
      finals: what was measured at the end, by tag.
      curves: what was measured at every epoch, by tag.
    """

    key: str
    optimizer: str
    role: str
    point: int
    schedule: str
    seed: int
    hypers: dict[str, float]
    status: str
    error: str
    run_seconds: float
    finals: dict[str, float]
    curves: dict[str, Float[np.ndarray, " epochs"]]


def key_of(facts: Mapping[str, Any]) -> str:
    """Returns the hash of facts, whatever their order: the name of a result.

    >>> key_of({"seed": 1, "epochs": 5}) == key_of({"epochs": 5, "seed": 1})
    True
    """
    text = json.dumps(
        facts, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Returns a number of NumPy as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is no number, text, list or dict")


def digest(*arrays: Any) -> str:
    """Returns the SHA-256 of arrays: their types, shapes and contents."""
    found = hashlib.sha256()
    for array in map(np.asarray, arrays):
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


class Ledger:
    """A study's file, open: one process at a time.

    Attributes:
      path: where it is.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @property
    def plan(self) -> dict[str, Any]:
        """The plan that was written last; empty in a file that is new."""
        rows = self._connection.execute("SELECT value FROM study WHERE name = 'plan'")
        found = rows.fetchone()
        return json.loads(found[0]) if found else {}

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Replaces the plan."""
        text = json.dumps(plan, sort_keys=True, default=_plain)
        with self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO study VALUES ('plan', ?)", (text,)
            )

    def keys(self, *statuses: str) -> set[str]:
        """Returns the keys of the runs that it holds, of some statuses or all."""
        rows = self._connection.execute("SELECT key, status FROM runs")
        return {key for key, status in rows if not statuses or status in statuses}

    def write(self, records: Iterable[Record]) -> None:
        """Adds runs, all of them or none: they are on the disk when it returns.

        A run that is there already is replaced.
        """
        with self._connection:
            for record in records:
                self._write(record)

    def _write(self, record: Record) -> None:
        run = record._asdict()
        finals, curves = run.pop("finals"), run.pop("curves")
        run["hypers"] = json.dumps(run["hypers"], sort_keys=True)
        execute = self._connection.execute
        marks = ", ".join("?" * len(run))
        execute(f"INSERT OR REPLACE INTO runs VALUES ({marks})", tuple(run.values()))
        for table, rows in (("finals", finals), ("curves", curves)):
            execute(f"DELETE FROM {table} WHERE key = ?", (record.key,))
            for tag, value in rows.items():
                packed = float(value) if table == "finals" else _packed(value)
                row = (record.key, tag, packed)
                execute(f"INSERT INTO {table} VALUES (?, ?, ?)", row)

    def records(self) -> list[Record]:
        """Returns every run, in the order of their keys."""
        finals: dict[str, dict[str, float]] = {}
        curves: dict[str, dict[str, np.ndarray]] = {}
        for key, tag, value in self._connection.execute("SELECT * FROM finals"):
            # SQLite keeps nan as NULL.
            finals.setdefault(key, {})[tag] = np.nan if value is None else value
        for key, tag, blob in self._connection.execute("SELECT * FROM curves"):
            curves.setdefault(key, {})[tag] = np.frombuffer(blob, _FLOATS)
        rows = self._connection.execute("SELECT * FROM runs ORDER BY key").fetchall()
        return [_record(row, finals, curves) for row in rows]


@contextlib.contextmanager
def opened(path: str | os.PathLike, plan: Mapping[str, Any]) -> Iterator[Ledger]:
    """Opens a study's file, or makes it, and keeps other processes out of it.

    A plan may have more optimizers, points or seeds than the one in the file; its
    ``facts``, which decide every result, must be the same.

    Args:
      path: the file.
      plan: what is to be run; it is written into the file.

    Raises:
      ValueError: in one line, if another process has it, it is no study, another
        version wrote it, or its facts differ: how.
    """
    path = Path(path)
    with _locked(path), contextlib.closing(_connected(path)) as connection:
        ledger = Ledger(path, connection)
        check(ledger, plan["facts"])
        ledger.write_plan(plan)
        yield ledger


def check(ledger: Ledger, facts: Mapping[str, Any]) -> None:
    """Refuses a file that holds results of other facts.

    Raises:
      ValueError: in one line, saying how they differ.
    """
    known = ledger.plan.get("facts", facts)
    if known.get("keys") != facts.get("keys"):
        raise ValueError(
            f"{ledger.path} was made with other keys, by an older version: its runs "
            "can be read and exported, and a new study needs another file"
        )
    if difference := _difference(known, facts):
        raise ValueError(f"{ledger.path} is another study: {difference}")


@contextlib.contextmanager
def reading(path: str | os.PathLike) -> Iterator[Ledger]:
    """Opens a study's file that exists, for reading, whoever else has it open.

    Nothing is written, and the medium may be read-only.

    Raises:
      ValueError: in one line, if there is none, it is no study, or another version
        wrote it.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such study")
    with contextlib.closing(_readable(path)) as connection:
        yield Ledger(path, connection)


def _readable(path: Path) -> sqlite3.Connection:
    """Connects to a study for reading only."""
    whole = path.resolve()
    # While a process has a study open, a -wal file is beside it. Without one SQLite
    # would make one, and leave it there.
    is_open = whole.with_name(f"{whole.name}-wal").exists()
    how = "mode=ro" if is_open else "immutable=1"
    with _called_a_study(path):
        connection = sqlite3.connect(f"{whole.as_uri()}?{how}", uri=True)
        tables = _tables(connection)
        if not tables:
            copied = "a copy of a running study needs its -wal file too"
            raise ValueError(f"{path}: no study: it is empty ({copied})")
        _check_schema(path, connection, tables)
    return connection


def _connected(path: Path) -> sqlite3.Connection:
    """Connects to a file of this schema; an empty or new one becomes one."""
    with _called_a_study(path):
        connection = sqlite3.connect(path)
        if tables := _tables(connection):
            _check_schema(path, connection, tables)
        else:
            connection.executescript(
                f"PRAGMA journal_mode = WAL; BEGIN; {_TABLES}"
                f"PRAGMA user_version = {SCHEMA}; COMMIT;"
            )
        connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextlib.contextmanager
def _called_a_study(path: Path) -> Iterator[None]:
    """Turns what SQLite says of a file into a line that names it."""
    try:
        yield
    except sqlite3.Error as error:
        raise ValueError(f"{path}: not a study's file ({error})") from error


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows}


def _check_schema(path: Path, connection: sqlite3.Connection, tables: set[str]) -> None:
    if not {"study", "runs", "finals", "curves"} <= tables:
        others = ", ".join(sorted(tables))
        raise ValueError(f"{path}: not a study's file, but a database of {others}")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA:
        age = "a newer" if version > SCHEMA else "an older"
        raise ValueError(
            f"{path}: {age} version of optax_lab wrote it (schema {version}), "
            f"and this one reads schema {SCHEMA}"
        )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds a lock beside a file; the system lets go of it when the process ends."""
    try:
        lock = sqlite3.connect(f"{path}.lock", timeout=0, isolation_level=None)
    except sqlite3.Error as error:
        raise ValueError(f"{path}: cannot be written ({error})") from error
    with contextlib.closing(lock):
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            raise ValueError(f"{path}: another process is at this study") from error
        yield


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Says how facts differ, or nothing."""
    told = [
        f"{name} {_changed(old.get(name), new.get(name))}"
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    return ", ".join(told)


def _changed(old: Any, new: Any) -> str:
    """Says how a fact differs: of two lists of words, in which of them."""
    words = [set(x.split()) if isinstance(x, str) else set() for x in (old, new)]
    if min(map(len, words)) < _MANY:
        return f"was {old!r}, is {new!r}"
    lost, won = (" ".join(sorted(a - b)) for a, b in (words, words[::-1]))
    return f"had {lost or 'nothing'} and has {won or 'nothing'} instead"


def _packed(values: Any) -> bytes:
    return np.asarray(values, _FLOATS).tobytes()


def _record(row: tuple, finals: dict[str, Any], curves: dict[str, Any]) -> Record:
    fields = dict(zip(Record._fields, row, strict=False))
    fields["hypers"] = json.loads(fields["hypers"])
    key = fields["key"]
    return Record(**fields, finals=finals.get(key, {}), curves=curves.get(key, {}))
