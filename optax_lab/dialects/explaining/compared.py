# What two or three forms of an optimizer have in common, found by comparing them.

import itertools
from collections.abc import Sequence

from optax_lab.dialects.explaining import defaults, table
from optax_lab.dialects.explaining.forms import (
    FRAMEWORKS,
    ON_DEMAND,
    Entry,
    Facts,
    Form,
    Phrase,
    computes_with_rate,
    filled,
)
from optax_lab.dialects.explaining.values import ONLY_THERE, Conversion, Difference

PAIRS = (
    ("pytorch", "optax"),
    ("optax", "pytorch"),
    ("keras", "optax"),
    ("optax", "keras"),
    ("pytorch", "keras"),
    ("keras", "pytorch"),
)
ABSENT = "–"
_WIDE = (
    "parameters are float32 or wider, "
    "else inject_hyperparams(…, hyperparam_dtype=jnp.float32)"
)
_HERE = {
    "torch.optim.": "optax_lab.dialects.pytorch.",
    "keras.optimizers.": "optax_lab.dialects.keras.",
}


def facts(forms: Sequence[Form]) -> list[Difference]:
    """Returns the facts that are not the same in all forms."""
    rows = []
    for name in Facts._fields:
        values = tuple(getattr(form.facts, name) or ABSENT for form in forms)
        if len(set(values)) > 1:
            rows.append(Difference(name.replace("_", " "), values))
    return rows


def usual_values(forms: Sequence[Form]) -> list[Difference]:
    """Returns the defaults that are not the same in all forms that have them."""
    symbols = dict.fromkeys(itertools.chain(*(form.arguments for form in forms)))
    rows = []
    for symbol in symbols:
        has = [form for form in forms if symbol in form.arguments]
        if len({defaults.default(form, symbol) for form in has}) > 1:
            told = (
                defaults.told(form, symbol) if form in has else ABSENT for form in forms
            )
            rows.append(Difference(f"default of {symbol}", tuple(told)))
    return rows


def lonely_arguments(forms: Sequence[Form]) -> list[Difference]:
    """Returns the arguments of each form that mean nothing to the others."""
    others = [[form for form in forms if form is not one] for one in forms]
    found = map(defaults.unmatched, forms, others)
    told = tuple(", ".join(names) or ABSENT for names in found)
    return [] if set(told) == {ABSENT} else [Difference(ONLY_THERE, told)]


def conversions(entry: Entry, source: str, target: str) -> list[Conversion]:
    """Returns what becomes of a framework's calls in another, the plainest first."""
    if source not in entry.forms:
        return []
    form = entry.forms[source]
    name = form.call.split("(")[0]
    found = [
        _conversion(entry, phrase, source, target)
        for phrase in entry.phrases
        if source not in phrase.constant
        and phrase.spelled.get(source, "").startswith(name)  # no chain of links
    ]
    found.sort(key=lambda c: (c.case != "", 0 if c.case else len(c.code)))
    plain, *others = found
    if plain.becomes is not None:
        at_defaults = filled(plain.becomes, _usual(form))
        plain = plain._replace(at_defaults=at_defaults)
    is_there = target in entry.forms or plain.becomes is not None
    return [plain, *others] if is_there else [plain]


def becomes(entry: Entry, source: str, target: str) -> str:
    """Says in a few words what becomes of a framework's optimizer in another."""
    if source not in entry.forms:
        return ABSENT
    found = conversions(entry, source, target)
    if target not in entry.forms:
        return "convertible" if found[0].becomes else "not there"
    forms = [entry.forms[source], entry.forms[target]]
    differing = [row.what for row in facts(forms)]
    if found[0].becomes is None:
        word = "in part" if any(c.becomes for c in found) else "no"
    elif any(what.replace(" ", "_") not in ON_DEMAND for what in differing):
        word = "convertible"
    else:
        word = "other defaults" if _other_defaults(forms) else "same"
    return f"{word} ({', '.join(differing)})" if differing else word


def _other_defaults(forms: Sequence[Form]) -> bool:
    """Whether any value is given by both, and is not the same."""
    shared = forms[0].arguments.keys() & forms[1].arguments.keys()
    values = ({defaults.default(form, s) for form in forms} for s in shared)
    return any(len(v - {defaults.REQUIRED}) > 1 for v in values)


def _conversion(entry: Entry, phrase: Phrase, source: str, target: str) -> Conversion:
    code, becomes = phrase.spelled[source], phrase.spelled.get(target)
    told = []
    if becomes is not None:
        needs_one = target in phrase.constant or computes_with_rate(becomes)
        told += ["η is constant"] if needs_one else []
        told += [phrase.note] if phrase.note else []
        told += [phrase.caveats[f] for f in (source, target) if f in phrase.caveats]
        told += [_WIDE] if "inject_hyperparams" in becomes else []
    why = phrase.why.get(target, f"{FRAMEWORKS[target]} has no {entry.title}")
    here = code.replace("(params, ", "(")
    for there, ours in _HERE.items():
        here = here.replace(there, ours)
    return Conversion(
        source,
        target,
        phrase.case,
        code,
        becomes,
        "" if becomes else why,
        "; ".join(told),
        None,
        here,
    )


def _usual(form: Form) -> dict[str, str]:
    """Returns the defaults that a form has, as code."""
    found = {symbol: defaults.default(form, symbol) for symbol in form.arguments}
    given = (defaults.REQUIRED, None)
    return {s: repr(value) for s, value in found.items() if value not in given}


def overview() -> dict[str, dict[tuple[str, str], str]]:
    """Returns what becomes of every optimizer, by pair of frameworks."""
    return {
        name: {pair: becomes(entry, *pair) for pair in PAIRS}
        for name, entry in table.OPTIMIZERS.items()
    }
