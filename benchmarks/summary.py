"""Prints the README's table of what was measured, from benchmarks/results/.

python benchmarks/summary.py
"""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
Row = tuple[str, str, str]  # what was measured, the goal, the result


def accuracy() -> list[Row]:
    """Lists the lab's four settings: mean accuracy and its 95 % interval."""
    of = _read("lab_accuracy")["optimizers"]
    return [
        (
            f"`{name}` on the frozen test set, lab's order, 10 seeds",
            f"PyTorch's {row['pytorch']} ± 2 points",
            f"{row['mean']:.1f} % ({row['interval'][0]:.1f} to "
            f"{row['interval'][1]:.1f})",
        )
        for name, row in of.items()
    ]


def speed() -> list[Row]:
    """Lists the ratios of speed against PyTorch and NumPy."""
    loop = _read("lab_loop")
    means, goals = loop["speedup_geometric_mean"], loop["goals"]
    told = {
        "optax_lab, one run": ("one training", goals["one run"]),
        "optax_lab, all cores": ("per training, all cores", goals["all cores"]),
        "descents": ("a step of the four toy descents", goals["descents"]),
    }
    return [
        (f"{what}, against {peer}", f"≥ {goal:g}×", f"{ratio:.1f}×")
        for contender, (what, goal) in told.items()
        for peer, ratio in means[contender].items()
        if peer != "optax_lab"
    ]


def ratios() -> list[Row]:
    """Lists the share of the matmul rate, and times against SciPy and Optax."""
    smooth, imports = _read("ewma_smooth"), _read("import_time")
    share = {k: 100 * v for k, v in _read("lab_roofline")["share"].items()}
    return [
        (
            "rate of trainings on all cores, in one float32 3000² product's",
            "–",
            f"{share['median']:.0f} % (quartiles {share['low']:.0f} to "
            f"{share['high']:.0f})",
        ),
        (
            "`smooth` of 10⁷ float32, time against "
            f"{smooth['fastest_peer']}, the fastest of SciPy, pandas, polars",
            f"≤ {smooth['goal']}×",
            _spread(smooth["ratio"], 2),
        ),
        (
            "import and first touch of `adam`, time against `import optax`",
            f"≤ {imports['goal']}×",
            _spread(imports["ratio"], 3),
        ),
    ]


def steps() -> list[Row]:
    """Lists what one update costs against Optax's, and what a progress bar costs."""
    update, bar = _read("update_step"), _read("progress_bar")
    found, goals = update["summary"], update["goals"]
    slow = [f"`{row.split(' on ')[0]}`" for row in found["beyond"]]
    bytes_ = sorted(found["per_byte"].values())
    told = {
        "median": "one update, time against Optax's, median of {n} ratios",
        "compiling": "the same, compiling in XLA, median",
        "tracing": "the same, tracing, median",
    }
    n = sum(map(len, update["trees"].values()))
    rows = [
        (text.format(n=n), f"≤ {goals[what]:g}×", f"{found[what]:.3f}×")
        for what, text in told.items()
    ]
    highest = f"the same, slower than {goals['highest']:g}× beyond its 95 % interval"
    rows.append((highest, "none", ", ".join(slow) or "none"))
    per_byte = "the same on large trees, time per byte over a program that only copies"
    rows.append(
        (per_byte, f"≤ {goals['bytes']:g}×", f"{bytes_[0]:.2f}× to {bytes_[-1]:.2f}×")
    )
    with_bar = "`train` with a progress bar, time against without"
    rows.append((with_bar, f"≤ {bar['goal']:g}×", _spread(bar["ratio"], 3)))
    return rows


def descents() -> list[Row]:
    """Lists how fast a thousand descents of the lab's bowl are, beside plain loops."""
    found = _read("descents")
    speeds, goals = found["million_lane_steps_per_second"], found["goals"]
    rows = []
    for name, by_record in speeds.items():
        for every, rates in by_record.items():
            what = "all steps" if every == "1" else f"every {every}th step"
            others = [
                f"{who} {rate['median']:.3g}"
                for who, rate in rates.items()
                if who != "optax_lab"
            ]
            told = f"million lanes × steps a second, `{name}`, {what} recorded"
            ours = f"{rates['optax_lab']['median']:.0f} ({', '.join(others)})"
            rows.append((told, f"≥ {goals[name][every]}", ours))
    return rows


def tunnel() -> list[Row]:
    """Lists what recipes reach, and what a study costs."""
    recipes, study = _read("recipes"), _read("study_cost")
    n = len(recipes["seeds"])
    rows = []
    for name, recipe in recipes["recipes"].items():
        mean, (low, high) = recipe["test"]["mean"], recipe["test"]["interval"]
        found = f"{mean:.1f} % ({low:.1f} to {high:.1f})"
        what = f"{name}, {recipe['epochs']} epochs, 50,000 fresh examples, {n} seeds"
        rows.append((what, f"≥ {recipe['goal']:g} %", found))
    growth, share = study["growth"]["ratios"], study["rate"]["share"]
    for size in list(growth)[1:]:
        what = f"CPU time of a training among {size}, over that among 8"
        rows.append((what, "0.9 to 1.1×", _spread(growth[size], 2)))
    low, middle, high = (100 * share[k] for k in ("low", "median", "high"))
    what = "rate of a study with its ledger, in one float32 3000² product's"
    told = f"{middle:.0f} % (quartiles {low:.0f} to {high:.0f})"
    return [*rows, (what, "≥ 80 %", told)]


def table() -> str:
    """Returns the whole table in Markdown."""
    rows = [("measured", "goal", "result"), ("---", "---", "---")]
    rows += accuracy() + speed() + ratios() + steps() + descents() + tunnel()
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _read(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


def _spread(ratio: dict[str, float], digits: int) -> str:
    low, middle, high = (f"{ratio[k]:.{digits}f}" for k in ("low", "median", "high"))
    return f"{middle}× (quartiles {low} to {high})"


if __name__ == "__main__":
    print(table())
