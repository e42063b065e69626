# What all benchmarks share: numbers, rows, claims, pages, figures and their summary.

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import bench
import bench_axes
import bench_figure
import bench_page
import bench_rows
import precision
import redraw
import size
import smooth
import study_cost
import summary
import timing
import update_step
from matplotlib import figure as mpl_figure

ON_CPU = argparse.Namespace(device="cpu", quick=True, out=None)
ENDINGS = ("json", "md", "png")


def test_a_peer_that_is_not_there_ends_with_status_2(capsys):
    assert bench.peer("json") is json
    with pytest.raises(SystemExit) as ended:
        bench.peer("no_such_package")
    assert ended.value.code == 2
    assert "no_such_package is not installed" in capsys.readouterr().err


# --- Rows and claims ------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 0.3, 7.0])
def test_the_interval_of_what_never_changes_has_no_width(value):
    assert bench.interval([value] * 5) == (value, value, value)


@pytest.mark.parametrize("count", range(6, 22))
def test_an_interval_holds_the_true_median_as_often_as_it_says(count):
    low, high = map(int, bench.interval(range(count))[1:])  # the places of its ends
    # As many values lie below the true median as coins show heads.
    ways = sum(math.comb(count, heads) for heads in range(low + 1, high + 1))
    assert ways / 2**count >= 0.95
    for sample in np.random.default_rng(count).exponential(size=(3, count)):
        assert bench.interval(sample)[1:] == tuple(np.sort(sample)[[low, high]])


@pytest.mark.parametrize("count", range(2, 6))
def test_a_range_of_few_turns_is_not_called_an_interval(count):
    claim = bench_rows.claimed("speed", range(count))
    assert (claim.low, claim.high, claim.turns) == (0, count - 1, count)
    assert claim.told.endswith(f"(0 to {count - 1}, all of {count})")
    assert "all of" not in bench_rows.claimed("speed", range(6)).told


def test_an_interval_holds_the_median_and_nothing_outside_the_values():
    values = np.random.default_rng(0).normal(size=21)
    middle, low, high = bench.interval(values)
    assert values.min() <= low < middle == np.median(values) < high <= values.max()


