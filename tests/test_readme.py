# What the README says is true: its code runs, its commands exist.

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jax
import optax
import optax.contrib
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import summary

import optax_lab

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
LINES = [
    line
    for language, code in BLOCKS
    if language == "console"
    for line in code.splitlines()
]
# Small enough for a test; the last of two equal options wins.
FAST = {
    "train": "--epochs 1 --validation-size 100 --test-size 100",
    "compare": "--epochs 1 --seeds 1 --validation-size 100 --test-size 100",
}


def test_every_block_is_python_a_command_or_the_map():
    assert {language for language, _ in BLOCKS} == {"python", "console", ""}


@pytest.mark.slow  # a study and two trainings are compiled
def test_the_python_blocks_run_in_order(capsys):
    names = {}
    with (
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        for code in PYTHON:
            exec(compile(code, "README.md", "exec"), names)
    assert len(capsys.readouterr().out.splitlines()) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("line", [x for x in LINES if x.startswith("optax-lab")])
def test_the_commands_run(line, tmp_path):
    mine = [code for code in PYTHON if code.startswith("# mine.py")]
    (tmp_path / "mine.py").write_text(mine[0])
    words = shlex.split(line)[1:]
    words += shlex.split(FAST.get(words[0], ""))
    words += [] if words[0] in ("check", "explain", "info") else ["--out", "results"]
    done = subprocess.run(
        [sys.executable, "-m", "optax_lab", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_command_is_one_of_the_kinds_that_are_checked():
    makefile = (ROOT / "Makefile").read_text()
    extras = (ROOT / "pyproject.toml").read_text()
    for line in LINES:
        words = shlex.split(line)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), line
        elif words[0] == ".venv/bin/pip":
            assert (ROOT / "constraints.txt").exists()
            for extra in re.findall(r"\.\[([\w,]+)\]", line)[0].split(","):
                assert re.search(rf"^{extra} = ", extras, re.MULTILINE), line
        elif words[0] == ".venv/bin/python":
            assert (ROOT / words[1]).read_text().count("\ndef main("), line
        else:
            assert words[0].endswith("optax-lab"), line


def test_the_figures_and_files_it_names_exist():
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    tree = next(code for language, code in BLOCKS if not language)
    package, rest = tree.split("benchmarks/", 1)
    for name in re.findall(r"^  (\S+)", package, re.MULTILINE):
        assert (ROOT / "optax_lab" / name).exists(), name
    assert "tests/" in rest


def test_its_table_of_measurements_is_what_the_results_say():
    told = summary.text() + "\n"
    assert told.count("\n") > 10
    assert told in README


def test_it_lists_every_optimizer_and_every_wrapper():
    from optax_lab.optimizers import table

    section = README.split("## Every optimizer from one moving average")[1]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    listed = set(re.findall(r"`(\w+)`", "".join(rows[:9])))
    assert listed == {*table.OPTIMIZERS, *table.WRAPPERS}


COMING = (ROOT / "docs/coming_from_optax.md").read_text()


def test_the_page_for_those_who_come_from_optax_runs_in_order():
    names = {}
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        for code in re.findall(r"```python\n(.*?)```", COMING, re.DOTALL):
            exec(compile(code, "coming_from_optax.md", "exec"), names)


def test_of_optaxs_optimizers_that_page_names_all_that_are_not_here():
    told = set(re.findall(r"`(\w+)`", COMING.split("have no counterpart:")[1]))
    makes = lambda f: "Transformation" in str(inspect.signature(f).return_annotation)
    theirs = {
        name
        for module in (optax._src.alias, optax.contrib)
        for name, f in inspect.getmembers(module, inspect.isfunction)
        if makes(f) and not name.startswith("scale_by_")
    }
    parts = {"differentially_private_aggregate", "normalize", "reduce_on_plateau"}
    parts |= {"split_real_and_imaginary"}
    assert {name for name in theirs if not hasattr(optax_lab, name)} - parts == told
