# A run's key is its program: whatever it reads, from wherever, makes another run.

import dataclasses
import sqlite3
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import optax_lab
from optax_lab.runs import training
from optax_lab.studies import execute, ledger, tasks
from optax_lab.studies.plan import Budget, Candidate
from optax_lab.studies.study import conduct
from tests.tiny import data

SCALE = {"beta": 0.0, "loss": 1.0, "shift": 0.0}
TABLE = np.zeros(3, np.float32)


@pytest.fixture(autouse=True)
def as_users_have_it():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def init(key):
    return {"w": 0.3 * jax.random.normal(key, (3, 4), np.float32)}


NETWORK = SimpleNamespace(init=init, apply=lambda params, x: x @ params["w"])
PROBLEM = training.Problem(NETWORK, batch_size=10)
DATA = training.Data(data(), {"validation": data(30, seed=1)})


def program(problem=PROBLEM, make=optax.sgd, learned=DATA, **given):
    return execute.program(problem, make, learned, ("learning_rate",), **given)


# --- What an optimizer reads ----------------------------------------------------------


def by_global(learning_rate):
    return optax.sgd(learning_rate, momentum=SCALE["beta"])


def by_helper(learning_rate):
    return by_global(learning_rate)


def by_default(beta):
    return lambda learning_rate, beta=beta: optax.sgd(learning_rate, momentum=beta)


def by_keyword_default(beta):
    def make(learning_rate, *, beta=beta):
        return optax.sgd(learning_rate, momentum=beta)

    return make


class Plain:
    beta = 0.0

    def make(self, learning_rate):
        return optax.sgd(learning_rate, momentum=self.beta)

    __call__ = make


class Slots:
    __slots__ = ("beta",)

    def __call__(self, learning_rate):
        return optax.sgd(learning_rate, momentum=self.beta)


def with_beta(made, beta):
    made.beta = beta
    return made


def by_array(beta):
    held = np.full(40_000, beta, np.float32)  # more than a printed array shows
    held[123] = beta
    return lambda learning_rate: optax.sgd(learning_rate, momentum=held[123])


def by_large_constant(beta):
    held = np.zeros(40_000, np.float32)
    held[20_000] = beta
    pull = lambda u: u + jnp.asarray(held)[: u.size].reshape(u.shape)
    far = lambda u: u * (1 + jnp.asarray(held).sum())
    return lambda learning_rate: optax.chain(
        optax.stateless_with_tree_map(lambda u, _: far(pull(u))),
        optax.sgd(learning_rate),
    )


READS = {
    "a global": lambda beta: SCALE.update(beta=beta) or by_global,
    "a helper's global": lambda beta: SCALE.update(beta=beta) or by_helper,
    "a default argument": by_default,
    "a keyword's default": by_keyword_default,
    "an object's attribute": lambda beta: with_beta(Plain(), beta),
    "a bound method's object": lambda beta: with_beta(Plain(), beta).make,
    "a class attribute": lambda beta: with_beta(Plain, beta)(),
    "slots": lambda beta: with_beta(Slots(), beta),
    "an array": by_array,
    "one of many constants": by_large_constant,
}


@pytest.mark.slow
@pytest.mark.parametrize("make", READS.values(), ids=READS)
def test_whatever_an_optimizer_reads_is_in_its_program(make):
    first = program(make=make(0.25))
    assert first == program(make=make(0.25))
    assert first != program(make=make(0.75))
    assert first == program(make=make(0.25))


# --- What a problem reads -------------------------------------------------------------


def by_scale(outputs, labels):
    return SCALE["loss"] * training.cross_entropy(outputs, labels)


def shifted(key, inputs):
    return inputs + SCALE["shift"]


def judged(state, params):
    return jax.tree.map(lambda p: p * SCALE["loss"], params)


PARTS = {
    "the loss": {"problem": dataclasses.replace(PROBLEM, loss=by_scale)},
    "a metric": {"problem": dataclasses.replace(PROBLEM, metrics={"m": by_scale})},
    "the augmentation": {"problem": dataclasses.replace(PROBLEM, augment=shifted)},
    "the network's start": {
        "problem": dataclasses.replace(
            PROBLEM,
            network=SimpleNamespace(
                init=lambda key: jax.tree.map(lambda x: x + SCALE["loss"], init(key)),
                apply=NETWORK.apply,
            ),
        )
    },
    "the network": {
        "problem": dataclasses.replace(
            PROBLEM,
            network=SimpleNamespace(
                init=init, apply=lambda params, x: x @ params["w"] + SCALE["shift"]
            ),
        )
    },
    "evaluate_at": {"evaluate_at": judged},
    "evaluate_at at the end only": {
        "evaluate_at": judged,
        "learned": DATA._replace(every_epoch={}, at_end=DATA.every_epoch),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_whatever_a_problem_reads_is_in_its_program(part, monkeypatch):
    first = program(**part)
    assert first == program(**part)
    monkeypatch.setitem(SCALE, "loss", 2.0)
    monkeypatch.setitem(SCALE, "shift", 0.5)
    assert first != program(**part)


def test_two_names_of_one_optimizer_are_one_program():
    assert program(make=optax.sgd) == program(
        make=lambda learning_rate: optax.sgd(learning_rate)
    )
    assert program(make=optax_lab.sgd) != program(make=optax_lab.adam)


# --- In a study -----------------------------------------------------------------------


TASK = tasks.own(PROBLEM, DATA)._replace(facts={"problem": "tiny"})
BUDGET = Budget(2, 1, 2, 2)


def study(make, path):
    space = {"learning_rate": (1e-2, 1e-1)}
    candidate = Candidate("mine", make, space, {"learning_rate": 0.05})
    ran = []
    found = conduct([candidate], TASK, BUDGET, path=path, on_run=ran.append)
    return found.ends("loss/validation")["mine"], len(ran)


@pytest.mark.slow
def test_a_changed_optimizer_is_run_anew_and_an_unchanged_one_is_not(
    tmp_path, monkeypatch
):
    path = tmp_path / "study.db"
    before, ran = study(by_helper, path)
    again, reran = study(by_helper, path)
    assert (ran, reran) == (5, 0)
    np.testing.assert_array_equal(before, again)
    monkeypatch.setitem(SCALE, "beta", 0.9)
    after, reran = study(by_helper, path)
    fresh, _ = study(by_helper, tmp_path / "fresh.db")
    assert reran == 5
    np.testing.assert_array_equal(after, fresh)
    assert not np.array_equal(after, before)


def test_a_study_of_other_keys_is_read_and_not_mixed_in(tmp_path):
    path = tmp_path / "study.db"
    study(optax.sgd, path)
    with sqlite3.connect(path) as connection:  # as versions before wrote it
        old = "UPDATE study SET value = json_remove(value, '$.facts.keys')"
        assert connection.execute(old).rowcount == 1
    connection.close()
    with pytest.raises(ValueError, match=r"study.db was made with other keys"):
        study(optax.sgd, path)
    with ledger.reading(path) as book:
        assert len(book.records()) == 5
