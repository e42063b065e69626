# Numbers as a person reads them in a table.

from collections.abc import Sequence
from typing import Any

import numpy as np

from optax_lab.cli import output


def table(name: str, title: str, rows: Sequence[dict[str, Any]]) -> output.Table:
    """Writes rows of numbers as a table, a column that some rows lack included."""
    columns = dict.fromkeys(key for row in rows for key in row)
    full = [{key: row.get(key) for key in columns} for row in rows]
    shown = [{key: _text(key, value) for key, value in row.items()} for row in full]
    return output.Table(name, title, full, shown)


_SHARES = ("converged", "diverged", "failed", "hit", "best_basin", "reached")
_WAITED = ("first_hit", "score", "epochs to 90 %")


def _text(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if key in _SHARES:
        return f"{100 * value:.0f} %"
    if key in _WAITED and value == np.inf:
        return "never"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
