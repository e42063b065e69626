"""The lab's third section in PyTorch: its network, its loop, its four settings."""

import time
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

OPTIMIZERS = {
    "sgd": lambda params: torch.optim.SGD(params, lr=5e-2),
    "momentum": lambda params: torch.optim.SGD(params, lr=5e-2, momentum=0.9),
    "rmsprop": lambda params: torch.optim.RMSprop(params, lr=1e-3),
    "adam": lambda params: torch.optim.Adam(params, lr=1e-3),
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


def loader(split) -> DataLoader:
    """Serves batches of 100 in the data's order, as the lab does."""
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
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item()
        right += (outputs.argmax(dim=1) == labels).sum().item()
        seen += len(labels)
    return loss_sum / len(batches), 100 * right / seen


def train(
    name: str,
    seed: int,
    epochs: int,
    train_set,
    test_set,
    *,
    compiled: bool = False,
    device: str = "cpu",
    on_epoch: Callable[[int], None] = lambda done: None,
) -> tuple[float, float]:
    """Trains once in the lab's loop; returns seconds and test accuracy in percent.

    Every epoch records training loss and accuracy while it trains, and a pass over the
    test set.

    Args:
      name: one of `OPTIMIZERS`.
      seed: of the network's start.
      epochs: how many.
      train_set: inputs and labels.
      test_set: inputs and labels.
      compiled: whether the network goes through `torch.compile`.
      device: where to compute.
      on_epoch: called after every epoch with their number.
    """
    train_batches, test_batches = loader(train_set), loader(test_set)
    torch.manual_seed(seed)
    network, loss_of = Network().to(device), nn.CrossEntropyLoss()
    optimizer = OPTIMIZERS[name](network.parameters())
    forward = torch.compile(network) if compiled else network
    history, start = [], time.perf_counter()
    for done in range(1, epochs + 1):
        trained = epoch(train_batches, forward, loss_of, optimizer, device)
        with torch.no_grad():
            tested = epoch(test_batches, forward, loss_of, device=device)
        history.append((*trained, *tested))
        on_epoch(done)
    return time.perf_counter() - start, history[-1][-1]
