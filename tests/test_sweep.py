# The pure parts of benchmarks/sweep.py: what is trained and counted, phases to rows.

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import bench
import lab_flops
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


def told(names, rates):
    """Returns a report of contenders whose trainings took the same."""
    report = bench.Report("sweep", "A title.")
    taken = sweep_process.measured(10.0, SAID, 22.0, 1_000)
    found = {name: [taken, taken] for name in names}
    sweep.tell(report, WORK, found, dict.fromkeys(found, rates), 3000)
    return report


def test_a_share_is_of_the_products_rate_in_the_same_turn():
    training = lab_flops.of_epochs(3)
    report = told((sweep.OURS, sweep.LAB), [training, 2 * training])  # one in a second
    case, values = "4 trainings of 3 epochs", report.values
    np.testing.assert_allclose(
        values(case, sweep.OURS, "share of the matmul rate"), [50, 25]
    )
    np.testing.assert_allclose(values(case, sweep.LAB, "steady rate"), 30)
    np.testing.assert_allclose(values(case, sweep.LAB, "rate of the whole process"), 20)
    assert [claim.goal for claim in report.claims] == ["–", "–", "≥ 85 %"]
    assert "3000²" in report.claims[-1].what


def test_a_study_is_held_against_the_fastest_of_all_and_of_each_kind():
    rates = dict(zip(sweep.CONTENDERS, (9, 2, 3, 8, 4, 6, 5), strict=True))
    found = sweep.peers(list(rates), rates.get)
    assert found == {
        "JAX, a process per core": ["the fastest peer"],
        "PyTorch pool, tensors": ["the fastest PyTorch"],
        sweep.LAB: ["the lab's loop"],
        "JAX, vmap of 16": ["the fastest `vmap`"],
        "Ray Tune, PyTorch, tensors": ["Ray Tune"],
    }
    rates["PyTorch pool, tensors"] = 10
    roles = sweep.peers(list(rates), rates.get)["PyTorch pool, tensors"]
    assert roles == ["the fastest peer", "the fastest PyTorch"]


def test_every_other_turn_goes_backwards_and_what_is_run_anew_is_noted(monkeypatch):
    called, notes = [], []

    def run(contender, work, on_failure):
        called.append(contender)
        if len(called) == 2:
            on_failure("ended with status 1: no more")
        return sweep_process.measured(10.0, SAID, 22.0, 1_000)

    monkeypatch.setattr(sweep_process, "run", run)
    sweep.turns({"one": 1, "two": 2}, WORK, 2, lambda: 1.0, notes)
    assert called == [1, 2, 2, 1]
    assert notes == [
        "two, in turn 1, was run anew: its process ended with status 1: no more."
    ]


@pytest.mark.slow
def test_a_contender_that_fails_twice_is_told_with_its_last_line():
    why, broken = [], sweep_process.Contender("sweep_work:nothing", {})
    with pytest.raises(sweep_process.Failed, match="status 1: AttributeError"):
        sweep_process.run(broken, WORK, why.append)
    assert len(why) == 1 and "AttributeError" in why[0]


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
