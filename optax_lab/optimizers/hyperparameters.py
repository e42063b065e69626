# Every float hyperparameter may be a schedule: one decorator, one count.

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from types import UnionType
from typing import Any, NamedTuple, ParamSpec, TypeVar, Union, get_args, get_origin

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Int, PyTree
from typing_extensions import TypeAliasType

from optax_lab import precision

_IS_DTYPE = re.compile(r"(.*_)?dtype(_.*)?").fullmatch
Schedule = Callable[[Any], ArrayLike]  # from the step to a number or an array
# `help` writes the alias's name, not the thirteen types that it stands for.
Hyper = TypeAliasType("Hyper", ArrayLike | Schedule)

_NUMBERS = (int, float, complex, jax.Array, np.ndarray, np.generic)
_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")


class ScheduledState(NamedTuple):
    """Holds the step that schedules are evaluated at, and the optimizer's own state."""

    count: Int[Array, ""]
    inner: PyTree


def scheduled(
    factory: Callable[_Arguments, optax.GradientTransformation],
) -> Callable[_Arguments, optax.GradientTransformationExtraArgs]:
    """Lets every argument annotated `Hyper` be a schedule: a function of the step.

    The step starts at 0 and is kept once, whatever the number of schedules; without
    any, the state is the factory's own. The rule is built anew at each trace from the
    values at that step, so rules see `numbers` and arrays only. A gradient that is None
    becomes a zero update where `params` are given, since `optax.apply_updates` refuses
    None. Leaves of whole numbers, as a counter among the parameters, have no gradient.
    """
    signature = inspect.signature(factory)
    name = getattr(factory, "__name__", repr(factory))
    names = getattr(inspect.unwrap(factory), "__globals__", {})
    hypers = [n for n, p in signature.parameters.items() if _takes_hyper(p, names)]

    @functools.wraps(factory)
    def make(*args, **kwargs):
        check_names(name, signature.parameters.values(), kwargs)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:  # which does not say of what
            raise TypeError(f"{name}: {error}") from None
        bound.apply_defaults()
        arguments = bound.arguments  # without `bound`, which has no hash: others
        for each in filter(_IS_DTYPE, arguments):  # may hash what an update closes over
            _check_dtype(each, arguments[each])
        for each in hypers:
            _check_hyper(signature.parameters[each], arguments[each])
        given = {n: _wide(arguments[n]) for n in hypers}
        schedules = {n: value for n, value in given.items() if callable(value)}

        def build(count):
            with jax.numpy_dtype_promotion("standard"):  # schedules are anyone's
                now = {n: _wide(schedule(count)) for n, schedule in schedules.items()}
            call = inspect.BoundArguments(signature, arguments | given | now)
            return optax.with_extra_args_support(factory(*call.args, **call.kwargs))

        return _of_any_leaves(_counted(build) if schedules else build(None))

    return make


def number(hyper: _Value | Schedule) -> _Value:
    """Returns a hyperparameter as rules take it: as a number or an array.

    Where `scheduled` has evaluated it, it is one; type checkers learn it here.

    Raises:
      TypeError: if it is a schedule still, for want of `scheduled`.
    """
    if callable(hyper):
        raise TypeError(f"got a schedule, {hyper!r}: put @scheduled on what takes it")
    return hyper


def numbers(*hypers: _Value | Schedule) -> tuple[_Value, ...]:
    """Returns several hyperparameters as `number` does."""
    return tuple(number(hyper) for hyper in hypers)


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Lists the types that an annotation allows; those of an alias are among them."""
    annotation = getattr(annotation, "__value__", annotation)
    if get_origin(annotation) not in (Union, UnionType):
        return (annotation,)
    return tuple(kind for each in get_args(annotation) for kind in alternatives(each))


def check_names(
    name: str, parameters: Iterable[inspect.Parameter], given: Mapping[str, Any]
) -> None:
    """Refuses named arguments that a function does not take.

    Raises:
      TypeError: with the function, and what of it comes nearest.
    """
    kinds = {parameter.name: parameter.kind for parameter in parameters}
    if inspect.Parameter.VAR_KEYWORD in kinds.values():
        return
    for argument in given:
        if argument not in kinds:
            near = difflib.get_close_matches(argument, kinds)
            allowed = " or ".join(near) or ", ".join(kinds)
            raise TypeError(f"{name} has no {argument}: try {allowed}")


def moving(params: PyTree) -> PyTree:
    """Returns a tree of JAX's arrays, None for whole numbers, which nothing moves."""
    return jax.tree.map(_inexact, _arrays(params))


