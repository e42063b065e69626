"""The papers' algorithms in plain NumPy, a file per family, and the cases they judge.

An oracle is written from its paper and not from our code. It takes a leaf, its
gradients, the learning rate as a function of the step (from 0) and the optimizer's
arguments, and returns the leaf after every step.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple


class Case(NamedTuple):
    """An optimizer with some arguments, and the oracle that judges it.

    Attributes:
      name: the optimizer's name in `optax_lab`.
      kwargs: its arguments besides the learning rate, ours and the oracle's.
      oracle: (leaf, gradients, rate, **kwargs) → the leaf after every step. Where
        `whole` is True: of lists of leaves, for methods that couple them.
      optax: what takes the same steps in Optax: a function of (rate, **kwargs), or True
        for the function of the same name. None where Optax has none or is wrong.
      close: the tolerance, relative and absolute, in float64.
      is_complex: whether complex parameters are taken, which follow the oracle too.
      whole: whether the oracle takes all leaves at once.
      make: (rate, **kwargs) → the optimizer, where it is not what `name` makes of them:
        for wrappers, and for optimizers that need more than gradients.
    """

    name: str
    kwargs: dict[str, Any]
    oracle: Callable
    optax: Any = None
    close: float = 1e-12
    is_complex: bool = True
    whole: bool = False
    make: Callable | None = None

    @property
    def title(self) -> str:
        """Names the case alike in every process: a function's repr has its address."""
        text = lambda x: getattr(x, "__name__", "function") if callable(x) else repr(x)
        given = (f"{name}={text(value)}" for name, value in self.kwargs.items())
        return f"{self.name}({', '.join(given)})"


class Line(NamedTuple):
    """A schedule whose repr, unlike a function's, is the same in every process."""

    start: float
    slope: float

    def __call__(self, step):
        return self.start + self.slope * step


def families() -> dict[str, list[Case]]:
    """Returns the cases of every family, by the name of its file."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = {n: importlib.import_module(f"{__name__}.{n}") for n in names}
    return {name: module.CASES for name, module in modules.items()}


def every_case() -> list[Case]:
    """Returns the cases of all families."""
    return [case for cases in families().values() for case in cases]
