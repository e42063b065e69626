"""Changes every rule one term at a time and asks whether its oracle sees it.

A mutant is judged by its family's cases that run its lines, or, where none does, by
those of every family; what no optimizer needs has judges of its own in `judges.py`. It
is killed at the first step that differs from the paper's, or when it raises. What
survives is a term that no case holds fast, or belongs into `equivalents.py`.

    python -m tests.mutation [--family adam] [--sample 0.1]
"""

import argparse
import contextlib
import functools
import importlib
import io
import pkgutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from optax_lab import optimizers
from tests import equivalents, judges, mutants, oracles, paths

STEPS = 8
SECONDS = 20  # after which a mutant counts as one that does not end
SKIPPED = {"hyperparameters", "table", "monitoring"}  # no rule's arithmetic

_COMPILATIONS: list[str] = []  # all that XLA has compiled in this process

Check = Callable[..., None]  # takes the number of steps, STEPS when it is not said


class Judge:
    """Holds a check that raises where something differs, and the lines that it runs."""

    def __init__(self, name: str, family: str, make: Callable[[], Check]):
        self.name, self.family, self._make = name, family, make

    @functools.cached_property
    def check(self) -> Check:
        """Returns the check, in the way that runs without compiling anything anew.

        A loop or a branch of JAX is compiled at every call, unless JIT is disabled;
        everything else is then three times as slow.
        """
        check = self._make()
        check(1)
        before = len(_COMPILATIONS)
        check(1)
        return check if len(_COMPILATIONS) == before else jax.disable_jit()(check)

    @functools.cached_property
    def lines(self) -> set[tuple[str, int]]:
        """Runs the check over the code as it is, and notes the lines of ours."""
        check, lines = self.check, set()

        def note(frame, event, _):
            if "optax_lab" not in frame.f_code.co_filename:
                return None
            lines.add((frame.f_code.co_filename, frame.f_lineno))
            return note

        before = sys.gettrace()
        sys.settrace(note)
        try:
            check()
        finally:
            sys.settrace(before)
        return lines


class Verdict(NamedTuple):
    """Says what became of a mutant: how many judged it, and who of them killed it."""

    mutant: mutants.Mutant
    judges: int
    killed_by: str | None


def rate(t):
    """Drops at every step, so that no power of the rate is like another."""
    return paths.RATE * 0.7**t


def tree(seed: int, is_complex: bool) -> dict[str, np.ndarray]:
    """Makes a matrix, a vector, complex where it may be, and one that starts at 0."""
    r = np.random.default_rng(seed)
    vector = r.normal(size=2) + (1j * r.normal(size=2) if is_complex else 0)
    from_zero = r.normal(size=2) * (seed > 0)
    return {"w": r.normal(size=(4, 3)), "b": vector, "z": from_zero}


def check_of(case: oracles.Case) -> Check:
    """Returns a check of a case, step by step, that stops at the first difference.

    A parameter without a gradient, which stays where it is, takes part in every step.
    """
    start = tree(0, case.is_complex)
    grads = [tree(1 + t, case.is_complex) for t in range(STEPS)]
    expected = paths.by_the_paper(case, start, grads, rate)
    start = jax.tree.map(jnp.asarray, start | {"none": np.ones(2)})
    grads = [jax.tree.map(jnp.asarray, g) | {"none": None} for g in grads]

    def check(steps=STEPS):
        optimizer = paths.optimizer_of(case, rate)
        params, state = start, optimizer.init(start)
        for g, row in list(zip(grads, expected, strict=True))[:steps]:
            kinds = jax.tree.map(_kind, state)
            updates, state = optimizer.update(g, state, params)
            assert jax.tree.map(_kind, state) == kinds
            params = optax.apply_updates(params, updates)
            _assert_close(params, row | {"none": start["none"]}, case.close)

    return check


def all_judges() -> list[Judge]:
    """Returns every judge, none of which has run yet."""
    found = []
    for family, cases in oracles.families().items():
        for case in cases:
            make = functools.partial(check_of, case)
            found.append(Judge(case.title, family, make))
    for family, checks in judges.ALL.items():
        for check in checks:
            make = lambda check=check: lambda steps=STEPS: check()
            found.append(Judge(check.__name__, family, make))
    return found


