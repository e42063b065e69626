# The pure parts of benchmarks/sweep.py: what is trained and counted, phases to rows.

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import bench
import sweep
import sweep_process
import sweep_work

WORK = sweep_work.Work((0.1, 0.2), (5, 6), epochs=3, device="cpu", cores=8)
SAID = {
    "first": {"time": 13.0},
    "ready": {"time": 14.0, "done": 2},
    "end": {"time": 20.0, "accuracies": [50.0, 60.0, 70.0, 80.0, 90.0]},
}


def test_every_rate_meets_every_seed_once():
    assert WORK.points == [(0.1, 5), (0.1, 6), (0.2, 5), (0.2, 6)]
    full = WORK._replace(rates=sweep.RATES, seeds=sweep.SEEDS).points
    assert len(set(full)) == 64
    assert (sweep.RATES[0], sweep.RATES[-1]) == (1e-4, 1e-2)


def test_some_trainings_are_left_after_the_first_of_every_core():
    assert WORK.at_once == 2
    assert WORK._replace(cores=1).at_once == 1
    assert WORK._replace(device="gpu").at_once == 1
    assert WORK._replace(rates=(0.1,), seeds=(0,)).at_once == 1


def test_flops_are_those_counted_by_hand():
    # 2 → 3 → 1: products of 6 and of 3 numbers, two operations each.
    forward = 2 * (6 + 3)
    to_kernels, to_inputs = 2 * (6 + 3), 2 * 3  # not to the inputs of the first layer
    assert sweep_work.flops((2, 3, 1), trained=0, tested=1) == forward
    trained = forward + to_kernels + to_inputs
    assert sweep_work.flops((2, 3, 1), trained=10, tested=100) == (
        10 * trained + 100 * forward
    )


def test_the_network_counted_is_the_one_trained():
    import jax

    from optax_lab.problems import networks

    pairs = zip(sweep_work.LAB[:-1], sweep_work.LAB[1:], strict=True)
    parameters = sum((above + 1) * below for above, below in pairs)
    made = jax.eval_shape(networks.residual_mlp().init, jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(made)) == parameters


def test_what_a_process_says_is_found_among_what_others_print(capsys):
    print("a banner")
    sweep_work.say("ready", done=2)
    print("{not ours}")
    sweep_work.say("end", accuracies=[1.0])
    said = sweep_work.said(capsys.readouterr().out)
    assert list(said) == ["ready", "end"]
    assert said["ready"]["done"] == 2
    assert said["ready"]["time"] <= said["end"]["time"]


def test_phases_become_seconds_from_the_start_and_a_rate_after_it():
    found = sweep_process.measured(10.0, SAID, 22.0, 1_000)
    assert found == sweep_process.Measured(
        whole=12.0, ready=4.0, first=3.0, steady=0.5, memory=1_000, accuracy=70.0
    )


def test_a_share_is_of_the_products_rate_in_the_same_turn():
    report = bench.Report("sweep", "A title.")
    taken = sweep_process.measured(10.0, SAID, 22.0, 1_000)
    training = sweep_work.flops(sweep_work.LAB, 3 * 4000, 3 * 1000)
    found = {name: [taken, taken] for name in (sweep.OURS, sweep.LAB)}
    rates = {name: [training, 2 * training] for name in found}  # a training per second
    sweep.tell(report, WORK, found, rates)
    case, values = "4 trainings of 3 epochs", report.values
    np.testing.assert_allclose(
        values(case, sweep.OURS, "share of the matmul rate"), [50, 25]
    )
    np.testing.assert_allclose(values(case, sweep.LAB, "steady rate"), 30)
    np.testing.assert_allclose(values(case, sweep.LAB, "rate of the whole process"), 20)
    assert [claim.goal for claim in report.claims] == ["–", "–", "≥ 85 %"]


def test_memory_is_of_a_process_and_all_it_started_even_once_adopted():
    parent_of = {1: 0, 7: 1, 8: 7, 9: 8, 20: 1}
    assert sweep_process.family({7}, parent_of) == {7, 8, 9}
    adopted = {1: 0, 7: 1, 9: 1, 10: 9, 20: 1}  # 8 has ended
    assert sweep_process.family({7, 8, 9}, adopted) == {7, 9, 10}
    assert sweep_process.family({7}, {1: 0}) == set()


def test_a_peer_that_is_missing_ends_with_status_2(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    options = argparse.Namespace(device="cpu", quick=False)
    with pytest.raises(SystemExit) as ended:
        sweep.chosen(options, 64)
    assert ended.value.code == 2
    assert "torch is missing" in capsys.readouterr().err


def test_what_is_left_out_is_noted(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    quick = argparse.Namespace(device="cpu", quick=True)
    kept, notes = sweep.chosen(quick, 4)
    assert len(kept) + len(notes) == len(sweep.CONTENDERS)
    assert any("16" in note for note in notes)
    assert any("Ray" in note for note in notes)
    on_gpu = argparse.Namespace(device="gpu", quick=False)
    kept, notes = sweep.chosen(on_gpu, 64)
    assert set(sweep.CONTENDERS) - set(kept) == {"Ray Tune, PyTorch, tensors"}
    assert len(notes) == 1
