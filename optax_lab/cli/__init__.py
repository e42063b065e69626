# The command line: parse first, load JAX afterwards, wire everything together.
import contextlib
import functools
import importlib
import io
import operator
import os
import signal
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Annotated, Any

import tyro

from optax_lab.cli import settings as _settings

_MARKERS = (tyro.conf.FlagCreatePairsOff,)
_ABOUT = """One moving average, every optimizer: see them move, know how they compare.

Results go to stdout, progress and errors to stderr. Every run leaves a folder with
its figures, numbers and manifest.json, from which --config runs it again.

Exit codes: 0 ok, 1 a run failed or diverged, 2 usage, 130 interrupted (143 by SIGTERM,
129 by SIGHUP)."""
# By these a batch system ends what has run out of time.
_ENDING = [getattr(signal, n) for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]


def main(argv: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: what follows the program's name; the process's own when None.

    Returns:
        0 if all went well, 1 if a run failed or diverged or its results could not be
        printed, 2 if the command was wrong, 130 if it was interrupted, 143 or 129 if
        that was by SIGTERM or SIGHUP.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    _print_what_can_be()
    with _ended_like_ctrl_c() as received:
        code = _ran(arguments)
    return 128 + received[-1] if received and code == 130 else code


def _ran(arguments: list[str]) -> int:
    try:
        settings = _parse(arguments)
        settings.check()
        command = importlib.import_module(f"optax_lab.cli.{settings.command}")
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return command.run(settings, arguments)
    except SystemExit as stop:  # tyro has printed the help, or what is wrong
        return stop.code if isinstance(stop.code, int) else 2
    except ValueError as error:
        print(f"optax-lab: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # as with `optax-lab info | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _print_what_can_be() -> None:
    """Writes "?" for what a terminal's encoding lacks, and nothing where none is."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed, as by `>&-`
            setattr(sys, name, io.StringIO())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _leave_terminal() -> None:
    """Writes to nothing what went to a terminal, which has gone: it would raise."""
    for file in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(file).st_mode):
                os.dup2(os.open(os.devnull, os.O_WRONLY), file)


@contextlib.contextmanager
def _ended_like_ctrl_c() -> Iterator[list[int]]:
    """Makes SIGTERM and SIGHUP act as Ctrl-C does, and lists those that came."""
    received: list[int] = []

    def end(number: int, frame: Any) -> None:
        received.append(number)
        if number == getattr(signal, "SIGHUP", None):
            _leave_terminal()
        act = signal.getsignal(signal.SIGINT)
        if not callable(act):  # a shell's background job ignores Ctrl-C
            raise KeyboardInterrupt
        act(number, frame)

    if threading.current_thread() is not threading.main_thread():
        yield received  # signals go to the main thread
        return
    # What is ignored stays so: that is how nohup works. None is a handler of C's.
    left = (signal.SIG_IGN, None)
    heeded = [n for n in _ENDING if signal.getsignal(n) not in left]
    before = {number: signal.signal(number, end) for number in heeded}
    try:
        yield received
    finally:
        for number, act in before.items():
            signal.signal(number, act)


def _parse(arguments: list[str]) -> Any:
    """Reads the options; those of a manifest, if one is given, become the defaults."""
    commands = [
        Annotated[kind, tyro.conf.subcommand(name)]
        for name, kind in _settings.COMMANDS.items()
    ]
    either: Any = functools.reduce(operator.or_, commands)
    common = {"prog": "optax-lab", "description": _ABOUT, "config": _MARKERS}
    settings = tyro.cli(either, args=arguments, **common)
    if getattr(settings, "config", None) is None:
        return settings
    from optax_lab.cli import manifest

    kind = type(settings)
    default = manifest.load(settings.config, kind)
    return tyro.cli(kind, args=arguments[1:], default=default, config=_MARKERS)


def _show_warning(message: Warning | str, *_: Any) -> None:
    text = " ".join(str(message).split())
    print(f"optax-lab: warning: {text}", file=sys.stderr)
