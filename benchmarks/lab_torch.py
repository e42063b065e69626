"""The lab's third section in PyTorch: its network, its settings, its loop in two ways.

"loader" is the lab's: a DataLoader, optimizers as they come, a number asked for after
every batch. "tensors" has its batches cut once, fused optimizers where there are some,
and asks for numbers once an epoch.
"""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

OPTIMIZERS = {
    "sgd": functools.partial(torch.optim.SGD, lr=5e-2),
    "momentum": functools.partial(torch.optim.SGD, lr=5e-2, momentum=0.9),
    "rmsprop": functools.partial(torch.optim.RMSprop, lr=1e-3),
    "adam": functools.partial(torch.optim.Adam, lr=1e-3),
}


class Network(nn.Module):
    """40 inputs, five hidden layers of 200 (the last four residual), 10 outputs."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(40, 200)
        self.hidden = nn.ModuleList(nn.Linear(200, 200) for _ in range(4))
        self.last = nn.Linear(200, 10)

    def forward(self, x):
        """Returns the logits."""
        h = torch.relu(self.first(x))
        for layer in self.hidden:
            h = h + torch.relu(layer(h))
        return self.last(h)


# --- The lab's way --------------------------------------------------------------------


def loader(split, device: str) -> DataLoader:
    """Serves batches of 100 in the data's order, as the lab does."""
    del device  # every batch is brought there when its turn comes
    inputs, labels = (torch.tensor(array) for array in split)
    return DataLoader(TensorDataset(inputs, labels.long()), batch_size=100)


def epoch(
    batches, network, loss_of, optimizer=None, device: str = "cpu"
) -> tuple[float, float]:
    """Goes through the batches; returns the mean loss and the accuracy in percent."""
    loss_sum, right, seen = 0.0, 0, 0
    for inputs, labels in batches:
        inputs, labels = inputs.to(device), labels.to(device)
        outputs = network(inputs)
        loss = loss_of(outputs, labels)
        if optimizer is not None:
            step(optimizer, loss)
        loss_sum += loss.item()
        right += (outputs.argmax(dim=1) == labels).sum().item()
        seen += len(labels)
    return loss_sum / len(batches), 100 * right / seen


def step(optimizer, loss) -> None:
    """Takes one step down the loss of a batch."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# --- With tensors ---------------------------------------------------------------------


def tensors(split, device: str) -> list:
    """Cuts the batches of 100 once, on the device."""
    inputs, labels = (torch.tensor(array).to(device) for array in split)
    return list(zip(inputs.split(100), labels.long().split(100), strict=True))


def tensor_epoch(
    batches, network, loss_of, optimizer=None, device: str = "cpu"
) -> tuple[float, float]:
    """Is `epoch` for batches on the device, but adds there and asks once."""
    del device
    losses, hits, seen = [], [], 0
    for inputs, labels in batches:
        outputs = network(inputs)
        loss = loss_of(outputs, labels)
        if optimizer is not None:
            step(optimizer, loss)
        losses.append(loss.detach())
        hits.append((outputs.argmax(dim=1) == labels).sum())
        seen += len(labels)
    mean = torch.stack(losses).mean().item()
    return mean, 100 * torch.stack(hits).sum().item() / seen


# --- A training -----------------------------------------------------------------------


class Way(NamedTuple):
    """Holds how a split is served, how an epoch is done, and whether fused is asked."""

    batches: Callable[[Any, str], Iterable]
    epoch: Callable[..., tuple[float, float]]
    fused: bool


WAYS = {
    "loader": Way(loader, epoch, False),
    "tensors": Way(tensors, tensor_epoch, True),
}


def train(
    make: Callable,
    seed: int,
    epochs: int,
    train_batches,
    test_batches,
    *,
    way: str = "loader",
    compiled: bool = False,
    device: str = "cpu",
    on_epoch: Callable[[int], None] = lambda done: None,
) -> float:
    """Trains once; returns the test accuracy of the last epoch in percent.

    Every epoch records training loss and accuracy while it trains, and a pass over the
    test set.

    Args:
      make: makes the optimizer of parameters, such as one of `OPTIMIZERS`.
      seed: of the network's start.
      epochs: how many.
      train_batches: what the way's `batches` made.
      test_batches: what the way's `batches` made.
      way: one of `WAYS`.
      compiled: whether the network goes through `torch.compile`.
      device: where to compute.
      on_epoch: called after every epoch with their number.
    """
    one_epoch = WAYS[way].epoch
    torch.manual_seed(seed)
    network, loss_of = Network().to(device), nn.CrossEntropyLoss()
    fused = {"fused": True} if WAYS[way].fused and has_fused(make) else {}
    optimizer = make(network.parameters(), **fused)
    forward = torch.compile(network) if compiled else network
    history = []
    for done in range(1, epochs + 1):
        trained = one_epoch(train_batches, forward, loss_of, optimizer, device)
        with torch.no_grad():
            tested = one_epoch(test_batches, forward, loss_of, device=device)
        history.append((*trained, *tested))
        on_epoch(done)
    return history[-1][-1]


def has_fused(make: Callable) -> bool:
    """Tells whether an optimizer has one kernel for all parameters."""
    return "fused" in inspect.signature(make).parameters
