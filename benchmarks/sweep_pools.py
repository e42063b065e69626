"""How sweep.py spreads trainings over the cores: a pool, and Ray Tune.

PyTorch and JAX are imported in the processes that train only.
"""

import concurrent.futures
import functools
import importlib
import multiprocessing
import tempfile
from typing import Any

import sweep_work

PATIENCE = 300  # seconds that the workers have for starting


def pool(work: sweep_work.Work, module: str, **settings: Any) -> None:
    """Trains in a pool: as many processes as cores, each with a thread; on a GPU, one.

    Args:
      work: what is trained.
      module: has `prepare(work, **settings)`, which every process calls once, and
        `train(work, rate, seed, **settings)`, which returns the accuracy.
      settings: what both are given.
    """
    spawn = multiprocessing.get_context("spawn")
    all_ready = spawn.Barrier(work.at_once + 1)
    accuracies = []
    with concurrent.futures.ProcessPoolExecutor(
        work.at_once, spawn, _load, (all_ready, module, work, settings)
    ) as workers:
        one = functools.partial(_train, module, work, settings)
        found = workers.map(one, work.points)
        all_ready.wait(PATIENCE)
        sweep_work.say("ready", done=0)
        for accuracy in found:
            if not accuracies:
                sweep_work.say("first")
            accuracies.append(accuracy)
        sweep_work.say("end", accuracies=accuracies)


def _load(all_ready, module: str, work: sweep_work.Work, settings: dict) -> None:
    """Prepares a worker, and waits for the others."""
    try:
        importlib.import_module(module).prepare(work, **settings)
    except BaseException:
        all_ready.abort()  # nobody need wait for this one
        raise
    all_ready.wait(PATIENCE)


def _train(module: str, work: sweep_work.Work, settings: dict, point: tuple) -> float:
    return importlib.import_module(module).train(work, *point, **settings)


def ray_tune(work: sweep_work.Work, way: str) -> None:
    """Trains as trials of one core each, which report once, at their end."""
    import ray
    from ray import tune

    def trial(config):
        import sweep_torch

        point = config["rate"], config["seed"]
        return {"accuracy": sweep_torch.train(work, *point, way=way)}

    grid = {
        "rate": tune.grid_search(list(work.rates)),
        "seed": tune.grid_search(list(work.seeds)),
    }
    with tempfile.TemporaryDirectory(
        prefix="ray", ignore_cleanup_errors=True
    ) as folder:
        ray.init(
            num_cpus=work.at_once,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
            _temp_dir=folder,
            _node_ip_address="127.0.0.1",
        )
        tuner = tune.Tuner(
            tune.with_resources(trial, {"cpu": 1}),
            param_space=grid,
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(
                storage_path=folder, verbose=0, callbacks=[_teller(work.at_once)]
            ),
        )
        of = {
            (found.config["rate"], found.config["seed"]): found.metrics["accuracy"]
            for found in tuner.fit()
        }
        sweep_work.say("end", accuracies=[of[point] for point in work.points])
        ray.shutdown()


def _teller(at_once: int):
    """Makes what says when the first trials are finished."""
    from ray import tune

    class Teller(tune.Callback):
        done = 0

        def on_trial_complete(self, iteration, trials, trial, **info):
            del iteration, trials, trial, info
            self.done += 1
            if self.done == 1:
                sweep_work.say("first")
            if self.done == at_once:
                sweep_work.say("ready", done=at_once)

    return Teller()
