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
    """Reads all results of the present form, in their order, but no tries or parts."""
    read = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    told = [of for of in read if of.get("schema") == bench_page.SCHEMA]
    told = [of for of in told if not (of["quick"] or of.get("part"))]
    return sorted(told, key=lambda of: (_place(of["benchmark"]), of["benchmark"]))


def rows(of: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Returns a line for each claim of a benchmark."""
    claims = [bench_page.claim_of(claim) for claim in of["claims"]]
    return [(claim.what, claim.goal, claim.told + _verdict(claim)) for claim in claims]


def _verdict(claim: bench.Claim) -> str:
    """Says what is not plain: that a goal is missed, or that it may be."""
    if claim.sure:
        return ", missed" if claim.met is False else ""
    return f", {'met' if claim.met else 'missed'} (within its spread)"


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
