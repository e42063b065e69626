# The function under check: what it takes, and what it makes, driven as runners do it.

import contextlib
import functools
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
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


class _Same(NamedTuple):
    """Holds a function that is equal to itself only, if it can be hashed or not."""

    make: Make

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.make is other.make

    def __hash__(self) -> int:
        return id(self.make)


def _kept(f: Callable) -> Callable:
    """Keeps what a function says of a `make`, for the other lines of the contract."""
    of_same = functools.lru_cache(16)(lambda same, *rest: f(same.make, *rest))
    return functools.wraps(f)(lambda make, *rest: of_same(_Same(make), *rest))


# --- What it takes --------------------------------------------------------------------


@_kept
def parameters(make: Make) -> Mapping[str, inspect.Parameter]:
    """Returns what a function takes, by name."""
    return inspect.signature(make).parameters


def rate(make: Make) -> str | None:
    """Returns the name of the learning rate, or None if there is none.

    It is `learning_rate`, or else the first argument that has no default.
    """
    taken = parameters(make)
    if "learning_rate" in taken:
        return "learning_rate"
    required = [n for n, p in taken.items() if _is_named(p) and p.default is _NONE]
    return required[0] if required else None


def hypers(make: Make) -> list[str]:
    """Lists the float hyperparameters, the learning rate first.

    A float by default is one; so is None by default with `float` in its annotation.
    """
    first = [name] if (name := rate(make)) else []
    others = [n for n, p in parameters(make).items() if _is_float(p)]
    return first + [n for n in others if n not in first]


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


@_kept
def values(make: Make, name: str) -> tuple[float, float, float]:
    """Returns three numbers that a hyperparameter accepts."""
    default = parameters(make)[name].default
    if not isinstance(default, float) or _accepts(make, name, _TRIED):
        return _TRIED
    return default, default * 0.9375, default * 0.875


def usual(make: Make, name: str) -> float:
    """Returns a hyperparameter's default, or a number where that is no float."""
    default = parameters(make)[name].default
    if isinstance(default, int | float):
        return default
    return RATE if name == rate(make) else values(make, name)[0]


def without_decay(make: Make) -> dict[str, float]:
    """Returns what sets every weight decay to 0; a switch is none."""
    ends = ("weight_decay", "weight_decay_rate")
    taken = parameters(make).items()
    defaults = {n: p.default for n, p in taken if n.endswith(ends)}
    return {n: 0.0 for n, d in defaults.items() if d is not None and d is not False}


# --- What it makes --------------------------------------------------------------------


def build(make: Make, **given: Any) -> optax.GradientTransformationExtraArgs:
    """Makes the optimizer, with a learning rate where it takes one."""
    name = rate(make)
    if name is not None and name not in given:
        given[name] = usual(make, name)
    return optax.with_extra_args_support(called(make, given))


def at_rate(make: Make, **given: Any) -> optax.GradientTransformationExtraArgs:
    """Makes the optimizer with a learning rate of RATE, where it takes one.

    At a rate of 1 two of the largest gradients carry any parameters out of range.
    """
    name = rate(make)
    return build(make, **({name: RATE} if name is not None else {}) | given)


def called(make: Make, given: dict[str, Any]) -> Any:
    """Calls a function by names, even of arguments that it takes by position only."""
    taken = parameters(make).values()
    first = [p.name for p in taken if p.kind is p.POSITIONAL_ONLY]
    rest = {name: value for name, value in given.items() if name not in first}
    return make(*(given[name] for name in first if name in given), **rest)


def tree(dtype: Any = jnp.float32, w: float = 1.0, b: float = 0.5) -> PyTree:
    """Makes small parameters: a matrix and a scalar, filled with numbers."""
    full = lambda shape, x: jax.device_put(np.full(shape, x, dtype))
    return {"w": full((2, 3), w), "b": full((), b)}


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
    return jax.jit(f, compiler_options=_quick())


@functools.cache
def _quick() -> dict[str, int | bool]:
    """Returns what makes XLA compile quickly; what this XLA does not know is left out.

    Each kernel of a small program costs more to write in MLIR, or as a module of its
    own, than to run.
    """
    least = {"xla_backend_optimization_level": 0}
    more = {
        "xla_cpu_use_fusion_emitters": False,
        "xla_cpu_parallel_codegen_split_count": 1,
    }
    try:
        jax.jit(lambda: 0, compiler_options=least | more)()
    except jax.errors.JaxRuntimeError:
        return least
    return least | more


def shared(make: Make, **numbers: float) -> Any:
    """Builds an optimizer `at_rate`, with a compiled `update` kept for other lines."""
    default = {n: p.default for n, p in parameters(make).items()}
    name = rate(make)  # which is RATE unless it is given
    is_number = lambda x: isinstance(x, int | float)
    is_default = lambda n, x: n != name and is_number(default[n]) and default[n] == x
    other = tuple((n, x) for n, x in numbers.items() if not is_default(n, x))
    return _shared(make, other, jax.config.jax_enable_x64)


@_kept
def _shared(make: Make, numbers: tuple, wide: bool) -> Any:
    del wide  # an optimizer may hold arrays, which are not the same then
    return jitted(at_rate(make, **dict(numbers)))


def jitted(optimizer: Any, jit: Callable = compiled) -> Any:
    """Compiles the `update` of an optimizer, which makes its extra arguments inside."""
    step = jit(lambda grads, state, params: update(optimizer, grads, state, params))
    return optax.GradientTransformationExtraArgs(optimizer.init, step)


def extras(grads: PyTree, params: PyTree) -> dict[str, Any]:
    """Returns what runners hand on: `value`, `grad`, `value_fn` and `obj_fn`.

    The objective is Re(g·d) + ½|d|², where d is the distance from these parameters, and
    so its value is 0.
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

    given = {"value": jnp.zeros([]), "grad": grads}
    return given | {"value_fn": objective, "obj_fn": objective}


def run(optimizer: Any, steps: list[PyTree]) -> tuple[PyTree, PyTree]:
    """Takes the steps of a jitted optimizer, which starts from the first gradient.

    Returns the last updates and the parameters.
    """
    params, updates = steps[0], None
    state = optimizer.init(params)
    for grads in steps:
        updates, state = optimizer.update(grads, state, params)
        params = moved(params, updates)
    return updates, params


# Compiled alike for all optimizers, but part of any program that it is called in.
@jax.jit
def moved(params: PyTree, updates: PyTree) -> PyTree:
    """Adds the updates to the parameters."""
    with jax.numpy_dtype_promotion("standard"):
        return optax.apply_updates(params, updates)


def back_and_forth() -> list[PyTree]:
    """Makes the gradients of two steps, the second against the first.

    They have JAX's default dtype.
    """
    return [tree(float), tree(float, -1.0, -0.5)]


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
    """Lists what a union or an alias of one may be; Any, and text, is none of them."""
    annotation = getattr(annotation, "__value__", annotation)
    if typing.get_origin(annotation) not in (Union, UnionType):
        return {annotation}
    return {t for a in typing.get_args(annotation) for t in _alternatives(a)}


def _wide(x: Any) -> jax.Array:
    x = jnp.asarray(x)
    return x.astype(jnp.promote_types(x.dtype, np.float32))
