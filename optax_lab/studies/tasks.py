# What a study trains, and what its numbers mean: MNIST-1D, or a problem of one's own.

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from optax_lab.problems import augment, digits
from optax_lab.runs import training
from optax_lab.studies import ledger, tunability

VALIDATION_SEED, TEST_SEED = 43, 44
VALIDATION_SIZE, TEST_SIZE = 10_000, 50_000
EACH_EPOCH = 2000  # validation examples that are measured at every epoch


class Metric(NamedTuple):
    """Says what the values of a metric mean.

    Attributes:
      best: whether its lowest or its highest value is the best.
      lost: what a run that diverged is worth; the worst finite value that a reported
        run has had, if None.
      is_share: whether it is a share, which tables and figures give in %.
    """

    best: tunability.Best
    lost: float | None = None
    is_share: bool = False


class Target(NamedTuple):
    """A value that training is timed to: reached from the first epoch at it on."""

    tag: str
    value: float


class Task(NamedTuple):
    """What a study trains: two sets of data, one to choose by and one to report.

    Attributes:
      problem: the network, its loss and its metrics.
      tuning: measures what hyperparameters are chosen by; no test data are in it.
      reporting: measures the test data too, once, at the end.
      choose_by: the tag that chooses, such as "accuracy/validation".
      metrics: what their values mean, by the first part of a tag.
      columns: by tag, its heading in tables; optimizers are compared by the first.
      targets: what training is timed to; figures show the first.
      facts: what else decides a result: the problem's name, hashes of its data.
    """

    problem: training.Problem
    tuning: training.Data
    reporting: training.Data
    choose_by: str
    metrics: Mapping[str, Metric]
    columns: Mapping[str, str]
    targets: tuple[Target, ...]
    facts: Mapping[str, Any]

    def metric(self, tag: str) -> Metric:
        """Returns what the values of a tag mean; of one that is not known, a loss."""
        return self.metrics.get(tag.partition("/")[0], Metric("lowest"))

    @property
    def report_by(self) -> str:
        """The tag that optimizers are compared by."""
        return next(iter(self.columns))

    @property
    def curve(self) -> str:
        """The tag of the same metric that is measured at every epoch."""
        metric = self.report_by.partition("/")[0]
        return f"{metric}/{next(iter(self.reporting.every_epoch), 'train')}"


def mnist1d(
    *,
    batch_size: int = 100,
    shuffle: bool = True,
    shift: int = 0,
    validation_size: int = VALIDATION_SIZE,
    test_size: int = TEST_SIZE,
    lab: bool = False,
) -> Task:
    """Makes the lab's task, chosen by fresh validation, reported on two test sets.

    "test" is fresh, and "frozen_test" are the 1000 examples that everyone knows.

    Args:
      batch_size: examples per step.
      shuffle: draws a new order for every epoch.
      shift: turns training signals by up to so many places; see `augment.shifts`.
      validation_size: fresh examples to choose by.
      test_size: fresh examples to report by.
      lab: the lab's order: no shuffling, and "frozen_test" measured at every epoch.
    """
    from optax_lab.problems import networks

    shuffle = shuffle and not lab
    train, frozen_test = digits.frozen()
    validation = digits.fresh(validation_size, seed=VALIDATION_SEED)
    test = digits.fresh(test_size, seed=TEST_SEED)
    splits = {"train": train, "validation": validation}
    splits |= {"test": test, "frozen_test": frozen_test}
    first = digits.Split(*(array[:EACH_EPOCH] for array in validation))
    every = {"frozen_test": frozen_test} if lab else {"validation": first}
    at_end = {"full_train": train, "full_validation": validation}
    reported = at_end | {"test": test} | ({} if lab else {"frozen_test": frozen_test})
    facts: dict[str, Any] = {
        "problem": "MNIST-1D, residual MLP",
        "data": {name: ledger.digest(*split) for name, split in splits.items()},
        "batch_size": batch_size,
        "shuffle": shuffle,
    }
    if shift:
        facts["shift"] = shift
    if lab:
        facts["every_epoch"] = "frozen_test"
    return Task(
        training.Problem(
            networks.residual_mlp(),
            batch_size=batch_size,
            shuffle=shuffle,
            augment=augment.shifts(shift) if shift else None,
        ),
        training.Data(train, every, at_end),
        training.Data(train, every, reported),
        choose_by="accuracy/full_validation",
        metrics={
            "loss": Metric("lowest"),
            "accuracy": Metric("highest", lost=0.1, is_share=True),  # chance, of ten
        },
        columns={
            "accuracy/test": "fresh test",
            "accuracy/frozen_test": "frozen test",
            "accuracy/full_train": "train",
            "loss/full_train": "train loss",
        },
        targets=_TARGETS,
        facts=facts,
    )


_TARGETS = (Target("accuracy/train", 0.9), Target("accuracy/train", 0.99))
# What is known of metrics of these names, whoever's problem they are of.
_KNOWN = {"loss": Metric("lowest"), "accuracy": Metric("highest", 0.0, is_share=True)}


def own(
    problem: training.Problem,
    tuning: training.Data | None,
    reporting: training.Data | None = None,
    choose_by: str | None = None,
    best: tunability.Best | None = None,
) -> Task:
    """Makes the task of a problem of one's own.

    Its runs are known by the programs that its functions are compiled to, and by its
    data: another network, loss, augmentation or example makes another study. It is
    reported by the metric that chooses, on the splits that only `reporting` has.

    Raises:
      ValueError: if there are no data, nothing that chooses is measured in them, or
        nobody says which of its values is the best.
    """
    if tuning is None:
        raise ValueError("tuning is None: a problem needs data to train and choose by")
    reporting = tuning if reporting is None else reporting
    splits = _measured(tuning)
    names = list(training.loss_and_metrics(problem))
    if choose_by is None:
        if len(splits) != 1:
            found = ", ".join(splits) or "nothing"
            raise ValueError(f"tuning measures {found}: say what to choose_by")
        choose_by = f"loss/{splits[0]}"
    tags = [f"{name}/{split}" for name in names for split in ("train", *splits)]
    if choose_by not in tags:
        known = ", ".join(tags)
        raise ValueError(f"choose_by is {choose_by!r}: it must be one of {known}")
    facts = {
        "problem": _code(problem, tuning),
        "data": _digests("tuning", tuning) | _digests("reporting", reporting),
        "batch_size": problem.batch_size,
        "shuffle": problem.shuffle,
    }
    chooses = choose_by.partition("/")[0]
    metrics = {name: _KNOWN[name] for name in names if name in _KNOWN}
    if best is not None:
        tunability.sign(best)
        metrics[chooses] = metrics.get(chooses, Metric(best))._replace(best=best)
    if chooses not in metrics:
        raise ValueError(f"choose_by is {choose_by!r}: say best='lowest' or 'highest'")
    return Task(
        *(problem, tuning, reporting, choose_by, metrics),
        columns=_columns(names, splits, _measured(reporting), choose_by),
        targets=_TARGETS if "accuracy" in metrics else (),
        facts=facts,
    )


def _columns(
    names: list[str], tuned: list[str], reported: list[str], choose_by: str
) -> dict[str, str]:
    """Lists what tables show: all metrics of the splits that are new in a report."""
    chooses, _, split = choose_by.partition("/")
    splits = [name for name in reported if name not in tuned] or [split]
    ordered = sorted(names, key=lambda name: name != chooses)
    tags = [f"{name}/{split}" for split in splits for name in ordered]
    return {tag: tag.replace("/", ", ") for tag in tags}


def _measured(data: training.Data) -> list[str]:
    return [*data.every_epoch, *data.at_end]


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
