# What a framework's optimizer may be called with, and what becomes of it here.

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import optax

from optax_lab.transforms.scheduling import scheduled


def dialect(
    framework: str,
    *,
    ignored: tuple[str, ...] = (),
    refused: Mapping[str, tuple[Any, str]] | None = None,
) -> Callable[[Callable], Callable[..., optax.GradientTransformationExtraArgs]]:
    """Makes an optimizer callable as its framework's class is, without `params`.

    Arguments annotated `Hyper` may be numbers, arrays or schedules.

    Args:
      framework: its name, for errors.
      ignored: arguments that say how to execute, not what to compute. They are taken
        by name, and nothing depends on them.
      refused: arguments whose work another link does, each with the value that asks
        for nothing, and what to use instead.
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
                value = bound.arguments.pop(name, nothing)
                if value is not nothing and value != nothing:
                    raise ValueError(
                        f"{name}={value!r} is no part of a transformation: {instead}"
                    )
            for name in ignored:
                bound.arguments.pop(name, None)
            return make(*bound.args, **bound.kwargs)

        called.__signature__ = signature
        return called

    return decorate


def _extended(
    signature: inspect.Signature, ignored: tuple[str, ...], refused: Mapping
) -> inspect.Signature:
    """Adds arguments that have no effect, by name only."""
    nothing = dict.fromkeys(ignored)
    nothing |= {name: default for name, (default, _) in refused.items()}
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in nothing.items()
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
            near = difflib.get_close_matches(argument, signature.parameters, 3, 0.5)
            allowed = " or ".join(near) or ", ".join(signature.parameters)
            raise TypeError(f"{framework}'s {name} has no {argument}: try {allowed}")
