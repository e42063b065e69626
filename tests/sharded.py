"""Tries every optimizer on parameters that lie on eight devices; prints what fails.

    python -m tests.sharded

A process of its own, since the number of devices is fixed when JAX starts.
"""

import json
import os

os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import optax_lab
from optax_lab.contract import subject

SPECS = {"w": PartitionSpec("data", "model"), "b": PartitionSpec("data")}
SHAPES = {"w": (8, 4), "b": (8,)}


def mesh(axis):
    return jax.make_mesh((4, 2), ("data", "model"), axis_types=(axis, axis))


def steps(make, axis):
    """Takes two jitted steps; what has a parameter's shape must lie as it does."""
    over = mesh(axis)
    lies = {SHAPES[n]: NamedSharding(over, spec) for n, spec in SPECS.items()}
    put = lambda n: jax.device_put(jnp.ones(SHAPES[n]), lies[SHAPES[n]])
    params = {n: put(n) for n in SHAPES}
    optimizer = subject.build(make)
    step = jax.jit(lambda g, s, p: subject.update(optimizer, g, s, p))
    with jax.set_mesh(over):
        state = optimizer.init(params)
        check(state, lies, "the state at first")
        for _ in range(2):
            _, state = step(params, state, params)
        check(state, lies, "the state")


def check(tree, lies, what):
    for path, leaf in jax.tree.leaves_with_path(tree):
        there = lies.get(leaf.shape)
        if there and not leaf.sharding.is_equivalent_to(there, leaf.ndim):
            where = jax.tree_util.keystr(path)
            raise ValueError(f"{what}{where} lies on {leaf.sharding}")


def flax(make):
    """Makes Flax's optimizer of a layer whose kernel is partitioned, and steps."""
    init = nnx.with_partitioning(nnx.initializers.lecun_normal(), ("data", "model"))
    with jax.set_mesh(mesh(AxisType.Auto)):
        layer = nnx.Linear(8, 16, rngs=nnx.Rngs(0), kernel_init=init)
        optimizer = nnx.Optimizer(layer, subject.build(make), wrt=nnx.Param)
        grads = nnx.grad(lambda model: jnp.mean(model(jnp.ones((4, 8))) ** 2))(layer)
        pure = nnx.as_pure(grads), nnx.as_pure(nnx.state(layer, nnx.Param))
        optimizer.update(layer, grads, **subject.extras(*pure))


WAYS = {
    "auto": lambda make: steps(make, AxisType.Auto),
    "explicit": lambda make: steps(make, AxisType.Explicit),
    "flax": flax,
}


def main():
    for name, entry in optax_lab.OPTIMIZERS.items():
        for way, go in WAYS.items():
            try:
                go(entry.make)
                failed = ""
            except Exception as error:
                failed = str(error).splitlines()[0][:300]
            print(json.dumps([name, way, failed]), flush=True)


if __name__ == "__main__":
    main()
