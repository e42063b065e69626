# What a framework's optimizer may be called with, and what becomes of it here.

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, get_args, get_origin

import jax
import jax.numpy as jnp
import numpy as np
import optax

from optax_lab.optimizers.hyperparameters import (
    Hyper,
    alternatives,
    check_names,
    scheduled,
)

# Not `isinstance(x, ArrayLike)`: a union asks for subclasses, and a tracer is none.
_NUMBERS = (bool, int, float, complex, np.ndarray, np.generic, jax.Array)
_BY_NAME = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)


def dialect(
    framework: str,
    *,
    ignored: tuple[str, ...] = (),
    refused: Mapping[str, tuple[Any, str]] | None = None,
    signed: tuple[str, ...] = (),
) -> Callable[[Callable], Callable[..., optax.GradientTransformationExtraArgs]]:
    """Makes an optimizer callable as its framework's class is, without `params`.

    Arguments annotated `Hyper` may be numbers, arrays or schedules.

    Args:
      framework: its name, for errors.
      ignored: arguments that say how to execute, not what to compute. They are taken
        by name, and nothing depends on them.
      refused: arguments whose work another link does, each with the value that asks
        for nothing, and what to use instead.
      signed: numbers that may be on both sides of 0.
    """
    refused = refused or {}

    def decorate(factory: Callable) -> Callable:
        make = scheduled(factory)
        signature = _extended(inspect.signature(factory), ignored, refused)
        whose = f"{factory.__name__} of {framework}"

        @functools.wraps(factory)
        def called(*args, **kwargs):
            check_names(whose, signature.parameters.values(), kwargs)
            _check_places(whose, signature, args, kwargs)
            bound = signature.bind(*args, **kwargs)
            for name, (nothing, instead) in refused.items():
                value = bound.arguments.pop(name, None)
                if value is not None and not _is_same(value, nothing):
                    raise ValueError(
                        f"{name}={value!r} is no part of a transformation: {instead}"
                    )
            for name in ignored:
                bound.arguments.pop(name, None)
            for name, value in bound.arguments.items():
                _check_value(name, value, signature.parameters[name], name in signed)
            return _of_real(framework, make(*bound.args, **bound.kwargs))

        called.__signature__ = signature
        return called

    return decorate


def _is_same(value: Any, nothing: Any) -> bool:
    """Whether a Python value equals another; an array, known or not, never does."""
    return isinstance(value, bool | int | float | NoneType) and value == nothing


def _check_value(
    name: str, value: Any, parameter: inspect.Parameter, is_signed: bool
) -> None:
    """Refuses what is no number, not finite, or not on its default's side of 0.

    Only hyperparameters are looked at, and of arrays and schedules not the values.
    """
    annotation = parameter.annotation
    kinds = alternatives(annotation)
    if get_origin(annotation) is tuple:
        _check_tuple(name, value, get_args(annotation))
    elif annotation is float or jax.Array in kinds:
        _check_kind(name, value, kinds)
        if isinstance(value, int | float) and jax.Array in kinds:
            usual = parameter.default
            is_negative = isinstance(usual, float) and usual < 0
            _check_side(name, value, 0 if is_signed else -1 if is_negative else 1)


def _check_tuple(name: str, value: Any, each: tuple[Any, ...]) -> None:
    """Refuses anything but so many numbers or arrays."""
    if not isinstance(value, tuple | list) or len(value) != len(each):
        told = f"{name} must be {len(each)} numbers or arrays"
        raise TypeError(f"{told}, got {value!r}")
    for place, kind in enumerate(each):
        _check_kind(f"{name}[{place}]", value[place], alternatives(kind))


def _check_kind(name: str, value: Any, kinds: tuple[Any, ...]) -> None:
    """Refuses what is no number or array, nor a schedule or None among the kinds."""
    is_schedule = set(alternatives(Hyper)) <= set(kinds)
    is_none = value is None and NoneType in kinds
    if is_none or isinstance(value, _NUMBERS) or (is_schedule and callable(value)):
        return
    allowed = "a number or an array"
    if is_schedule:
        allowed = "a number, an array or a schedule"
    got = "None" if value is None else f"a {type(value).__name__}"
    raise TypeError(f"{name} must be {allowed}, got {got}")


def _check_side(name: str, value: float | int, side: int) -> None:
    """Refuses what is not finite, or on the other side of 0; a `side` of 0 is both."""
    if not math.isfinite(value) or value * side < 0:
        told = {-1: " and at most 0", 0: "", 1: " and at least 0"}[side]
        raise ValueError(f"{name} must be finite{told}, got {value}")


def _of_real(
    framework: str, inner: optax.GradientTransformationExtraArgs
) -> optax.GradientTransformationExtraArgs:
    """Refuses complex parameters, whose squares frameworks take part by part."""

    def init_fn(params):
        for path, leaf in jax.tree.leaves_with_path(params):
            if jnp.issubdtype(jnp.result_type(leaf), jnp.complexfloating):
                raise ValueError(
                    f"{framework}'s optimizers step real numbers, and the parameter at "
                    f"{jax.tree_util.keystr(path) or 'its root'} is complex: wrap the "
                    "optimizer in optax.contrib.split_real_and_imaginary"
                )
        return inner.init(params)

    return optax.GradientTransformationExtraArgs(init_fn, inner.update)


def _extended(
    signature: inspect.Signature, ignored: tuple[str, ...], refused: Mapping
) -> inspect.Signature:
    """Adds arguments that have no effect, by name only, all None by default."""
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
        for name in (*ignored, *refused)
    ]
    return signature.replace(parameters=[*signature.parameters.values(), *more])


def _check_places(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping
) -> None:
    """Refuses more arguments by position than have one, and those given twice.

    Raises:
      TypeError: with those that have a position.
    """
    places = [n for n, p in signature.parameters.items() if p.kind not in _BY_NAME]
    if len(args) > len(places):
        raise TypeError(
            f"{name} takes {len(places)} arguments by position, "
            f"{', '.join(places)}, got {len(args)}: name the others"
        )
    for twice in [place for place in places[: len(args)] if place in kwargs]:
        raise TypeError(
            f"{name} is given {twice} twice; init and update are given the parameters"
        )
