# optax-lab descend: optimizers going down a surface, alone and in grids, and pictures.

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from optax_lab import expressions
from optax_lab.cli import axes, devices, lanes, output, pictures, progress, searches
from optax_lab.cli import scene as scenes
from optax_lab.cli.scene import Scene
from optax_lab.cli.settings import Descend, typed
from optax_lab.expressions import Expression
from optax_lab.problems import surfaces
from optax_lab.reporting import figures, files, tables
from optax_lab.reporting.tables import Table
from optax_lab.runs import descent
from optax_lab.studies import landings

# The lab's section 2, at its learning rate and with its δ inside the root.
LAB = (
    "sgd(0.1)",
    "momentum(0.1, decay=0.9)",
    "rmsprop(0.1, decay=0.999, eps=1e-5)",
    "adam(0.1, eps=0.0, eps_root=1e-5)",
)
_ON_PLANES = ("surface", "rates", "tuned")  # figures that need a surface of x and y
_SHOWN = 6  # coordinates of an end at most


def run(settings: Descend, argv: list[str]) -> int:
    """Runs every optimizer from the same start, and over what else was asked for."""
    output.check(settings)
    many = bool(settings.grid or settings.starts or "tuned" in (settings.figure or ()))
    device = devices.start(settings.device, spread=many)
    settings = dataclasses.replace(_afresh(settings, argv), device=device)
    with jax.enable_x64(True):
        expression, surface = scenes.surface(settings)
        optimizers = expressions.optimizers(settings.optimizers or LAB)
        settings = _resolve(settings, expression, surface, optimizers)
        here = scenes.place(settings, surface)
        crossed = axes.parse(settings.grid)
        _check(settings, here, optimizers, crossed)
        made: list[Table] = []
        with output.opened(settings, argv) as folder:
            for table in _run(settings, here, optimizers, crossed, folder):
                made.append(table)
    return output.report(settings, made, folder)


def _afresh(settings: Descend, argv: list[str]) -> Descend:
    """Forgets what a manifest resolved for a surface, where another one is typed."""
    others = ("--surface", "--rotate", "--condition")
    if settings.config is None or not any(typed(argv, flag) for flag in others):
        return settings
    kept = {
        name: getattr(settings, name) if typed(argv, f"--{name}") else None
        for name in ("start", "target", "figure")
    }
    return dataclasses.replace(settings, **kept)


def _resolve(
    settings: Descend,
    expression: str,
    surface: surfaces.Surface,
    optimizers: list[Expression],
) -> Descend:
    """Fills in what was left open, so that a manifest holds all of it."""
    stop, tolerance = ("step", 1e-4) if settings.lab else ("gradient", 1e-6)
    own = np.asarray(ravel_pytree(surface.start)[0]).tolist()
    start = (-2.0, -2.0) if settings.lab and surface.is_plane else tuple(own)
    given = settings.start or start
    if len(given) != len(start):
        text = " ".join(f"{x:g}" for x in given)
        raise ValueError(f"--start {text}: {expression} takes {len(start)} numbers")
    return dataclasses.replace(
        settings,
        optimizers=tuple(optimizer.text for optimizer in optimizers),
        surface=expression,
        condition=None,  # the expression has it now
        start=given,
        target=scenes.target(settings, surface),
        figure=settings.figure or _usual(settings, surface),
        stop=settings.stop or stop,
        tolerance=tolerance if settings.tolerance is None else settings.tolerance,
    )


def _usual(settings: Descend, surface: surfaces.Surface) -> tuple[str, ...]:
    """Chooses the figures where none is asked for."""
    names = list(axes.parse(settings.grid))
    found = ["surface" if surface.is_plane else "curves"]
    found += ["heat"] if len(names) == 2 else []
    found += ["rates"] if "learning_rate" in names and surface.is_plane else []
    return tuple(found)


