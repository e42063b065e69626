# optax-lab compare: several optimizers, the same seeds for all, and what differs.
import dataclasses
import time
from collections.abc import Callable

import numpy as np

from optax_lab import transforms
from optax_lab.cli import choices, devices, output, progress, tasks, tunnel, verdicts
from optax_lab.cli.choices import Optimizer
from optax_lab.cli.settings import Compare
from optax_lab.runs import training
from optax_lab.studies import execute
from optax_lab.views import events, figures

# The lab's section 3, with PyTorch's RMSprop spelled out.
LAB = (
    "sgd(0.05)",
    "sgd(0.05, momentum=0.9)",
    "rmsprop(1e-3, decay=0.99, eps_in_sqrt=False)",
    "adam(1e-3)",
)


def run(settings: Compare, argv: list[str]) -> int:
    """Trains every optimizer with every seed; what is finished is on the disk."""
    if settings.tier:
        return tunnel.run(settings, argv)
    output.check(settings)
    device = devices.start(settings.device, spread=True)
    optimizers = choices.all_optimizers(settings.optimizers or LAB)
    names = tuple(optimizer.expression for optimizer in optimizers)
    settings = dataclasses.replace(settings, device=device, optimizers=names)
    task = tasks.load(settings)
    outcomes = {optimizer: verdicts.Outcome(optimizer) for optimizer in names}
    facts = {"data": task.digests, "seeds": list(range(settings.seeds))}
    with output.opened(settings, argv, **facts) as folder:
        total = len(optimizers) * settings.seeds * settings.epochs
        with progress.bar("epochs", total) as advance:
            for optimizer in optimizers:
                outcome = outcomes[optimizer.expression]
                with folder.guarded(optimizer.expression):
                    _train(settings, optimizer, task, folder, outcome, advance)
                if folder.status == "interrupted":
                    break
        _draw(folder, outcomes)
    tables = verdicts.tables(list(outcomes.values()))
    return output.report(settings, tables, folder, [tasks.tensorboard(folder)])


def _train(
    settings: Compare,
    optimizer: Optimizer,
    task: tasks.Task,
    folder: output.Folder,
    outcome: verdicts.Outcome,
    advance: Callable[[int], None],
) -> None:
    """Trains one optimizer with every seed, and writes each training as it ends.

    Trainings end a chunk at a time. Ctrl-C is served between two blocks of epochs, and
    not before every training that has ended is on the disk.
    """
    block = training.block_length(settings.epochs)
    chunk: list[int] = []
    width = 0
    began = time.perf_counter()
    with progress.held() as stop:

        def on_block(seeds: list[int], done: int) -> None:
            chunk[:] = seeds
            advance(block * len(seeds))
            if done < settings.epochs:
                stop.obey()

        for trained in execute.trainings(
            task.problem,
            optimizer.transformation,
            task.data,
            tasks.keys(range(settings.seeds)),
            epochs=settings.epochs,
            on_block=on_block,
            evaluate_at=transforms.evaluation_params,
        ):
            seed, history, final = trained.index, trained.history, trained.final
            _write(settings, optimizer, task, folder, seed, history, final)
            if outcome.add(seed, history, final):
                folder.note("diverged")
            if seed == chunk[-1]:
                now, width = time.perf_counter(), max(width, len(chunk))
                outcome.seconds.append((now - began) / width)
                began = now
                stop.obey()


def _write(
    settings: Compare,
    optimizer: Optimizer,
    task: tasks.Task,
    folder: output.Folder,
    seed: int,
    history: dict[str, np.ndarray],
    final: dict[str, float],
) -> None:
    """Writes a finished training: its event files first, then its rows at once."""
    told = tasks.hyperparameters(settings, optimizer)
    place = folder.path / "tb" / tasks.run_name(optimizer, seed)
    with events.open_run(place, told, tasks.tags(task), optimizer.name) as writer:
        writer.write(history)
        writer.finish(final)
    rows = tasks.rows(optimizer, seed, history)
    rows += tasks.rows(optimizer, seed, final, settings.epochs - 1)
    output.append(folder.path / "metrics.csv", rows)


def _draw(folder: output.Folder, outcomes: dict[str, verdicts.Outcome]) -> None:
    curves = {name: o.curves() for name, o in outcomes.items() if o.finals}
    if curves:
        figure = figures.learning_curves(curves)
        figures.save(figure, folder.path / "learning_curves.png")
