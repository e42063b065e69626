# How far a run is (on stderr, on a terminal, nowhere else), and when it may be stopped.
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator

import rich.console
import rich.progress


@contextlib.contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Shows a progress bar, and hands out what advances it by so many units."""
    with rich.progress.Progress(
        rich.progress.TextColumn("{task.description}", markup=False),
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


class Bars:
    """Shows one bar after another, each begun when its length is known.

    Made once and entered as a context: ``with Bars("trainings") as bars``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._stack = contextlib.ExitStack()
        self._advance: Callable[[int], None] = lambda units: None

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begin(self, total: int) -> None:
        """Ends the bar that there is, and begins one of so many units."""
        self._stack.close()
        if total:
            self._advance = self._stack.enter_context(bar(self._what, total))

    def advance(self, units: int) -> None:
        """Advances the bar."""
        self._advance(units)


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Shows what is waited for."""
    if not sys.stderr.isatty():
        yield
        return
    with rich.console.Console(stderr=True).status(what):
        yield


class Stop:
    """Holds a wish to stop until it can be obeyed."""

    asked = False

    def obey(self) -> None:
        """Stops here if that was asked for."""
        if self.asked:
            raise KeyboardInterrupt


@contextlib.contextmanager
def held() -> Iterator[Stop]:
    """Holds Ctrl-C back until it is obeyed; a second one is not held back."""
    stop = Stop()

    def ask(number: int, frame: object) -> None:
        stop.obey()
        stop.asked = True
        print("\nstopping soon; again to stop at once", file=sys.stderr)

    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals go to the main thread
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
