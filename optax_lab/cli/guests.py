# Code that is not ours, such as someone's own optimizer, while a command runs it.
import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def welcome() -> Iterator[None]:
    """Sends what guests print to stderr, since stdout is for results.

    Raises:
        ValueError: in one line, where a guest would end the command.
    """
    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield
        except SystemExit as error:
            raise ValueError(f"it calls sys.exit({error.code!r})") from error
