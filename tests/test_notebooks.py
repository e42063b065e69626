# The course: its sources, what is made of them, and what a grader says.

import ast
import asyncio
import copy
import functools
import importlib
import queue
import re
import shutil
import sys
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import jax
import pytest

from optax_lab.checks import (
    adams,
    averages,
    basics,
    choices,
    descents,
    epochs,
    intervals,
    mistakes,
    stopping,
    turns,
)
from optax_lab.checks.exercise import Exercise
from tests import mistaken

ROOT = Path(__file__).parents[1]
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
BANNERS = ("START OF YOUR CODE", "END OF YOUR CODE")


@functools.cache
def builder():
    """Returns `notebooks/build.py`; Jupyter's schemas take seconds to import."""
    sys.path.insert(0, str(ROOT / "notebooks"))
    pytest.importorskip("nbgrader", reason="the extra `teach` is not installed")
    return importlib.import_module("build")


def source_of(stem):
    return builder().read(ROOT / "notebooks" / f"{stem}.py")


def committed(stem, folder="notebooks"):
    return builder().nbformat.read(ROOT / folder / f"{stem}.ipynb", 4)


def cells_of(notebook):
    return [
        (cell.id, cell.cell_type, cell.source, cell.metadata.get("nbgrader"))
        for cell in notebook.cells
    ]


def marks_of(cell):
    return cell.metadata.get("nbgrader", {})


def blanks_of(notebook):
    """Returns the numbers of the cells of code that a student writes."""
    return [
        i
        for i, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and marks_of(cell).get("solution")
    ]


def solution_lines(notebook):
    """Yields every line of every solution and hidden test that says something."""
    for cell in notebook.cells:
        inside = False
        for line in cell.source.splitlines():
            if line.strip("#< !-") in ("BEGIN SOLUTION", "BEGIN HIDDEN TESTS"):
                inside = True
            elif line.strip("#< !->") in ("END SOLUTION", "END HIDDEN TESTS"):
                inside = False
            elif inside and len(line.strip()) > 8:
                yield line.strip()
        whole = marks_of(cell).get("solution") and "BEGIN SOLUTION" not in cell.source
        if whole:
            yield from (x for x in map(str.strip, cell.source.splitlines()) if x)


# --- What is committed ----------------------------------------------------------------


@pytest.mark.parametrize("stem", STEMS)
def test_a_committed_notebook_has_the_cells_of_its_source(stem):
    source = source_of(stem)
    assert cells_of(committed(stem)) == cells_of(source)
    given = committed(stem, "notebooks/student")
    assert cells_of(given) == cells_of(builder().blanked(source))


@pytest.mark.parametrize("stem", STEMS)
def test_a_notebook_with_answers_is_small_and_was_run_without_errors(stem):
    path = ROOT / "notebooks" / f"{stem}.ipynb"
    assert path.stat().st_size <= 300_000
    code = [cell for cell in committed(stem).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code if cell.source.strip())
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert all(output.output_type != "error" for output in outputs)


