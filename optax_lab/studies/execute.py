# Many trainings on every device: one compiled program per optimizer.

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, PRNGKeyArray, Shaped

from optax_lab import precision
from optax_lab.runs import training
from optax_lab.studies import spreading

GPU_WIDTH = 32  # runs that one GPU trains at once


class Trained(NamedTuple):
    """One finished training of many: its place in the keys, and its result."""

    index: int
    run: training.Run
    history: training.Recorded
    final: dict[str, float]


def trainings(
    problem: training.Problem,
    optimizer: optax.GradientTransformation | Callable,
    data: training.Data,
    keys: Shaped[PRNGKeyArray, " runs"],
    *,
    epochs: int,
    hypers: Mapping[str, Float[np.ndarray, " runs"]] | None = None,
    on_block: Callable[[list[int], int], None] | None = None,
    evaluate_at: Callable = training.at_params,
    width: int | None = None,
) -> Iterator[Trained]:
    """Trains once for every key and yields each training as it is finished.

    Runs are taken in chunks: one for each CPU device (`jax_num_cpu_devices` makes as
    many as there are cores), or 32 for each GPU. Within a device they are mapped by
    `lax.map` on a CPU, which gives the bits of a single `training.train` whatever the
    number of devices, and by `vmap` on a GPU, which is faster there and agrees to
    rounding. The last chunk is filled up with copies of its last key.

    Args:
      problem: the network, its loss and its metrics.
      optimizer: any Optax transformation; with `hypers`, what makes one from them.
      data: what is trained on, and what is measured when.
      keys: a typed key for each run.
      epochs: how often the training set is gone through.
      hypers: the hyperparameters of each run, by the argument that takes them. They are
        traced, so that all runs share one program.
      on_block: (indices of the runs of a chunk, epochs done), after every block.
      evaluate_at: as in `training.advance`.
      width: how many runs a GPU trains at once, whatever the number of keys: of those
        depends how a run is rounded. At most 32, and no more than there are, if None.

    Raises:
      ValueError: if there is no key, a setting is out of range or the data do not fit.
    """
    training.check(problem, data, epochs)
    if not len(keys):
        raise ValueError("there are no keys: give at least one, a run for each")
    devices = jax.devices()
    on_cpu = devices[0].platform == "cpu"
    width = 1 if on_cpu else width or min(GPU_WIDTH, -(-len(keys) // len(devices)))
    chunk = min(len(keys), len(devices)) if on_cpu else width * len(devices)
    devices = devices[: chunk // width]
    over_runs = spread(devices, on_cpu)

    size = training.block_length(epochs)
    settings = {"epochs": size, "evaluate_at": evaluate_at}
    make: Any = (lambda: optimizer) if hypers is None else optimizer

    # What a program is not given cannot make it another one: search and report share
    # theirs, and so do the last measures of all optimizers.
    @over_runs
    def begin(key_and_hyper, _):
        key, hyper = key_and_hyper
        return training.start(problem, make(**hyper), key)

    @over_runs
    def advance(run_and_hyper, data):
        run, hyper = run_and_hyper
        return training.advance(problem, make(**hyper), run, data, **settings)

    judged = over_runs(lambda run, _: evaluate_at(run.state, run.params))
    finish = over_runs(lambda params, data: training.finish(problem, params, data))

    data = spreading.everywhere(jax.tree.map(precision.array, data), devices)
    learned = data._replace(at_end={})
    for first in range(0, len(keys), chunk):
        indices = list(range(first, min(first + chunk, len(keys))))
        places = np.minimum(np.arange(first, first + chunk), len(keys) - 1)
        columns = (hypers or {}).items()
        hyper = {name: precision.array(v)[places] for name, v in columns}
        run, blocks = begin((keys[places], hyper), ()), []
        for done in range(size, epochs + 1, size):
            run, history = jax.block_until_ready(advance((run, hyper), learned))
            blocks.append(jax.device_get(history))
            if on_block is not None:
                on_block(indices, done)
        final = jax.device_get(finish(judged(run, ()), data.at_end))
        # A row of what lies on many devices is an all-reduce to XLA, which ends the
        # process when one of them is 40 seconds late.
        runs = _rows(jax.device_put(run, devices[0]), len(indices))
        history = training.joined(blocks)
        for row, index in enumerate(indices):
            take = lambda tree, row=row: jax.tree.map(lambda x: x[row], tree)
            measured = {name: float(value) for name, value in take(final).items()}
            yield Trained(index, runs[row], take(history), measured)


def program(
    problem: training.Problem,
    make: Callable,
    data: training.Data,
    names: tuple[str, ...],
    evaluate_at: Callable = training.at_params,
) -> str:
    """Returns the hash of what a run is: its programs, with the constants in them.

    They are the start of a run, an epoch of one batch and what is measured at its end,
    lowered for hyperparameters that are traced: network, loss, metrics, augmentation,
    optimizer and `evaluate_at`, with whatever they read from elsewhere. Of the data
    only the shapes of a batch and of what is measured at once are in it. What a host
    callback does, and what is drawn anew at each call, is not.

    Args:
      problem: the network, its loss and its metrics.
      make: makes the optimizer from its hyperparameters.
      data: what is trained on, and what is measured when.
      names: the hyperparameters that it is made from.
      evaluate_at: as in `training.advance`.
    """
    hypers = {name: jax.ShapeDtypeStruct((), jnp.float32) for name in names}
    cut = lambda split, size: tuple(x[:size] for x in split)
    measured = lambda splits: {n: cut(x, training.CHUNK) for n, x in splits.items()}
    every, at_end = measured(data.every_epoch), measured(data.at_end)
    small = training.Data(cut(data.train, problem.batch_size), every)

    @jax.jit
    def begin(key, hypers):
        return training.start(problem, make(**hypers), key)

    @jax.jit
    def advance(run, hypers, data):
        settings: Any = {"epochs": 1, "evaluate_at": evaluate_at}
        return training.advance(problem, make(**hypers), run, data, **settings)

    @jax.jit
    def finish(run, at_end):
        judged = evaluate_at(run.state, run.params)
        return judged, training.finish(problem, judged, at_end)

    key = jax.random.key(0)
    run = jax.eval_shape(begin, key, hypers)
    lowered = (
        begin.lower(key, hypers),
        advance.lower(run, hypers, small),
        finish.lower(run, at_end),
    )
    text = "\n".join(each.as_text() for each in lowered)
    return hashlib.sha256(text.encode()).hexdigest()


@functools.partial(jax.jit, static_argnums=1)
def _rows(runs: training.Run, count: int) -> list[training.Run]:
    """Takes runs apart in one program: one for every array takes longer."""
    return [jax.tree.map(lambda x, row=row: x[row], runs) for row in range(count)]


def spread(devices: list, on_cpu: bool) -> Callable[[Callable], Callable]:
    """Returns what turns f(run, data) into a program over a leading axis of runs."""

    def over_runs(f):
        def on_device(run, data):
            if on_cpu:
                return jax.lax.map(lambda one: f(one, data), run)
            return jax.vmap(f, (0, None))(run, data)

        return spreading.over_devices(on_device, devices, shared=1)

    return over_runs
