# The function under check: what it takes, and what it makes, driven as runners do it.

import contextlib
import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from types import UnionType
from typing import Any, NamedTuple, Union

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from optax_lab.contract import cases

Make = Callable[..., Any]  # a function that makes an optimizer

DTYPES = ("float16", "bfloat16", "float32", "float64", "complex64")
RATE = 0.1  # where a function has no rate of its own
_TRIED = (0.25, 0.5, 0.75)  # exact in any dtype; where refused, near the default


# --- What it takes --------------------------------------------------------------------


def rate(make: Make) -> str | None:
    """Returns the name of the learning rate, or None if there is none.

    It is `learning_rate`, or else the first argument that has no default.
    """
    parameters = inspect.signature(make).parameters
    if "learning_rate" in parameters:
        return "learning_rate"
    required = [n for n, p in parameters.items() if _is_named(p) and p.default is _NONE]
    return required[0] if required else None


def hypers(make: Make) -> list[str]:
    """Lists the float hyperparameters, the learning rate first.

    A float by default is one; so is None by default with `float` in its annotation.
    """
    first = [name] if (name := rate(make)) else []
    parameters = inspect.signature(make).parameters
    return first + [n for n, p in parameters.items() if n not in first and _is_float(p)]


def needs_rate(make: Make) -> str:
    """Returns the name of the learning rate."""
    name = rate(make)
    if name is None:
        raise cases.NotApplicable("it takes no learning rate")
    return name


def needs_hypers(make: Make) -> list[str]:
    """Lists the float hyperparameters, of which there is at least one."""
    names = hypers(make)
    if not names:
        raise cases.NotApplicable("it takes no float")
    return names


def values(make: Make, name: str) -> tuple[float, float, float]:
    """Returns three numbers that a hyperparameter accepts."""
    default = inspect.signature(make).parameters[name].default
    if not isinstance(default, float) or _accepts(make, name, _TRIED):
        return _TRIED
    return default, default * 0.9375, default * 0.875


def usual(make: Make, name: str) -> float:
    """Returns a hyperparameter's default, or a number where that is no float."""
    default = inspect.signature(make).parameters[name].default
    if isinstance(default, int | float):
        return default
    return RATE if name == rate(make) else values(make, name)[0]


def without_decay(make: Make) -> dict[str, float]:
    """Returns what sets every weight decay to 0; a switch is none."""
    parameters = inspect.signature(make).parameters
    ends = ("weight_decay", "weight_decay_rate")
    decays = [n for n, p in parameters.items() if n.endswith(ends)]
    defaults = {n: parameters[n].default for n in decays}
    return {n: 0.0 for n, d in defaults.items() if d is not None and d is not False}


# --- What it makes --------------------------------------------------------------------


def build(make: Make, **given: Any) -> optax.GradientTransformationExtraArgs:
    """Makes the optimizer, with a learning rate where it takes one."""
    name = rate(make)
    if name is not None and name not in given:
        given[name] = usual(make, name)
    return optax.with_extra_args_support(called(make, given))


def called(make: Make, given: dict[str, Any]) -> Any:
    """Calls a function by names, even of arguments that it takes by position only."""
    parameters = inspect.signature(make).parameters.values()
    first = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    rest = {name: value for name, value in given.items() if name not in first}
    return make(*(given[name] for name in first if name in given), **rest)


def tree(dtype: Any = jnp.float32, value: Any = None) -> PyTree:
    """Makes small parameters: a matrix and a scalar, not 0 unless `value` is."""
    w, b = (1.0, 0.5) if value is None else (value, value)
    return {"w": jnp.full((2, 3), w, dtype), "b": jnp.full((), b, dtype)}


def update(
    optimizer: Any,
    grads: PyTree,
    state: PyTree,
    params: PyTree,
) -> tuple[PyTree, PyTree]:
    """Calls `update` as runners do, with an objective that has these gradients."""
    return optimizer.update(grads, state, params, **extras(grads, params))


def compiled(f: Callable) -> Callable:
    """Compiles a function quickly, for the few steps that it will take."""
    return jax.jit(f, compiler_options={"xla_backend_optimization_level": 0})


def stepper(make: Make, dtype: str, *, decayed: bool) -> tuple[Any, Callable]:
    """Makes an optimizer and a compiled step of it, with its weight decay or without.

    A step is from (gradients, state, parameters) to (updates, state, parameters). It is
    kept for the other lines of the contract that take steps in this dtype.
    """
    return _stepper(_Same(make), dtype, decayed and bool(without_decay(make)))


