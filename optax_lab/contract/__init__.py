"""What every optimizer keeps, as a check that anyone can run on theirs."""

from typing import TYPE_CHECKING

from optax_lab import lazy

if TYPE_CHECKING:
    from optax_lab.contract.cases import Broken, NotApplicable
    from optax_lab.contract.lines import LINES, Line, Result, check, judge

_MODULES = {
    "LINES": "lines",
    "Broken": "cases",
    "Line": "lines",
    "NotApplicable": "cases",
    "Result": "lines",
    "check": "lines",
    "judge": "lines",
}

__all__ = ["LINES", "Broken", "Line", "NotApplicable", "Result", "check", "judge"]

if not TYPE_CHECKING:  # with these, any name would be one of ours
    __getattr__, __dir__ = lazy.attach(__name__, _MODULES)
