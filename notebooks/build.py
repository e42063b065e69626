"""Makes the notebooks from their sources: with the answers, and for students.

    python notebooks/build.py [01 03 …]            # both kinds, as they are committed
    python notebooks/build.py --release FOLDER     # an nbgrader course, for a teacher

A source is a script in cells (py:percent) with nbgrader's marks. Its notebook has the
answers and the outputs; the one in `student/` has blanks and no outputs.
"""

import argparse
import copy
import os
import shutil
import sys
from pathlib import Path

import jupytext
import kernels
import nbclient
import nbformat
from nbgrader import preprocessors
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

FOLDER = Path(__file__).parent
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
ASSIGNMENT = "optax_lab"
BIN = str(Path(sys.executable).parent)
STUB = """\
# ----------------- START OF YOUR CODE -----------------
raise NotImplementedError("write your code here, then run this cell again")
# ------------------ END OF YOUR CODE ------------------"""
ANSWER = "*Write your answer here.*"
CONFIG = Config(
    {
        "ClearSolutions": {"code_stub": {"python": STUB}, "text_stub": ANSWER},
        "CourseDirectory": {"course_id": ASSIGNMENT},
        "ExecutePreprocessor": {
            "timeout": 180,
            "kernel_manager_class": kernels.Manager,
        },
    }
)


def read(source: Path) -> nbformat.NotebookNode:
    """Returns a source's notebook, without outputs."""
    notebook = jupytext.read(source)
    for i, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem[:2]}-{i:03}"  # the same in every build
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel})
    nbformat.validate(notebook)
    return notebook


def execute(
    notebook: nbformat.NotebookNode, *, fast: bool = False, timeout: int = 600
) -> nbformat.NotebookNode:
    """Runs a copy of a notebook from top to bottom and returns it with its outputs.

    Args:
      notebook: what to run.
      fast: with fewer steps and epochs, for a test.
      timeout: seconds that any one of its cells may take.
    """
    environment = os.environ | {"OPTAX_LAB_FAST": "1" if fast else ""}
    place = {"metadata": {"path": str(FOLDER)}}
    # What is printed comes in pieces that differ from run to run.
    settings = {"timeout": timeout, "resources": place, "coalesce_streams": True}
    settings |= {"kernel_manager_class": kernels.Manager}
    for attempt in (1, 2):
        ran = copy.deepcopy(notebook)
        try:
            nbclient.NotebookClient(ran, **settings).execute(env=environment)
            break
        except nbclient.exceptions.CellTimeoutError as error:
            # A message is lost now and then (ipython/ipykernel#1554), and a kernel and
            # its client wait for each other; a new one seldom does so too.
            if attempt == 2:
                raise
            print(f"once more in a new kernel: {error}", file=sys.stderr)
    return ran


def tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Leaves out what differs from run to run: times, and the kernel's version."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata.pop("language_info", None)
    notebook.metadata.pop("widgets", None)
    return notebook


def blanked(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Returns what a student gets: blanks, no hidden tests, no outputs."""
    notebook, resources = copy.deepcopy(notebook), {}
    for kind in (
        preprocessors.ClearSolutions,
        preprocessors.ClearHiddenTests,
        preprocessors.LockCells,
        preprocessors.ClearOutput,
    ):
        notebook, resources = kind(config=CONFIG).preprocess(notebook, resources)
    return notebook


def release(folder: Path, sources: list[Path] = SOURCES) -> None:
    """Makes an nbgrader course: sources with answers, and what students are given.

    Args:
      folder: where to; the notebooks for students are in `release/optax_lab`.
      sources: the notebooks that belong to it.
    """
    source = folder / "source" / ASSIGNMENT
    source.mkdir(parents=True, exist_ok=True)
    for path in sources:
        nbformat.write(read(path), source / f"{path.stem}.ipynb")
    shutil.copy(FOLDER / "nbgrader_config.py", folder)
    result = course(folder).generate_assignment(ASSIGNMENT, force=True)
    if not result["success"]:
        raise RuntimeError(result["log"])


def course(folder: Path) -> NbGraderAPI:
    """Returns nbgrader, at work in a course's folder."""
    # It calls a tool of its own by name, which stands beside this Python.
    os.environ["PATH"] = os.pathsep.join([BIN, os.environ.get("PATH", "")])
    config = copy.deepcopy(CONFIG)
    config.CourseDirectory.root = str(folder.resolve())
    return NbGraderAPI(config=config)


def build(source: Path) -> None:
    """Writes both notebooks of a source."""
    notebook = read(source)
    print(f"{source.stem}: running", flush=True)
    nbformat.write(tidied(execute(notebook)), FOLDER / f"{source.stem}.ipynb")
    nbformat.write(blanked(notebook), FOLDER / "student" / f"{source.stem}.ipynb")


def main() -> int:
    """Builds what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("numbers", nargs="*", help="which, as 01; all when none is")
    parser.add_argument("--release", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    known = {path.stem[:2]: path for path in SOURCES}
    if unknown := [n for n in options.numbers if n not in known]:
        parser.error(f"no notebook {unknown[0]!r}: there are {', '.join(known)}")
    chosen = [known[n] for n in options.numbers or known]
    if options.release:
        release(options.release, chosen)
        print(f"students: {options.release / 'release' / ASSIGNMENT}")
        return 0
    for source in chosen:
        build(source)
    return 0


if __name__ == "__main__":
    sys.exit(main())
