# The same trainings, stepped by PyTorch.

import contextlib

import numpy as np
import torch

from tests import trajectories
from tests.trajectories import Case


@contextlib.contextmanager
def default_dtype(dtype):
    """Makes PyTorch's own scalars (steps, rates) as wide as the parameters."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, np.dtype(dtype).name))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def begin(case: Case, start: dict[str, np.ndarray]):
    """Returns the parameters and the optimizer."""
    params = {n: torch.nn.Parameter(torch.tensor(x)) for n, x in start.items()}
    return params, getattr(torch.optim, case.name)(params.values(), **case.arguments)


def step(params, optimizer, gradient: dict[str, np.ndarray]):
    """Takes one step along a gradient."""
    for name, param in params.items():
        param.grad = torch.tensor(gradient[name])
    optimizer.step()


def run(case: Case, dtype=np.float64) -> dict[str, np.ndarray]:
    """Returns the parameters after each of `trajectories.SEEN`."""
    with default_dtype(dtype):
        params, optimizer = begin(case, trajectories.start(case, dtype))
        rows = trajectories.gradients(case, dtype)
        seen = {name: [] for name in params}
        for index in range(trajectories.STEPS):
            optimizer.param_groups[0]["lr"] = trajectories.rate_at(case, index)
            step(params, optimizer, {name: row[index] for name, row in rows.items()})
            if index + 1 in trajectories.SEEN:
                for name, param in params.items():
                    seen[name].append(param.detach().numpy().copy())
    return {name: np.array(values) for name, values in seen.items()}


def newton_schulz(x, coefficients, steps, eps):
    """Returns what PyTorch's Muon makes of a matrix, but for its rounding."""
    wide = x.T if x.size(0) > x.size(1) else x
    wide = wide / (wide.norm() + eps)
    a, b, c = coefficients
    for _ in range(steps):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide.T if x.size(0) > x.size(1) else wide
