# How far a run is: on stderr, on a terminal, and nowhere else.
import contextlib
import sys
from collections.abc import Callable, Iterator

import rich.console
import rich.progress

Advance = Callable[[int], None]


@contextlib.contextmanager
def bar(what: str, total: int) -> Iterator[Advance]:
    """Shows a progress bar, and hands out what advances it by so many units."""
    with rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeElapsedColumn(),
        rich.progress.TimeRemainingColumn(),
        console=rich.console.Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda units: progress.advance(task, units)
