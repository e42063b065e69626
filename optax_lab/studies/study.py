# A plan, carried out: what is missing is trained, and what has ended is in the ledger.

import contextlib
import functools
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from optax_lab.runs import training
from optax_lab.studies import (
    execute,
    ledger,
    machine,
    plan,
    resolution,
    schedules,
    spaces,
    tunability,
)
from optax_lab.studies.ledger import Record
from optax_lab.studies.plan import Budget, Candidate, Planned
from optax_lab.studies.results import Study, last
from optax_lab.studies.tasks import Task


def conduct(
    candidates: Sequence[Candidate],
    task: Task,
    budget: Budget,
    *,
    path: str | os.PathLike | None = None,
    evaluate_at: Callable = training.at_params,
    on_plan: Callable[[int], None] = lambda runs: None,
    on_run: Callable[[Record], None] = lambda record: None,
) -> Study:
    """Searches for every candidate in the same way, and reports what was chosen.

    Where nothing is searched, candidates are reported as they are. What has ended is in
    the file at once. Called again with the same file, only what is missing is run, and
    more optimizers, configurations or seeds add to it. An optimizer that fails is
    recorded with its error, and the others go on.

    Args:
      candidates: the optimizers that are compared.
      task: what is trained, and what chooses.
      budget: what is spent on each.
      path: the study's file; one that is thrown away when None.
      evaluate_at: as in `training.advance`.
      on_plan: told how many runs are about to be run, before the search and before
        the report.
      on_run: told every run that has ended.

    Raises:
      ValueError: if the plan cannot be run, the data do not fit the problem, or the
        file holds another study.
    """
    plan.check(budget, candidates)
    for data in (task.tuning, task.reporting):
        training.check(task.problem, data, budget.epochs)
    facts = facts_of(task, budget)
    programs = _Programs(task, budget, evaluate_at)
    searched = {
        c.name: plan.search(c, budget, facts, programs.of(c, task.tuning))
        for c in candidates
    }
    told = _told(candidates, budget, facts)
    with _file(path) as place, ledger.opened(place, told) as book:
        crew = _Crew(book, programs, on_run)
        on_plan(len(_missing(book, _all(searched))))
        for candidate in candidates:
            crew.run(candidate, searched[candidate.name], task.tuning)
        chosen = choose(book.records(), searched, task)
        chosen |= {
            c.name: (plan.DEFAULT, {})
            for c in candidates
            if not plan.is_searched(c, budget)
        }
        reported = {
            c.name: plan.report(
                c, budget, facts, *chosen[c.name], programs.of(c, task.reporting)
            )
            for c in candidates
            if c.name in chosen
        }
        on_plan(len(_missing(book, _all(reported))))
        for candidate in candidates:
            crew.run(candidate, reported.get(candidate.name, []), task.reporting)
        points = {name: point for name, (point, _) in chosen.items()}
        records = _of(book, searched, reported)
        return Study(
            budget,
            task,
            candidates,
            records,
            points,
            beaten(records, points, task),
        )


def facts_of(task: Task, budget: Budget) -> dict[str, Any]:
    """Lists what decides every result of a study, beside the program of a run.

    On a GPU a run's bits depend on how many are trained at once; on a CPU they do not.
    """
    facts = {**task.facts, **machine.facts(), "epochs": budget.epochs}
    facts["keys"] = ledger.KEYS
    if jax.default_backend() != "cpu":
        facts["chunk_width"] = execute.GPU_WIDTH
    return facts


