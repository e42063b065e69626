"""Makes pages and figures anew from the JSON of results, without measuring again.

Intervals are made anew too, where the JSON holds the values of a claim.

    python benchmarks/redraw.py [benchmarks/results/recipes.json ...]
"""

import argparse
import importlib
import json
import sys
from pathlib import Path

import bench
import bench_page
import summary


def redraw(path: Path) -> None:
    """Writes the three files of a result again, by its benchmark's own figure."""
    whole = json.loads(path.read_text())
    if whole.get("schema") != bench_page.SCHEMA:
        bench.refuse(f"{path} is not of the present form")
    report = bench_page.read(whole)
    draw = getattr(importlib.import_module(report.name), "draw", None)
    whole |= bench_page.found(report)
    bench.write(path.parent, path.stem, report, whole, draw)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path, nargs="*", help="all of them if none")
    options = parser.parse_args(arguments)
    for path in options.results or sorted(summary.RESULTS.glob("*.json")):
        redraw(path)
        print(path.with_suffix(".md"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
