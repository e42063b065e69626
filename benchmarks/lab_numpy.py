"""The lab's second section in NumPy: four optimizers and the loop that runs them."""

import numpy as np

RATE, TOLERANCE, STEPS, START = 0.1, 1e-4, 10_000, (-2.0, -2.0)


def gradient(x: np.ndarray) -> np.ndarray:
    """Returns the gradient of f(x, y) = 0.01 x² + 0.1 y²."""
    return np.array([0.02 * x[0], 0.2 * x[1]])


def gradient_descent(x, state, step):
    return x - RATE * gradient(x), state


def momentum(x, state, step):
    v = 0.9 * state + 0.1 * gradient(x)
    return x - RATE * v, v


def rmsprop(x, state, step):
    g = gradient(x)
    r = 0.999 * state + 0.001 * g**2
    return x - RATE * g / np.sqrt(r + 1e-5), r


def adam(x, state, step):
    g = gradient(x)
    v = 0.9 * state[0] + 0.1 * g
    r = 0.999 * state[1] + 0.001 * g**2
    v_hat, r_hat = v / (1 - 0.9**step), r / (1 - 0.999**step)
    return x - RATE * v_hat / np.sqrt(r_hat + 1e-5), np.array([v, r])


# The rule and the state that it starts from.
RULES = {
    "gradient descent": (gradient_descent, np.zeros(2)),
    "momentum": (momentum, np.zeros(2)),
    "rmsprop": (rmsprop, np.zeros(2)),
    "adam": (adam, np.zeros((2, 2))),
}


def descend(name: str, record=None) -> tuple[int, np.ndarray]:
    """Descends until a step is no longer than 1e-4; returns steps and end.

    Points are recorded as the lab does it, by `np.append`, or by another `record`.
    """
    rule, state = RULES[name]
    x, length, step = np.array(START), np.inf, 0
    record = Appended() if record is None else record
    while length > TOLERANCE and step < STEPS:
        step += 1
        record.append(x)
        new, state = rule(x, state, step)
        length, x = np.linalg.norm(new - x), new
    return step, x


class Appended:
    """Records points in two arrays that grow by `np.append`."""

    def __init__(self):
        self.x, self.y = np.array([]), np.array([])

    def append(self, point: np.ndarray) -> None:
        """Records a point."""
        self.x, self.y = np.append(self.x, point[0]), np.append(self.y, point[1])
