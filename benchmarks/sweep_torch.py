"""The trainings of sweep.py in PyTorch: the lab's loop, and the fastest one found.

"loader" is the lab's: a DataLoader, Adam as it comes, a number asked for after every
batch. "sliced" has its batches cut once, a fused Adam, and asks for numbers once an
epoch.
"""

import functools

import lab_torch
import torch

from optax_lab.problems import digits


@functools.cache
def data(way: str, device: str):
    """Returns the batches of the training and of the test set, made once a process."""
    torch.set_num_threads(1)
    splits = digits.frozen()
    if way == "loader":
        return tuple(map(lab_torch.loader, splits))
    return tuple(_sliced(split, device) for split in splits)


def prepare(way: str, device: str) -> None:
    """Does what a process does once: loads the data, and what an optimizer imports."""
    data(way, device)
    torch.optim.Adam(lab_torch.Network().parameters())


def train(rate: float, seed: int, epochs: int, way: str, device: str) -> float:
    """Trains once; returns the test accuracy of the last epoch in percent."""
    train_batches, test_batches = data(way, device)
    lab_epoch = functools.partial(lab_torch.epoch, device=device)
    one_epoch, fused = (lab_epoch, None) if way == "loader" else (_epoch, True)
    torch.manual_seed(seed)
    network, loss_of = lab_torch.Network().to(device), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, fused=fused)
    history = []
    for _ in range(epochs):
        trained = one_epoch(train_batches, network, loss_of, optimizer)
        with torch.no_grad():
            tested = one_epoch(test_batches, network, loss_of)
        history.append((*trained, *tested))
    return history[-1][-1]


def _sliced(split, device: str) -> list:
    inputs, labels = (torch.tensor(array).to(device) for array in split)
    return list(zip(inputs.split(100), labels.long().split(100), strict=True))


def _epoch(batches, network, loss_of, optimizer=None) -> tuple[float, float]:
    """Is `lab_torch.epoch`, but adds on the device and asks once."""
    losses, hits, seen = [], [], 0
    for inputs, labels in batches:
        outputs = network(inputs)
        loss = loss_of(outputs, labels)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.detach())
        hits.append((outputs.argmax(dim=1) == labels).sum())
        seen += len(labels)
    mean = torch.stack(losses).mean().item()
    return mean, 100 * torch.stack(hits).sum().item() / seen
