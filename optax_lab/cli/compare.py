# optax-lab compare: a study of several optimizers, from the command line.

import dataclasses
import shlex
import shutil
import time
from pathlib import Path
from typing import Any

import jax

from optax_lab import expressions
from optax_lab.cli import candidates as expressed
from optax_lab.cli import devices, manifest, output, progress, trainings
from optax_lab.cli.settings import Compare, typed
from optax_lab.optimizers import schedule_free
from optax_lab.reporting import report, results, tables
from optax_lab.reporting.tables import Table
from optax_lab.studies import execute, ledger, plan, study, tasks
from optax_lab.studies.ledger import Record
from optax_lab.studies.plan import Budget, Candidate
from optax_lab.studies.results import Study
from optax_lab.studies.spaces import RATE
from optax_lab.studies.tasks import Task

# The lab's section 3, with PyTorch's RMSprop spelled out.
LAB = (
    "sgd(0.05)",
    "sgd(0.05, momentum=0.9)",
    "rmsprop(1e-3, decay=0.99, eps_in_sqrt=False)",
    "adam(1e-3)",
)
# The same, as far as they are not searched.
SEARCHED = ("sgd(momentum=None)", "momentum", "rmsprop", "adam")
# Those of the full budget: the lab's, and who is named beside them.
FULL = (
    *SEARCHED,
    "sgd(nesterov=True)",
    "adagrad",
    "adamw",
    "nadamw",
    "lion",
    "schedule_free_adamw",
    "adan",
    "ademamix",
)
_PROBE_EPOCHS = 10  # of a block; there are two of them


def run(settings: Compare, argv: list[str]) -> int:
    """Conducts a study; whatever has ended is in its file at once."""
    output.check(settings)
    device = devices.start(settings.device, spread=True)
    settings, budget = _resolve(settings, argv)
    texts = settings.optimizers or _usual(settings)
    searched = bool(budget.configurations)
    optimizers = expressions.optimizers(texts, searched=searched)
    names = tuple(o.as_written if searched else o.text for o in optimizers)
    settings = dataclasses.replace(settings, device=device, optimizers=names)
    candidates = expressed.candidates(optimizers, settings.space, budget)
    plan.check(budget, candidates)
    task = _task(settings)
    if settings.dry_run:
        return output.report(settings, [_cost(candidates, task, budget)])
    if settings.resume and settings.out is not None:
        facts = study.facts_of(task, budget)
        _check_resumed(settings.out / output.STUDY, facts)
    made: list[Table] = []
    with output.opened(settings, argv, data=task.facts["data"]) as folder:
        found = _conduct(candidates, task, budget, folder)
        made = results.all_of(found)
        for line in results.beaten(found):
            output.say(line)
        shutil.rmtree(folder.path / "tb", ignore_errors=True)  # of fewer optimizers
        found.tensorboard(folder.path / "tb")
        report.write(found, folder.path, tables=made, repeat=_repeated(folder, task))
        _judge(found, folder)
    return output.report(settings, made, folder, _next(folder, argv))


def _usual(settings: Compare) -> tuple[str, ...]:
    """Names the optimizers that are compared where none is named."""
    if settings.budget == "none":
        return LAB
    return FULL if settings.budget == "full" else SEARCHED


def _judge(found: Study, folder: output.Folder) -> None:
    """Notes how a study stands: failed where an optimizer could not be reported."""
    reported = [run for run in found.records if run.role == "report"]
    if any(run.status == "diverged" for run in reported):
        folder.note("diverged")
    ended = {run.optimizer for run in reported if run.status != "failed"}
    if any(candidate.name not in ended for candidate in found.candidates):
        folder.note("failed")


def _check_resumed(path: Path, facts: dict[str, Any]) -> None:
    """Refuses the file of another study; one that was stopped early has none yet."""
    if path.exists():
        with ledger.reading(path) as book:
            ledger.check(book, facts)


def _repeated(folder: output.Folder, task: Task) -> list[str]:
    """Writes the command, and what a result depends on."""
    described = folder.manifest
    command = shlex.join(["optax-lab", *described["argv"]])
    facts = {k: described[k] for k in ("versions", "device", "settings")}
    facts["task"] = dict(task.facts)
    json = manifest.to_json(facts)
    return [f"```console\n{command}\n```", f"```json\n{json}```"]


def _next(folder: output.Folder, argv: list[str]) -> list[str]:
    """Writes what to type next: what shows the study, or what goes on with it."""
    if folder.status != "interrupted":
        shown = (folder.path / "tb").exists()
        return [trainings.tensorboard(folder)] if shown else []
    words = [word for word in argv if word not in ("--resume", "--force")]
    out = [] if typed(argv, "--out") else ["--out", str(folder.path)]
    return [shlex.join([output.program("optax-lab"), *words, *out, "--resume"])]


