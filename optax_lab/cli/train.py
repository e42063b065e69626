# optax-lab train: one optimizer, one seed, on the disk block by block.
import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from optax_lab import expressions
from optax_lab.cli import devices, output, progress, trainings
from optax_lab.cli.settings import Train
from optax_lab.expressions import Expression
from optax_lab.optimizers import schedule_free
from optax_lab.problems import networks
from optax_lab.reporting import events, figures, tables
from optax_lab.reporting.tables import Table
from optax_lab.runs import training

History = dict[str, np.ndarray]


def run(settings: Train, argv: list[str]) -> int:
    """Trains once; what is done is on the disk after every block of epochs."""
    output.check(settings)
    settings = dataclasses.replace(settings, device=devices.start(settings.device))
    optimizer = expressions.optimizer(settings.optimizer)
    settings = dataclasses.replace(settings, optimizer=optimizer.text)
    task = trainings.load(settings)
    blocks: list[History] = []
    history, final = {}, {}
    facts = {"data": task.digests, "seeds": [settings.seed]}
    with output.opened(settings, argv, **facts) as folder:
        with folder.guarded(optimizer.text):
            final |= _train(settings, optimizer, task, folder, blocks)
        history |= training.joined(blocks) if blocks else {}
        if trainings.diverged(history | final):
            folder.note("diverged")
        _illustrate(folder, task, optimizer, history)
    table = _table(optimizer, history, final)
    return output.report(settings, [table], folder, [trainings.tensorboard(folder)])


def _illustrate(
    folder: output.Folder,
    task: trainings.Task,
    optimizer: Expression,
    history: History,
) -> None:
    """Draws the curves, and writes the table of the network's layers."""
    example = jnp.asarray(task.data.train[0][:1])
    layers = networks.table(task.problem.network, example)
    (folder.path / "network.txt").write_text(layers, encoding="utf-8")
    if history:
        figure = figures.learning_curves({optimizer.text: history})
        figures.save(figure, folder.path / "learning_curves.png")


def _train(
    settings: Train,
    optimizer: Expression,
    task: trainings.Task,
    folder: output.Folder,
    blocks: list[History],
) -> dict[str, float]:
    """Trains, writing every block; returns what was measured at the end."""
    name = trainings.run_name(optimizer, settings.seed)
    told = {**trainings.hyperparameters(settings, optimizer), "seed": settings.seed}
    metrics = folder.path / "metrics.csv"
    with (
        events.open_run(
            folder.path / "tb" / name, told, trainings.tags(task)
        ) as writer,
        progress.bar(optimizer.text, settings.epochs) as advance,
        progress.held() as stop,
    ):

        def on_block(done: int, history: Any) -> None:
            block = {tag: np.asarray(values) for tag, values in history.items()}
            epochs = len(block["loss/train"])
            writer.write(block, done - epochs)
            rows = trainings.rows(optimizer, settings.seed, block, done - epochs)
            output.append(metrics, rows)
            blocks.append(block)
            advance(epochs)
            if done < settings.epochs:
                stop.obey()

        result = training.train(
            task.problem,
            optimizer.optimizer,
            task.data,
            trainings.keys(settings.seed),
            epochs=settings.epochs,
            on_block=on_block,
            evaluate_at=schedule_free.evaluation_params,
        )
        writer.finish(result.final)
        last = settings.epochs - 1
        rows = trainings.rows(optimizer, settings.seed, result.final, last)
        output.append(metrics, rows)
    return result.final


def _table(optimizer: Expression, history: History, final: dict[str, float]) -> Table:
    """Lists loss and accuracy of every split, as they are at the end."""
    last = {tag: float(values[-1]) for tag, values in history.items()} | final
    splits = [tag.partition("/")[2] for tag in last if tag.startswith("loss/")]
    epochs = len(next(iter(history.values()), ()))
    rows = [
        {"split": split, "epochs": epochs}
        | {name: last[f"{name}/{split}"] for name in ("loss", "accuracy")}
        for split in splits
    ]
    shown = [
        {
            "split": row["split"],
            "loss": f"{row['loss']:.4g}",
            "accuracy, %": tables.percent(row["accuracy"]),
        }
        for row in rows
    ]
    title = f"{optimizer.text} after {epochs} epochs"
    return Table("results", title, rows, shown)
