"""Runs one contender of sweep.py, a process of its own from start to end.

python benchmarks/sweep_worker.py MODULE:FUNCTION WORK SETTINGS (both in JSON)
"""

import importlib
import json
import sys

import sweep_work


def main(arguments: list[str] | None = None) -> int:
    name, work, settings = sys.argv[1:] if arguments is None else arguments
    module, function = name.split(":")
    contender = getattr(importlib.import_module(module), function)
    contender(sweep_work.Work(**json.loads(work)), **json.loads(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
