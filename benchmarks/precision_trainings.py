"""The trainings that `precision.py` compares: Adam with its averages in bfloat16."""

import functools

import numpy as np

RATE, TRUTH = 1e-3, "float32"
ENDS = {"training loss": "loss/full_train", "validation accuracy": "accuracy/fresh"}
UNITS = {"training loss": "nats", "validation accuracy": "%"}


def optimizers(b1: float) -> dict[tuple[str, str], object]:
    """Makes Adam by what is rounded and who rounds it."""
    import optax

    import optax_lab

    adam, mean = functools.partial(optax_lab.adam, RATE, b1), {"mu_dtype": "bfloat16"}
    both, nearest = mean | {"nu_dtype": "bfloat16"}, {"rounding": "nearest"}
    return {
        ("nothing", TRUTH): adam(),
        ("μ", "optax_lab"): adam(**mean),
        ("μ", "optax_lab, nearest"): adam(**mean, **nearest),
        ("μ", "Optax"): optax.adam(RATE, b1, **mean),
        ("μ and ν", "optax_lab"): adam(**both),
        ("μ and ν", "optax_lab, nearest"): adam(**both, **nearest),
    }


def ends(optimizer, seeds: int, epochs: int, depth: int) -> dict[str, np.ndarray]:
    """Trains with some seeds; returns what each ends with, by measure."""
    import jax

    from optax_lab.problems import digits, networks
    from optax_lab.runs import training
    from optax_lab.studies import execute

    train, _ = digits.frozen()
    splits = {"full_train": train, "fresh": digits.fresh(10_000, seed=43)}
    problem = training.Problem(networks.residual_mlp(depth=depth))
    data = training.Data(train, at_end=splits)
    keys = jax.vmap(jax.random.key)(np.arange(seeds, dtype=np.uint32))
    runs = execute.trainings(problem, optimizer, data, keys, epochs=epochs)
    found = [[run.final[tag] for tag in ENDS.values()] for run in runs]
    return dict(zip(ENDS, np.array(found).T * [[1], [100]], strict=True))
