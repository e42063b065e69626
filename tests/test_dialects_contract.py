# The dialects keep what all our optimizers keep, as far as their frameworks let them.

import pytest

from optax_lab import contract, dialects
from optax_lab.contract import subject

NAMES = [(f, n) for f in ("pytorch", "keras") for n in getattr(dialects, f).__all__]
LINES = {line.keeps.__name__: line for line in contract.LINES}
MEANT = {
    "types_never_change",
    "fresh_state_can_be_donated",
    "zero_moves_nothing",
    "extremes_stay_finite",
    "none_moves_nothing",
    "bad_numbers_are_refused",
    "says_what_is_missing",
}
# What an optimizer is defined to do, where that breaks a line.
EXEMPT = {
    ("pytorch", "ASGD"): {"zero_moves_nothing"},  # λ shrinks parameters
    ("keras", "Ftrl"): {
        "zero_moves_nothing",  # it forgets where it started
        "bad_numbers_are_refused",  # its beta is no decay
    },
}


@pytest.mark.parametrize(("framework", "name"), NAMES)
def test_a_dialect_keeps_the_contract(framework, name, monkeypatch, share):
    if (framework, name) == ("pytorch", "Muon"):
        pytest.skip("it takes matrices only, as in PyTorch; its rules are muon's")
    monkeypatch.setattr(subject, "DTYPES", subject.DTYPES[:-1])  # all but complex
    make = getattr(getattr(dialects, framework), name)
    asked = MEANT - EXEMPT.get((framework, name), set())
    lines = [LINES[line] for line in LINES if line in asked]
    lines = share(lines, NAMES.index((framework, name)))
    results = contract.check(make, lines)
    assert len(results) == len(lines)
    assert not [r for r in results if r.verdict == "failed"]
