# What a `descend` looks for beside single paths: over starts, grids and learning rates.

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from optax_lab.cli import lanes, output, pictures, progress
from optax_lab.cli.scene import Scene
from optax_lab.cli.settings import Descend
from optax_lab.expressions import Expression
from optax_lab.reporting import figures, files, tables
from optax_lab.reporting.tables import Table
from optax_lab.studies import grids, tuning


@contextlib.contextmanager
def _lanes_of(optimizers: list[Expression], lanes_each: int) -> Iterator[Any]:
    with progress.bar("descents", len(optimizers) * lanes_each) as advance:
        yield advance


def from_starts(
    settings: Descend, here: Scene, optimizers: list[Expression], folder: output.Folder
) -> Table:
    """Runs from starts drawn at random, and sums up how the runs ended."""
    points = lanes.starts(here, settings.starts, settings.seed)
    rows = []
    with _lanes_of(optimizers, lanes.count({}, points)) as advance:
        for optimizer in optimizers:
            make = lambda o=optimizer: o.optimizer
            with folder.guarded(f"{optimizer.text} from many starts"):
                grid = lanes.run(here, make, points, {}, advance)
                found = lanes.ends(here, grid)
                written = lanes.rows(optimizer.text, grid, found)
                output.append(folder.path / "starts.csv", written)
                summed = lanes.summary(here, found)
                rows.append({"optimizer": optimizer.text} | summed)
            if folder.status == "interrupted":
                break
    title = f"From {settings.starts} starts in the window: shares, and medians"
    return tables.of("starts", title, rows)


def over_grid(
    settings: Descend,
    here: Scene,
    optimizers: list[Expression],
    crossed: dict[str, np.ndarray],
    folder: output.Folder,
) -> Table:
    """Runs every combination of hyperparameters, and finds the best one of each."""
    points = lanes.starts(here, settings.starts, settings.seed)
    rows = []
    with _lanes_of(optimizers, lanes.count(crossed, points)) as advance:
        for optimizer in optimizers:
            make = optimizer.make
            with folder.guarded(f"the grid of {optimizer.text}"):
                grid = lanes.run(here, make, points, crossed, advance)
                found = lanes.ends(here, grid)
                written = lanes.rows(optimizer.text, grid, found)
                output.append(folder.path / "grid.csv", written)
                score, last = tuning.medians(
                    here.surface, grid, len(crossed), here.target
                )
                best = lanes.best(grid, score, tuning.best_of(score, last))
                rows.append({"optimizer": optimizer.head} | best)
                _draw_grid(settings, here, optimizer, grid, score, folder)
            if folder.status == "interrupted":
                break
    what = here.waited
    return tables.of("grid", f"The best of the grid: the score is {what}", rows)


def _draw_grid(
    settings: Descend,
    here: Scene,
    optimizer: Expression,
    grid: grids.Grid,
    score: np.ndarray,
    folder: output.Folder,
) -> None:
    wanted = settings.figure or ()
    for kind, draw in (("heat", pictures.heat), ("rates", pictures.rates)):
        if kind in wanted:
            picture = draw(here, optimizer, grid, score)
            figures.save(
                picture, folder.path / f"{kind}-{files.name(optimizer.text)}.png"
            )


def tuned(
    settings: Descend, here: Scene, optimizers: list[Expression], folder: output.Folder
) -> Table:
    """Tunes every optimizer's rate in the same way, and draws both sides."""
    points = lanes.starts(here, settings.starts, settings.seed)
    rows: list[dict[str, Any]] = []
    with folder.guarded("tuning"):
        each = len(tuning.RATES) * lanes.count({}, points)
        with _lanes_of(optimizers, each) as advance:
            found = lanes.tuned(here, optimizers, points, advance)
        for optimizer in optimizers:
            told = found[optimizer.text]
            rows.append(
                {
                    "optimizer": optimizer.head,
                    "given": optimizer.rate,
                    "best_rate": told.best,
                    "score": told.score,
                    "at_edge": "yes" if told.at_edge else "",
                }
            )
        picture = pictures.tuned(here, optimizers, found)
        figures.save(picture, folder.path / "tuned.png")
    what = here.waited
    title = f"The best of {len(tuning.RATES)} rates for each: the score is {what}"
    return tables.of("tuned", title, rows)
