import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from tests import equivalents, mutants, mutation

TOY = '''
import jax.numpy as jnp


def rule(b1, b2, eps=0.5):
    """Says 1 + 1 and is not changed."""
    if b1 < 0:
        raise ValueError(f"b1 must be at least {0}")
    key = rounding_key(1)
    return jnp.sqrt(b1 - b2) * 2 + eps


def _shift(x, by=1):
    return -x if x > by else x.sum(axis=0, dtype=float)


def statistic_dtype(x):
    return x + 1


def scale_by_toy(b=1):
    def update_fn(updates, state):
        mu = ewma.update(state.mu, updates, b, key=2)
        return ewma.read(mu), State(mu=mu)

    return update_fn
'''


@pytest.fixture
def toy(tmp_path):
    path = tmp_path / "toy.py"
    path.write_text(TOY)
    spec = importlib.util.spec_from_file_location("toy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def changes(module, function):
    found = mutants.mutants(module)
    return {mutant.change for mutant in found if mutant.function == function}


def test_a_rule_is_changed_in_every_term_and_nowhere_else(toy):
    assert changes(toy, "rule") == {
        "0.5 → 1.0",
        "jnp.sqrt(b1 - b2) * 2 + eps → jnp.sqrt(b1 - b2) * 2 - eps",
        "jnp.sqrt(b1 - b2) * 2 → jnp.sqrt(b1 - b2) / 2",
        "jnp.sqrt(b1 - b2) → b1 - b2",
        "b1 - b2 → b1 + b2",
        "b1 - b2 → b2 - b1",
        "b1 → b2",
        "b2 → b1",
        "2 → 3",
        "2 → 1",
    }


def test_signs_branches_bounds_axes_and_private_defaults_are_changed(toy):
    assert changes(toy, "_shift") == {
        "1 → 2",
        "1 → 0",
        "-x → x",
        "x > by → x <= by",
        "x > by → x >= by",
        "x.sum → x.mean",
        "x.sum(axis=0, dtype=float) → x.sum(dtype=float)",
        "0 → 1",
    }


def test_an_average_is_read_before_its_step_and_with_its_bias(toy):
    assert changes(toy, "scale_by_toy") == {
        "state.mu → mu",
        "ewma.read → ewma.raw",
        "mu → state.mu",
        "mu → state.mu (number 2)",
        "State(mu=mu) → State()",
    }


def test_dtypes_are_left_to_other_tests(toy):
    assert not changes(toy, "statistic_dtype")


def test_a_planted_change_acts_on_who_holds_the_function_and_is_taken_back(toy):
    held = toy._shift
    for mutant in mutants.mutants(toy):
        if mutant.change == "-x → x":
            with mutants.planted(mutant):
                assert held(5) == 5
    assert held(5) == -5
    assert toy._shift is held


def verdicts(toy, check):
    judge = mutation.Judge("judge", "toy", lambda: lambda steps=1: check())
    judge.lines = {(toy.__file__, n) for n in range(len(TOY.splitlines()))}
    shift = [m for m in mutants.mutants(toy) if m.function == "_shift"]
    return {v.mutant.change: v for v in mutation.judged(shift, [judge])}


def test_a_change_is_killed_by_a_difference_or_by_raising_and_survives_otherwise(toy):
    def check():
        assert toy._shift(5) == -5

    of = verdicts(toy, check)
    assert of["-x → x"].killed_by == "judge"
    assert of["x > by → x <= by"].killed_by == "judge"  # an int has no sum
    assert of["0 → 1"].killed_by is None
    assert mutation.complaint(of["-x → x"]) is None
    assert mutation.complaint(of["0 → 1"]) == "survives"


def test_a_change_that_is_listed_and_yet_killed_is_reported(toy, monkeypatch):
    def check():
        assert toy._shift(5) == -5

    of = verdicts(toy, check)["-x → x"]
    monkeypatch.setitem(equivalents.REASONS, mutation.key(of.mutant), "no reason")
    assert "listed as equivalent" in mutation.complaint(of)


def test_a_line_that_no_case_runs_is_reported(toy):
    (verdict, *_) = mutation.judged(mutants.mutants(toy), [])
    assert mutation.complaint(verdict) == "is run by no case"


@pytest.mark.slow
def test_every_equivalent_change_is_one_that_can_still_be_made():
    possible = {
        mutation.key(mutant)
        for module in mutation.modules()
        for mutant in mutants.mutants(module)
    }
    assert set(equivalents.REASONS) <= possible


@pytest.mark.slow
def test_a_tenth_of_all_changes_is_seen_by_the_cases():
    # A process of its own: types are not checked there, and changed code stays there.
    command = [sys.executable, "-m", "tests.mutation", "--sample", "0.1"]
    root = Path(inspect.getfile(mutation)).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
