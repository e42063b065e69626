# Runs that begin in one framework, go on in another, and come back.

import functools
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from optax_lab.dialects import pytorch, states
from tests import trajectories
from tests.trajectories import STEPS, Case

PART = STEPS // 3  # the learning rate drops where the last part begins
MUON = Case("pytorch", "Muon", trajectories.MUON[0])


def kinds(framework):
    """Returns a case of each class and each kind of state."""
    found = {}
    for case in [*trajectories.CASES, MUON]:
        if case.framework == framework:
            state = jax.eval_shape(trajectories.optimizer(case).init, start(case))
            found.setdefault((case.name, jax.tree.structure(state)), case)
    return list(found.values())


def start(case):
    return jax.tree.map(jnp.asarray, trajectories.start(case))


def rows(case, part):
    """Returns the gradients of the first, second or third part."""
    cut = slice(part * PART, (part + 1) * PART)
    return {n: row[cut] for n, row in trajectories.gradients(case).items()}


@functools.cache
def rule_of(name):
    """Makes one rule of a case, so that its steps are compiled once."""
    return trajectories.optimizer(next(case for case in CASES if str(case) == name))


def here(case, params, state, part):
    rule = rule_of(str(case))
    return trajectories.advance(rule, params, state, rows(case, part))


def whole(case):
    """Returns the parameters after all steps here."""
    params = start(case)
    state = rule_of(str(case)).init(params)
    for part in range(3):
        params, state = here(case, params, state, part)
    return params


def assert_same(ours, theirs, near):
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=near, atol=near)


# --- PyTorch --------------------------------------------------------------------------


class Torch:
    """A training in PyTorch that may stop and go on."""

    def __init__(self, case, params, state=None, step=0):
        from tests.peers import torch_runs

        self.case, self.runs, self.at = case, torch_runs, step
        self.params, self.optimizer = torch_runs.begin(
            case, {n: np.array(x) for n, x in params.items()}
        )
        if state is not None:
            rule = rule_of(str(case))
            taken = states.to_pytorch(rule, params, state, self.optimizer)
            with torch_runs.default_dtype(np.float64):
                self.optimizer.load_state_dict(taken)

    def go(self, part):
        gradients = rows(self.case, part)
        for index in range(PART):
            rate = trajectories.rate_at(self.case, part * PART + index)
            self.optimizer.param_groups[0]["lr"] = rate
            now = {name: row[index] for name, row in gradients.items()}
            with self.runs.default_dtype(np.float64):
                self.runs.step(self.params, self.optimizer, now)
        self.at += PART
        return self

    def here(self):
        """Returns its parameters and its state as ours."""
        params = {n: jnp.array(p.detach().numpy()) for n, p in self.params.items()}
        at = self.at if self.case.name in ("SGD", "Muon") else None
        rule = rule_of(str(self.case))
        kept = self.optimizer.state_dict()
        return params, states.from_pytorch(rule, params, kept, step=at)


# --- Keras ----------------------------------------------------------------------------


class Keras:
    """A training in Keras that may stop and go on."""

    def __init__(self, case, params, state=None, step=0):
        from tests.peers import keras_runs

        self.case, self.runs = case, keras_runs
        with keras_runs.floats(np.float64):
            self.variables, self.optimizer = keras_runs.begin(
                case, {n: np.asarray(x) for n, x in params.items()}
            )
            kept = self.optimizer.variables
            if state is not None:
                rule = rule_of(str(case))
                taken = states.to_keras(rule, params, state, kept)
                self.optimizer.set_weights(taken)

        self.apply = jax.jit(self.optimizer.stateless_apply)

    def go(self, part):
        gradients = rows(self.case, part)
        with self.runs.floats(np.float64):
            trained = [v.value for v in self.variables.values()]
            kept = [v.value for v in self.optimizer.variables]
            for index in range(PART):
                rate = trajectories.rate_at(self.case, part * PART + index)
                kept[1] = np.asarray(rate, np.float64)
                now = [row[index] for row in gradients.values()]
                trained, kept = self.apply(kept, now, trained)
            for variable, value in zip(self.variables.values(), trained, strict=True):
                variable.assign(value)
            self.optimizer.set_weights(kept)
        return self

    def here(self):
        """Returns its parameters and its state as ours."""
        params = {n: jnp.asarray(v.value) for n, v in self.variables.items()}
        rule = rule_of(str(self.case))
        return params, states.from_keras(rule, params, self.optimizer.variables)


