# Many descents at once, as `descend` asks for them, and the tables of how they ended.

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from optax_lab.cli import scene
from optax_lab.expressions import Expression
from optax_lab.problems import surfaces
from optax_lab.runs import descent
from optax_lab.studies import grids, landings, tuning

Row = dict[str, Any]


def starts(here: scene.Scene, n: int | None, seed: int) -> PyTree:
    """Draws so many starts from the window; the scene's own where none is asked for."""
    if n is None:
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], here.start)
    key = jax.random.fold_in(jax.random.key(seed), 1)  # 0 is that of the noise
    return surfaces.starts(here.surface, key, n)


def run(
    here: scene.Scene,
    make: Callable[..., Any],
    points: PyTree,
    axes: Mapping[str, np.ndarray],
    advance: Callable[[int], None],
) -> grids.Grid:
    """Descends over a grid; of every lane the start and the end are kept."""
    noisy = here.surface.sample is not None
    return grids.descents(
        surfaces.objective(here.surface),
        make,
        points,
        hypers=axes,
        keys=here.keys,
        on_lanes=advance,
        record_every=here.rules["steps"],
        target=here.target,
        judge=here.surface.value if noisy else None,
        **here.rules,
    )


def count(axes: Mapping[str, np.ndarray], points: PyTree) -> int:
    """Counts the lanes of a grid."""
    shape = [len(jax.tree.leaves(points)[0]), *map(len, axes.values())]
    return int(np.prod(shape))


def check_axes(
    optimizer: Expression, names: Iterable[str], flag: str = "--grid"
) -> None:
    """Refuses a hyperparameter that the optimizer does not take, in one line."""
    taken = optimizer.parameters
    for name in names:
        if name not in taken:
            known = f"takes {', '.join(taken)}" if taken else "takes nothing"
            raise ValueError(f"{flag} {name}: {optimizer.text} {known}")


def ends(here: scene.Scene, grid: grids.Grid) -> dict[str, np.ndarray]:
    """Measures every lane: status, steps, last value, and the first hit of a target.

    Values are those without noise.
    """
    run = grid.trajectory
    values = run.values
    if here.surface.sample is not None:
        axes = len(grid.axes) + 1
        values = landings.values_at(here.surface.value, run.points, axes)
    found = {"status": run.status, "steps": run.steps_taken, "value": values[..., -1]}
    if here.target is not None:
        hits = np.asarray(run.first_hit, float)
        found["first_hit"] = np.where(hits < 0, np.inf, hits)
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


def best(grid: grids.Grid, worth: np.ndarray, cell: tuple[int, ...] | None) -> Row:
    """Describes the best cell of a grid: its values, its score, and its edges.

    Beyond an edge there may be better cells. Where all diverged, there is no best.
    """
    names = list(grid.axes)[: worth.ndim]
    if cell is None:
        return dict.fromkeys([*names, "score"]) | {"at_edge": "all diverged"}
    values = {n: float(grid.axes[n][k]) for n, k in zip(names, cell, strict=True)}
    edges = [
        name
        for name, k, size in zip(names, cell, worth.shape, strict=True)
        if k in (0, size - 1)
    ]
    return values | {"score": float(worth[cell]), "at_edge": ", ".join(edges)}


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
    optimizers: list[Expression],
    points: PyTree,
    advance: Callable[[int], None],
) -> dict[str, tuning.Tuned]:
    """Looks for the best learning rate of each optimizer, in the same way for all."""
    makes = {o.text: o.make for o in optimizers}
    return tuning.tune(
        here.surface,
        makes,
        points,
        steps=here.rules["steps"],
        target=here.target,
        keys=here.keys,
        on_lanes=advance,
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
