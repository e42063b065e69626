# optax-lab descend: optimizers going down a surface, and the lab's figure of it.
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from optax_lab.cli import choices, devices, output
from optax_lab.cli.settings import Descend
from optax_lab.problems import surfaces
from optax_lab.runs import descent
from optax_lab.views import figures

# The lab's section 2, at its learning rate and with its δ inside the root.
LAB = (
    "sgd(0.1)",
    "momentum(0.1, decay=0.9)",
    "rmsprop(0.1, decay=0.999, eps=1e-5)",
    "adam(0.1, eps=0.0, eps_root=1e-5)",
)

ROWS = 10_000  # of a path are kept at most
_TOLERANCE = 1e-6


def run(settings: Descend, argv: list[str]) -> int:
    """Runs every optimizer from the same start, and draws the paths."""
    output.check(settings)
    settings = dataclasses.replace(settings, device=devices.start(settings.device))
    paths: dict[str, descent.Trajectory] = {}
    with jax.enable_x64(True):
        expression, surface = choices.surface(settings.surface)
        optimizers = choices.all_optimizers(settings.optimizers or LAB)
        settings = _resolve(settings, expression, surface, optimizers)
        with output.opened(settings, argv) as folder:
            for optimizer in optimizers:
                with folder.guarded(optimizer.expression):
                    paths[optimizer.expression] = _path(settings, surface, optimizer)
                if folder.status == "interrupted":
                    break
            if paths:
                _write(folder, settings, surface, paths)
    return output.report(settings, [_table(surface, paths)], folder)


def _resolve(
    settings: Descend,
    expression: str,
    surface: surfaces.Surface,
    optimizers: list[choices.Optimizer],
) -> Descend:
    """Fills in what was left open, so that a manifest holds all of it."""
    stop, tolerance = ("step", 1e-4) if settings.lab else ("gradient", _TOLERANCE)
    start = (-2.0, -2.0) if settings.lab else tuple(np.asarray(surface.start).tolist())
    given = settings.start or start
    if len(given) != len(start):
        text = " ".join(f"{x:g}" for x in given)
        raise ValueError(f"--start {text}: {expression} takes {len(start)} numbers")
    return dataclasses.replace(
        settings,
        optimizers=tuple(optimizer.expression for optimizer in optimizers),
        surface=expression,
        start=given,
        stop=settings.stop or stop,
        tolerance=tolerance if settings.tolerance is None else settings.tolerance,
    )


def _path(
    settings: Descend, surface: surfaces.Surface, optimizer: choices.Optimizer
) -> descent.Trajectory:
    descend = functools.partial(
        descent.descend,
        surface.value,
        optimizer.transformation,
        steps=settings.steps,
        stop=None if settings.stop == "never" else settings.stop,
        tolerance=_TOLERANCE if settings.tolerance is None else settings.tolerance,
        record_every=_every(settings),
    )
    return jax.device_get(jax.jit(descend)(jnp.asarray(settings.start)))


def _every(settings: Descend) -> int:
    return -(-settings.steps // ROWS)


def _write(
    folder: output.Folder,
    settings: Descend,
    surface: surfaces.Surface,
    paths: dict[str, descent.Trajectory],
) -> None:
    """Writes the paths' points and the figure of them."""
    for name, path in paths.items():
        if descent.STATUS[path.status] == "diverged":
            folder.note("diverged")
        output.append(folder.path / "metrics.csv", _rows(settings, name, path))
    picture = figures.surface(surface, paths)
    figures.save(picture, folder.path / "surface.png")


def _rows(
    settings: Descend, name: str, path: descent.Trajectory
) -> list[dict[str, Any]]:
    """Lists a path's points up to where it ended."""
    every = _every(settings)
    last = -(-int(path.steps_taken) // every)
    return [
        {"optimizer": name, "step": min(k * every, int(path.steps_taken))}
        | _coordinates(path.points[k])
        | {"value": float(path.values[k])}
        for k in range(last + 1)
    ]


def _coordinates(point: np.ndarray) -> dict[str, float]:
    return {f"x{k + 1}": float(x) for k, x in enumerate(point)}


def _table(
    surface: surfaces.Surface, paths: dict[str, descent.Trajectory]
) -> output.Table:
    rows, shown = [], []
    for name, path in paths.items():
        status = descent.STATUS[path.status]
        steps, value = int(path.steps_taken), float(path.values[-1])
        row = {"optimizer": name, "status": status, "steps": steps}
        row |= _coordinates(path.points[-1]) | {"value": value}
        shown.append(
            {k: f"{v:.6g}" if isinstance(v, float) else str(v) for k, v in row.items()}
        )
        above = None if surface.best is None else value - surface.best
        rows.append(row | {"above_best": above})
    return output.Table("results", f"{surface.name}: {surface.formula}", rows, shown)
