# One program on several devices: each takes its share of a leading axis.

from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree


def over_devices(f: Callable, devices: list, shared: int = 0) -> Callable:
    """Compiles f so that every device runs it on its share of the leading axes.

    Args:
      f: a function of arrays with a leading axis, which the devices divide evenly, and
        of arrays that all of them see.
      devices: where to run it.
      shared: how many of the last arguments all devices see.
    """
    mesh, runs, whole = _mesh(devices), PartitionSpec("run"), PartitionSpec()

    def sharded(*args):
        specs = (*[runs] * (len(args) - shared), *[whole] * shared)
        return jax.shard_map(
            f, mesh=mesh, in_specs=specs, out_specs=runs, check_vma=False
        )(*args)

    return jax.jit(sharded)


def everywhere(tree: PyTree, devices: list) -> PyTree:
    """Brings arrays to all devices, so that no call of a program has to."""
    return jax.device_put(tree, NamedSharding(_mesh(devices), PartitionSpec()))


def _mesh(devices: list) -> Mesh:
    return Mesh(np.array(devices), ("run",), axis_types=(AxisType.Auto,))
