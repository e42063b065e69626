# What a framework's optimizer may be called with, and what becomes of it here.

import difflib
import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from types import NoneType
from typing import Any, get_args

import jax
import jax.numpy as jnp
import optax

from optax_lab.transforms.scheduling import scheduled


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

        @functools.wraps(factory)
        def called(*args, **kwargs):
            _check_names(framework, factory.__name__, signature, kwargs)
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

    Only what may be an array is looked at: a hyperparameter, not a coefficient. Of
    arrays and schedules the values are not known.
    """
    allowed = get_args(parameter.annotation)
    if jax.Array not in allowed or (value is None and NoneType in allowed):
        return
    if value is None or isinstance(value, list | tuple | dict | Iterator):
        raise TypeError(
            f"{name} must be a number, an array or a schedule, got a "
            f"{type(value).__name__}; init and update are given the parameters"
        )
    if isinstance(value, int | float):
        usual = parameter.default
        is_negative = isinstance(usual, float) and usual < 0
        _check_side(name, value, 0 if is_signed else -1 if is_negative else 1)


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


def _check_names(
    framework: str, name: str, signature: inspect.Signature, given: Mapping
) -> None:
    """Refuses an argument that the framework's class does not have.

    Raises:
      TypeError: with the nearest of those it has.
    """
    for argument in given:
        if argument not in signature.parameters:
            near = difflib.get_close_matches(argument, signature.parameters)
            allowed = " or ".join(near) or ", ".join(signature.parameters)
            raise TypeError(f"{name} of {framework} has no {argument}: try {allowed}")
