# What a command leaves: a folder with its manifest, and tables on stdout.
import contextlib
import csv
import dataclasses
import datetime
import os
import re
import shutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import rich.box
import rich.console
import rich.table

from optax_lab.cli import manifest, standing
from optax_lab.cli.settings import Settings
from optax_lab.reporting.tables import Table

EXIT = {"ok": 0, "diverged": 1, "failed": 1, "interrupted": 130}
RUNS = Path("runs")  # where folders go unless said
STUDY = "study.db"  # a study's file, which --resume goes on with
_OURS = ("*.png", "*.gif", "*.csv", "*.json", "*.txt", "*.part", "report.md", "tb")
_OURS += (f"{STUDY}*",)


@dataclasses.dataclass
class Folder:
    """Holds a run's folder, its manifest and how the run stands.

    Attributes:
        path: where the files go.
        manifest: what manifest.json holds; a change is written by `save`.
        status: "ok" until something else is known.
    """

    path: Path
    manifest: dict[str, Any]
    status: str = "ok"

    def save(self) -> None:
        """Writes the manifest as it is now."""
        manifest.write(self.path / "manifest.json", self.manifest)

    def note(self, status: str) -> None:
        """Makes the status worse, never better."""
        self.status = max(self.status, status, key=list(EXIT).index)

    @contextlib.contextmanager
    def guarded(self, what: str) -> Iterator[None]:
        """Lets a part of the run fail, or be stopped, without the rest."""
        try:
            yield
        except KeyboardInterrupt:
            self.note("interrupted")
        except Exception as error:
            self._fail(what, error)

    def _fail(self, what: str, error: Exception) -> None:
        self.note("failed")
        told = f"{what}\n{''.join(traceback.format_exception(error))}\n"
        with (
            contextlib.suppress(OSError),  # the disk may be what failed
            (self.path / "errors.txt").open("a", encoding="utf-8") as file,
        ):
            file.write(told)
        line = " ".join(str(error).split())[:200]
        say(f"{what} failed: {type(error).__name__}: {line} (see errors.txt)")


@contextlib.contextmanager
def opened(settings: Settings, argv: list[str], **facts: Any) -> Iterator[Folder]:
    """Makes the folder of a run, and keeps its manifest true to the end.

    Ctrl-C and failures end the block and go no further: they become the status.

    Args:
        settings: the resolved settings.
        argv: what was typed after the program's name.
        **facts: what else the manifest says, such as `data`.

    Raises:
        ValueError: in one line, if the folder exists or cannot be made.
    """
    described = manifest.describe(settings, argv) | facts
    if settings.config is not None:
        for difference in manifest.differences(settings.config, described):
            say(f"not the run of {settings.config}: {difference}")
    folder = Folder(_make(settings), described)
    with standing.locked(folder.path):
        folder.save()
        try:
            with folder.guarded(settings.command):
                yield folder
        finally:
            folder.manifest |= {"status": folder.status, "ended": manifest.now()}
            folder.save()


def check(settings: Settings) -> None:
    """Raises ValueError if the folder that is asked for is taken."""
    path = settings.out
    goes_on = getattr(settings, "resume", False)
    if path is None or not os.path.lexists(path):
        if goes_on:
            raise ValueError(f"--resume: there is no study in --out {path}")
        return
    if not (settings.force or goes_on):
        raise ValueError(f"--out {path}: exists; choose another, or add --force")
    if not manifest.is_one(path / "manifest.json"):
        raise ValueError(f"--out {path}: holds no run, so it is left alone")
    if standing.of(path)["status"] == standing.RUNNING:
        raise ValueError(f"--out {path}: a run is going on there")


def report(
    settings: Any,
    tables: list[Table],
    folder: Folder | None = None,
    hints: Iterable[str] = (),
    status: str = "ok",
) -> int:
    """Prints the results, says what was written and what to type next.

    The status is the folder's where there is one.

    Returns:
        The exit code.
    """
    status = folder.status if folder else status
    document: dict[str, Any] = {"command": settings.command, "status": status}
    document |= {table.name: table.rows for table in tables}
    if folder:
        manifest.write(folder.path / "summary.json", document)
        document |= {"folder": folder.path, "next": list(hints)}
    machine = settings.json or getattr(settings, "csv", False)
    wrote = _wrote(status, folder, hints) if folder else ""
    with _printed() as failed:
        if settings.json:
            sys.stdout.write(manifest.to_json(document))
        elif machine:
            sys.stdout.write(to_csv(tables[0].rows))
        else:
            _print_tables(tables)
        if not machine:
            sys.stdout.write(wrote)
    if machine and wrote:
        with contextlib.suppress(OSError):  # the results are out
            print(wrote, end="", file=sys.stderr, flush=True)
    return max(EXIT[status], EXIT["failed"] if failed else 0)


