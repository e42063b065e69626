# optax-lab compare --tier: everyone is searched alike, and what was chosen reported.

import dataclasses
import shlex
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from optax_lab import transforms
from optax_lab.cli import (
    boards,
    choices,
    contenders,
    devices,
    findings,
    output,
    progress,
    report,
    selfchecked,
    tasks,
)
from optax_lab.cli.settings import Compare, typed
from optax_lab.comparison import tasks as comparison_tasks
from optax_lab.studies import execute, ledger, plan, results, study
from optax_lab.studies.plan import Contender, Tier

# The lab's section 3, as far as it is not searched.
LAB = ("sgd(momentum=None)", "momentum", "rmsprop", "adam")
# Those of the full tier: the lab's, and who is named beside them.
FULL = (
    *LAB,
    "sgd(nesterov=True)",
    "adagrad",
    "adamw",
    "nadamw",
    "lion",
    "schedule_free_adamw",
    "adan",
    "ademamix",
)
TEST_SIZE = comparison_tasks.TEST_SIZE
_PROBE_EPOCHS = 10  # of a block; there are two of them


def run(settings: Compare, argv: list[str]) -> int:
    """Conducts a study; whatever has ended is in its file at once."""
    output.check(settings)
    device = devices.start(settings.device, spread=True)
    usual = FULL if settings.tier == "full" else LAB
    optimizers = choices.all_optimizers(settings.optimizers or usual)
    names = tuple(optimizer.expression for optimizer in optimizers)
    settings, tier = _resolve(settings, argv)
    settings = dataclasses.replace(settings, device=device, optimizers=names)
    everyone = contenders.contenders(optimizers, settings.space)
    plan.check(tier, everyone)
    task = _task(settings)
    if settings.dry_run:
        return output.report(settings, [_cost(everyone, task, tier)])
    if settings.resume and settings.out is not None:
        _check_resumed(settings.out / output.STUDY, _facts(task, tier))
    tables: list[output.Table] = []
    with output.opened(settings, argv, data=task.facts["data"]) as folder:
        found = _conduct(everyone, task, tier, folder)
        tables = findings.tables(everyone, task, found)
        for line in findings.beaten(task, found):
            output.say(line)
        tables.append(selfchecked.table(everyone, task, found))
        report.write(folder, everyone, task, found, tables)
        boards.write(folder.path / "tb", everyone, task, found)
        if not found.chosen:
            folder.note("failed")
    return output.report(settings, tables, folder, _next(folder, argv))


def _facts(task: study.Task, tier: Tier) -> dict[str, Any]:
    return study.facts_of(task, tier)


def _check_resumed(path: Path, facts: dict[str, Any]) -> None:
    """Refuses the file of another study; one that was stopped early has none yet."""
    if path.exists():
        with ledger.reading(path) as book:
            ledger.check(book, facts)


def _next(folder: output.Folder, argv: list[str]) -> list[str]:
    """Writes what to type next: what shows the study, or what goes on with it."""
    if folder.status != "interrupted":
        shown = (folder.path / "tb").exists()
        return [tasks.tensorboard(folder)] if shown else []
    words = [word for word in argv if word not in ("--resume", "--force")]
    out = [] if typed(argv, "--out") else ["--out", str(folder.path)]
    return [shlex.join([output.program("optax-lab"), *words, *out, "--resume"])]


def _resolve(settings: Compare, argv: list[str]) -> tuple[Compare, Tier]:
    """Gives a tier its own epochs and seeds, unless others were typed."""
    given = lambda flag: settings.config is not None or typed(argv, flag)
    tier = plan.TIERS[settings.tier or "smoke"]
    changes: dict[str, Any] = {}
    if given("--epochs"):
        changes["epochs"] = settings.epochs
    if given("--seeds"):
        changes["reporting_seeds"] = settings.seeds
    if settings.schedule:
        changes["schedules"] = settings.schedule
    tier = tier._replace(**changes)
    told = {"epochs": tier.epochs, "seeds": tier.reporting_seeds}
    return dataclasses.replace(settings, **told, schedule=tier.schedules), tier


def _task(settings: Compare) -> study.Task:
    """Makes MNIST-1D's task: chosen by validation, reported on two test sets."""
    tasks.check_batch(settings)
    with progress.waiting("making MNIST-1D, or reading it from the cache"):
        return comparison_tasks.mnist1d(
            batch_size=settings.batch_size,
            shuffle=not settings.lab,
            shift=settings.shift,
            validation_size=settings.validation_size,
            test_size=TEST_SIZE,
        )


def _conduct(
    everyone: list[Contender], task: study.Task, tier: Tier, folder: output.Folder
) -> results.Study:
    """Runs what is missing, with a bar for the search and one for the report."""
    bars = progress.Bars("trainings")
    with bars, progress.held() as stop:

        def on_run(record: Any) -> None:
            bars.advance(1)
            if record.status == "failed":
                output.say(f"{record.optimizer} failed: {record.error}")
            stop.obey()

        return study.conduct(
            everyone,
            task,
            tier,
            path=folder.path / output.STUDY,
            evaluate_at=transforms.evaluation_params,
            on_plan=bars.begin,
            on_run=on_run,
        )


def _cost(everyone: list[Contender], task: study.Task, tier: Tier) -> output.Table:
    """Says what a study would cost here, by a short probe of the first contender."""
    probed = everyone[0]
    rate = probed.defaults["learning_rate"]
    params = jax.eval_shape(task.problem.network.init, jax.random.key(0))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    state = jax.eval_shape(probed.make(learning_rate=rate).init, params)
    held = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves((params, state)))
    with progress.waiting("training a little, to see how long it takes"):
        seconds = _probe(probed, task)
    seeds, schedules = jax.device_count(), len(tier.schedules)
    tuned = (tier.points + 1) * tier.tuning_seeds
    reported = tier.reporting_seeds * schedules
    trainings = len(everyone) * (tuned + reported)
    examples = len(task.tuning.train[1]) * tier.epochs
    flops = 6.0 * count * examples * trainings
    rows: list[dict[str, Any]] = [
        {"what": "optimizers", "value": len(everyone)},
        {"what": "points each", "value": tier.points},
        {"what": "trainings to choose by", "value": len(everyone) * tuned},
        {"what": "trainings to report", "value": len(everyone) * reported},
        {"what": "epochs of each", "value": tier.epochs},
        {"what": "teraFLOPs, without evaluation", "value": flops / 1e12},
        {"what": "minutes here", "value": seconds * tier.epochs * trainings / 60},
        {
            "what": "MB of parameters and state",
            "value": held * seeds / 1e6,
        },
    ]
    shown = [{"what": row["what"], "value": f"{row['value']:,.4g}"} for row in rows]
    return output.Table("plan", "What the study would cost", rows, shown)


def _probe(contender: Contender, task: study.Task) -> float:
    """Returns the seconds of one epoch of one training, all devices at work."""
    seeds = jax.device_count()
    rates = np.full(seeds, contender.defaults["learning_rate"], np.float32)
    times: list[float] = []
    trained = execute.trainings(
        task.problem,
        contender.make,
        task.tuning,
        tasks.keys(range(seeds)),
        epochs=2 * _PROBE_EPOCHS,
        hypers={"learning_rate": rates},
        on_block=lambda indices, done: times.append(time.perf_counter()),
        evaluate_at=transforms.evaluation_params,
    )
    for _ in trained:
        pass
    # The first block compiles the program.
    return (times[1] - times[0]) / (_PROBE_EPOCHS * seeds)
