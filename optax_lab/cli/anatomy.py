# optax-lab anatomy: what optimizers keep, how long it remembers, and how they respond.
from typing import Any

import numpy as np

from optax_lab import dissection, expressions
from optax_lab.cli import devices, output, progress
from optax_lab.cli.settings import Anatomy
from optax_lab.optimizers import table
from optax_lab.reporting import figures, files
from optax_lab.reporting.tables import Table


def run(settings: Anatomy, argv: list[str]) -> int:
    """Dissects every optimizer, and draws the responses of those that are named."""
    output.check(settings)
    devices.start("cpu")
    texts = settings.optimizers or tuple(table.OPTIMIZERS)
    named = expressions.optimizers(texts)
    bar = progress.bar("optimizers", len(texts))
    found: list[dissection.Anatomy] = []
    with output.opened(settings, argv) as folder, bar as advance:
        for text, one in zip(texts, named, strict=True):
            with folder.guarded(text):
                with expressions.user_code():
                    made = dissection.dissect(text, one.factory, dtype=settings.dtype)
                found.append(made)
                if settings.optimizers:
                    _write(folder, found[-1])
            if folder.status == "interrupted":
                break
            advance(1)
    tables = [_optimizers(found, bool(settings.optimizers)), _kept(found)]
    return output.report(settings, tables, folder)


def _write(folder: output.Folder, found: dissection.Anatomy) -> None:
    """Draws the responses, where they are finite, and writes their values."""
    names = ["update", *(kept.name for kept in found.kept)]
    labels = ["the update", *map(_label, found.kept)]
    responses = [found.update, *(kept.response for kept in found.kept)]
    series = dict(zip(labels, responses, strict=True))
    bad = [n for n, r in zip(names, responses, strict=True) if not np.isfinite(r).all()]
    if bad:
        output.say(f"{found.name}: no picture, as {', '.join(bad)} is not finite")
    else:
        figure = figures.responses(series, title=found.name)
        figures.save(figure, folder.path / f"{files.name(found.name)}.png")
    for name, response in zip(names, responses, strict=True):
        told = {"optimizer": found.name, "of": name}
        rows = enumerate(zip(*map(np.ndarray.tolist, response), strict=True), start=1)
        values = [
            told | {"step": k, "to_impulse": a, "to_step": b} for k, (a, b) in rows
        ]
        output.append(folder.path / "metrics.csv", values)


def _label(kept: dissection.Kept) -> str:
    decay, gain = map(dissection.number, (kept.decay, kept.gain))
    return f"{kept.name} (β = {decay}, gain {gain})"


def _optimizers(found: list[dissection.Anatomy], with_equations: bool) -> Table:
    rows: list[dict[str, Any]] = [
        {"optimizer": one.name, "equation": one.equation}
        | {"bytes_per_parameter": one.bytes_per_parameter}
        for one in found
    ]
    shown = [
        {"optimizer": one.name}
        | ({"equation": one.equation} if with_equations else {})
        | {"bytes per parameter": f"{one.bytes_per_parameter:.4g}"}
        for one in found
    ]
    return Table("optimizers", "Optimizers", rows, shown)


def _kept(found: list[dissection.Anatomy]) -> Table:
    rows, shown = [], []
    for one in found:
        for kept in one.kept:
            numbers = {k: v for k, v in kept._asdict().items() if k != "response"}
            rows.append({"optimizer": one.name} | numbers)
            shown.append({"optimizer": one.name} | dissection.cells(kept))
        if not one.kept:
            shown.append({"optimizer": one.name} | dissection.cells(None))
    return Table("kept", "What they keep beside the parameters", rows, shown)
