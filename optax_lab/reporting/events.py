# TensorBoard event files: one run is one folder, and every run has the same tags.
#
# Written with tensorboardX's synchronous `EventsWriter`. `SummaryWriter.flush` leaves
# behind what its thread has not taken from its queue yet; here a flush is on the disk.
import os
import pathlib
import re
import time
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import tensorboardX.summary
from jaxtyping import Array, ArrayLike
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto import api_pb2, event_pb2, plugin_hparams_pb2, summary_pb2

from optax_lab.reporting import files


class RunWriter:
    """The writer of one run; a context manager, made by `open_run`.

    The run counts as failed for TensorBoard when anything written was not finite or the
    ``with`` block was left by an exception.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self._file = EventsWriter(str(folder / "events"))
        self._time = time.time()
        self._step = 0
        self._finite = True
        self._ended = False

    def __enter__(self) -> "RunWriter":
        return self

    def __exit__(self, exception_type, exception, traceback) -> None:
        self._finite &= exception_type is None
        self.finish()

    def write(
        self, history: Mapping[str, Array | np.ndarray], first_epoch: int = 0
    ) -> None:
        """Writes a block of epochs and puts it on the disk.

        Args:
          history: By tag, the values after each epoch of the block, all (epochs,).
          first_epoch: Epochs done before the block. The first value gets the step
            ``first_epoch + 1``: a step is a number of finished epochs.

        Raises:
          ValueError: If the arrays differ in length or have other axes than epochs.
        """
        columns = {tag: np.asarray(values) for tag, values in history.items()}
        shapes = {tag: values.shape for tag, values in columns.items()}
        if len(set(shapes.values())) > 1 or any(len(s) != 1 for s in shapes.values()):
            raise ValueError(
                f"history has {shapes}, but must have one (epochs,) in all"
            )
        epochs = len(next(iter(columns.values()), ()))
        # The block took this long in all: that is what each epoch's time is made of.
        times = np.linspace(self._time, time.time(), epochs + 1)[1:]
        for i, wall_time in enumerate(times):
            values = {tag: float(column[i]) for tag, column in columns.items()}
            self._scalars(values, first_epoch + i + 1, wall_time)
        self._file.flush()

    def text(self, tag: str, markdown: str) -> None:
        """Writes a text card, for instance a table of the settings."""
        self._summary(tensorboardX.summary.text(tag, markdown))
        self._file.flush()

    def finish(self, final: Mapping[str, ArrayLike] | None = None) -> None:
        """Writes what was measured at the end, and how the run ended; closes the file.

        Args:
          final: Values by tag, written at the last epoch's step.
        """
        if self._ended:
            return
        self._ended = True
        if final:
            measured = {tag: float(np.asarray(value)) for tag, value in final.items()}
            self._scalars(measured, self._step, time.time())
        status = "STATUS_SUCCESS" if self._finite else "STATUS_FAILURE"
        end = plugin_hparams_pb2.SessionEndInfo(
            status=api_pb2.Status.Value(status), end_time_secs=time.time()
        )
        self._summary(_session("session_end_info", end))
        self._file.close()

    def _scalars(self, values: dict[str, float], step: int, wall_time: float) -> None:
        self._finite &= bool(np.isfinite(list(values.values())).all())
        self._step, self._time = step, wall_time
        scalars = [
            summary_pb2.Summary.Value(tag=tag, simple_value=value)
            for tag, value in values.items()
        ]
        self._summary(summary_pb2.Summary(value=scalars), step, wall_time)

    def _summary(self, summary, step: int = 0, wall_time: float | None = None) -> None:
        event = event_pb2.Event(
            summary=summary, step=step, wall_time=wall_time or time.time()
        )
        self._file.write_event(event)


def open_run(
    folder: str | os.PathLike,
    hyperparameters: Mapping[str, Any],
    metrics: Collection[str],
    group: str | None = None,
    *,
    margins: Collection[str] = (),
) -> RunWriter:
    """Starts a run: makes its folder and writes its hyperparameters and its charts.

    There is no ``add_hparams`` and no ``add_scalars``, both of which make runs of their
    own: TensorBoard shows one row per folder, and in its HPARAMS tab the union of all
    runs' hyperparameters. Where ``loss/train`` is among the metrics, the Custom Scalars
    tab has one chart of it and the other ``loss/…``.

    Args:
      folder: The run's own folder. If it exists, the next free one of ``folder-2``, …
        is taken, since two runs in one folder would be drawn as one; see
        `RunWriter.folder`.
      hyperparameters: What the run was made with; None is left out.
      metrics: The tags that will be written.
      group: Runs of one group, such as the seeds of one setting, are averaged in the
        HPARAMS tab; they should have the same hyperparameters.
      margins: Tags that are means and have an interval: the Custom Scalars tab has a
        chart with a band of each, between what is written as ``<tag>/low`` and
        ``<tag>/high``.

    Raises:
      OSError: If the folder cannot be made.
    """
    run = RunWriter(_new_folder(pathlib.Path(folder)))
    start = plugin_hparams_pb2.SessionStartInfo(
        group_name=group or "", start_time_secs=time.time()
    )
    for name, value in hyperparameters.items():
        if value is not None:
            _set_value(start.hparams[name], value)
    run._summary(_session("session_start_info", start))
    layout = {
        "training against evaluation": _charts(metrics),
        "means and their intervals": {
            tag: ["Margin", [tag, f"{tag}/low", f"{tag}/high"]] for tag in margins
        },
    }
    if layout := {title: charts for title, charts in layout.items() if charts}:
        run._summary(tensorboardX.summary.custom_scalars(layout))
    run._file.flush()
    return run


def folder_name(optimizer: str, **settings: Any) -> str:
    """Names a run's folder by what it was made with, without characters of paths.

    >>> folder_name("pkg.optim:mine(b1=.8)", lr=0.001, s=3)
    'pkg.optim-mine-b1=.8_lr0.001_s3'
    """
    parts = [optimizer, *(f"{name}{value}" for name, value in settings.items())]
    return files.name("_".join(parts))


def _new_folder(folder: pathlib.Path) -> pathlib.Path:
    # mkdir is atomic: of two processes that ask for one folder, each gets its own.
    tried, n = folder, 1
    while True:
        try:
            tried.mkdir(parents=True)
            return tried
        except FileExistsError:
            n += 1
            tried = folder.with_name(f"{folder.name}-{n}")


def _set_value(field, value: Any) -> None:
    if isinstance(value, bool | np.bool_):
        field.bool_value = bool(value)
    elif np.ndim(value) == 0 and np.issubdtype(np.asarray(value).dtype, np.number):
        field.number_value = float(value)
    else:
        field.string_value = str(value)


def _charts(metrics: Collection[str]) -> dict[str, list]:
    """Charts every metric of the training set against the other splits."""
    names = [tag.removesuffix("/train") for tag in metrics if tag.endswith("/train")]
    splits = lambda name: [tag for tag in metrics if tag.startswith(f"{name}/")]
    exactly = lambda tag: f"^{re.escape(tag)}$"  # the plugin reads tags as expressions
    return {name: ["Multiline", [*map(exactly, splits(name))]] for name in names}


def _session(kind: str, info) -> summary_pb2.Summary:
    content = plugin_hparams_pb2.HParamsPluginData(version=0, **{kind: info})
    metadata = summary_pb2.SummaryMetadata(
        plugin_data=summary_pb2.SummaryMetadata.PluginData(
            plugin_name="hparams", content=content.SerializeToString()
        )
    )
    value = summary_pb2.Summary.Value(tag=f"_hparams_/{kind}", metadata=metadata)
    return summary_pb2.Summary(value=[value])
