# optax-lab explain: where frameworks' optimizers differ, and one in another's code.
import sys
from typing import Any

from optax_lab.cli import manifest
from optax_lab.cli.settings import Explain
from optax_lab.dialects import explaining


def run(settings: Explain, argv: list[str]) -> int:
    """Prints what `dialects.explain` says."""
    found = explaining.explain(*settings.names)
    if settings.json:
        document = {"command": settings.command, "status": "ok"} | _plain(found)
        sys.stdout.write(manifest.to_json(document))
    else:
        print(found)
    sys.stdout.flush()
    return 0


def _plain(found: explaining.Explanation | explaining.Overview) -> dict[str, Any]:
    """Returns what is found as dictionaries and lists."""
    if isinstance(found, explaining.Overview):
        return {
            "optimizers": [
                {"optimizer": row.optimizer, "source": source, "target": target}
                | {"becomes": told}
                for row in found
                for (source, target), told in row.cells.items()
            ]
        }
    return {
        "optimizer": found.optimizer,
        "sides": [side._asdict() for side in found.sides],
        "differences": [
            {"what": row.what} | dict(zip(_present(found), row.values, strict=True))
            for row in found.differences
        ],
        "conversions": [one._asdict() for one in found.conversions],
    }


def _present(found: explaining.Explanation) -> list[str]:
    return [side.framework for side in found.sides if side.call]
