# What a task is: the reference, the ways to miss it, and what both are tried on.

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Outputs = tuple[np.ndarray, ...]
Step = Any  # what is handed in: a function, if all is well


class Trial(NamedTuple):
    """Holds what a function is tried on, step by step.

    Attributes:
      name: how a message calls it: "the example by hand".
      start: what is handed on from step to step, before the first; () where nothing is.
      observations: what comes in at each step.
      hypers: what stays the same in all steps.
      first: the number of the first step.
    """

    name: str
    start: tuple[Any, ...]
    observations: Sequence[Any]
    hypers: Mapping[str, Any]
    first: int = 1


class Property(NamedTuple):
    """Holds something that must be true, whatever the formula looks like.

    Attributes:
      sentence: what must be true.
      trial: where it is tried.
      holds: says whether the outputs of all steps keep it.
    """

    sentence: str
    trial: Trial
    holds: Callable[[list[Outputs]], bool]


class Exercise(NamedTuple):
    """Holds one task.

    Attributes:
      name: the function that is to be written.
      signature: how it is called and what it returns.
      outputs: the names of what it returns, one per array.
      call: `call(f, carry, observation, hypers, t)` makes step t (from 1 on) and
        returns what f does.
      kept: how many of the outputs are handed on to the next step; with 0 the steps
        are cases that know nothing of each other.
      reference: the right function; with `wrong=` the names of mistakes, a wrong one.
      mistakes: the mistakes it knows, names in `mistakes.HINTS`; of two that come to
        the same numbers the first is told.
      by_hand: one step that can be done with pencil and paper.
      draw: makes the random steps.
      properties: what must be true besides.
      given: the names of what a case holds, for the message that shows it; () where
        there is too much to show.
      own_state: whether x alone is compared, of the x and the state that are returned;
        the state is handed on, whatever it is.
      in_jax: whether the notebook gives it JAX's arrays.
    """

    name: str
    signature: str
    outputs: tuple[str, ...]
    call: Callable[[Step, Outputs, Any, Mapping[str, Any], int], Any]
    kept: int
    reference: Callable[..., Any]
    mistakes: tuple[str, ...]
    by_hand: Trial
    draw: Callable[[np.random.Generator], Trial]
    properties: tuple[Property, ...] = ()
    given: tuple[str, ...] = ()
    own_state: bool = False
    in_jax: bool = True

    @property
    def unit(self) -> str:
        """What a message calls one call of the function."""
        return "step" if self.kept else "case"
