"""Where optimizers of one name differ, and how one framework's becomes another's."""

import itertools

from optax_lab.dialects.explaining import compared, table
from optax_lab.dialects.explaining.forms import FRAMEWORKS, Entry
from optax_lab.dialects.explaining.values import (
    Conversion,
    Difference,
    Explanation,
    Overview,
    Row,
    Side,
)

__all__ = [
    "Conversion",
    "Difference",
    "Explanation",
    "Overview",
    "Row",
    "Side",
    "explain",
]


def explain(
    optimizer: str | None = None, source: str | None = None, target: str | None = None
) -> Explanation | Overview:
    """Says what differs between frameworks' optimizers, and how to say one in another.

    Equations, what differs, and the code of `target` that reproduces a call of
    `source`, in symbols: η, λ, … stand for values, and in code for Optax `t` counts
    steps from 0; `jnp` is `jax.numpy`. A test runs all code that is given, in float64,
    against the call that it reproduces. In the table of all, what differs is in
    brackets. "optax" is Optax 0.2.8, "pytorch" PyTorch 2.13, "keras" Keras 3.15.

    Args:
      optimizer: its name in any framework's spelling; None for a table of all.
      source: "pytorch", "keras" or "optax"; None for all that have the optimizer.
      target: another of them.

    Returns:
      An `Explanation`, or the `Overview` of all; both print as text.

    >>> from optax_lab import dialects
    >>> found = dialects.explain("Lion", "keras", "optax")
    >>> for row in found.differences:
    ...     print(row.what, row.values)
    default of η ('learning_rate=0.001', 'learning_rate required')
    default of λ ('weight_decay=None', 'weight_decay=0.001')
    only there ('–', 'mu_dtype, mask')
    >>> print(found.conversions[0].becomes)
    optax.lion(η, b1=β₁, b2=β₂, weight_decay=0.0)

    Raises:
      ValueError: in one line, if a name is unknown, with the nearest; if one framework
        is given without another.
    """
    if optimizer is None:
        if source is not None or target is not None:
            raise ValueError("name an optimizer before its frameworks")
        return Overview(Row(*row) for row in compared.overview().items())
    name = table.optimizer(optimizer)
    entry = table.OPTIMIZERS[name]
    if source is None and target is None:
        return _explained(name, entry, list(FRAMEWORKS))
    if source is None or target is None:
        raise ValueError("name two dialects, or none")
    pair = [table.framework(source), table.framework(target)]
    if pair[0] == pair[1]:
        raise ValueError(f"{source} and {target} are one dialect: name two")
    return _explained(name, entry, pair)


def _explained(name: str, entry: Entry, frameworks: list[str]) -> Explanation:
    """Compares forms; of two frameworks, converts from the first to the second."""
    forms = [entry.forms[f] for f in frameworks if f in entry.forms]
    differences = []
    if len(forms) > 1:
        differences += compared.facts(forms)
        differences += compared.usual_values(forms)
        differences += compared.lonely_arguments(forms)
    pairs = list(itertools.permutations(frameworks, 2))
    if len(frameworks) == 2:
        pairs = pairs[:1]
    return Explanation(
        name,
        entry.title,
        tuple(_side(entry, framework) for framework in frameworks),
        tuple(differences),
        tuple(c for pair in pairs for c in compared.conversions(entry, *pair)),
    )


def _side(entry: Entry, framework: str) -> Side:
    if framework not in entry.forms:
        return Side(framework, "", "", "")
    form = entry.forms[framework]
    return Side(framework, form.call, form.equation, form.note)
