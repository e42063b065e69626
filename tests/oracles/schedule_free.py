# Optimizers that average their iterates in the place of a schedule.

import optax

import optax_lab
from tests.oracles import Case


def averaged(
    theta,
    grads,
    lr,
    step,
    b1=0.9,
    weight_lr_power=2.0,
    warmup_steps=None,
    b1_falls=1.0,
):
    """Defazio et al. 2024, eq. 7-9: y, and x beside it, after every step.

    `step(g, y, t)` is the direction that z goes against. The weights and the warm-up
    are those of the authors' code, in which the largest rate so far counts. `b1_falls`
    multiplies b1 after every step.
    """
    path, judged = [], []
    z, x, y = theta, theta, theta
    total, largest = 0.0, 0.0
    for i, g in enumerate(grads):
        t = i + 1
        rate = lr(i)
        if warmup_steps is not None and t < warmup_steps:
            rate = rate * t / warmup_steps
        z = z - rate * step(g, y, t)
        largest = max(largest, rate)
        weight = largest**weight_lr_power
        total = total + weight
        c = weight / total
        x = (1 - c) * x + c * z
        y = (1 - b1) * z + b1 * x
        b1 = b1 * b1_falls
        path.append(y)
        judged.append(x)
    return path, judged


def sgd(theta, grads, lr, weight_decay=None, **kwargs):
    decay = weight_decay or 0.0
    return averaged(theta, grads, lr, lambda g, y, t: g + decay * y, **kwargs)


def adamw(theta, grads, lr, b2=0.999, eps=1e-8, weight_decay=0.0, **kwargs):
    """Algorithm 1, with ν debiased where it has √(1 − β₂ᵗ) in the rate."""
    v = [0.0 * abs(theta)]

    def step(g, y, t):
        v[0] = b2 * v[0] + (1 - b2) * abs(g) ** 2
        return g / ((v[0] / (1 - b2**t)) ** 0.5 + eps) + weight_decay * y

    return averaged(theta, grads, lr, step, **kwargs)


def momentum(theta, grads, lr, decay, **kwargs):
    """The heavy ball inside; its rate is a part of it."""
    v = [0.0 * theta]

    def step(g, y, t):
        v[0] = decay * v[0] + g
        return v[0]

    return averaged(theta, grads, lr, step, **kwargs)


def y_of(oracle):
    return lambda *args, **kwargs: oracle(*args, **kwargs)[0]


def with_b1_falling(rate, b1, b1_falls):
    return optax_lab.schedule_free_sgd(rate, b1=lambda t: b1 * b1_falls**t)


def over_momentum(rate, decay, **kwargs):
    """Wraps the heavy ball; both take the rate, be it a number or a schedule."""
    return optax_lab.schedule_free(optax_lab.sgd(rate, decay), rate, **kwargs)


def optaxs_over_momentum(rate, decay, **kwargs):
    return optax.contrib.schedule_free(optax.sgd(rate, decay), rate, **kwargs)


CASES = [
    Case("schedule_free_sgd", {}, y_of(sgd), True),
    Case("schedule_free_sgd", {"b1": 0.6, "weight_decay": 0.3}, y_of(sgd), True),
    Case("schedule_free_sgd", {"weight_lr_power": 0.5}, y_of(sgd), True),
    Case("schedule_free_sgd", {"warmup_steps": 6, "b1": 0.7}, y_of(sgd)),
    Case(
        "schedule_free_sgd",
        {"warmup_steps": 4, "weight_lr_power": 1.0, "weight_decay": 0.3},
        y_of(sgd),
    ),
    Case(
        "schedule_free_sgd",
        {"b1": 0.8, "b1_falls": 0.98},
        y_of(sgd),
        make=with_b1_falling,
    ),
    Case("schedule_free_adamw", {}, y_of(adamw), True),
    Case(
        "schedule_free_adamw",
        {"b1": 0.6, "b2": 0.8, "eps": 0.1, "weight_decay": 0.3},
        y_of(adamw),
        True,
    ),
    Case(
        "schedule_free_adamw",
        {"warmup_steps": 5, "eps": 0.1, "weight_lr_power": 1.0, "weight_decay": 0.3},
        y_of(adamw),
    ),
    Case(
        "schedule_free",
        {"decay": 0.7, "b1": 0.6, "weight_lr_power": 1.5},
        y_of(momentum),
        optaxs_over_momentum,
        make=over_momentum,
    ),
]
