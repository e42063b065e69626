# What the optimizers of a `descend` go down, from where, and what counts as arrived.

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import PRNGKeyArray, PyTree

from optax_lab import expressions
from optax_lab.cli.settings import Descend
from optax_lab.problems import surfaces
from optax_lab.runs import descent

ROWS = 10_000  # of a path are kept at most
CLOSE = 1e-6  # above the smallest value, where no target is given


class Scene(NamedTuple):
    """Holds a surface with its start, and how it is gone down.

    Attributes:
      surface: moved and shaken as was asked for.
      start: one point.
      keys: a key for the noise, with an axis of 1; None where there is no noise.
      rules: ``steps``, ``stop`` and ``tolerance`` of `descent.descend`.
      target: the value that is waited for; None where no value is.
    """

    surface: surfaces.Surface
    start: PyTree
    keys: PRNGKeyArray | None
    rules: dict[str, Any]
    target: float | None

    def descend(self, optimizer: Any) -> descent.Trajectory:
        """Runs one optimizer from the start, and returns its path as NumPy arrays."""
        go = functools.partial(
            descent.descend,
            surfaces.objective(self.surface),
            optimizer,
            key=None if self.keys is None else self.keys[0],
            record_every=self.every,
            **self.rules,
        )
        return jax.device_get(jax.jit(go)(jax.tree.map(jnp.asarray, self.start)))

    @property
    def waited(self) -> str:
        """What a search scores by, in words: lower is better."""
        if self.target is None:
            return "the value at the end"
        best = self.surface.best
        if best is not None and abs(self.target - best - CLOSE) < 1e-3 * CLOSE:
            return f"steps until f − f* ≤ {CLOSE:g}"
        return f"steps until f ≤ {self.target:.6g}"

    @property
    def every(self) -> int:
        """How many steps lie between two points of a path that is kept."""
        return -(-self.rules["steps"] // ROWS)


def surface(settings: Descend) -> tuple[str, surfaces.Surface]:
    """Makes the surface that the settings describe, and writes its expression.

    Raises:
      ValueError: in one line, if there is none, or it cannot be moved so.
    """
    expression, found = expressions.surface(settings.surface, settings.condition)
    if settings.rotate:
        if len(found.window) < 2:
            name = found.name
            raise ValueError(f"--rotate {settings.rotate:g}: {name} is a line")
        found = surfaces.rotate(found, settings.rotate)
    if settings.noise:
        found = surfaces.noisy(found, settings.noise)
    return expression, found


def place(settings: Descend, found: surfaces.Surface) -> Scene:
    """Puts what was settled together; the settings are resolved."""
    _, unravel = ravel_pytree(jax.tree.map(jnp.asarray, found.start))
    noisy = found.sample is not None
    keys = jax.random.fold_in(jax.random.key(settings.seed), 0)[None]
    rules = {
        "steps": settings.steps,
        "stop": None if settings.stop == "never" else settings.stop,
        "tolerance": settings.tolerance,
    }
    return Scene(
        found,
        unravel(jnp.asarray(settings.start, float)),
        keys if noisy else None,
        rules,
        settings.target,
    )


def target(settings: Descend, found: surfaces.Surface) -> float | None:
    """Returns the value that counts as arrived: one millionth above the best."""
    if settings.target is not None or not found.minima or found.best is None:
        return settings.target
    return found.best + CLOSE


def coordinates(point: PyTree) -> dict[str, float]:
    """Names the coordinates of a point, all leaves one after the other."""
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(point)])
    return {f"x{k + 1}": float(x) for k, x in enumerate(flat)}


def at(points: PyTree, *index: int) -> PyTree:
    """Takes one of many points."""
    return jax.tree.map(lambda leaf: leaf[index], points)
