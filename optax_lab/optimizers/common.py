# What stands at the end of every optimizer: weight decay and the learning rate.

import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import PyTree

from optax_lab import precision
from optax_lab.optimizers import hyperparameters, numerics


def scale_by_learning_rate(
    learning_rate: hyperparameters.Hyper, *, flip_sign: bool = True
) -> optax.GradientTransformation:
    """Turns a direction into a step: −η times it (+η when `flip_sign` is False).

    η may be a schedule, whose step is then kept in the state.

    Raises:
      ValueError: if `learning_rate` is a negative or non-finite Python number.
    """
    if callable(learning_rate):
        make = hyperparameters.scheduled(scale_by_learning_rate)
        return make(learning_rate, flip_sign=flip_sign)
    numerics.check_at_least_0("learning_rate", learning_rate)
    sign = -1 if flip_sign else 1

    def scale(updates, params):
        del params
        scaled = precision.each(lambda u: sign * learning_rate * u, updates)
        return precision.store(scaled, updates)

    return optax.stateless(scale)


def add_decayed_weights(
    weight_decay: ArrayLike = 0.0, mask: PyTree | Callable[..., Any] | None = None
) -> optax.GradientTransformation:
    """Adds λ times the parameters to a direction: decoupled weight decay.

    Args:
      weight_decay: λ; the learning rate multiplies it afterwards.
      mask: a tree of bools like the parameters, or a function of them that returns
        one: where False, nothing is added.

    Source: Loshchilov & Hutter 2017, arXiv:1711.05101.

    Raises:
      ValueError: if `weight_decay` is a negative or non-finite Python number, or if
        `update` is called without `params`.
    """
    numerics.check_at_least_0("weight_decay", weight_decay)

    def decay(updates, params):
        numerics.check_params(params, "weight_decay")
        pull = lambda u, p: u + weight_decay * p
        return numerics.like(precision.each(pull, updates, params), updates)

    link = optax.stateless(decay)
    return link if mask is None else masked(link, mask)


def masked(
    link: optax.GradientTransformation, mask: PyTree | Callable[..., Any]
) -> optax.GradientTransformationExtraArgs:
    """Is `optax.masked`, and says where a mask does not fit.

    Raises:
      ValueError: at `init` or `update`, with the path, unless the mask is a tree of
        bools like the parameters or a prefix of one.
    """

    def fitting(tree):
        found = mask(tree) if numerics.is_function(mask) else mask
        _check_mask(found, tree)
        return found

    return optax.masked(link, fitting)


def _check_mask(mask: PyTree, tree: PyTree) -> None:
    """Refuses a mask that is no tree of bools like another, or a prefix of one."""
    where = None
    try:
        jax.tree.broadcast(mask, tree)
    except ValueError as error:
        path = re.search(r"prefix_tree(.*)$", str(error), re.MULTILINE)
        where = (path and path[1]) or _check_keys(mask, tree)
    else:
        for path, leaf in jax.tree.leaves_with_path(mask):
            is_array = isinstance(leaf, jax.Array | np.ndarray | np.generic)
            is_one = is_array and leaf.ndim == 0 and leaf.dtype == np.bool_
            if not (isinstance(leaf, bool) or is_one):
                where = jax.tree_util.keystr(path) or "its root"
    if where is not None:
        like = "it must be a tree of bools like the parameters"
        raise ValueError(f"mask does not fit at {where}: {like}, got {mask}")


def _check_keys(mask: PyTree, tree: PyTree) -> str:
    """Lists the keys that only one of two dicts has."""
    are_dicts = isinstance(mask, dict) and isinstance(tree, dict)
    odd = sorted(map(repr, mask.keys() ^ tree.keys())) if are_dicts else []
    return ", ".join(odd) or "its root"


def weight_decay(
    rate: hyperparameters.Hyper | None, mask: PyTree | Callable[..., Any] | None = None
) -> optax.GradientTransformation:
    """Returns weight decay, or a link that does nothing where `rate` is None or 0.

    Nothing is what a number 0 asks for, and then `params` are not needed.
    """
    rate = hyperparameters.number(rate)
    if rate is None:
        return optax.identity()
    if isinstance(rate, int | float) and rate == 0:  # a mask that misfits is refused
        return optax.identity() if mask is None else masked(optax.identity(), mask)
    return add_decayed_weights(rate, mask)
