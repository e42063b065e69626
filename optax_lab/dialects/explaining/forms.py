# What is known of an optimizer in each framework, as data: nothing here runs anything.

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

FRAMEWORKS = {"pytorch": "PyTorch", "keras": "Keras", "optax": "Optax"}

# Code is Python but for these letters, each of which stands for a value.
_SYMBOL = re.compile("β[₁₂]?|ε[₁₂]?|s₀|η[₋₊]?|Δ[₋₊]|[αγδκλμρτψ]")


class Facts(NamedTuple):
    """Says what an optimizer does where frameworks differ; "" where they cannot.

    Attributes:
      epsilon: where ε stands.
      debiasing: what is divided by its weight, 1 − βᵗ.
      average: how gradients are summed up.
      maximum: what the largest so far is taken of.
      warm_up: what β₁ is at step t.
      threshold: from where on the step is rectified.
      timing: which gradient a step is made of.
      bound: what the learning rate is at most.
      factored: which axes the average of squares is factored along.
      size: what a matrix is multiplied by.
      others: what becomes of tensors that are no matrices.
      rate: where η stands, which matters once it changes.
      decay: where λθ goes.
      nesterov: what is looked ahead with.
    """

    epsilon: str = ""
    debiasing: str = ""
    average: str = ""
    maximum: str = ""
    warm_up: str = ""
    threshold: str = ""
    timing: str = ""
    bound: str = ""
    factored: str = ""
    size: str = ""
    others: str = ""
    rate: str = ""
    decay: str = ""
    nesterov: str = ""


# Facts that no step depends on before an argument asks for what they are about.
ON_DEMAND = ("rate", "decay")

# What is said of a decay in more than one place.
NONE = "no argument"
IN_GRADIENT = "in the gradient, gₜ + λθₜ₋₁"
APART = "apart from it, −ηλθₜ₋₁"


class Form(NamedTuple):
    """Describes an optimizer as one framework has it.

    Attributes:
      call: what it is called there.
      equation: one step.
      facts: what it does where frameworks differ.
      arguments: by symbol, or by name for a switch, the argument that sets it; "x[0]"
        for the first of several, and "-x" where the sign is the other one.
      note: what else is to be known.
    """

    call: str
    equation: str
    facts: Facts
    arguments: Mapping[str, str]
    note: str = ""


class Phrase(NamedTuple):
    """Holds one way to step, spelled in every framework that can say it.

    All spellings give the same parameters; a test runs them.

    Attributes:
      case: what it has besides the optimizer's plain form.
      spelled: by framework, the code.
      why: by framework that cannot say it, the reason.
      constant: the frameworks whose spelling steps as the others only while η is
        constant.
      note: under which conditions they agree.
      caveats: by framework, what else is to be known where it takes part.
      tolerance: by framework, how far its spelling may end from others in float64,
        after 100 steps; 1e-10 where nothing is said.
    """

    case: str
    spelled: Mapping[str, str]
    why: Mapping[str, str] = {}
    constant: tuple[str, ...] = ()
    note: str = ""
    caveats: Mapping[str, str] = {}
    tolerance: Mapping[str, float] = {}


class Entry(NamedTuple):
    """Holds an optimizer in all frameworks that have it.

    Attributes:
      title: what people call it.
      forms: by framework.
      phrases: what can be said of it, the plain form first.
    """

    title: str
    forms: Mapping[str, Form]
    phrases: tuple[Phrase, ...]


def computes_with_rate(code: str) -> bool:
    """Whether code computes with η, which must be a number for that."""
    return bool(re.search(r"η \*|\* η|η /|\(η, \(t", code))


def filled(code: str, values: Mapping[str, Any]) -> str:
    """Returns code with values in the place of symbols; those without one stay.

    >>> filled("optax.adam(η, b1=β₁, b2=β₂)", {"η": 0.1, "β₁": 0.9})
    'optax.adam(0.1, b1=0.9, b2=β₂)'
    """
    return _SYMBOL.sub(lambda m: str(values.get(m[0], m[0])), code)
