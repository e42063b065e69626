"""What an optimizer is made of: found in its state, and measured by running it.

Nothing is registered anywhere, so it works on anyone's.
"""

import functools
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from optax_lab.dissection import probes, readings
from optax_lab.dissection.probes import Response
from optax_lab.dissection.values import Anatomies, Anatomy, Kept, cells, number
from optax_lab.optimizers import table

__all__ = [
    "Anatomies",
    "Anatomy",
    "Kept",
    "Response",
    "anatomy",
    "cells",
    "dissect",
    "number",
]

SIDE = 1024  # of the matrix whose state is weighed
RATE = 2.0**-20  # at which the parameters hardly move, and nothing feeds back
_NAMES_OF_RATE = ("learning_rate", "lr")
_MATH = ".. math::"

Optimizer = Callable[..., Any] | optax.GradientTransformation


def anatomy(
    optimizer: str | Optimizer | None = None, *, dtype: Any = jnp.float32
) -> Anatomy | Anatomies:
    """Says what an optimizer is made of, by looking at its state and running it.

    A gradient of 1 among gradients of 0 shows how long an average remembers: the ratio
    of successive values is β. Gradients of 1 throughout show where it starts, and where
    it ends: its gain is 1 for an average and 1/(1 − β) for a sum. What is averaged may
    be g, |g|², a norm or an outer product: of a gradient of 1, all of them are 1.

    Args:
      optimizer: a name in `OPTIMIZERS`; a function that makes an optimizer, of ours, of
        Optax's or your own, whose learning rate comes first or is called so; or an
        optimizer as it is. None for all of `OPTIMIZERS`, which takes a minute.
      dtype: of the parameters whose state is weighed, a matrix of 1024 × 1024 and a
        vector of 1024. What is read off is measured in float64.

    Returns:
      An `Anatomy`, or the `Anatomies` of all; both print as text.

    >>> import optax, optax_lab
    >>> print(optax_lab.anatomy("momentum"))
    momentum
      mₜ = mₜ₋₁ + (1 − β)(gₜ − mₜ₋₁),  θₜ = θₜ₋₁ − η mₜ. It is not the heavy ball of
      `sgd`: the average has a gain of 1, the heavy ball's sum has 1/(1 − β).
    kept  kind     β    start  gain  dtype    bytes/parameter
    ema   average  0.9  0      1     float32  4
    state: 4 bytes per parameter
    >>> for kept in optax_lab.anatomy(optax.adam).kept:
    ...     print(kept.name, round(kept.decay, 6))
    mu 0.9
    nu 0.999

    Raises:
      ValueError: if `optimizer` is a name that is not in `OPTIMIZERS`.
    """
    if optimizer is None:
        every = ((name, entry.make) for name, entry in table.OPTIMIZERS.items())
        return Anatomies(dissect(*one, dtype=dtype) for one in every)
    if not isinstance(optimizer, str):
        return dissect(_name(optimizer), optimizer, dtype=dtype)
    if optimizer not in table.OPTIMIZERS:
        known = ", ".join(table.OPTIMIZERS)
        raise ValueError(f"optimizer must be one of {known}; got {optimizer!r}")
    return dissect(optimizer, table.OPTIMIZERS[optimizer].make, dtype=dtype)


def dissect(name: str, optimizer: Optimizer, *, dtype: Any = jnp.float32) -> Anatomy:
    """Is `anatomy` of one optimizer under a name of one's own."""
    made, rate = _made(optimizer)
    params = probes.parameters(SIDE, dtype)
    state = jax.eval_shape(made.init, params)
    room = lambda tree: _bytes(tree) / sum(p.size for p in params.values())
    update, answers = probes.run(made)
    trees = probes.trees(state)
    names = _names([tree.path for tree in trees])
    kept = (
        Kept(
            name,
            jax.tree_util.keystr(tree.path),
            *readings.read(answer, tree.is_ewma),
            str(tree.leaves[0].dtype),
            room(tree.leaves),
            answer.response,
        )
        for name, tree, answer in zip(names, trees, answers, strict=True)
    )
    update = Response(*(values / rate for values in update))
    return Anatomy(name, _equation(optimizer), tuple(kept), room(state), update)


def _made(optimizer: Optimizer) -> tuple[optax.GradientTransformation, float]:
    """Makes an optimizer, and says at what learning rate: 1 where it takes none."""
    if not callable(optimizer):
        return optimizer, 1.0
    parameters = inspect.signature(optimizer).parameters
    named = {n for n, p in parameters.items() if p.kind is not p.POSITIONAL_ONLY}
    if names := [name for name in _NAMES_OF_RATE if name in named]:
        return optimizer(**{names[0]: RATE}), RATE
    first = next(iter(parameters.values()), None)
    if first is None or _is_optional(first):
        return optimizer(), 1.0
    return optimizer(RATE), RATE


def _is_optional(parameter: inspect.Parameter) -> bool:
    variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return variable or parameter.default is not parameter.empty


def _name(optimizer: Optimizer) -> str:
    return getattr(_function(optimizer), "__name__", "optimizer")


def _function(optimizer: Any) -> Any:
    """Returns the function behind a `functools.partial`."""
    is_partial = isinstance(optimizer, functools.partial)
    return _function(optimizer.func) if is_partial else optimizer


def _equation(optimizer: Optimizer) -> str:
    """Returns the first equation: Optax marks its own, ours is the second paragraph."""
    if not callable(optimizer):
        return ""
    text = inspect.getdoc(_function(optimizer)) or ""
    paragraphs = re.split(r"\n\s*\n", text)[1:]
    # The mark stands alone, or at the head of the equation's paragraph.
    marked = [
        formula if formula.strip() else after
        for p, after in itertools.pairwise([*paragraphs, ""])
        for _, mark, formula in [p.partition(_MATH)]
        if mark
    ]
    plain = [p for p in paragraphs if _is_equation(p)]
    formula = next(iter(marked + plain), "")
    return textwrap.dedent(formula.strip("\n")).strip()


def _is_equation(paragraph: str) -> bool:
    without_code = re.sub("`[^`]*`", "", paragraph)
    return ">>>" not in paragraph and bool(re.search(r"\s[=←]\s", without_code))


def _names(paths: list[probes.Path]) -> list[str]:
    """Writes the fields at the ends of paths, and whole paths where two are equal."""
    ends = [_end(path) for path in paths]
    whole = map(jax.tree_util.keystr, paths)
    return [w if ends.count(e) > 1 else e for e, w in zip(ends, whole, strict=True)]


def _end(path: probes.Path) -> str:
    fields = [i for i, key in enumerate(path) if hasattr(key, "name")]
    return jax.tree_util.keystr(path[fields[-1] if fields else 0 :]).lstrip(".")


def _bytes(tree: Any) -> int:
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))
