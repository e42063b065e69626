# optax-lab check: optimizers against the contract, and the case that breaks a line.
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from optax_lab import contract, expressions
from optax_lab.cli import devices, output, progress
from optax_lab.cli.settings import Check
from optax_lab.optimizers import table
from optax_lab.reporting.tables import Table


def run(settings: Check, argv: list[str]) -> int:
    """Checks every optimizer; Ctrl-C ends it with what is known."""
    devices.start("cpu")
    named = map(expressions.optimizer, settings.optimizers or table.OPTIMIZERS)
    makers = {one.text: one.factory for one in named}
    rows, status = [], "ok"
    try:
        rows.extend(_judged(makers))
    except KeyboardInterrupt:
        status = "interrupted"
    if status == "ok" and any(row["verdict"] == "failed" for row in rows):
        status = "failed"
    return output.report(settings, _tables(rows), status=status)


def _judged(makers: dict[str, Callable[..., Any]]) -> Iterator[dict[str, str]]:
    total = len(makers) * len(contract.LINES)
    with warnings.catch_warnings(), progress.bar("lines", total) as advance:
        warnings.simplefilter("ignore")  # someone's optimizer may warn at every step
        for name, make in makers.items():
            for line in contract.LINES:
                with expressions.user_code():
                    result = contract.judge(line, make)
                yield {"optimizer": name} | result._asdict()
                advance(1)


def _tables(rows: list[dict[str, str]]) -> list[Table]:
    """Makes a table of optimizers, and one of lines: of many, only those that fail."""
    names = list(dict.fromkeys(row["optimizer"] for row in rows))
    counts = [{"optimizer": name} | _counts(rows, name) for name in names]
    counted = [{key: str(value) for key, value in row.items()} for row in counts]
    first = Table("optimizers", "Optimizers", counts, counted)
    if len(names) == 1:
        shown = [_without(row, "optimizer") for row in rows]
        return [Table("lines", f"What {names[0]} keeps", rows, shown), first]
    failed = [_without(row, "verdict") for row in rows if row["verdict"] == "failed"]
    return [first, Table("lines", "What is not kept", rows, failed)]


def _counts(rows: list[dict[str, str]], name: str) -> dict[str, int]:
    verdicts = [row["verdict"] for row in rows if row["optimizer"] == name]
    return {v: verdicts.count(v) for v in ("kept", "failed", "not applicable")}


def _without(row: dict[str, str], key: str) -> dict[str, str]:
    return {k: v for k, v in row.items() if k != key}
