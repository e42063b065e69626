# Many descents at once, as `descend` asks for them, and the tables of how they ended.

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from optax_lab.cli import choices, output, scene
from optax_lab.problems import surfaces
from optax_lab.runs import descent
from optax_lab.studies import grids, landings, tuning

Row = dict[str, Any]


def starts(here: scene.Scene, n: int | None, seed: int) -> PyTree:
    """Draws so many starts from the window; the scene's own where none is asked for."""
    if n is None:
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], here.start)
    return surfaces.starts(here.surface, jax.random.key(seed), n)


def run(
    here: scene.Scene,
    make: Callable[..., Any],
    points: PyTree,
    axes: Mapping[str, np.ndarray],
    advance: Callable[[int], None],
) -> tuple[grids.Grid, int]:
    """Descends over a grid, and says how many steps lie between two rows."""
    every = grids.thinned(count(axes, points), here.rules["steps"])
    grid = grids.descents(
        surfaces.objective(here.surface),
        make,
        points,
        hypers=axes,
        keys=here.keys,
        on_lanes=advance,
        record_every=every,
        **here.rules,
    )
    return grid, every


def count(axes: Mapping[str, np.ndarray], points: PyTree) -> int:
    """Counts the lanes of a grid."""
    shape = [len(jax.tree.leaves(points)[0]), *map(len, axes.values())]
    return int(np.prod(shape))


def check_axes(optimizer: choices.Optimizer, axes: Mapping[str, np.ndarray]) -> None:
    """Refuses an axis that the optimizer does not take, in one line."""
    _, make = choices.maker(optimizer.expression)
    taken = [*inspect.signature(make).parameters]
    for name in axes:
        if name not in taken:
            known = ", ".join(taken)
            raise ValueError(f"--grid {name}: {optimizer.expression} takes {known}")


def ends(here: scene.Scene, grid: grids.Grid, every: int) -> dict[str, np.ndarray]:
    """Measures every lane: status, steps, last value, and the first hit of a target.

    Values are those without noise.
    """
    run = grid.trajectory
    points = run.points
    if here.surface.sample is None:
        values = run.values
    else:
        axes = len(grid.axes) + 1
        values = landings.values_at(here.surface.value, points, axes)
    found = {"status": run.status, "steps": run.steps_taken, "value": values[..., -1]}
    if here.target is not None:
        hits = landings.first_hits(values, here.target, record_every=every)
        found["first_hit"] = np.minimum(
            hits, np.where(np.isfinite(hits), np.asarray(run.steps_taken), np.inf)
        )
    return {name: np.asarray(values) for name, values in found.items()}


def summary(here: scene.Scene, found: Mapping[str, np.ndarray]) -> Row:
    """Sums up lanes that differ in start and noise only."""
    share = lambda status: float(np.mean(found["status"] == status))
    last = np.where(np.isfinite(found["value"]), found["value"], np.inf)
    row: Row = {
        "runs": int(found["status"].size),
        "converged": share(descent.CONVERGED),
        "diverged": share(descent.DIVERGED),
    }
    surface = here.surface
    if surface.minima:
        row["above_best"] = float(np.median(landings.above_best(surface, last)))
    else:
        row["value"] = float(np.median(last))
    if "first_hit" in found:
        row["hit"] = float(np.mean(np.isfinite(found["first_hit"])))
        row["first_hit"] = float(np.median(found["first_hit"]))
    if surface.minima and surface.runner_up is not None:
        row["best_basin"] = float(np.mean(landings.basin_hits(surface, last)))
    return row


def scores(found: Mapping[str, np.ndarray], axes: int) -> np.ndarray:
    """Returns what each cell of a grid is worth: the median over starts and seeds.

    The first hit where a target is waited for, else the last value; lower is better.
    """
    each = found.get("first_hit", found["value"])
    each = np.where(np.isfinite(each), each, np.inf)
    return np.median(each.reshape(*each.shape[:axes], -1), axis=-1)


def best(grid: grids.Grid, score: np.ndarray) -> Row:
    """Returns the best cell of a grid: its values, its score, its edges.

    Beyond an edge there may be better cells.
    """
    cell = np.unravel_index(np.argmin(score), score.shape)
    names = list(grid.axes)[: score.ndim]
    values = {n: float(grid.axes[n][k]) for n, k in zip(names, cell, strict=True)}
    edges = [
        name
        for name, k, size in zip(names, cell, score.shape, strict=True)
        if k in (0, size - 1)
    ]
    return values | {"score": float(score[cell]), "at_edge": ", ".join(edges)}


def rows(
    name: str, grid: grids.Grid, found: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Lists every lane of a grid, with where it is in the grid and how it ended."""
    index = np.indices(found["status"].shape).reshape(len(grid.axes), -1)
    columns = {n: v[k] for (n, v), k in zip(grid.axes.items(), index, strict=True)}
    columns |= {n: v.ravel() for n, v in found.items()}
    columns["status"] = np.array(descent.STATUS)[columns["status"]]
    told = zip(*columns.values(), strict=True)
    return [
        {"optimizer": name} | dict(zip(columns, map(_plain, row), strict=True))
        for row in told
    ]


def tuned(
    here: scene.Scene,
    optimizers: list[choices.Optimizer],
    points: PyTree,
    advance: Callable[[int], None],
) -> dict[str, tuning.Tuned]:
    """Looks for the best learning rate of each optimizer, in the same way for all."""
    makes = {o.expression: choices.maker(o.expression)[1] for o in optimizers}
    return tuning.tune(
        here.surface,
        makes,
        points,
        steps=here.rules["steps"],
        target=here.target,
        keys=here.keys,
        on_lanes=advance,
    )


def table(name: str, title: str, rows: list[Row]) -> output.Table:
    """Writes rows of numbers as a table, a column that some rows lack included."""
    columns = dict.fromkeys(key for row in rows for key in row)
    full = [{key: row.get(key) for key in columns} for row in rows]
    shown = [{key: _text(key, value) for key, value in row.items()} for row in full]
    return output.Table(name, title, full, shown)


_SHARES = ("converged", "diverged", "hit", "best_basin")
_WAITED = ("first_hit", "score")


def _text(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if key in _SHARES:
        return f"{100 * value:.0f} %"
    if key in _WAITED and value == np.inf:
        return "never"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
