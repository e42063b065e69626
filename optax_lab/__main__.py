"""The command line as a process of its own: `optax-lab`, `python -m optax_lab`."""

import gc
import sys

from optax_lab import cli

_YOUNG = 50_000  # objects between two looks for garbage


def main() -> int:
    """Runs one command, and looks for garbage seldom while it lasts.

    Importing and tracing make hundreds of thousands of objects that stay, and at its
    end a process goes through all of them once more. What a command of some seconds
    would find is not worth the search.
    """
    gc.set_threshold(_YOUNG, 20, 50)
    try:
        return cli.main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