def _resolve(settings: Compare, argv: list[str]) -> tuple[Compare, Budget]:
    """Gives a budget its own epochs and seeds, unless others were typed."""
    given = lambda flag: settings.config is not None or typed(argv, flag)
    budget = plan.BUDGETS[settings.budget]
    changes: dict[str, Any] = {}
    if given("--epochs"):
        changes["epochs"] = settings.epochs
    if given("--seeds"):
        changes["reporting_seeds"] = settings.seeds
    if settings.schedule:
        changes["schedules"] = settings.schedule
    budget = budget._replace(**changes)
    resolved = {"epochs": budget.epochs, "seeds": budget.reporting_seeds}
    settings = dataclasses.replace(settings, **resolved, schedule=budget.schedules)
    return settings, budget


def _task(settings: Compare) -> Task:
    """Makes MNIST-1D's task: chosen by validation, reported on two test sets."""
    trainings.check_batch(settings)
    with progress.waiting("making MNIST-1D, or reading it from the cache"):
        return tasks.mnist1d(
            batch_size=settings.batch_size,
            shift=settings.shift,
            validation_size=settings.validation_size,
            test_size=settings.test_size,
            lab=settings.lab,
        )


def _conduct(
    candidates: list[Candidate], task: Task, budget: Budget, folder: output.Folder
) -> Study:
    """Runs what is missing, with a bar for the search and one for the report."""
    bars = progress.Bars("trainings")
    failed: set[str] = set()
    with bars, progress.held() as stop:

        def on_run(run: Record) -> None:
            bars.advance(1)
            if run.status == "failed" and run.optimizer not in failed:
                failed.add(run.optimizer)
                output.say(f"{run.optimizer} failed: {run.error}")
            stop.obey()

        return study.conduct(
            candidates,
            task,
            budget,
            path=folder.path / output.STUDY,
            evaluate_at=schedule_free.evaluation_params,
            on_plan=bars.begin,
            on_run=on_run,
        )


def _cost(candidates: list[Candidate], task: Task, budget: Budget) -> Table:
    """Says what a study would cost here, by a short probe of the first candidate."""
    probed = candidates[0]
    params = jax.eval_shape(task.problem.network.init, jax.random.key(0))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    state = jax.eval_shape(_as_given(probed).init, params)
    held = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves((params, state)))
    with progress.waiting("training a little, to see how long it takes"):
        seconds = _probe(probed, task)
    searched = [c for c in candidates if plan.is_searched(c, budget)]
    tuned = len(searched) * (budget.configurations + 1) * budget.tuning_seeds
    reported = len(candidates) * budget.reporting_seeds * len(budget.schedules)
    examples = len(task.tuning.train[1]) * budget.epochs * (tuned + reported)
    minutes = seconds * budget.epochs * (tuned + reported) / 60
    rows: list[dict[str, Any]] = [
        {"what": "optimizers", "value": len(candidates)},
        {"what": "points each", "value": budget.configurations},
        {"what": "trainings to choose by", "value": tuned},
        {"what": "trainings to report", "value": reported},
        {"what": "epochs of each", "value": budget.epochs},
        {"what": "teraFLOPs, without evaluation", "value": 6e-12 * count * examples},
        {"what": "minutes here", "value": minutes},
        {
            "what": "MB of parameters and state",
            "value": held * jax.device_count() / 1e6,
        },
    ]
    shown = [{"what": row["what"], "value": f"{row['value']:,.4g}"} for row in rows]
    return tables.Table("plan", "What the study would cost", rows, shown)


def _as_given(candidate: Candidate) -> Any:
    """Makes an optimizer at its default rate."""
    return candidate.make(**{k: v for k, v in candidate.defaults.items() if k == RATE})


def _probe(candidate: Candidate, task: Task) -> float:
    """Returns the seconds of one epoch of one training, all devices at work."""
    seeds = jax.device_count()
    times: list[float] = []
    trained = execute.trainings(
        task.problem,
        _as_given(candidate),
        task.tuning,
        trainings.keys(range(seeds)),
        epochs=2 * _PROBE_EPOCHS,
        on_block=lambda indices, done: times.append(time.perf_counter()),
        evaluate_at=schedule_free.evaluation_params,
    )
    for _ in trained:
        pass
    # The first block compiles the program.
    return (times[1] - times[0]) / (_PROBE_EPOCHS * seeds)