def _counted(build: Callable) -> optax.GradientTransformationExtraArgs:
    """Builds the transformation anew at every step, from that step's values."""

    def init_fn(params):
        count = jnp.zeros([], jnp.int32)
        return ScheduledState(count, build(count).init(params))

    def update_fn(updates, state, params=None, **extra_args):
        rule = build(state.count)
        updates, inner = rule.update(updates, state.inner, params, **extra_args)
        count = jnp.asarray(optax.safe_increment(state.count))
        return updates, ScheduledState(count, inner)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def _of_any_leaves(
    inner: optax.GradientTransformationExtraArgs,
) -> optax.GradientTransformationExtraArgs:
    """Takes any leaves: numbers, NumPy's arrays, whole numbers, which rest, and None.

    Updates that are None become zeros.
    """
    fill = lambda u, p: jnp.zeros_like(p) if u is None and p is not None else u
    each = functools.partial(jax.tree.map, is_leaf=lambda leaf: leaf is None)

    def update_fn(updates, state, params=None, **extra_args):
        like = _arrays(updates if params is None else params)
        updates = each(_gradient, _arrays(updates), like)
        moved = None if params is None else jax.tree.map(_inexact, like)
        updates, state = inner.update(updates, state, moved, **extra_args)
        return each(fill, updates, like), state

    init_fn = lambda params: inner.init(moving(params))
    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def _arrays(tree: PyTree) -> PyTree:
    """Turns numbers and NumPy's arrays into JAX's, float64 as JAX is set up."""
    is_other = lambda leaf: isinstance(leaf, _NUMBERS) and not isinstance(leaf, Array)
    return jax.tree.map(lambda x: precision.array(x) if is_other(x) else x, tree)


def _inexact(leaf: Any) -> Any:
    """Returns a leaf, or None for whole numbers."""
    whole = (jnp.integer, jnp.bool_)
    is_whole = any(
        jnp.issubdtype(getattr(leaf, "dtype", float), kind) for kind in whole
    )
    return None if is_whole else leaf


def _gradient(gradient: Any, param: Any) -> Any:
    """Returns a gradient, one of whole numbers in its parameter's dtype, or None."""
    if gradient is None or _inexact(gradient) is gradient:
        return gradient
    return None if _inexact(param) is None else gradient.astype(param.dtype)


def _takes_hyper(
    parameter: inspect.Parameter, names: dict[str, Any] | None = None
) -> bool:
    """Whether an annotation holds `Hyper`; one that is text is read among `names`.

    One at a time, because others may stand for what only type checkers import.
    """
    annotation = parameter.annotation
    if isinstance(annotation, str):  # under `from __future__ import annotations`
        try:
            annotation = eval(annotation, names)
        except Exception:
            return bool(re.search(r"\bHyper\b", annotation))
    return set(alternatives(Hyper)) <= set(alternatives(annotation))


def _check_hyper(parameter: inspect.Parameter, value: Any) -> None:
    """Refuses what is no hyperparameter, nor what else its annotation allows."""
    if callable(value) or isinstance(value, _NUMBERS):
        return
    others = map(_origin, alternatives(parameter.annotation))
    kinds = tuple(kind for kind in others if isinstance(kind, type))
    is_text = isinstance(value, str | bytes)
    is_known = not isinstance(parameter.annotation, str)
    if is_text or (is_known and not isinstance(value, kinds)):
        raise ValueError(
            f"{parameter.name} must be a number, an array or a schedule, got {value!r}"
        )


def _origin(annotation: Any) -> Any:
    return get_origin(annotation) or annotation


def _check_dtype(name: str, dtype: Any) -> None:
    """Refuses a dtype that averages of gradients, or of their squares, cannot have."""
    if dtype is None or inspect.isfunction(dtype):
        return
    is_of_squares = name == "nu_dtype"
    kind = jnp.floating if is_of_squares else jnp.inexact
    if not jnp.issubdtype(dtype, kind):
        which = "a real floating" if is_of_squares else "a floating or complex"
        raise ValueError(f"{name} must be {which} dtype, got {jnp.dtype(dtype)}")


def _wide(value: Any) -> Any:
    """Returns arrays as float32 or wider, and NumPy's scalars as Python's own numbers.

    Of these each rule checks the range. Anything else stays as it is.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) is int:
        return value if abs(value) < 2**31 else float(value)
    if not isinstance(value, jax.Array | np.ndarray):
        return value
    value = precision.array(value)
    with jax.numpy_dtype_promotion("standard"):
        return value.astype(jnp.promote_types(value.dtype, jnp.float32))
