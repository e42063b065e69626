# The command line: parse first, load JAX afterwards, wire everything together.
import functools
import importlib
import operator
import os
import sys
import warnings
from typing import Annotated, Any

import tyro

from optax_lab.cli import settings as _settings

_MARKERS = (tyro.conf.FlagCreatePairsOff,)
_ABOUT = """One moving average, every optimizer: see them move, know how they compare.

Results go to stdout, progress and errors to stderr. Every run leaves a folder with
its figures, numbers and manifest.json, from which --config runs it again.

Exit codes: 0 ok, 1 a run failed or diverged, 2 usage, 130 interrupted."""


def main(argv: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: what follows the program's name; the process's own when None.

    Returns:
        0 if all went well, 1 if a run failed or diverged, 2 if the command was wrong,
        130 if it was interrupted.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
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
