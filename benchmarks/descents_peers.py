"""Other ways to go down the lab's quadratic with a thousand learning rates at once.

Each makes a function, from the optimizer's name, the steps from row to row, all steps,
and the device; it returns the record as an array of NumPy.
"""

from collections.abc import Callable

import bench
import numpy as np

LANES = 1000
RATES = np.geomspace(1e-3, 3, LANES).astype(np.float32)
START = np.array([-2, -2], np.float32)
CURVATURE = np.array([0.02, 0.2], np.float32)
B1, B2, EPS = 0.9, 0.999, 1e-8


def while_loop(name: str, every: int, steps: int, device: str) -> Callable:
    """A loop that writes its points into an array that it carries."""
    import jax
    import jax.numpy as jnp
    import optax

    from optax_lab.problems import surfaces

    make, value = getattr(optax, name), surfaces.quadratic().value
    rows = steps // every + 1

    def descend(rate):
        optimizer = make(rate)

        def take_step(carry):
            k, point, state, record = carry
            updates, state = optimizer.update(jax.grad(value)(point), state, point)
            point = optax.apply_updates(point, updates)
            record = jax.lax.cond(
                (k + 1) % every == 0,
                lambda r: r.at[(k + 1) // every].set(point),
                lambda r: r,
                record,
            )
            return k + 1, point, state, record

        start = jnp.asarray(START)
        record = jnp.zeros((rows, 2), jnp.float32).at[0].set(start)
        going = lambda c: (c[0] < steps) & jnp.isfinite(c[1]).all()
        return jax.lax.while_loop(
            going, take_step, (0, start, optimizer.init(start), record)
        )[3]

    lanes = jax.jit(jax.vmap(descend))
    return lambda: np.asarray(lanes(RATES))


def scan(name: str, every: int, steps: int, device: str) -> Callable:
    """Stacked scans: of steps between two rows, and of rows. No test, no value."""
    import jax
    import jax.numpy as jnp
    import optax

    from optax_lab.problems import surfaces

    make, value = getattr(optax, name), surfaces.quadratic().value

    def descend(rate):
        optimizer, start = make(rate), jnp.asarray(START)

        def take_step(carry, _):
            point, state = carry
            updates, state = optimizer.update(jax.grad(value)(point), state, point)
            return (optax.apply_updates(point, updates), state), None

        def row(carry, _):
            carry, _ = jax.lax.scan(take_step, carry, length=every)
            return carry, carry[0]

        carry = start, optimizer.init(start)
        return jax.lax.scan(row, carry, length=steps // every)[1]

    lanes = jax.jit(jax.vmap(descend))
    return lambda: np.asarray(lanes(RATES)).swapaxes(0, 1)


def numpy_loop(name: str, every: int, steps: int, device: str) -> Callable:
    def run():
        point, record = np.tile(START, (LANES, 1)), []
        mu, nu, rate = np.zeros_like(point), np.zeros_like(point), RATES[:, None]
        for k in range(1, steps + 1):
            grad = CURVATURE * point
            if name == "sgd":
                point = point - rate * grad
            else:
                mu = B1 * mu + (1 - B1) * grad
                nu = B2 * nu + (1 - B2) * grad**2
                mean, square = mu / (1 - B1**k), nu / (1 - B2**k)
                point = point - rate * mean / (np.sqrt(square) + EPS)
            if k % every == 0:
                record.append(point)
        return np.stack(record)

    return run


def torch_loop(name: str, every: int, steps: int, device: str) -> Callable:
    torch = bench.peer("torch")
    torch.set_num_threads(bench.available_cores())
    place = {"device": "cuda" if device == "gpu" else "cpu"}
    curvature, rate = (torch.tensor(x, **place) for x in (CURVATURE, RATES[:, None]))

    def run():
        start = np.tile(START, (LANES, 1))
        point = torch.tensor(start, requires_grad=True, **place)
        mu, nu = (torch.zeros(LANES, 2, **place) for _ in range(2))
        record = []
        for k in range(1, steps + 1):
            (0.5 * curvature * point**2).sum().backward()
            with torch.no_grad():
                grad = point.grad
                if name == "sgd":
                    point -= rate * grad
                else:
                    mu.lerp_(grad, 1 - B1)
                    nu.mul_(B2).addcmul_(grad, grad, value=1 - B2)
                    root = (nu / (1 - B2**k)).sqrt_().add_(EPS)
                    point -= rate * (mu / (1 - B1**k)) / root
                point.grad = None
                if k % every == 0:
                    record.append(point.clone())
        return torch.stack(record).cpu().numpy()

    return run


WHILE_LOOP = "vmap of while_loop"
PEERS = {
    WHILE_LOOP: while_loop,
    "vmap of scan": scan,
    "NumPy": numpy_loop,
    "PyTorch": torch_loop,
}
