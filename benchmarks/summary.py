"""Prints the README's tables of what was measured: the claims of benchmarks/results/.

python benchmarks/summary.py
"""

import json
from pathlib import Path
from typing import Any

import bench
import bench_page

RESULTS = Path(__file__).parent / "results"
ORDER = (  # those that are not named follow, by their names
    *("lab_accuracy", "recipes", "precision", "size"),
    *("lab_loop", "lab_toys", "cold_start", "lab_roofline"),
    *("sweep", "study_cost", "descents"),
    *("update_step", "smooth", "import_time", "progress_bar"),
)
HEAD = ("measured", "goal", "result")
NO_GPU = "Not measured on a GPU: no machine with one was at hand."


def results(folder: Path) -> list[dict[str, Any]]:
    """Reads all results of the present form, in their order; tries are left out."""
    read = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    told = [of for of in read if of.get("schema") == 1 and not of["quick"]]
    return sorted(told, key=lambda of: (_place(of["benchmark"]), of["benchmark"]))


def rows(of: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Returns a line for each claim of a benchmark."""
    fields = bench.Claim._fields
    claims = [bench.Claim(**{k: claim[k] for k in fields}) for claim in of["claims"]]
    missed = lambda claim: ", missed" if claim.met is False else ""
    return [(claim.what, claim.goal, claim.told + missed(claim)) for claim in claims]


def text(folder: Path = RESULTS) -> str:
    """Returns the tables in Markdown: of processors, and of each kind of GPU."""
    read = results(folder)
    gpus = dict.fromkeys(of["device"] for of in read if of["device"] != "cpu")
    lines = _table([of for of in read if of["device"] == "cpu"])
    for gpu in gpus:
        lines += ["", f"On a GPU, {gpu}:", ""]
        lines += _table([of for of in read if of["device"] == gpu])
    return "\n".join(lines if gpus else [*lines, "", NO_GPU])


def _table(of_all: list[dict[str, Any]]) -> list[str]:
    return bench_page.table(HEAD, [row for of in of_all for row in rows(of)])


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


if __name__ == "__main__":
    print(text())