class _Same(NamedTuple):
    """Holds a function that is equal to itself only, if it can be hashed or not."""

    make: Make

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.make is other.make

    def __hash__(self) -> int:
        return id(self.make)


@functools.lru_cache(maxsize=2 * len(DTYPES))
def _stepper(same: _Same, dtype: str, decayed: bool) -> tuple[Any, Callable]:
    make = same.make
    # At a rate of 1 two of the largest gradients carry any parameters out of range.
    given = {name: RATE} if (name := rate(make)) else {}
    optimizer = build(make, **(given if decayed else given | without_decay(make)))

    def step(grads, state, params):
        updates, state = update(optimizer, grads, state, params)
        return updates, state, moved(params, updates)

    step.__name__ = f"{dtype}_step"
    return optimizer, compiled(step)


def jitted(optimizer: Any) -> optax.GradientTransformationExtraArgs:
    """Compiles the `update` of a transformation, or of what looks like one."""
    step = compiled(lambda g, s, p: update(optimizer, g, s, p))

    def update_fn(updates, state, params=None, **extra_args):
        del extra_args  # `update` makes them again, inside
        return step(updates, state, params)

    return optax.GradientTransformationExtraArgs(optimizer.init, update_fn)


def extras(grads: PyTree, params: PyTree) -> dict[str, Any]:
    """Returns what runners hand on: `value`, `grad`, `value_fn` and `obj_fn`.

    The objective is Re(g·d) + ½|d|², where d is the distance from these parameters.
    """

    def along(g, p, start):
        if g is None:
            return jnp.zeros([])
        g, d = _wide(g), _wide(p) - _wide(start)
        return jnp.sum(jnp.real(g * d) + 0.5 * (jnp.real(d) ** 2 + jnp.imag(d) ** 2))

    def objective(point, obj_fn=None):
        del obj_fn  # Optax's line searches hand on what `value_fn` does not name
        with jax.numpy_dtype_promotion("standard"):
            none = lambda g: g is None
            terms = jax.tree.map(along, grads, point, params, is_leaf=none)
            return sum(jax.tree.leaves(terms), jnp.zeros([]))

    value = objective(params)
    given = {"value": value, "grad": grads}
    return given | {"value_fn": objective, "obj_fn": objective}


def run(
    optimizer: optax.GradientTransformationExtraArgs, steps: list[PyTree]
) -> tuple[PyTree, PyTree]:
    """Takes a step for each gradient, the first of which is where it starts from.

    Returns the last updates and the parameters.
    """
    params, updates = steps[0], None
    state = optimizer.init(params)
    for grads in steps:
        updates, state = update(optimizer, grads, state, params)
        params = moved(params, updates)
    return updates, params


def moved(params: PyTree, updates: PyTree) -> PyTree:
    """Adds the updates to the parameters."""
    with jax.numpy_dtype_promotion("standard"):
        return optax.apply_updates(params, updates)


def back_and_forth(dtype: Any = jnp.float32) -> list[PyTree]:
    """Makes the gradients of two steps, the second against the first."""
    grads = tree(dtype)
    return [grads, jax.tree.map(jnp.negative, grads)]


@contextlib.contextmanager
def dtype_case(*dtypes: str, what: str) -> Iterator[None]:
    """Names the case; float64 is a dtype inside if one of these is."""
    wide = "float64" in dtypes or jax.config.jax_enable_x64
    with jax.enable_x64(wide), cases.case(what):
        yield


_NONE = inspect.Parameter.empty


def _accepts(make: Make, name: str, numbers: tuple[float, ...]) -> bool:
    try:
        for number in numbers:
            jax.eval_shape(build(make, **{name: number}).init, tree())
    except ValueError:
        return False
    return True


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


def _is_float(parameter: inspect.Parameter) -> bool:
    if not _is_named(parameter):
        return False
    if parameter.default is None:
        return float in _alternatives(parameter.annotation)
    return isinstance(parameter.default, float)


def _alternatives(annotation: Any) -> set[Any]:
    """Lists what a union may be; Any, and text, is none of them."""
    if typing.get_origin(annotation) not in (Union, UnionType):
        return {annotation}
    return {t for a in typing.get_args(annotation) for t in _alternatives(a)}


def _wide(x: Any) -> jax.Array:
    x = jnp.asarray(x)
    return x.astype(jnp.promote_types(x.dtype, np.float32))
