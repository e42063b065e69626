# Numbers that must be whole, and keys: refused where they come in, by name.

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import optax_lab
from optax_lab import limits

# As users call it: where the tests check types, these would not get in.
CALLS = """
import json
import jax, jax.numpy as jnp, numpy as np, optax_lab
from optax_lab import runs, studies
from optax_lab.problems import digits, surfaces

class Network:
    init = staticmethod(lambda key: {"w": jnp.zeros((3, 1))})
    apply = staticmethod(lambda params, x: x @ params["w"])

loss = lambda outputs, labels: (outputs[:, 0] - labels) ** 2
data = runs.training.Data((np.zeros((20, 3)), np.zeros(20)))
sgd, bowl, key = optax_lab.sgd(0.1), lambda x, *key: (x**2).sum(), jax.random.key(0)

def descend(**more):
    return optax_lab.descend(bowl, sgd, jnp.ones(2), **{"steps": 3} | more)

def train(key=key, batch_size=20, **more):
    problem = runs.training.Problem(Network, loss, {}, batch_size)
    return optax_lab.train(problem, sgd, data, key, **{"epochs": 2} | more)

points, surface = studies.spaces.points, surfaces.SURFACES
RATES = {"learning_rate": (0.1, 1.0)}
WHOLE = {
    "steps of descend": lambda x: descend(steps=x),
    "record_every of descend": lambda x: descend(record_every=x),
    "epochs of train": lambda x: train(epochs=x),
    "block of train": lambda x: train(block=x),
    "batch_size of train": lambda x: train(batch_size=x),
    "n of fresh": lambda x: digits.fresh(x, seed=1),
    "seed of fresh": lambda x: digits.fresh(10, seed=x),
    "points of a search": lambda x: points(RATES, x),
    "seed of a search": lambda x: points(RATES, 4, seed=x),
    "n of a surface": lambda x: surface["rosenbrock_chain"](n=x),
    "rows of a surface": lambda x: surface["least_squares"](rows=x),
    "batch of a surface": lambda x: surface["least_squares"](batch=x),
    "seed of a surface": lambda x: surface["factorisation"](seed=x),
    "rank of a surface": lambda x: surface["factorisation"](rank=x),
}
KEYS = {"descend": lambda x: descend(key=x), "train": lambda x: train(key=x)}

def refused(call, value):
    try:
        call(value)
    except ValueError as error:
        return str(error)
    except Exception as error:
        return repr(error)

whole = {f: [refused(g, x) for x in (1.5, "4", 4.0)] for f, g in WHOLE.items()}
keys = {f: [refused(g, x) for x in (0, 1.5, np.ones(3), "0")] for f, g in KEYS.items()}
print(json.dumps([whole, keys]))
"""


@pytest.fixture(scope="module")
def refused():
    """Returns the messages of each call, for several values that are wrong."""
    command = [sys.executable, "-c", CALLS]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_number_that_is_not_whole_is_refused_by_name_and_value_everywhere(refused):
    assert len(refused[0]) == 14
    for place, messages in refused[0].items():
        for message, value in zip(messages, ("1.5", "'4'", "4.0"), strict=True):
            assert message.startswith(f"{place.split()[0]} is "), (place, message)
            assert value in message and "must be a whole number" in message


@pytest.mark.slow
def test_a_seed_that_is_no_key_is_refused_with_how_a_key_is_made(refused):
    for messages in refused[1].values():
        for message in messages:
            assert message.startswith("key is ") and "jax.random.key(0)" in message


@pytest.mark.parametrize("value", [3, np.int64(3), True, jnp.int32(3)])
def test_whole_numbers_of_any_kind_pass(value):
    limits.whole(steps=value)


@pytest.mark.parametrize("value", [3.0, "3", None, np.ones(2)])
def test_what_is_not_whole_is_refused(value):
    with pytest.raises(ValueError, match=r"^steps is .*: it must be a whole number"):
        limits.whole(seed=1, steps=value)


@pytest.mark.parametrize("key", [0, 1.5, "0", jnp.ones(3), jnp.uint32(0), None])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ValueError, match=r"^key is .*: make one by jax\.random\.key"):
        limits.key(key)


def test_keys_of_both_kinds_pass_and_so_do_traced_ones():
    jax.eval_shape(limits.key, jax.random.key(0))
    jax.eval_shape(jax.vmap(limits.key), jax.random.split(jax.random.key(0), 3))
    limits.key(jax.random.PRNGKey(0))


def test_a_value_of_several_numbers_is_refused_with_its_shape():
    with pytest.raises(ValueError, match=r"one float, but returned shape \(2,\) of f"):
        optax_lab.descend(lambda x: x**2, optax_lab.sgd(0.1), jnp.ones(2), steps=3)
