# What a study trains: MNIST-1D by the lab's network, or a problem of one's own.

import hashlib
from typing import Any

import jax
import jax.numpy as jnp

from optax_lab.problems import augment, digits
from optax_lab.runs import training
from optax_lab.studies import ledger, tunability
from optax_lab.studies.study import Task

VALIDATION_SEED, TEST_SEED = 43, 44
VALIDATION_SIZE, TEST_SIZE = 10_000, 50_000
_BEST: dict[str, tunability.Best] = {"loss": "lowest", "accuracy": "highest"}
EACH_EPOCH = 2000  # validation examples that are measured at every epoch


def mnist1d(
    *,
    batch_size: int = 100,
    shuffle: bool = True,
    shift: int = 0,
    validation_size: int = VALIDATION_SIZE,
    test_size: int = TEST_SIZE,
) -> Task:
    """Makes the lab's task, chosen by fresh validation, reported on two test sets.

    "test" is fresh, and "frozen_test" are the 1000 examples that everyone knows.

    Args:
      batch_size: examples per step.
      shuffle: draws a new order for every epoch.
      shift: turns training signals by up to so many places; see `augment.shifts`.
      validation_size: fresh examples to choose by.
      test_size: fresh examples to report by.
    """
    from optax_lab.problems import networks  # which brings Flax

    train, frozen_test = digits.frozen()
    validation = digits.fresh(validation_size, seed=VALIDATION_SEED)
    test = digits.fresh(test_size, seed=TEST_SEED)
    splits = {"train": train, "validation": validation}
    splits |= {"test": test, "frozen_test": frozen_test}
    first = digits.Split(*(array[:EACH_EPOCH] for array in validation))
    every = {"validation": first}
    at_end = {"full_train": train, "full_validation": validation}
    told: dict[str, Any] = {
        "problem": "MNIST-1D, residual MLP",
        "data": {name: ledger.digest(*split) for name, split in splits.items()},
        "batch_size": batch_size,
        "shuffle": shuffle,
    }
    if shift:
        told["shift"] = shift
    return Task(
        training.Problem(
            networks.residual_mlp(),
            batch_size=batch_size,
            shuffle=shuffle,
            augment=augment.shifts(shift) if shift else None,
        ),
        training.Data(train, every, at_end),
        training.Data(
            train, every, at_end | {"test": test, "frozen_test": frozen_test}
        ),
        "accuracy/full_validation",
        True,
        told,
    )


def own(
    problem: training.Problem,
    tuning: training.Data | None,
    reporting: training.Data | None,
    choose_by: str | None,
    best: tunability.Best | None = None,
) -> Task:
    """Makes the task of a problem of one's own.

    Its runs are known by the programs that its functions are compiled to, and by its
    data: another network, loss, augmentation or example makes another study.

    Raises:
      ValueError: if there are no data, nothing that chooses is measured in them, or
        nobody says which of its values is the best.
    """
    if tuning is None:
        raise ValueError("tuning is None: a problem needs data to train and choose by")
    reporting = tuning if reporting is None else reporting
    splits = [*tuning.every_epoch, *tuning.at_end]
    metrics = list(training.loss_and_metrics(problem))
    if choose_by is None:
        if len(splits) != 1:
            told = ", ".join(splits) or "nothing"
            raise ValueError(f"tuning measures {told}: say what to choose_by")
        choose_by = f"loss/{splits[0]}"
    tags = [f"{metric}/{split}" for metric in metrics for split in ("train", *splits)]
    if choose_by not in tags:
        known = ", ".join(tags)
        raise ValueError(f"choose_by is {choose_by!r}: it must be one of {known}")
    told = {
        "problem": _code(problem, tuning),
        "data": _digests("tuning", tuning) | _digests("reporting", reporting),
        "batch_size": problem.batch_size,
        "shuffle": problem.shuffle,
    }
    best = best or _BEST.get(choose_by.partition("/")[0])
    if best is None:
        raise ValueError(f"choose_by is {choose_by!r}: say best='lowest' or 'highest'")
    is_highest = tunability.sign(best) < 0
    return Task(problem, tuning, reporting, choose_by, is_highest, told)


def _digests(what: str, data: training.Data) -> dict[str, str]:
    """Returns the hash of every split, with its name and when it is measured."""
    splits = {f"{what}/train": data.train}
    for when in ("every_epoch", "at_end"):
        for name, split in getattr(data, when).items():
            splits[f"{what}/{when}/{name}"] = split
    return {name: ledger.digest(*split) for name, split in splits.items()}


def _code(problem: training.Problem, data: training.Data) -> str:
    """Returns the hash of the programs that a problem's functions are.

    Raises:
      ValueError: in one line, if the data do not fit them.
    """
    inputs, labels = (x[: problem.batch_size] for x in data.train)
    key = jax.random.key(0)

    def measured(params: Any, inputs: Any, labels: Any) -> Any:
        outputs = problem.network.apply(params, inputs)
        each = training.per_example(problem, outputs, labels)
        means = jax.tree.map(jnp.mean, each)
        return means["loss"], means

    slopes = jax.value_and_grad(measured, has_aux=True)
    try:
        params = jax.eval_shape(problem.network.init, key)
        lowered = [
            jax.jit(problem.network.init).lower(key),
            jax.jit(slopes).lower(params, inputs, labels),
        ]
        if problem.augment is not None:
            lowered.append(jax.jit(problem.augment).lower(key, inputs))
    except Exception as error:  # whatever functions of one's own raise
        told = " ".join(str(error).split())[:200]
        raise ValueError(f"the data do not fit the problem: {told}") from error
    text = "\n".join(each.as_text() for each in lowered)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
