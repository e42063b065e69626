# What of PyTorch's and Keras' objects is asked for, and small states to put into them.

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tests import trajectories

PARAMS = {"b": jnp.ones(3), "w": jnp.ones((5, 3))}


class Tensor:
    """What of a tensor of PyTorch's is asked for."""

    def __init__(self, array, requires_grad=True):
        self.array, self.requires_grad = np.asarray(array), requires_grad
        self.dtype, self.shape = self.array.dtype, self.array.shape

    def new_tensor(self, value):
        return Tensor(np.asarray(value, self.dtype))

    def detach(self):
        return self

    def cpu(self):
        return self

    def __array__(self, dtype=None, copy=None):
        return self.array


def torch_optimizer(name, params, frozen=(), each=None, **arguments):
    """Returns what of an optimizer of PyTorch's is asked for.

    Args:
      name: its class.
      params: a tree of parameters.
      frozen: the numbers of those that need no gradients.
      each: what is added to the arguments of each parameter, a group of its own.
      **arguments: of all groups.
    """
    leaves = enumerate(jax.tree.leaves(params))
    tensors = [Tensor(x, requires_grad=n not in frozen) for n, x in leaves]
    one = [(arguments, list(range(len(tensors))))]
    split = [(arguments | more, [n]) for n, more in enumerate(each or [])] or one

    class Optimizer:
        param_groups = [a | {"params": [tensors[n] for n in ns]} for a, ns in split]  # noqa: RUF012

        def state_dict(self):
            return {
                "state": {},
                "param_groups": [a | {"params": ns} for a, ns in split],
            }

    return type(name, (Optimizer,), {})()


class Variable(NamedTuple):
    """What of a variable of Keras' is asked for."""

    path: str
    value: Any


def kept(*entries):
    """Returns a `state_dict` with these entries for parameters 0, 1, …."""
    group = {"lr": 0.1, "params": list(range(len(entries)))}
    return {"state": dict(enumerate(entries)), "param_groups": [group]}


def like_params(**values):
    """Returns the entries of PARAMS in PyTorch, each filled with one number."""
    step = {"step": values.pop("step")} if "step" in values else {}
    full = lambda p: {k: np.full(p.shape, v) for k, v in values.items()}
    return [step | full(p) for p in jax.tree.leaves(PARAMS)]


def variables(*keys, step=4, params=PARAMS, name="mine"):
    """Returns what Keras' optimizer keeps, each array filled with its number."""
    head = [Variable(f"{name}/iteration", step), Variable(f"{name}/learning_rate", 0.1)]
    full = lambda path, p, n: Variable(f"{name}/{path}", np.full(p.shape, n + 1.0))
    rows = [
        full(f"{of}_{key}", p, n)
        for of, p in params.items()
        for n, key in enumerate(keys)
    ]
    return head + rows


def assert_equal(one, other, near=1e-14):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=near, atol=near)


def stepped(rule, params, steps):
    """Returns the state after some steps along random gradients."""
    if not steps:
        return rule.init(params)
    random = np.random.default_rng(0).normal
    rows = jax.tree.map(lambda p: jnp.asarray(random(size=(steps, *p.shape))), params)
    return trajectories.advance(rule, params, rule.init(params), rows)[1]


def dropping(step):
    """Returns a learning rate that halves at every step."""
    return 0.1 * 0.5**step
