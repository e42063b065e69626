# The table of optimizers, and what people call them and the frameworks.

import difflib

from optax_lab.dialects.explaining import (
    adagrad,
    descent,
    directions,
    factored,
    maxima,
    moments,
    rms,
    signs,
    whole,
)
from optax_lab.dialects.explaining.forms import FRAMEWORKS

OPTIMIZERS = {
    "sgd": descent.SGD,
    "rmsprop": rms.RMSPROP,
    "adagrad": adagrad.ADAGRAD,
    "adadelta": rms.ADADELTA,
    "adam": moments.ADAM,
    "adamw": moments.ADAMW,
    "amsgrad": maxima.AMSGRAD,
    "adamax": maxima.ADAMAX,
    "nadam": directions.NADAM,
    "radam": directions.RADAM,
    "rprop": signs.RPROP,
    "adafactor": factored.ADAFACTOR,
    "lamb": directions.LAMB,
    "lion": signs.LION,
    "muon": whole.MUON,
    "ftrl": descent.FTRL,
    "asgd": descent.ASGD,
}
_ALSO = {"torch": "pytorch"}


def optimizer(name: str) -> str:
    """Returns an optimizer's name here, given it in anyone's spelling.

    >>> optimizer("NAdam"), optimizer("torch.optim.RMSprop")
    ('nadam', 'rmsprop')

    Raises:
      ValueError: with the names that are nearest.
    """
    return _found("optimizer", name, name.split(".")[-1].lower(), list(OPTIMIZERS))


def framework(name: str) -> str:
    """Returns a framework's name here.

    Raises:
      ValueError: with the names that there are.
    """
    lower = name.lower()
    return _found("dialect", name, _ALSO.get(lower, lower), list(FRAMEWORKS))


def _found(kind: str, given: str, name: str, known: list[str]) -> str:
    if name in known:
        return name
    near = " or ".join(difflib.get_close_matches(name, known, n=3))
    hint = f"did you mean {near}? " if near else ""
    raise ValueError(f"unknown {kind} {given!r}; {hint}known: {', '.join(known)}")
