"""Times the lab's training loop in PyTorch and here, in turn, at equal work.

Equal work: MNIST-1D's frozen set in its own order, batches of 100, every epoch records
training loss and accuracy while it trains, and a pass over the 1000 test examples.
Every contender is a process of its own; they take turns. Steady state: a training's
first block of epochs, which compiles, is not counted (it is told as `first_call`).
Goals: 2.5 times PyTorch's speed for one run at a time, 5 times per training for several
seeds on all cores, 50 times the NumPy loop per step for the four toy descents. That
loop records points by `np.append`, as the lab's does; one with a list is timed too.

    python benchmarks/lab_loop.py [--json benchmarks/results/lab_loop.json]
"""

import argparse
import multiprocessing
import os
import time
from pathlib import Path

import lab_numpy
import numpy as np
import timing

NAMES = ("sgd", "momentum", "rmsprop", "adam")
GOALS = {"one run": 2.5, "all cores": 5.0, "descents": 50.0}
BLOCK = 10  # epochs in a block of ours, as `train` chooses for 100


# --- The contenders: each is called once, in its own process --------------------------


def pytorch(options, threads: int | None):
    """Trains in the lab's loop, with PyTorch's own choice of threads or a given one."""
    import lab_torch
    import torch

    from optax_lab.problems import digits

    if threads is not None:
        torch.set_num_threads(threads)
    train_set, test_set = digits.frozen()

    def run(name):
        epochs = options.epochs
        took, accuracy = lab_torch.train(name, 0, epochs, train_set, test_set)
        return {"seconds": took * 100 / epochs, "accuracy": accuracy}

    return run


def ours(options, spread: bool):
    """Trains with `train`, or several seeds on all cores with `trainings`."""
    import jax

    cores = len(os.sched_getaffinity(0)) if spread else 1
    jax.config.update("jax_num_cpu_devices", cores)
    from optax_lab.runs import training
    from optax_lab.studies import execute

    problem, data = lab_problem()
    seeds = np.arange(options.seeds if spread else 1, dtype=np.uint32)
    keys = jax.vmap(jax.random.key)(seeds)
    at_once = min(cores, len(seeds))

    def run(name):
        ends = [time.perf_counter()]
        note = lambda *_: ends.append(time.perf_counter())
        settings = {"epochs": options.epochs, "on_block": note}
        if spread:
            work = execute.trainings(
                problem, lab_optimizer(name), data, keys, **settings
            )
            results = list(work)
        else:
            settings["block"] = BLOCK
            optimizer = lab_optimizer(name)
            results = [training.train(problem, optimizer, data, keys[0], **settings)]
        block = (ends[-1] - ends[1]) / (len(ends) - 2)
        accuracies = [100 * r.history["accuracy/test"][-1] for r in results]
        return {
            "seconds": block * 100 / BLOCK / at_once,
            "accuracy": float(np.mean(accuracies)),
            "first_call": ends[1] - ends[0] - block,
        }

    return run


def lab_problem():
    """Makes the lab's problem: its data, its network, its batches."""
    from optax_lab.problems import digits, networks
    from optax_lab.runs import training

    train_set, test_set = digits.frozen()
    problem = training.Problem(networks.residual_mlp(), shuffle=False)
    return problem, training.Data(tuple(train_set), {"test": tuple(test_set)})


def lab_optimizer(name: str):
    """Makes the lab's optimizer as PyTorch means it."""
    import optax_lab

    return {
        "sgd": optax_lab.sgd(5e-2),
        "momentum": optax_lab.sgd(5e-2, momentum=0.9),
        "rmsprop": optax_lab.rmsprop(1e-3, decay=0.99, eps_in_sqrt=False),
        "adam": optax_lab.adam(1e-3),
    }[name]


CONTENDERS = {
    "PyTorch, default threads": (pytorch, None),
    "PyTorch, one thread": (pytorch, 1),
    "optax_lab, one run": (ours, False),
    "optax_lab, all cores": (ours, True),
}


# --- Taking turns ---------------------------------------------------------------------


def serve(connection, options, contender: str):
    """Answers names of optimizers with measurements until it is told to stop."""
    make, setting = CONTENDERS[contender]
    run = make(options, setting)
    for name in iter(connection.recv, None):
        connection.send(run(name))


def trainings(options) -> dict[str, dict[str, list[dict]]]:
    """Returns the measurements of every optimizer and contender, in turn."""
    spawn = multiprocessing.get_context("spawn")
    lines, workers = {}, []
    for contender in CONTENDERS:
        lines[contender], end = spawn.Pipe()
        arguments = (end, options, contender)
        workers.append(spawn.Process(target=serve, args=arguments, daemon=True))
        workers[-1].start()
    measured = {name: {contender: [] for contender in CONTENDERS} for name in NAMES}
    for repeat in range(options.repeats + 1):  # the first is not counted
        for name in NAMES:
            for contender, line in lines.items():
                line.send(name)
                measured[name][contender].append(line.recv())
                last = measured[name][contender][-1]
                shown = f"{last['seconds']:6.2f} s, {last['accuracy']:.1f} %"
                print(f"{repeat} {name:9s} {contender:25s} {shown}", flush=True)
    for line, worker in zip(lines.values(), workers, strict=True):
        line.send(None)
        worker.join()
    return measured