def in_framework(case, params, state=None, step=0):
    pytest.importorskip("torch" if case.framework == "pytorch" else "keras")
    return (Torch if case.framework == "pytorch" else Keras)(case, params, state, step)


CASES = [case for framework in trajectories.RATE for case in kinds(framework)]
EACH = list({(case.framework, case.name): case for case in CASES}.values())


@pytest.fixture(autouse=True)
def exact_muon(monkeypatch):
    """Lets PyTorch's Newton–Schulz steps be exact, as ours."""
    if importlib.util.find_spec("torch"):
        from tests.peers import torch_runs

        rounded = "torch.optim._muon._zeropower_via_newtonschulz"
        monkeypatch.setattr(rounded, torch_runs.newton_schulz)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_run_that_leaves_its_framework_and_comes_back_is_the_run_that_stayed(case):
    stays = in_framework(case, start(case)).go(0)
    params, state = here(case, *stays.here(), 1)
    assert_same(params, stays.go(1).here()[0], case.tolerance)
    back = in_framework(case, params, state, 2 * PART).go(2)
    assert_same(back.here()[0], stays.go(2).here()[0], case.tolerance)


@pytest.mark.parametrize("case", EACH, ids=str)
def test_a_run_that_goes_to_a_framework_and_comes_back_is_the_run_that_stayed(case):
    params = start(case)
    params, state = here(case, params, rule_of(str(case)).init(params), 0)
    params, state = in_framework(case, params, state, PART).go(1).here()
    params, _ = here(case, params, state, 2)
    assert_same(params, whole(case), case.tolerance)


def test_groups_and_frozen_parameters_come_and_go():
    torch = pytest.importorskip("torch")
    params = {n: jnp.full(3, 1.0 + at) for at, n in enumerate("abc")}
    only = lambda name: {n: n == name for n in params}
    rule = optax.chain(
        optax.masked(pytorch.Adam(0.1), only("b")),
        optax.masked(pytorch.Adam(0.1, amsgrad=True), only("c")),
        optax.masked(optax.set_to_zero(), only("a")),
    )
    tensors = [torch.nn.Parameter(torch.tensor(np.array(p))) for p in params.values()]
    tensors[0].requires_grad = False
    groups = [{"params": tensors[:2]}, {"params": tensors[2:], "amsgrad": True}]
    optimizer = torch.optim.Adam(groups, lr=0.1)

    def go(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            sum((t**2).sum() for t in tensors).backward()
            optimizer.step()
        return [t.detach().numpy().copy() for t in tensors]

    def here(state, params, steps):
        for _ in range(steps):
            updates, state = rule.update({n: 2 * p for n, p in params.items()}, state)
            params = optax.apply_updates(params, updates)
        return state, params

    first = go(3)
    state = states.from_pytorch(rule, params, optimizer.state_dict())
    state, ours = here(
        state, dict(zip(params, map(jnp.asarray, first), strict=True)), 3
    )
    second = go(3)
    np.testing.assert_allclose(list(ours.values()), second, rtol=1e-6)
    optimizer.load_state_dict(states.to_pytorch(rule, params, state, optimizer))
    third = go(3)
    np.testing.assert_allclose(list(here(state, ours, 3)[1].values()), third, rtol=1e-6)


TWINS = {"a": (5, 3), "b": (3,), "c": (3, 6), "d": (3,)}
KERAS = [case for case in EACH if case.framework == "keras"]


@pytest.mark.parametrize("case", KERAS, ids=str)
def test_variables_of_one_name_are_told_apart(case):
    pytest.importorskip("keras")
    from tests.peers import keras_runs

    fill = lambda n, shape: np.full(shape, 1.0 + n)
    params = {k: fill(n, shape) for n, (k, shape) in enumerate(TWINS.items())}
    with keras_runs.floats(np.float64):
        variables, optimizer = keras_runs.begin(case, params, name="kernel")
        optimizer.apply(list(params.values()), list(variables.values()))
    params = jax.tree.map(jnp.asarray, params)
    rule = rule_of(str(case))
    _, state = rule.update(params, rule.init(params), params)
    found = states.from_keras(rule, params, optimizer.variables)
    for ours, theirs in zip(*map(jax.tree.leaves, (state, found)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=0)