def modules(family: str | None = None) -> list[ModuleType]:
    """Returns the modules that are changed: all of them, or those of one family."""
    inside = [module.name for module in pkgutil.iter_modules(optimizers.__path__)]
    names = ["optax_lab.ewma", *(f"{optimizers.__name__}.{name}" for name in inside)]
    allowed = [n for n in names if _last(n) not in SKIPPED]
    chosen = [n for n in allowed if family in (None, _last(n))]
    return [importlib.import_module(name) for name in chosen]


def judged(
    changes: Iterable[mutants.Mutant], everyone: list[Judge]
) -> Iterator[Verdict]:
    """Yields a verdict on every change. Who killed the last one is asked first."""
    last = None
    for mutant in changes:
        panel = _panel(mutant, everyone)
        panel.sort(key=lambda judge: judge.name != last)
        last = _killer(mutant, panel)
        yield Verdict(mutant, len(panel), last)


def complaint(verdict: Verdict) -> str | None:
    """Returns what is wrong with a verdict, None where it is as it should be."""
    mutant, count, killer = verdict
    reason = equivalents.REASONS.get(key(mutant))
    if killer is None and not reason:
        return "survives" if count else "is run by no case"
    if killer and reason:
        return f"is listed as equivalent, and killed by {killer}"
    return None


def key(mutant: mutants.Mutant) -> tuple[str, str, str]:
    """Returns what a change is listed by: its module, function, and text."""
    module = mutant.module.__name__.removeprefix("optax_lab.")
    return module, mutant.function, mutant.change


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", help="the name of a module, as adam or numerics")
    parser.add_argument("--sample", type=float, default=1.0, help="a share of them")
    options = parser.parse_args(argv)
    be_strict()
    began = time.perf_counter()
    changes = [m for module in modules(options.family) for m in mutants.mutants(module)]
    changes = changes[:: round(1 / options.sample)]
    bad, told = 0, sys.stdout
    with contextlib.redirect_stdout(io.StringIO()):  # a verbose optimizer prints
        for verdict in judged(changes, all_judges()):
            if said := complaint(verdict):
                bad += 1
                mutant = verdict.mutant
                place = f"{mutant.module.__name__}:{mutant.lines[0]} {mutant.function}"
                print(f"{place}: {mutant.change}: {said}", file=told, flush=True)
    seconds = time.perf_counter() - began
    print(f"{len(changes)} changes in {seconds:.0f} s, {bad} to look at")
    return int(bad > 0)


def be_strict() -> None:
    """Sets JAX as the tests do, lets it compile fast, and counts what it compiles."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_disable_most_optimizations", True)
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: (
            "backend_compile" in event and _COMPILATIONS.append(event)
        )
    )


def _assert_close(ours, theirs, close: float) -> None:
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape and np.all(abs(a - b) <= close * (1 + abs(b)))


def _kind(leaf) -> tuple:
    return leaf.shape, leaf.dtype


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _panel(mutant: mutants.Mutant, everyone: list[Judge]) -> list[Judge]:
    """Returns the judges that run a mutant's lines, its own family's if there are."""
    file, family = mutant.module.__file__, _last(mutant.module.__name__)
    runs = lambda judge: any((file, line) in judge.lines for line in mutant.lines)
    own = [judge for judge in everyone if judge.family == family and runs(judge)]
    return own or [judge for judge in everyone if runs(judge)]


def _killer(mutant: mutants.Mutant, panel: list[Judge]) -> str | None:
    checks = {judge.name: judge.check for judge in panel}  # made over the code as it is
    with mutants.planted(mutant):
        for name, check in checks.items():
            try:
                _in_time(check)
            except Exception:
                return name
    return None


def _in_time(check: Check) -> None:
    def stop(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        check()
    finally:
        signal.alarm(0)


if __name__ == "__main__":
    sys.exit(main())
