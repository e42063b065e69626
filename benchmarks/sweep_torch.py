"""The trainings of sweep.py in PyTorch, in either of `lab_torch.WAYS`."""

import functools

import lab_torch
import sweep_work
import torch

from optax_lab.problems import digits


def prepare(work: sweep_work.Work, way: str) -> None:
    """Does what a process does once: loads the data, and what an optimizer imports."""
    _batches(way, _device(work))
    torch.optim.Adam(lab_torch.Network().parameters())


def train(work: sweep_work.Work, rate: float, seed: int, way: str) -> float:
    """Trains once; returns the test accuracy of the last epoch in percent."""
    device = _device(work)
    make = functools.partial(torch.optim.Adam, lr=rate)
    batches = _batches(way, device)
    return lab_torch.train(make, seed, work.epochs, *batches, way=way, device=device)


@functools.cache
def _batches(way: str, device: str) -> tuple:
    """Returns the batches of the training and of the test set, made once a process."""
    torch.set_num_threads(1)
    made = lab_torch.WAYS[way].batches
    return tuple(made(split, device) for split in digits.frozen())


def _device(work: sweep_work.Work) -> str:
    return "cuda" if work.device == "gpu" else "cpu"