def speedups(measured) -> dict[str, dict]:
    """Compares ours with both of PyTorch's, turn by turn, first turns left out."""
    result = {}
    for name, of in measured.items():
        counted = {c: [m["seconds"] for m in runs[1:]] for c, runs in of.items()}
        torch = [c for c in CONTENDERS if c.startswith("PyTorch")]
        result[name] = {
            "seconds_per_100_epochs": {
                c: float(np.median(s)) for c, s in counted.items()
            },
            "accuracy": {c: runs[-1]["accuracy"] for c, runs in of.items()},
            "first_call_seconds": {
                c: runs[0]["first_call"] for c, runs in of.items() if c not in torch
            },
            "speedup": {
                c: {t: timing.ratio(counted[t], counted[c]) for t in torch}
                for c in CONTENDERS
                if c not in torch
            },
        }
    return result


def geometric_mean(per_optimizer, contender: str, peer: str) -> float:
    ratios = [of["speedup"][contender][peer]["median"] for of in per_optimizer.values()]
    return float(np.exp(np.mean(np.log(ratios))))


# --- The four toy descents ------------------------------------------------------------


def descents(repeats: int) -> dict[str, dict]:
    """Times the lab's four descents, with its stop rule, here and in NumPy."""
    import jax
    import jax.numpy as jnp

    import optax_lab
    from optax_lab.problems import surfaces
    from optax_lab.runs import descent

    surface = surfaces.quadratic()
    rate = lab_numpy.RATE
    optimizers = {
        "gradient descent": optax_lab.sgd(rate),
        "momentum": optax_lab.momentum(rate, decay=0.9),
        "rmsprop": optax_lab.rmsprop(rate, decay=0.999, eps=1e-5),
        "adam": optax_lab.adam(rate, eps=0.0, eps_root=1e-5),
    }
    start, result = jnp.asarray(surface.start, jnp.float32), {}
    for name, optimizer in optimizers.items():
        rule = {"stop": "step", "tolerance": lab_numpy.TOLERANCE}
        go = jax.jit(
            lambda x, optimizer=optimizer, rule=rule: descent.descend(
                surface.value, optimizer, x, steps=lab_numpy.STEPS, **rule
            )
        )
        steps = int(go(start).steps_taken)
        assert steps == lab_numpy.descend(name)[0], name
        functions = {
            "optax_lab": lambda go=go: jax.block_until_ready(go(start)),
            "NumPy": lambda name=name: lab_numpy.descend(name),
            "NumPy, a list": lambda name=name: lab_numpy.descend(name, []),
        }
        seconds = timing.interleave(functions, repeats)
        result[name] = {
            "steps": steps,
            "seconds": {who: float(np.median(s)) for who, s in seconds.items()},
            "speedup": {
                peer: timing.ratio(seconds[peer], seconds["optax_lab"])
                for peer in ("NumPy", "NumPy, a list")
            },
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20, help="a multiple of 10, > 10")
    parser.add_argument("--seeds", type=int, default=4, help="on all cores, at once")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.epochs % BLOCK or options.epochs <= BLOCK:
        parser.error(f"--epochs must be a multiple of {BLOCK} above it")

    load = os.getloadavg()
    per_optimizer = speedups(trainings(options))
    toys = descents(max(21, options.repeats))
    print("\nseconds per training of 100 epochs (median)")
    for name, of in per_optimizer.items():
        seconds = of["seconds_per_100_epochs"].items()
        print(f"{name:9s}", ", ".join(f"{c}: {s:.2f}" for c, s in seconds))
    peers = [c for c in CONTENDERS if c.startswith("PyTorch")]
    means = {
        c: {peer: geometric_mean(per_optimizer, c, peer) for peer in peers}
        for c in CONTENDERS
        if c not in peers
    }
    for contender, of in means.items():
        goal = GOALS[contender.split(", ")[1]]
        for peer, mean in of.items():
            print(f"{contender} / {peer}: {mean:.2f} times as fast (goal {goal})")
    all_steps = sum(toy["steps"] for toy in toys.values())
    seconds = [toy["seconds"] for toy in toys.values()]
    total = {who: sum(of[who] for of in seconds) for who in seconds[0]}
    toy_ratio = {who: total[who] / total["optax_lab"] for who in total}
    for who in ("NumPy", "NumPy, a list"):
        shown = f"{toy_ratio[who]:.0f} times as fast (goal 50)"
        print(f"four descents, {all_steps} steps / {who}: {shown}")
    results = {
        "goals": GOALS,
        "speedup_geometric_mean": {**means, "descents": toy_ratio},
        "trainings": per_optimizer,
        "descents": toys,
        "epochs": options.epochs,
        "seeds": {
            "PyTorch": [0],
            "one run": [0],
            "all cores": list(range(options.seeds)),
        },
        "repeats": options.repeats,
        "load_average_before": load,
        "machine": timing.machine("jax", "optax", "flax", "torch", "numpy"),
    }
    timing.write(options.json, results)


if __name__ == "__main__":
    main()