def choose(
    records: Sequence[Record], searched: Mapping[str, Sequence[Planned]], task: Task
) -> dict[str, tuple[int, dict[str, float]]]:
    """Chooses each optimizer's best point: its number and its hyperparameters.

    Points are judged by the mean of `task.choose_by` at the end over tuning seeds. A
    point of which a run diverged or failed is not chosen, and an optimizer without any
    other point, or without a search, is left out.
    """
    by_key = {record.key: record for record in records}
    chosen = {}
    for name, runs in searched.items():
        tried = [run for run in runs if run.role == "tune"]
        if not tried:
            continue
        values: dict[int, list[float]] = {}
        for run in tried:
            values.setdefault(run.point, []).append(_judged(by_key.get(run.key), task))
        means = {point: float(np.mean(each)) for point, each in values.items()}
        ended = [point for point in means if np.isfinite(means[point])]
        if ended:
            top = max(means[point] for point in ended)
            top -= resolution.slack(*(values[point] for point in ended))
            best = min(point for point in ended if means[point] >= top)
            hypers = next(run.hypers for run in tried if run.point == best)
            chosen[name] = (best, hypers)
    return chosen


def beaten(
    records: Sequence[Record], chosen: Mapping[str, int], task: Task
) -> dict[str, tuple[float, float]]:
    """Returns whose defaults did better than what was chosen, with both values."""
    found = {}
    for name, point in chosen.items():
        worth = {plan.DEFAULT: [], point: []}
        for run in records:
            if run.optimizer == name and run.role in ("tune", "default"):
                worth.setdefault(run.point, []).append(_judged(run, task))
        both = worth[plan.DEFAULT], worth[point]
        if all(both) and np.isfinite(both[1]).all():
            default, best = (float(np.mean(each)) for each in both)
            ended = [each for each in both if np.isfinite(each).all()]
            if default > best + resolution.slack(*ended):
                sign = _sign(task)
                found[name] = (sign * default, sign * best)
    return found


def _judged(record: Record | None, task: Task) -> float:
    """Returns what a run is worth: higher is better, −inf where it did not end well."""
    if record is None or record.status != "ok":
        return -np.inf
    return _sign(task) * last(record, task.choose_by)


def _sign(task: Task) -> int:
    """Returns what values are multiplied with, so that higher ones are better."""
    return -tunability.sign(task.metric(task.choose_by).best)


