"""Makes PyTorch's steps for `update_step.py`: `foreach` and `fused`, by threads."""

import functools
from collections.abc import Callable
from typing import Any

import bench
import jax
import numpy as np
import update_programs

OPTIMIZERS = {  # at Optax's hyperparameters
    "sgd": ("SGD", {}),
    "adam": ("Adam", {}),
    "adamw": ("AdamW", {"weight_decay": 1e-4}),
    "rmsprop": ("RMSprop", {"alpha": 0.9}),
    "adagrad": ("Adagrad", {"initial_accumulator_value": 0.1, "eps": 1e-7}),
    "nadam": ("NAdam", {}),
    "radam": ("RAdam", {}),
}
# RMSprop's ε stands elsewhere, and NAdam's momentum grows.
AGREE = ("sgd", "adam", "adamw", "adagrad", "radam")


def contenders(
    name: str, rate: float, grads: Any, device: str
) -> dict[str, update_programs.Contender]:
    """Returns PyTorch's ways to take a step; a learner's parameters are its gradients.

    Args:
      name: the optimizer's, among `OPTIMIZERS`.
      rate: the learning rate.
      grads: a tree of arrays.
      device: "cpu" or "gpu".
    """
    torch = bench.peer("torch")
    place = "cuda" if device == "gpu" else "cpu"
    leaves = [torch.tensor(np.asarray(x), device=place) for x in jax.tree.leaves(grads)]
    found = {}
    for how in ("foreach", "fused"):
        start = functools.partial(optimizer, name, rate, leaves, how)
        if not _offered(start):
            continue
        for label, threads in _threads(device).items():
            take = taking(threads, device)
            found[f"PyTorch {how}{label}"] = update_programs.Contender(start, take)
    return found


def optimizer(name: str, rate: float, leaves: list, how: str) -> Any:
    """Makes an optimizer with parameters of its own; gradients are the leaves."""
    import torch

    kind, settings = OPTIMIZERS[name]
    params = [torch.nn.Parameter(leaf.clone()) for leaf in leaves]
    for param, leaf in zip(params, leaves, strict=True):
        param.grad = leaf
    return getattr(torch.optim, kind)(params, lr=rate, **{how: True}, **settings)


def taking(threads: int, device: str) -> Callable[[Any, int], Any]:
    """Returns (optimizer, number) → optimizer, after so many steps."""
    import torch

    def take(made, number):
        torch.set_num_threads(threads)
        for _ in range(number):
            made.step()
        if device == "gpu":
            torch.cuda.synchronize()
        return made

    return take


def check(name: str, rate: float, contender: Any, expected: Any) -> None:
    """Holds parameters after a few steps against ours, where both mean the same."""
    if name not in AGREE:
        return
    made = contender.take(contender.start(), 3)
    params = [param for group in made.param_groups for param in group["params"]]
    for found, leaf in zip(params, jax.tree.leaves(expected), strict=True):
        found = found.detach().cpu().numpy()
        np.testing.assert_allclose(found, leaf, atol=0.02 * rate, err_msg=name)


def _threads(device: str) -> dict[str, int]:
    cores = bench.available_cores()
    many = {"": cores}
    return many if device == "gpu" or cores == 1 else many | {", one thread": 1}


def _offered(start: Callable[[], Any]) -> bool:
    """Says whether PyTorch has this way to take this optimizer's step here."""
    try:
        start().step()
    except (TypeError, RuntimeError):  # no such argument; not on this device
        return False
    return True
