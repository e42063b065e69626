# The figures of a `descend`: which there are, and what each needs.

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from optax_lab import ewma
from optax_lab.cli import scene
from optax_lab.expressions import Expression
from optax_lab.optimizers import monitoring
from optax_lab.problems import surfaces, theory
from optax_lab.reporting import figures
from optax_lab.runs import descent, replay
from optax_lab.studies import grids, landings

Paths = dict[str, descent.Trajectory]
_PANELS = 8  # rates of a grid that are drawn
_STATE = 2000  # steps of which the state is drawn


def surface(here: scene.Scene, paths: Paths) -> Any:
    """Draws the paths on the surface and on its contours."""
    return figures.surface(here.surface, paths)


def curves(here: scene.Scene, paths: Paths) -> Any:
    """Draws how deep the paths are after every step, and how steep it is there."""
    found, value = here.surface, here.surface.value
    told = {}
    for name, path in paths.items():
        rows = -(-int(path.steps_taken) // here.every) + 1
        points = jax.tree.map(lambda leaf, n=rows: leaf[:n], path.points)
        heights = landings.values_at(value, points)
        deep = (
            {"above_best": landings.above_best(found, heights)}
            if found.minima
            else {"value": heights}
        )
        told[name] = deep | {"gradient_norm": landings.gradient_norms(value, points)}
    title = f"{found.name}: {found.formula}"
    return figures.descent_curves(told, record_every=here.every, title=title)


def state(here: scene.Scene, optimizer: Expression, path: descent.Trajectory) -> Any:
    """Draws what an optimizer kept on its way: its averages and its effective step."""
    taken = max(1, min(int(path.steps_taken), _STATE))
    told = replay.replay(
        surfaces.objective(here.surface),
        optimizer.optimizer,
        jax.tree.map(lambda leaf: leaf[: taken + 1], path.points),
        key=None if here.keys is None else here.keys[0],
    )
    told = jax.device_get(told)
    flat = lambda tree: np.concatenate(
        [np.reshape(leaf, (taken, -1)) for leaf in jax.tree.leaves(tree)], axis=1
    )
    averages: dict[str, list[np.ndarray]] = {}
    for found in monitoring.beside(told.states, here.start):
        averages.setdefault(found.field, []).append(np.reshape(found.leaf, (taken, -1)))
    whole = {n: np.concatenate(parts, axis=1) for n, parts in averages.items()}
    grads, updates = flat(told.grads), flat(told.updates)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.abs(updates) / np.abs(grads)
    return figures.states(
        {n: v for n, v in whole.items() if v.shape == grads.shape and n},
        effective,
        dict(_weights(told.states)),
        coordinates=_names(here, grads.shape[1]),
        title=f"{optimizer.text} on {here.surface.name}",
    )


def rates(
    here: scene.Scene, optimizer: Expression, grid: grids.Grid, score: np.ndarray
) -> Any:
    """Draws the paths of some rates of a grid, each with the best that goes with it.

    They begin at the scene's start, and are run once more so that every step is kept.
    """
    rates_ = grid.axes["learning_rate"]
    others = [n for n in list(grid.axes)[: score.ndim] if n != "learning_rate"]
    chosen = np.unique(np.linspace(0, len(rates_) - 1, _PANELS).round().astype(int))
    axis = list(grid.axes).index("learning_rate")
    make = optimizer.make
    panels = {}
    for k in chosen:
        part = np.take(score, k, axis=axis)
        cell = np.unravel_index(np.argmin(part), part.shape)
        hyper = {n: float(grid.axes[n][i]) for n, i in zip(others, cell, strict=True)}
        told = [f"rate {rates_[k]:.6g}", *(f"{n} {v:.3g}" for n, v in hyper.items())]
        path = here.descend(make(learning_rate=float(rates_[k]), **hyper))
        panels[", ".join(told)] = {optimizer.head: path}
    return figures.multiples(here.surface, panels)


def heat(
    here: scene.Scene, optimizer: Expression, grid: grids.Grid, score: np.ndarray
) -> Any:
    """Draws the score of every cell of a grid of two axes, with what theory says."""
    x, y = list(grid.axes)[:2]
    values, across, along = score, grid.axes[x], grid.axes[y]
    if y == "learning_rate":
        x, y, values, across, along = y, x, score.T, along, across
    broken = np.all(
        np.reshape(grid.trajectory.status, (*score.shape, -1)) == descent.DIVERGED, -1
    )
    broken = broken.T if values is not score else broken
    lines, marks = _theory(here, optimizer, y, along)
    return figures.heat_map(
        np.where(broken & ~np.isfinite(values), np.nan, values),
        across,
        along,
        labels=(x.replace("_", " "), y.replace("_", " "), here.waited),
        curves=lines,
        points=marks,
        title=f"{optimizer.text} on {here.surface.name}",
    )


def tuned(
    here: scene.Scene, optimizers: list[Expression], found: dict[str, Any]
) -> Any:
    """Draws all optimizers at one learning rate, and beside it each at its best one."""
    numbers = [o.rate for o in optimizers if isinstance(o.rate, float | int)]
    equal = numbers[0] if numbers else 0.1
    alike, best = {}, {}
    for optimizer in optimizers:
        make = optimizer.make
        told = found[optimizer.text]
        missed = "" if np.isfinite(told.score) else ", target missed"
        label = f"{optimizer.head}, best {told.best:.3g}{missed}"
        alike[label] = here.descend(make(learning_rate=equal))
        if np.isfinite(told.best):
            best[label] = here.descend(make(learning_rate=told.best))
    panels = {f"all at {equal:g}": alike, "each at its best rate": best}
    return figures.multiples(here.surface, panels)


def animate(
    here: scene.Scene, paths: Paths, path: Path, on_frame: Callable[[int, int], None]
) -> None:
    """Writes an animation of the paths."""
    figures.animate(
        here.surface, paths, path, record_every=here.every, on_frame=on_frame
    )


def _weights(states: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Finds the averages in a state by their type, and yields name and weight."""
    is_ewma = lambda node: isinstance(node, ewma.Ewma)
    for path, node in jax.tree.leaves_with_path(states, is_leaf=is_ewma):
        if is_ewma(node) and np.ndim(node.weight) == 1:
            fields = [key.name for key in path if hasattr(key, "name")]
            yield (fields[-1] if fields else "average"), np.asarray(node.weight)


def _names(here: scene.Scene, n: int) -> tuple[str, ...]:
    return ("x", "y") if here.surface.is_plane else tuple(f"x{k + 1}" for k in range(n))


_MOMENTA = {"sgd": "momentum", "momentum": "decay"}


def _theory(
    here: scene.Scene, optimizer: Expression, name: str, betas: np.ndarray
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the curves and points of theory for gradient descent on a quadratic."""
    head, _, more = optimizer.text.partition("(")
    found = theory.curvatures(here.surface)
    if found is None or _MOMENTA.get(head) != name or "nesterov=True" in more:
        return {}, {}
    average = head == "momentum"
    limit = theory.stability_limit(found.largest, betas, average=average)
    points: dict[str, tuple[float, float]] = {}
    points["heavy ball's best"] = theory.best_heavy_ball(found, average=average)
    if betas[0] == 0:
        points["best without momentum, 2/(L + μ)"] = (theory.best_rate(found), 0.0)
    return {"limit of stability": (limit, betas)}, points
