# The lines of the contract, and how an optimizer stands with each.

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import optax

from optax_lab.contract import cases, dtypes, hypers, neighbours, numbers
from optax_lab.contract.subject import Make


class Line(NamedTuple):
    """Holds a line of the contract.

    Attributes:
      sentence: what is promised.
      keeps: a check of a function that makes an optimizer; whatever it raises breaks
        the line, and `NotApplicable` says that the line asks nothing.
    """

    sentence: str
    keeps: Callable[[Make], None]


class Result(NamedTuple):
    """Says how an optimizer stands with a line of the contract.

    Attributes:
      line: the line's sentence.
      verdict: how it stands.
      case: in one line, the first case that breaks it, or why nothing is asked.
    """

    line: str
    verdict: Literal["kept", "failed", "not applicable"]
    case: str


LINES = (
    Line("State and updates never change shape or dtype", dtypes.types_never_change),
    Line("Shapes are enough to make the state", dtypes.init_needs_shapes_only),
    Line("A fresh state can be donated", dtypes.fresh_state_can_be_donated),
    Line("A jitted step compiles once, and scan takes it", dtypes.compiles_once),
    Line("Zero gradients move nothing from the start", numbers.zero_moves_nothing),
    Line("Extreme gradients leave updates finite", numbers.extremes_stay_finite),
    Line("Ten steps have a finite derivative at zero", numbers.derivative_is_finite),
    Line("No gradient (None) moves nothing", numbers.none_moves_nothing),
    Line("An array stands for its number", hypers.array_is_a_number),
    Line("A constant schedule stands for its number", hypers.schedule_is_a_number),
    Line("A schedule is asked for 0, 1, 2, …", hypers.schedule_counts_from_zero),
    Line("A grid compiles once, each lane as alone", hypers.grid_compiles_once),
    Line("An impossible number is refused by name", hypers.bad_numbers_are_refused),
    Line("It works in optax.chain", neighbours.works_in_chain),
    Line("It works in optax.masked", neighbours.works_in_masked),
    Line("It works in optax.partition", neighbours.works_in_partition),
    Line("It works in optax.MultiSteps", neighbours.works_in_multisteps),
    Line("It works in optax.inject_hyperparams", neighbours.works_in_inject),
    Line("optax.tree.map_params reaches its state", neighbours.optax_maps_its_state),
    Line("optax.tree finds and sets its count", neighbours.optax_sets_its_count),
    Line("Unknown extra arguments are no error", neighbours.takes_extra_arguments),
    Line("What is missing is named", neighbours.says_what_is_missing),
)


def check(
    make: Make | optax.GradientTransformation, lines: Iterable[Line] = LINES
) -> list[Result]:
    """Checks an optimizer against every line of the contract.

    Args:
      make: a function that makes the optimizer, such as `optax_lab.adam`: the learning
        rate is its argument `learning_rate`, or else the first that has no default.
        Its other floats are found in its signature, and so are weight decays, by
        their names. `functools.partial` changes what is usual.
      lines: which lines; one's own can be among them.

    Returns:
      A result for each line. It holds for JAX as it is set up (`jax_enable_x64`,
      `jax_numpy_dtype_promotion`); cases in float64 switch that on for themselves.

    >>> import optax
    >>> from optax_lab import contract
    >>> for result in contract.check(optax.sgd):
    ...     if result.verdict == "failed":
    ...         print(result.line)
    No gradient (None) moves nothing
    A constant schedule stands for its number
    An impossible number is refused by name

    Raises:
      ValueError: if `make` is no function, but an optimizer that is already made.
    """
    if not callable(make):
        how = "of an optimizer that is already made, give `lambda: optimizer`"
        raise ValueError(f"make must be a function that makes an optimizer: {how}")
    return [judge(line, make) for line in lines]


def judge(line: Line, make: Make) -> Result:
    """Checks an optimizer against one line of the contract."""
    try:
        line.keeps(make)
    except cases.NotApplicable as reason:
        return Result(line.sentence, "not applicable", str(reason))
    except (Exception, SystemExit) as error:  # whatever someone's own optimizer raises
        return Result(line.sentence, "failed", cases.one_line(error))
    return Result(line.sentence, "kept", "")
