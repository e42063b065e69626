"""What lab_loop.py may tell: how many times as fast ours are as whom."""

from collections.abc import Callable, Sequence

import bench
import numpy as np
from lab_contenders import CONTENDERS, EACH, LAB, ONE, SINGLE, STUDY

GOALS = {SINGLE: 3.0, STUDY: 6.0}
STEADY, WHOLE = "steady", "whole process"
LOOP, CORES = "the lab's loop", "the lab's loop on every core"


def claim(
    report: bench.Report, contenders: Sequence[str], optimizers: Sequence[str]
) -> None:
    """Adds all claims, turn by turn; the steady ones over all optimizers."""
    for ours, goal in GOALS.items():
        took = lambda who: over_optimizers(report, optimizers, who)
        among = [who for who in contenders if is_peer(ours, who)]
        for peer, roles in peers(among, took).items():
            kept = {"at_least": goal} if LOOP in roles else {}
            what = f"{told(ours, peer, roles)}, steady, geometric mean"
            report.claim(what, took(peer) / took(ours), **kept)
    for state in ("cold", "warm"):
        for ours in GOALS:
            took = lambda who, case=f"adam, {state}": report.values(case, who, WHOLE)
            among = [who for who in contenders if is_peer(ours, who, WHOLE)]
            for peer, roles in peers(among, took).items():
                what = f"{told(ours, peer, roles)}, whole process, {state}, `adam`"
                report.claim(what, took(peer) / took(ours))


def told(ours: str, peer: str, roles: Sequence[str]) -> str:
    """Says what is compared, and why with this peer."""
    return f"{ours}: trainings in the time of one of {peer} ({', '.join(roles)})"


def is_peer(ours: str, who: str, measure: str = STEADY) -> bool:
    """Tells whom ours are held against.

    A single run against single runs; a study against all, but of whole processes
    against those that train as many seeds.
    """
    if who in GOALS:
        return False
    if ours == SINGLE:
        return not CONTENDERS[who].of_many
    return measure == STEADY or CONTENDERS[who].of_many


def peers(
    among: Sequence[str], took: Callable[[str], np.ndarray]
) -> dict[str, list[str]]:
    """Returns the fastest of each group, and which groups these are."""
    groups = {
        LOOP: [who for who in among if who in (LAB, ONE)],
        CORES: [who for who in among if who == EACH],
        "the fastest PyTorch": [w for w in among if w.startswith("PyTorch")],
        "the fastest other JAX": [w for w in among if w.startswith(("Flax", "Optax"))],
    }
    found: dict[str, list[str]] = {}
    for role, group in groups.items():
        if group:
            fastest = min(group, key=lambda who: np.median(took(who)))
            found.setdefault(fastest, []).append(role)
    return found


def over_optimizers(
    report: bench.Report, optimizers: Sequence[str], who: str
) -> np.ndarray:
    """Returns the geometric mean over optimizers of the steady seconds, by turn."""
    logs = [np.log(report.values(name, who, STEADY)) for name in optimizers]
    return np.exp(np.mean(logs, axis=0))
