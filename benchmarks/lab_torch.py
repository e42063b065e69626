"""The lab's third section in PyTorch: its network, its loop, its four settings."""

import time

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


def epoch(batches, network, loss_of, optimizer=None) -> tuple[float, float]:
    """Goes through the batches; returns the mean loss and the accuracy in percent."""
    loss_sum, right, seen = 0.0, 0, 0
    for inputs, labels in batches:
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


def train(name: str, seed: int, epochs: int, train_set, test_set):
    """Trains once; returns the seconds it took and the test accuracy in percent.

    Every epoch records training loss and accuracy while it trains, and a pass over the
    test set.
    """
    train_batches, test_batches = loader(train_set), loader(test_set)
    torch.manual_seed(seed)
    network, loss_of = Network(), nn.CrossEntropyLoss()
    optimizer = OPTIMIZERS[name](network.parameters())
    history = []
    start = time.perf_counter()
    for _ in range(epochs):
        trained = epoch(train_batches, network, loss_of, optimizer)
        with torch.no_grad():
            tested = epoch(test_batches, network, loss_of)
        history.append((*trained, *tested))
    return time.perf_counter() - start, history[-1][-1]