def _check(
    settings: Descend,
    here: Scene,
    optimizers: list[Expression],
    crossed: dict[str, np.ndarray],
) -> None:
    """Refuses what cannot be drawn or run, before anything is written."""
    wanted = settings.figure or ()
    for kind in (*wanted, *["surface"] * settings.animate):
        if kind in _ON_PLANES and not here.surface.is_plane:
            flag = "--animate" if kind not in wanted else f"--figure {kind}"
            name, n = here.surface.name, len(here.surface.window)
            raise ValueError(f"{flag}: {name} has {n} coordinates, and 2 can be drawn")
    if "heat" in wanted and len(crossed) != 2:
        raise ValueError(f"--figure heat: needs a --grid of 2 axes, not {len(crossed)}")
    if "rates" in wanted and "learning_rate" not in crossed:
        raise ValueError("--figure rates: needs --grid learning_rate=from:to")
    if "state" in wanted and here.every > 1:
        raise ValueError(f"--figure state: needs --steps {scenes.ROWS} or fewer")
    for optimizer in optimizers:
        lanes.check_axes(optimizer, crossed)
        if "tuned" in wanted:
            lanes.check_axes(optimizer, ["learning_rate"], "--figure tuned")


def _run(
    settings: Descend,
    here: Scene,
    optimizers: list[Expression],
    crossed: dict[str, np.ndarray],
    folder: output.Folder,
) -> Iterator[Table]:
    """Runs and writes everything, and yields each table when it is known."""
    paths: dict[str, descent.Trajectory] = {}
    for optimizer in optimizers:
        with folder.guarded(optimizer.text):
            path = paths[optimizer.text] = here.descend(optimizer.optimizer)
            output.append(folder.path / "metrics.csv", _rows(here, optimizer, path))
            if descent.STATUS[path.status] == "diverged":
                folder.note("diverged")
        if folder.status == "interrupted":
            break
    yield _table(here, paths)
    ran = [o for o in optimizers if o.text in paths]
    if not ran or folder.status == "interrupted":
        return
    _draw(settings, here, ran, paths, folder)
    if settings.starts and folder.status != "interrupted":
        yield searches.from_starts(settings, here, ran, folder)
    if crossed and folder.status != "interrupted":
        yield searches.over_grid(settings, here, ran, crossed, folder)
    if "tuned" in (settings.figure or ()) and folder.status != "interrupted":
        yield searches.tuned(settings, here, ran, folder)


def _rows(
    here: Scene, optimizer: Expression, path: descent.Trajectory
) -> list[dict[str, Any]]:
    """Lists a path's points up to where it ended."""
    taken = int(path.steps_taken)
    last = -(-taken // here.every)
    return [
        {"optimizer": optimizer.text, "step": min(k * here.every, taken)}
        | scenes.coordinates(scenes.at(path.points, k))
        | {"value": float(path.values[k])}
        for k in range(last + 1)
    ]


def _draw(
    settings: Descend,
    here: Scene,
    optimizers: list[Expression],
    paths: dict[str, descent.Trajectory],
    folder: output.Folder,
) -> None:
    """Draws the figures of single paths."""
    wanted = settings.figure or ()
    if "surface" in wanted:
        figures.save(pictures.surface(here, paths), folder.path / "surface.png")
    if "curves" in wanted:
        figures.save(pictures.curves(here, paths), folder.path / "curves.png")
    for optimizer in optimizers if "state" in wanted else ():
        with folder.guarded(f"the state of {optimizer.text}"):
            picture = pictures.state(here, optimizer, paths[optimizer.text])
            figures.save(
                picture, folder.path / f"state-{files.name(optimizer.text)}.png"
            )
    if settings.animate:
        _animate(here, paths, folder.path / "descend.gif")


def _animate(here: Scene, paths: dict[str, descent.Trajectory], path: Path) -> None:
    with contextlib.ExitStack() as stack:
        bars: list[Any] = []

        def on_frame(done: int, total: int) -> None:
            if not bars:
                bars.append(stack.enter_context(progress.bar("frames", total)))
            bars[0](1)

        pictures.animate(here, paths, path, on_frame)


def _table(here: Scene, paths: dict[str, descent.Trajectory]) -> Table:
    """Says where each path ended."""
    rows = []
    for name, path in paths.items():
        ends = scenes.coordinates(scenes.at(path.points, -1))
        value = float(path.values[-1])
        if here.surface.sample is not None:
            value = float(here.surface.value(scenes.at(path.points, -1)))
        row = {"optimizer": name, "status": descent.STATUS[path.status]}
        row |= {"steps": int(path.steps_taken)}
        row |= ends if len(ends) <= _SHOWN else {}
        row |= {"value": value}
        if here.surface.minima:
            (above,) = landings.above_best(here.surface, np.array([value]))
            row["above_best"] = float(above)
        rows.append(row)
    title = f"{here.surface.name}: {here.surface.formula}"
    return tables.of("results", title, rows)