@pytest.mark.parametrize(
    "number, said",
    [
        (0.0, "0"),
        (24.0, "24"),
        (2.5, "2.50"),
        (123.4, "123"),
        (0.012345, "0.0123"),
        (0.00012, "1.20e-04"),
        (1234.5, "1,234"),
        (1e7, "1.00e+07"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_are_said_with_three_digits(number, said):
    assert bench.short(number) == said


@pytest.mark.parametrize(
    "goal, said, met",
    [
        ({}, "–", None),
        ({"at_least": 2}, "≥ 2 ×", False),
        ({"at_most": 2}, "≤ 2 ×", True),
        ({"at_least": 0.9, "at_most": 1.5}, "0.9 to 1.5 ×", True),
        ({"at_least": 0.9, "at_most": 1.1}, "0.9 to 1.1 ×", False),
    ],
)
def test_a_claim_says_its_goal_and_whether_it_is_met(goal, said, met):
    claim = bench.Claim("speed", 1.25, 1.0, 1.5, **goal)
    assert (claim.goal, claim.met) == (said, met)
    assert claim.told == "1.25 × (1 to 1.50)"


@pytest.mark.parametrize(
    "goal, said",
    [
        ({}, ""),
        ({"at_least": 0.9}, "yes"),
        ({"at_least": 1.1}, "yes, within its spread"),
        ({"at_least": 1.3}, "no, within its spread"),
        ({"at_least": 1.6}, "no"),
        ({"at_most": 1.5}, "yes"),
        ({"at_most": 1.3}, "yes, within its spread"),
        ({"at_least": 1.1, "at_most": 1.2}, "no, within its spread"),
        ({"at_least": 1.6, "at_most": 2}, "no"),
    ],
)
def test_a_goal_is_met_or_missed_for_sure_or_within_the_spread(goal, said):
    assert bench_page.verdict(bench.Claim("speed", 1.25, 1.0, 1.5, **goal)) == said


def test_a_number_that_is_no_number_meets_no_goal():
    claim = bench.Claim("speed", *[float("nan")] * 3, at_most=2)
    assert claim.met is False and claim.sure


def a_report():
    report = bench.Report("mine", "Measures something.\n\nAnd more.")
    for case, ours, theirs in (("small", [1, 2, 3], [2, 2, 2]), ("large", [4], [8])):
        report.add(case, "optax_lab", "time", "ms", ours)
        report.add(case, "Optax", "time", "ms", theirs)
    report.add("small", "optax_lab", "size", "MB", [5])
    report.claim(
        "time over Optax's", report.ratios("small", "time", "optax_lab", "Optax")
    )
    report.facts["seed"] = 0
    return report


def test_ratios_are_taken_turn_by_turn():
    ratios = a_report().ratios("small", "time", "optax_lab", "Optax")
    np.testing.assert_array_equal(ratios, [0.5, 1.0, 1.5])
    assert a_report().claims[0].value == 1.0


def test_a_page_has_a_table_of_claims_and_one_of_each_measure():
    report = a_report()
    page = bench_page.as_markdown(report, bench_page.as_json(report, ON_CPU, ["numpy"]))
    assert "| time over Optax's | – | 1 × (0.500 to 1.50, all of 3) |  |" in page
    assert "| time, ms | optax_lab | Optax |\n| --- | --- | --- |\n" in page
    assert "| small | 2 (1.50 to 2.50) | 2 |\n| large | 4 | 8 |\n" in page
    assert "| size, MB | optax_lab |\n| --- | --- |\n| small | 5 |" in page
    assert "A quick try" in page and f"numpy {np.__version__}" in page


def test_what_is_written_can_be_read_back():
    whole = bench_page.as_json(a_report(), ON_CPU, [])
    assert json.loads(bench_page.dumps(whole)) == json.loads(json.dumps(whole))
    empty = bench_page.as_json(bench.Report("none", None), ON_CPU, [])
    assert json.loads(bench_page.dumps(empty))["rows"] == []


def test_json_says_when_and_of_which_commit_it_is():
    whole = bench_page.as_json(a_report(), ON_CPU, [])
    assert len(whole["date"]) == len("2026-11-29")
    page = bench_page.as_markdown(a_report(), whole | {"commit": "abc-dirty"})
    told = f"Measured {whole['date']}, commit abc-dirty, on "
    assert told + whole["machine"]["processor"] in page


def test_a_report_is_read_back_and_older_ones_too():
    report = a_report()
    report.estimate("of means", (3, 2, 4), "%", at_least=2.5)
    whole = json.loads(bench_page.dumps(bench_page.as_json(report, ON_CPU, [])))
    assert bench_page.read(whole).claims == report.claims
    for claim in whole["claims"]:
        del claim["turns"], claim["values"], claim["sure"]
    old = bench_page.read(whole)
    assert [claim[:7] for claim in old.claims] == [claim[:7] for claim in report.claims]


def options_of(folder, *given):
    return bench.parser(None, repeats=5).parse_args(["--out", str(folder), *given])


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_that_is_not_whole_does_not_take_the_place_of_one(tmp_path):
    report = a_report()
    bench.finish(report, options_of(tmp_path))
    report.part = True
    bench.finish(report, options_of(tmp_path))
    bench.finish(report, options_of(tmp_path, "--quick"))
    ends = [f"{part}.{end}" for part in ("-part", "-quick", "") for end in ENDINGS]
    assert files(tmp_path) == [f"mine{end}" for end in ends]
    whole = json.loads((tmp_path / "mine.json").read_text())
    assert whole["facts"] == {"seed": 0, "turns by default": 5} and not whole["part"]
    assert "Only a part" in (tmp_path / "mine-part.md").read_text()
    assert [of["benchmark"] for of in summary.results(tmp_path)] == ["mine"]


def test_what_cannot_be_drawn_leaves_what_was_there_as_it_was(tmp_path):
    def draw(report):
        raise KeyboardInterrupt

    bench.finish(a_report(), options_of(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(KeyboardInterrupt):
        bench.finish(a_report(), options_of(tmp_path), draw=draw)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_pages_are_made_anew_with_intervals_of_the_values(tmp_path, monkeypatch):
    report = a_report()
    report.claim("of eight", range(8))
    bench.finish(report, options_of(tmp_path))
    path = tmp_path / "mine.json"
    whole = json.loads(path.read_text())
    whole["claims"][-1]["low"] = 3.25  # as it would be by another rule
    path.write_text(bench_page.dumps(whole))
    monkeypatch.setitem(sys.modules, "mine", argparse)  # which draws nothing
    (tmp_path / "mine.md").unlink()
    redraw.main([str(path)])
    assert "| of eight | – | 3.50 × (0 to 7) |" in (tmp_path / "mine.md").read_text()
    assert files(tmp_path) == [f"mine.{end}" for end in ENDINGS]


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "many", ""])
def test_a_count_that_is_none_ends_with_status_2(given, capsys):
    with pytest.raises(SystemExit) as ended:
        bench.parser(None, repeats=5).parse_args(["--repeats", given])
    assert ended.value.code == 2
    assert "--repeats: must be a whole number ≥ 1, got" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_ends_with_status_2(tmp_path, capsys):
    (tmp_path / "file").touch()
    for bad in ("file", "file/below"):
        with pytest.raises(SystemExit) as ended:
            options_of(tmp_path / bad)
        assert ended.value.code == 2
        assert "--out: cannot write to a folder" in capsys.readouterr().err
    assert options_of(tmp_path / "new" / "below").out.is_dir()


def test_a_figure_has_a_panel_for_each_measure_that_is_asked_for():
    assert len(bench_figure.draw(a_report()).axes) == 2
    assert len(bench_figure.draw(a_report(), ["time"]).axes) == 1


def test_a_panel_of_a_single_case_has_a_line_for_each_contender():
    report = bench.Report("mine", None)
    for who, value in (("ours", 1.0), ("theirs", 2.0)):
        report.add("small", who, "time", "ms", [value])
    figure = bench_figure.draw(report)
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["ours", "theirs"]
    assert panel.get_xlabel() == "time, ms; small" and not figure.legends


@pytest.mark.parametrize(
    "low, high", [(0.12, 18), (73, 156), (1e-9, 1e3), (2.6, 13.8), (101, 102), (1, 1)]
)
def test_an_axis_has_numbers_on_both_sides_of_all_marks(low, high):
    axis = mpl_figure.Figure().subplots()
    bench_axes.number(axis, [low, high], "s")
    ticks = axis.get_xticks()
    assert axis.get_xscale() == "log"
    assert 4 <= len(ticks) <= 9 and ticks[0] <= low <= high <= ticks[-1]


def test_shares_are_drawn_on_a_linear_axis_of_some_points():
    axis = mpl_figure.Figure().subplots()
    bench_axes.number(axis, [55.5, 56.0], "%")
    assert axis.get_xscale() == "linear" and np.ptp(axis.get_xlim()) >= 5


def test_contenders_take_turns_in_either_order_after_a_call_that_is_not_counted():
    calls = []
    functions = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = timing.interleave(functions, repeats=2)
    assert "".join(calls) == "ababba"
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 2, "b": 2}


# --- The summary ----------------------------------------------------------------------


def write(folder, name, **changed):
    report = a_report()
    report.name = name
    report.estimate(f"of {name}", (3, 2.5, 4), at_most=2)
    report.estimate(f"near {name}", (3, 2.5, 4), at_most=3)
    whole = bench_page.as_json(report, ON_CPU, []) | {"quick": False} | changed
    file = name + ("" if whole["device"] == "cpu" else "-gpu")
    (folder / f"{file}.json").write_text(bench_page.dumps(whole))


def test_the_summary_tells_all_claims_in_its_order(tmp_path):
    for name in ("unknown", "smooth", "lab_accuracy"):
        write(tmp_path, name)
    write(tmp_path, "recipes", quick=True)
    write(tmp_path, "descents", part=True)
    (tmp_path / "old.json").write_text('{"ratio": 1}')
    lines = summary.text(tmp_path).splitlines()
    assert lines[:3:2] == [
        "| measured | goal | result |",
        "| time over Optax's | – | 1 × (0.500 to 1.50, all of 3) |",
    ]
    of = [line.split(" |")[0][2:] for line in lines if line.startswith("| of")]
    assert of == ["of lab_accuracy", "of smooth", "of unknown"]
    assert "| of smooth | ≤ 2 × | 3 × (2.50 to 4), missed |" in lines
    near = "| near smooth | ≤ 3 × | 3 × (2.50 to 4), met (within its spread) |"
    assert near in lines
    assert lines[-1] == summary.NO_GPU


def test_the_summary_tells_apart_what_a_gpu_did(tmp_path):
    write(tmp_path, "smooth")
    write(tmp_path, "smooth", device="Some GPU")
    first, second = summary.text(tmp_path).split("\n\nOn a GPU, Some GPU:\n\n")
    assert first == second
    assert summary.NO_GPU not in first + second


# --- What some of them claim ----------------------------------------------------------


def test_the_update_that_is_slowest_per_byte_is_claimed():
    report = bench.Report("update_step", None)
    for case, ours, moved in (("one", 4, 20), ("two", 3, 10)):
        for who, time, touched in (("optax_lab", ours, moved), ("a copy", 2, 10)):
            report.add(case, who, "time", "ms", [time])
            report.add(case, who, "bytes touched", "MB", [touched])
    update_step.per_byte(report)
    (claim,) = report.claims
    assert claim.what.endswith("two") and claim.value == 1.5


def test_an_update_is_held_against_the_fastest_of_pytorch_on_its_tree():
    report = bench.Report("update_step", None)
    for case, *times in (("`adam` on leaf", 6, 3, 2), ("`adam` on leaves", 9, 3, 3)):
        for who, time in zip(
            ("optax_lab", "PyTorch foreach", "PyTorch fused"), times, strict=True
        ):
            report.add(case, who, "time", "ms", [time])
    update_step.against_torch(report, "leaf")
    update_step.against_torch(report, "gpt2")
    assert [claim.value for claim in report.claims] == [3.0]


def test_an_exponent_is_told_with_that_of_the_two_largest_sizes():
    report = bench.Report("size", None)
    for width, seconds in ((1, 5), (2, 1), (4, 2), (8, 16)):
        report.add(f"width {width}", "optax_lab", size.RUN, "CPU s", [seconds])
    size.claim(report, "width", (1, 2, 4, 8), size.RUN)
    (claim,) = report.claims
    told = "exponent of run time (CPU s) over width, 2 to 8; 3.00 from 4 to 8"
    assert claim.what == told and claim.value == pytest.approx(2)
    (last,) = report.values("run time over width", size.LAST, size.SLOPE)
    assert last == pytest.approx(3)


def test_a_series_is_smoothed_by_scipy_and_by_us_alike():
    xs = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    found = {name: of() for name, of in smooth.ours(xs, on_gpu=True).items()}
    assert list(found) == [smooth.OURS, smooth.ON_GPU]
    assert isinstance(found[smooth.OURS], np.ndarray)
    for average in found.values():
        np.testing.assert_allclose(average, smooth.with_lfilter(xs), atol=1e-5)


def test_trainings_are_compared_seed_by_seed():
    report = bench.Report("precision", None)
    six = precision.Size(seeds=6)
    for what, who, shift in (("nothing", "float32", 0), ("μ", "Optax", 1)):
        for measure in ("training loss", "validation accuracy"):
            values = np.arange(6.0) ** 2 + shift
            report.add(precision.end_of(what, 0.9), who, measure, "%", values)
    precision.claim_trainings(report, six)
    (claim,) = report.claims
    assert (claim.value, claim.low, claim.high) == (1, 1, 1)
    assert report.notes[0].startswith("Of 2 comparisons with float32 averages, 0 show")


def test_a_study_multiplies_after_each_of_its_chunks():
    products = []
    pace = study_cost.Pace(2, lambda: products.append(len(products)))
    for _ in range(5):
        pace.on_run(None)
    assert len(products) == len(pace.taken) == 2
