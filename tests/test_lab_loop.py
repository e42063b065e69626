# What benchmarks/lab_loop.py and its like count and compare, without training.

import argparse
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import bench
import lab_claims
import lab_contenders
import lab_flops
import lab_loop
import lab_processes
import lab_workers
import study_cost
import timing

from optax_lab.problems import digits, networks
from optax_lab.runs import training

# --- FLOPs ----------------------------------------------------------------------------


def test_flops_are_those_counted_by_hand():
    # 2 → 3 → 1: products of 6 and of 3 numbers, two operations each.
    forward = 2 * (6 + 3)
    to_kernels, to_inputs = 2 * (6 + 3), 2 * 3  # not to the inputs of the first layer
    assert lab_flops.flops(0, 1, (2, 3, 1)) == forward
    trained = forward + to_kernels + to_inputs
    assert lab_flops.flops(10, 100, (2, 3, 1)) == 10 * trained + 100 * forward


def products(f, *args):
    """Counts the FLOPs of the matrix products in a function without loops."""
    total = 0
    for equation in jax.make_jaxpr(f)(*args).eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left, out = equation.invars[0].aval, equation.outvars[0].aval
            total += 2 * out.size * np.prod([left.shape[i] for i in contracted])
    return total


def test_flops_are_those_of_the_products_that_jax_makes():
    network = networks.residual_mlp()
    params = network.init(jax.random.key(0))
    inputs, labels = jnp.zeros((7, 40), jnp.float32), jnp.zeros(7, jnp.int32)
    loss = lambda p: training.cross_entropy(network.apply(p, inputs), labels).mean()
    assert products(network.apply, params, inputs) == lab_flops.flops(0, 7)
    assert products(jax.grad(loss), params) == lab_flops.flops(7, 0)
    assert lab_flops.of_epochs(3) == lab_flops.flops(12_000, 3000)


def test_a_study_also_validates_and_measures_the_whole_sets_at_the_end(monkeypatch):
    # As many examples as are asked for, without making them: only these are counted.
    blank = lambda n: digits.Split(np.zeros((n, 40), "f4"), np.zeros(n, "i4"))
    monkeypatch.setattr(digits, "frozen", lambda: (blank(4000), blank(1000)))
    monkeypatch.setattr(digits, "fresh", lambda n, *, seed: blank(n))
    monkeypatch.setattr(study_cost, "task", study_cost.task.__wrapped__)
    expected = lab_flops.flops(3 * 4000, 3 * 2000 + 4000 + 10_000)
    assert study_cost.flops_of_a_training(3) == expected


# --- What is measured -----------------------------------------------------------------


def test_the_first_ten_epochs_are_not_among_the_steady_seconds(monkeypatch):
    clock = iter(np.arange(100.0))
    monkeypatch.setattr(lab_workers.time, "perf_counter", lambda: next(clock))

    def train(name, epochs, seeds, told):
        for _ in range(epochs):
            told(1)
        return [50.0, 70.0]

    found = lab_workers.measured(train, "adam", 20, [0, 1])
    assert found == {"seconds": 100.0, "first": 10.0, "accuracy": 60.0}


def test_every_other_turn_goes_backwards():
    assert timing.ordered("abc", 0) == ["a", "b", "c"]
    assert timing.ordered("abc", 1) == ["c", "b", "a"]


def test_processes_divide_the_seeds_of_a_study(monkeypatch):
    monkeypatch.setattr(bench, "available_cores", lambda: 3)
    seeds = range(8)
    shares = lab_processes.shares(lab_contenders.EACH, seeds)
    assert shares == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert lab_processes.shares(lab_contenders.EACH, range(2)) == [[0], [1]]
    assert lab_processes.shares(lab_contenders.STUDY, seeds) == [list(seeds)]


@pytest.mark.slow
def test_a_process_that_dies_is_told_with_its_last_line():
    options = ("--serve", "--device", "gpus")
    process = lab_processes.Process(lab_contenders.ONE, *options)
    process.ask("adam", 1, [0])
    with pytest.raises(
        lab_processes.Failed, match=r"thread ended with status 2: .*gpus"
    ):
        process.answer()


# --- What is claimed ------------------------------------------------------------------


def test_ours_are_claimed_against_the_lab_and_the_fastest_of_each_kind():
    report = bench.Report("lab_loop", "A title.")
    names = list(lab_contenders.CONTENDERS)
    seconds = dict(zip(names, (8, 9, 5, 10, 7, 6, 4, 8, 6, 5, 3, 4, 2), strict=True))
    for who, took in seconds.items():
        for name in ("sgd", "adam"):
            report.add(name, who, lab_claims.STEADY, "s", [took, took])
        for state in ("cold", "warm"):
            report.add(f"adam, {state}", who, lab_claims.WHOLE, "s", [took, took])
    lab_claims.claim(report, names, ("sgd", "adam"))
    steady = [c for c in report.claims if "steady" in c.what]
    told = lambda ours, peer, why: (
        f"{ours}: trainings in the time of one of {peer} ({why}), "
        "steady, geometric mean"
    )
    ours, study = lab_contenders.SINGLE, lab_contenders.STUDY
    fast = "PyTorch, tensors, one thread"
    assert [(c.what, round(c.value, 9), c.at_least) for c in steady] == [
        (told(ours, "PyTorch", "the lab's loop"), 2, 3),
        (told(ours, fast, "the fastest PyTorch"), 1.5, None),
        (told(ours, lab_contenders.SCAN, "the fastest other JAX"), 1.25, None),
        (told(study, "PyTorch", "the lab's loop"), 4, 6),
        (told(study, lab_contenders.EACH, lab_claims.CORES), 2.5, None),
        (told(study, lab_contenders.FAST, "the fastest PyTorch"), 2, None),
        (
            told(
                study,
                f"{lab_contenders.SCAN}, a process per core",
                "the fastest other JAX",
            ),
            *(1.5, None),
        ),
    ]
    whole = [c.what for c in report.claims if "whole process, cold" in c.what]
    assert len(whole) == 6
    assert all("per core" in what for what in whole if what.startswith(study))


def test_counts_are_at_least_one(capsys):
    for option in ("--whole-epochs", "--whole-repeats", "--seeds", "--epochs"):
        with pytest.raises(SystemExit):
            lab_loop.chosen([option, "0"])
    with pytest.raises(SystemExit):
        lab_loop.chosen(["--epochs", "10"])
    assert "multiple of 10" in capsys.readouterr().err


@pytest.mark.slow
def test_a_gpu_that_is_not_there_ends_with_status_2(capfd):
    if jax.default_backend() != "cpu":
        pytest.skip("there is a GPU")
    import lab_devices

    lab_devices.require(argparse.Namespace(device="cpu"))
    with pytest.raises(SystemExit) as ended:
        lab_devices.require(argparse.Namespace(device="gpu"))
    assert ended.value.code == 2
    said = capfd.readouterr().err
    assert "--device gpu" in said and "Traceback" not in said
