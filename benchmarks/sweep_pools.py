"""How sweep.py spreads PyTorch's trainings over the cores: a pool, and Ray Tune.

PyTorch itself is imported in the processes that train only.
"""

import concurrent.futures
import multiprocessing
import tempfile

import sweep_work

PATIENCE = 300  # seconds that the workers have for starting


def pool(work: sweep_work.Work, way: str) -> None:
    """Trains in a pool of processes, each with one thread (on a GPU, one process)."""
    spawn = multiprocessing.get_context("spawn")
    all_ready = spawn.Barrier(work.at_once + 1)
    settings = (work.epochs, way, _device(work))
    accuracies = []
    with concurrent.futures.ProcessPoolExecutor(
        work.at_once, spawn, _load, (all_ready, *settings[1:])
    ) as workers:
        found = workers.map(_train, ((*p, *settings) for p in work.points))
        all_ready.wait(PATIENCE)
        sweep_work.say("ready", done=0)
        for accuracy in found:
            if not accuracies:
                sweep_work.say("first")
            accuracies.append(accuracy)
        sweep_work.say("end", accuracies=accuracies)


def _load(all_ready, way: str, device: str) -> None:
    """Prepares a worker: imports PyTorch, loads the data, waits for the others."""
    try:
        import sweep_torch

        sweep_torch.prepare(way, device)
    except BaseException:
        all_ready.abort()  # nobody need wait for this one
        raise
    all_ready.wait(PATIENCE)


def _train(arguments: tuple) -> float:
    import sweep_torch

    return sweep_torch.train(*arguments)


def ray_tune(work: sweep_work.Work, way: str) -> None:
    """Trains as trials of one core each, which report once, at their end."""
    import ray
    from ray import tune

    settings = (work.epochs, way, _device(work))

    def trial(config):
        import sweep_torch

        return {
            "accuracy": sweep_torch.train(config["rate"], config["seed"], *settings)
        }

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


def _device(work: sweep_work.Work) -> str:
    return "cuda" if work.device == "gpu" else "cpu"