def _wrote(status: str, folder: Folder, hints: Iterable[str]) -> str:
    """Writes what is in a folder now, and what to type next."""
    wrote = f"{status}: wrote {folder.path}{os.sep} ({_contents(folder.path)})"
    return "\n".join([wrote, *(f"next: {hint}" for hint in hints), ""])


@contextlib.contextmanager
def _printed() -> Iterator[list[OSError]]:
    """Goes on where nothing can be printed, and lists why, unless the reader left.

    A reader has left with `| head -1`; a disk may be full.
    """
    failed: list[OSError] = []
    try:
        yield failed
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            failed.append(error)
            say(f"results could not be printed: {error.strerror}")


def to_csv(rows: Iterable[Mapping[str, Any]], *, header: bool = True) -> str:
    """Writes rows with the same keys as comma-separated values."""
    rows = list(rows)
    lines = _Lines()
    writer = csv.DictWriter(lines, list(rows[0]) if rows else [], lineterminator=_END)
    if header and rows:
        writer.writeheader()
    writer.writerows(rows)
    return "".join(lines.written)


_END = "\r\n"  # for `csv`, which would not quote a carriage return otherwise


class _Lines:
    """Takes rows as `csv` writes them, and ends each as files here do."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, row: str) -> None:
        self.written.append(row.removesuffix(_END) + "\n")


def append(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Adds rows to a file of comma-separated values, on the disk when it returns."""
    text = to_csv(rows, header=not path.exists())
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def program(name: str) -> str:
    """Writes how a program that was installed beside Python is called from here."""
    beside = Path(sys.executable).with_name(name)
    if shutil.which(name) or not beside.exists():
        return name
    return os.path.relpath(beside)


def say(line: str) -> None:
    """Writes one line for people to stderr, if it can be written."""
    with contextlib.suppress(OSError):
        print(f"optax-lab: {line}", file=sys.stderr, flush=True)


def _make(settings: Settings) -> Path:
    check(settings)
    path = settings.out or _free(RUNS, settings.command)
    goes_on = getattr(settings, "resume", False)
    stale = [] if goes_on else [f for name in _OURS for f in path.glob(name)]
    try:
        path.mkdir(parents=True, exist_ok=settings.force or goes_on)
        for ours in stale:
            shutil.rmtree(ours) if ours.is_dir() else ours.unlink()
    except OSError as error:
        raise ValueError(f"--out {path}: cannot be written ({error})") from error
    return path


def _free(parent: Path, command: str) -> Path:
    time = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    names = (f"{command}-{time}{f'-{k}' if k else ''}" for k in range(1000))
    return next(parent / name for name in names if not (parent / name).exists())


def _contents(path: Path) -> str:
    return ", ".join(sorted(f.name + "/" * f.is_dir() for f in path.iterdir()))


def _print_tables(tables: list[Table]) -> None:
    """Prints tables as wide as they are where nobody's terminal is the limit."""
    width = None if sys.stdout.isatty() else 200
    console = rich.console.Console(width=width, markup=False)
    # Rich would end the process with 1 where the reader has gone (`| head -1`).
    with console.capture() as printed:
        _draw_tables(console, tables)
    sys.stdout.write(printed.get())
    sys.stdout.flush()


def _draw_tables(console: rich.console.Console, tables: list[Table]) -> None:
    for table in tables:
        drawn = rich.table.Table(
            title=table.title, title_justify="left", box=rich.box.SIMPLE_HEAD
        )
        for heading in table.shown[0] if table.shown else ():
            cells = [row[heading] for row in table.shown]
            number = all(re.match(r"[-+.\d]|nan|inf", cell) for cell in cells)
            drawn.add_column(heading, justify="right" if number else "left")
        for row in table.shown:
            drawn.add_row(*row.values())
        console.print(drawn)