@pytest.mark.parametrize("stem", STEMS)
def test_every_figure_of_a_notebook_says_what_it_shows(stem):
    pictures = [
        output
        for cell in committed(stem).cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    alts = [p.metadata.get("image/png", {}).get("alt", "") for p in pictures]
    assert all(len(alt) > 40 for alt in alts), alts


# What answers say without printing it: hyperparameters, and what is done in the head.
GIVEN = {
    "01_moving_average": {0.999},
    "02_optimizers_on_a_surface": {2 / 0.003, 31.6 * 0.1},
}


def printed(notebook):
    """Returns all numbers that the cells of a notebook print, and 100 times each."""
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    text = " ".join(o.get("text", "") or o["data"]["text/plain"] for o in outputs)
    found = re.findall(r"\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?", text)
    numbers = {float(x.replace(",", "")) for x in found}
    return numbers | {100 * x for x in numbers}


@pytest.mark.parametrize("stem", STEMS)
def test_every_long_number_in_an_answer_is_printed_by_the_notebook(stem):
    notebook = committed(stem)
    known = printed(notebook) | GIVEN.get(stem, set())
    answers = [
        re.sub(r"\$[^$]*\$", " ", cell.source)  # formulas are worked out in the text
        for cell in notebook.cells
        if cell.cell_type == "markdown" and marks_of(cell).get("solution")
    ]
    assert answers
    for said in re.findall(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?", " ".join(answers)):
        digits = len(said.partition(".")[2])
        if len(re.sub(r"\D", "", said).lstrip("0")) >= 3:
            value = float(said.replace(",", ""))
            assert any(round(x, digits) == value for x in known), said


@pytest.mark.parametrize("stem", STEMS)
def test_a_student_is_given_blanks_and_no_line_of_a_solution(stem):
    source, given = source_of(stem), committed(stem, "notebooks/student")
    for i in blanks_of(given):
        assert all(banner in given.cells[i].source for banner in BANNERS)
        assert "NotImplementedError" in given.cells[i].source
    assert not any(cell.get("outputs") for cell in given.cells)
    text = {line.strip() for c in given.cells for line in c.source.splitlines()}
    assert not text & set(solution_lines(source))


@pytest.mark.parametrize("stem", STEMS)
def test_the_marks_for_the_grader_are_whole_and_named_once(stem):
    marked = [marks_of(cell) for cell in source_of(stem).cells if marks_of(cell)]
    names = [marks["grade_id"] for marks in marked]
    assert len(set(names)) == len(names)
    assert sum(marks.get("points", 0) for marks in marked) > 0
    for cell in source_of(stem).cells:
        if marks_of(cell).get("grade") and cell.cell_type == "code":
            assert marks_of(cell)["locked"]
            assert "HIDDEN TESTS" in cell.source


@pytest.mark.parametrize("stem", STEMS)
def test_colab_keeps_its_own_jax(stem):
    first = next(c for c in source_of(stem).cells if c.cell_type == "code").source
    command = next(line for line in first.splitlines() if "%pip" in line)
    assert '"google.colab" in sys.modules' in first
    assert "--no-deps" in command
    named = {re.split(r"[=<>\[;]", word)[0] for word in command.split()}
    assert not {"jax", "jaxlib", "flax", "numpy", "optax"} & named


# --- What runs ------------------------------------------------------------------------


class Graded(NamedTuple):
    """Holds what nbgrader ran of a submission, in the fast way, and what it gave."""

    notebook: Any
    score: float
    most: float


@pytest.fixture(scope="module", params=STEMS)
def graded(request, tmp_path_factory):
    """Grades an empty and a full submission of one notebook."""
    folder, stem = tmp_path_factory.mktemp("course"), request.param
    builder().release(folder, [ROOT / "notebooks" / f"{stem}.py"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTAX_LAB_FAST", "1")
        empty, full = grade(folder, "empty", "release"), grade(folder, "full", "source")
    return {"empty": empty, "full": full}


def grade(folder, student, kind):
    """Hands in a notebook of a course as it is released, or as its source is."""
    submitted, ran = (
        folder / place / student / builder().ASSIGNMENT
        for place in ("submitted", "autograded")
    )
    shutil.copytree(folder / kind / builder().ASSIGNMENT, submitted)
    grader = builder().course(folder)
    result = grader.autograde(builder().ASSIGNMENT, student, create=True)
    assert result["success"], result["log"]
    with grader.gradebook as book:
        (found,) = book.find_submission(builder().ASSIGNMENT, student).notebooks
        notebook = builder().nbformat.read(ran / f"{found.name}.ipynb", 4)
        return Graded(notebook, found.score, found.max_score)


def error_of(cell):
    """Returns what a cell raised: the kind of error and its words, or None."""
    raised = [o for o in cell.get("outputs", []) if o.output_type == "error"]
    return (raised[0].ename, raised[0].evalue) if raised else None


def test_a_notebook_whose_kernel_loses_a_message_is_run_once_more(monkeypatch):
    lost, tries = builder().nbclient.exceptions.CellTimeoutError("lost"), []

    class Client:
        def __init__(self, notebook, **settings):
            self.notebook = notebook

        def execute(self, env):
            tries.append(self.notebook)
            self.notebook.metadata["by"] = len(tries)
            if len(tries) in fails:
                raise lost

    monkeypatch.setattr(builder().nbclient, "NotebookClient", Client)
    notebook, fails = source_of(STEMS[0]), {1}
    assert builder().execute(notebook).metadata["by"] == 2
    assert "by" not in notebook.metadata
    fails = {3, 4}
    with pytest.raises(type(lost)):
        builder().execute(notebook)


def test_a_message_that_asyncio_was_not_told_of_is_found_within_a_second():
    class Socket:  # whose first two waits end without what has come
        waits: ClassVar[list] = []

        async def poll(self, wait):
            self.waits.append(wait)
            return len(self.waits) > 2

    class Channel(builder().kernels.Channel):
        def __init__(self):
            self.socket = Socket()

        async def _recv(self):
            return "the message"

    assert asyncio.run(Channel().get_msg(600)) == "the message"
    assert asyncio.run(Channel().get_msg()) == "the message"
    assert max(Socket.waits) <= 1000
    Socket.waits.clear()
    with pytest.raises(queue.Empty):
        asyncio.run(Channel().get_msg(0))
    assert Socket.waits == [0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Object of type")  # nbgrader's, from SQLAlchemy
def test_it_runs_to_its_end_in_the_fast_way_and_every_blank_stops_at_its_cell(graded):
    code = [c for c in graded["full"].notebook.cells if c.cell_type == "code"]
    assert all(cell.execution_count for cell in code if cell.source.strip())
    assert not any(map(error_of, code)), [*map(error_of, code)]
    empty = graded["empty"].notebook
    blanks = blanks_of(empty)
    assert len(blanks) == len(blanks_of(graded["full"].notebook)) > 0
    for i in blanks:
        name, words = error_of(empty.cells[i])
        assert name == "NotImplementedError" and "write your code here" in words


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Object of type")
def test_an_empty_submission_scores_nothing_and_the_solution_all(graded):
    assert graded["empty"].score == 0
    assert graded["full"].score == graded["full"].most > 0


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_it_runs_to_its_end_in_the_full_way(stem, monkeypatch):
    # Trainings of minutes: compiled as a user's, they take a quarter less.
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    builder().execute(source_of(stem))


# --- Mistakes -------------------------------------------------------------------------


def edits_of(stem):
    """Returns all mistakes: (task, mistake, what is written for what)."""
    return [
        (task, mistake, changes)
        for task, wrong in mistaken.EDITS[stem].items()
        for mistake, changes in wrong.items()
    ]


def defined(stem):
    """Returns what a notebook imports and defines before its first task, as code."""
    text = (ROOT / "notebooks" / f"{stem}.py").read_text()
    before = text.partition("BEGIN SOLUTION")[0].rpartition("# %%")[0]
    kept = [
        node
        for node in ast.parse(before).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.FunctionDef) and not node.args.defaults)
    ]
    return ast.unparse(ast.Module(kept, []))


def written(cell, changes):
    """Returns the code of a solution with a mistake in it."""
    code = cell.source
    for old, new in changes.items():
        assert old in code, f"there is no {old!r}"
        code = code.replace(old, new)
    return code


def by_name(source):
    return {marks_of(cell).get("grade_id"): cell for cell in source.cells}


def is_told(task, mistake, kind, words):
    """Asserts that what a check raised says which mistake it was."""
    assert kind == "CheckFailed", (task, mistake, kind, words)
    name = mistake.split()[0]
    told = mistaken.TOLD.get(name) or mistakes.HINTS[name][0]
    assert told in words, (task, mistake, words)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:divide by zero")  # a notebook only shows it
@pytest.mark.parametrize("stem", STEMS)
def test_a_notebook_filled_with_a_known_mistake_is_told_which(stem):
    cells, names = by_name(source_of(stem)), {}
    with (
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        exec(defined(stem), names)
        for task, mistake, changes in edits_of(stem):
            exec(written(cells[task], changes), names)
            is_told(task, mistake, *raised_by(cells[f"check-{task}"].source, names))


def raised_by(code, names):
    """Returns what code raised: the kind of error and its words."""
    try:
        exec(code, names)
    except Exception as error:
        return type(error).__name__, str(error)
    return None, "nothing"


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_a_kernel_shows_what_is_told_of_a_mistake_of_every_task(stem):
    every_mistake, source = mistaken.EDITS[stem], source_of(stem)
    cells, notebook = by_name(source), copy.deepcopy(source)
    edits = [(of, *next(iter(wrong.items()))) for of, wrong in every_mistake.items()]
    notebook.cells = [builder().nbformat.v4.new_code_cell(defined(stem), id="defined")]
    for task, _, changes in edits:
        filled = copy.deepcopy(cells[task])
        filled.source = written(cells[task], changes)
        checked = copy.deepcopy(cells[f"check-{task}"])
        checked.metadata["tags"] = ["raises-exception"]
        notebook.cells += [filled, checked]
    checked = builder().execute(notebook, fast=True).cells[2::2]
    for (task, mistake, _), cell in zip(edits, checked, strict=True):
        is_told(task, mistake, *(error_of(cell) or (None, "nothing")))


def test_every_mistake_that_a_check_knows_is_made_in_a_notebook():
    made = {
        task.replace("-", "_"): {name.split()[0] for name in wrong}
        for tasks in mistaken.EDITS.values()
        for task, wrong in tasks.items()
    }
    rooms = (adams, averages, basics, descents, intervals, stopping, turns)
    exercises = [it for room in rooms for it in vars(room).values()]
    known = {x.name: set(x.mistakes) for x in exercises if isinstance(x, Exercise)}
    known["first_epoch"] = set(epochs.MISTAKES)
    known["optimizers"] = {m for it in choices.ASKED.values() for m in it.wrong}
    assert len(known) == 13
    missing = {task: known[task] - made.get(task, set()) for task in known}
    assert not any(missing.values()), missing


@pytest.mark.slow
def test_what_a_teacher_hands_out_is_what_is_committed(tmp_path):
    builder().release(tmp_path)
    for stem in STEMS:
        path = tmp_path / "release" / builder().ASSIGNMENT / f"{stem}.ipynb"
        assert [c.source for c in builder().nbformat.read(path, 4).cells] == [
            c.source for c in committed(stem, "notebooks/student").cells
        ]
