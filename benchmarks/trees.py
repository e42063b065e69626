"""Trees of parameters, small and large, that updates are timed on."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from optax_lab.problems import networks

SEED = 0


def mlp() -> Any:
    """Returns the parameters of the lab's network, 171,010 in 12 arrays."""
    return networks.residual_mlp().init(jax.random.key(SEED))


def gpt2() -> Any:
    """Returns arrays of the 124,439,808 parameters of GPT-2's smallest network."""
    width, layers = 768, 12
    norm = {"scale": (width,), "bias": (width,)}
    dense = lambda n, m: {"kernel": (n, m), "bias": (m,)}
    block = {
        "ln_1": norm,
        "attention": dense(width, 3 * width),
        "projection": dense(width, width),
        "ln_2": norm,
        "wide": dense(width, 4 * width),
        "narrow": dense(4 * width, width),
    }
    shapes = {f"h{i}": block for i in range(layers)}
    shapes |= {"wte": (50257, width), "wpe": (1024, width), "ln_f": norm}
    return _filled(shapes)


def one_leaf() -> Any:
    return _filled({"leaf": (50_000_000,)})


def many_leaves() -> Any:
    return _filled({f"leaf{i}": (1000,) for i in range(1000)})


def _filled(shapes: Any) -> Any:
    draw = np.random.default_rng(SEED).standard_normal
    fill = lambda shape: jnp.asarray(0.02 * draw(shape, np.float32))
    return jax.tree.map(fill, shapes, is_leaf=lambda x: isinstance(x, tuple))


TREES = {"mlp": mlp, "gpt2": gpt2, "leaf": one_leaf, "leaves": many_leaves}
OUT_OF_CACHE = ("gpt2", "leaf")