class _Programs:
    """Makes the optimizers of a study, and names the programs that its runs are."""

    def __init__(self, task: Task, budget: Budget, evaluate_at: Callable) -> None:
        self.task, self.budget, self.evaluate_at = task, budget, evaluate_at
        self._known: dict[tuple, str] = {}

    def of(self, candidate: Candidate, data: training.Data) -> plan.Program:
        """Returns (schedule, names) → the hash of a candidate's program."""

        def program(schedule: str, names: tuple[str, ...]) -> str:
            reports = data is self.task.reporting
            place = (candidate.name, schedule, names, self._steps(data), reports)
            if place not in self._known:
                make = functools.partial(self.make, candidate, schedule, data)
                self._known[place] = self._program(make, data, names)
            return self._known[place]

        return program

    def make(
        self, candidate: Candidate, schedule: str, data: training.Data, **hypers: Any
    ) -> Any:
        """Makes a candidate's optimizer, whose learning rate follows the schedule.

        A rate that is not searched is a Python number, as in a single training.
        """
        rate = hypers.pop(spaces.RATE, candidate.defaults.get(spaces.RATE))
        if rate is None:
            return candidate.make(**hypers)
        rate = schedules.schedule(schedule, rate, self._steps(data))
        at = lambda rate: candidate.make(**{spaces.RATE: rate}, **hypers)
        return schedules.following(at, rate)

    def _steps(self, data: training.Data) -> int:
        return (
            -(-len(data.train[1]) // self.task.problem.batch_size) * self.budget.epochs
        )

    def _program(
        self, make: Callable, data: training.Data, names: tuple[str, ...]
    ) -> str:
        task = self.task
        try:
            return execute.program(task.problem, make, data, names, self.evaluate_at)
        except Exception as error:  # whatever an optimizer of one's own raises
            # Its runs fail too, and are recorded; if not, nothing says that they are
            # those of another time, and they are run anew.
            return f"fails: {type(error).__name__} {uuid.uuid4()}"


class _Crew(NamedTuple):
    """Runs what is missing and writes it down."""

    book: ledger.Ledger
    programs: _Programs
    on_run: Callable[[Record], None]

    def run(
        self, candidate: Candidate, runs: Sequence[Planned], data: training.Data
    ) -> None:
        """Trains a candidate's missing runs, those of one program at a time."""
        groups: dict[tuple, list[Planned]] = {}
        for run in _missing(self.book, runs):
            groups.setdefault((run.schedule, *sorted(run.hypers)), []).append(run)
        for (schedule, *_), group in groups.items():
            make = functools.partial(self.programs.make, candidate, schedule, data)
            for record in self._ended(make, group, data):
                self.book.write([record])
                self.on_run(record)

    def _ended(
        self, make: Callable, group: Sequence[Planned], data: training.Data
    ) -> Iterator[Record]:
        """Yields every run of a group: trained, or failed with those after it."""
        left = {run.key: run for run in group}
        try:
            for record in self._trained(make, group, data):
                del left[record.key]
                yield record
        except Exception as error:  # whatever an optimizer of one's own raises
            for run in left.values():
                yield _failed(run, error)

    def _trained(
        self, make: Callable, group: Sequence[Planned], data: training.Data
    ) -> Iterator[Record]:
        seeds = np.array([run.seed for run in group], np.uint32)
        keys = jax.vmap(jax.random.key)(seeds)
        columns = {
            name: np.array([run.hypers[name] for run in group], np.float32)
            for name in group[0].hypers
        }
        chunk: list[int] = []  # of the runs that are trained together
        began = time.perf_counter()

        def on_block(indices: list[int], done: int) -> None:
            chunk[:] = indices

        for trained in execute.trainings(
            self.programs.task.problem,
            make,
            data,
            keys,
            epochs=self.programs.budget.epochs,
            hypers=columns,
            on_block=on_block,
            evaluate_at=self.programs.evaluate_at,
            width=execute.GPU_WIDTH,
        ):
            seconds = (time.perf_counter() - began) / len(chunk)
            yield _record(group[trained.index], trained, seconds)
            if trained.index == chunk[-1]:
                began = time.perf_counter()


def _record(run: Planned, trained: execute.Trained, seconds: float) -> Record:
    values = (*trained.final.values(), *trained.history.values())
    ok = all(np.isfinite(value).all() for value in values)
    curves = {tag: np.asarray(v, np.float32) for tag, v in trained.history.items()}
    status = "ok" if ok else "diverged"
    return _row(run, status, "", seconds, dict(trained.final), curves)


def _failed(run: Planned, error: Exception) -> Record:
    told = f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
    return _row(run, "failed", told, 0.0, {}, {})


def _row(run: Planned, status: str, error: str, seconds: float, *measured) -> Record:
    place = (run.key, run.optimizer, run.role, run.point, run.schedule, run.seed)
    return Record(*place, run.hypers, status, error, seconds, *measured)


def _missing(book: ledger.Ledger, runs: Sequence[Planned]) -> list[Planned]:
    """Leaves out what has ended; what failed is tried again."""
    done = book.keys("ok", "diverged")
    return [run for run in runs if run.key not in done]


def _all(planned: Mapping[str, Sequence[Planned]]) -> list[Planned]:
    return [run for runs in planned.values() for run in runs]


def _of(book: ledger.Ledger, *planned: Mapping[str, Sequence[Planned]]) -> list[Record]:
    """Reads the runs of this plan, by its names; the file may hold more."""
    names = {run.key: run.optimizer for by_name in planned for run in _all(by_name)}
    found = [record for record in book.records() if record.key in names]
    return [record._replace(optimizer=names[record.key]) for record in found]


def _told(
    candidates: Sequence[Candidate], budget: Budget, facts: Mapping[str, Any]
) -> dict[str, Any]:
    spaces_ = {c.name: {k: list(v) for k, v in c.space.items()} for c in candidates}
    return {"facts": dict(facts), "budget": budget._asdict(), "spaces": spaces_}


@contextlib.contextmanager
def _file(path: str | os.PathLike | None) -> Iterator[Path]:
    """Returns a study's path, or one in a folder that is removed afterwards."""
    if path is not None:
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "study.db"
