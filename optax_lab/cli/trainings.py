# What train and compare share: the network, the data, and how a training is written.
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from optax_lab.cli import output, progress
from optax_lab.cli.settings import Training
from optax_lab.expressions import Expression
from optax_lab.problems import augment, digits, networks
from optax_lab.reporting import files
from optax_lab.runs import training
from optax_lab.studies import ledger
from optax_lab.studies.tasks import EACH_EPOCH, TEST_SEED, VALIDATION_SEED


class Task(NamedTuple):
    """Holds what is trained on what, and the digests of the data.

    The frozen test set is `frozen_test`; `test` is fresh. `full_train` and
    `full_validation` are measured at the end.
    """

    problem: training.Problem
    data: training.Data
    digests: dict[str, str]


def load(settings: Training) -> Task:
    """Makes the task: the lab's network on MNIST-1D.

    Raises:
        ValueError: in one line, if a batch is larger than the training set.
    """
    check_batch(settings)
    with progress.waiting("making MNIST-1D, or reading it from the cache"):
        train, frozen_test = digits.frozen()
        validation = digits.fresh(settings.validation_size, seed=VALIDATION_SEED)
        test = digits.fresh(settings.test_size, seed=TEST_SEED)
    measured = {"frozen_test": frozen_test, "test": test}
    measured |= {"full_train": train, "full_validation": validation}
    digests = {name: ledger.digest(*split) for name, split in measured.items()}
    first = digits.Split(*(array[:EACH_EPOCH] for array in validation))
    every_epoch = {"validation": first}
    if settings.lab:
        every_epoch = {"frozen_test": measured.pop("frozen_test")}
    problem = training.Problem(
        networks.residual_mlp(),
        batch_size=settings.batch_size,
        shuffle=not settings.lab,
        augment=augment.shifts(settings.shift) if settings.shift else None,
    )
    data = training.Data(train, every_epoch, measured)
    return Task(problem, data, digests)


def check_batch(settings: Training) -> None:
    """Raises ValueError, in one line, if a batch is larger than the training set."""
    batch_size, examples = settings.batch_size, digits.FROZEN_SIZES[0]
    if batch_size > examples:
        has = f"the training set has {examples} examples"
        raise ValueError(f"--batch-size {batch_size}: {has}")


def keys(seeds: int | range) -> jax.Array:
    """Makes the key of a seed, or those of several."""
    if isinstance(seeds, int):
        return jax.random.key(seeds)
    return jax.vmap(jax.random.key)(np.asarray(seeds, np.uint32))


def run_name(optimizer: Expression, seed: int) -> str:
    """Names a training, and with it its folder of event files."""
    return f"{files.name(optimizer.text)}_seed={seed}"


def hyperparameters(settings: Training, optimizer: Expression) -> dict[str, Any]:
    """Lists what TensorBoard shows beside a training."""
    return {
        "optimizer": optimizer.text.partition("(")[0],
        "learning_rate": optimizer.rate,
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        **optimizer.hyperparameters,
    }


def tags(task: Task) -> list[str]:
    """Lists the losses and metrics that a training records, as TensorBoard's tags."""
    splits = ("train", *task.data.every_epoch, *task.data.at_end)
    metrics = ("loss", *task.problem.metrics)
    return [f"{metric}/{split}" for metric in metrics for split in splits]


def rows(
    optimizer: Expression, seed: int, history: Mapping[str, Any], first_epoch: int = 0
) -> list[dict[str, Any]]:
    """Lists the values of a history, one a row; numbers count as one epoch."""
    told = {"run": run_name(optimizer, seed), "optimizer": optimizer.text}
    told |= {"learning_rate": optimizer.rate, "seed": seed}
    columns = {tag: np.atleast_1d(values) for tag, values in history.items()}
    return [
        told | {"epoch": first_epoch + k + 1, **_split(tag)} | {"value": float(value)}
        for tag, column in columns.items()
        for k, value in enumerate(column)
    ]


def diverged(history: Mapping[str, Any]) -> bool:
    """Says whether a value of a history is not finite."""
    return not all(np.isfinite(values).all() for values in history.values())


def tensorboard(folder: output.Folder) -> str:
    """Writes the command that shows a folder's event files."""
    words = [output.program("tensorboard"), "--logdir", f"{folder.path}/tb"]
    return shlex.join([*words, "--host", "127.0.0.1"])


def _split(tag: str) -> dict[str, str]:
    metric, _, split = tag.partition("/")
    if metric == "optimizer":  # norms and the like, of a step on the training set
        metric, split = split, "train"
    return {"split": split, "metric": metric}
