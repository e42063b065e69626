"""Times `ewma.smooth` of one long float32 series against SciPy, pandas and polars.

All return the debiased average with a decay of 0.99, from and to where their own arrays
are: main memory. On a GPU ours begins and ends there too, and both ways are timed; what
it takes alone, from and to the GPU's memory, is told beside it, and nothing is claimed
of that. Goal: at most 1.25 times the fastest of the others.

    python benchmarks/smooth.py [--out benchmarks/results] [--quick]
"""

import argparse
import math
import sys
from collections.abc import Callable

import bench
import numpy as np
import timing

SEED, DECAY, LENGTH = 0, 0.99, 10_000_000


OURS, ON_GPU = "optax_lab", "optax_lab, the GPU's memory"
PEERS = ("scipy.signal.lfilter", "pandas", "polars")


def with_lfilter(xs: np.ndarray) -> np.ndarray:
    """Returns the debiased average by a recursive filter.

    Its weight, 1 − βᵗ, is 1 in float32 as soon as βᵗ < 2⁻²⁵: no more is divided by it.
    """
    from scipy import signal

    step, feedback = np.float32([1 - DECAY]), np.float32([1, -DECAY])
    average = signal.lfilter(step, feedback, xs)
    biased = math.ceil(25 * math.log(2) / -math.log(DECAY))
    first = average[:biased]
    first /= -np.expm1(np.arange(1, len(first) + 1) * math.log(DECAY))
    return average


def ours(xs: np.ndarray, on_gpu: bool) -> dict[str, Callable]:
    """Returns what smooths with this library; on a GPU there and back, and there."""
    import jax
    import jax.numpy as jnp

    from optax_lab import ewma

    here, smooth = jnp.asarray(xs), jax.jit(ewma.smooth)
    alone = lambda: smooth(here, DECAY).block_until_ready()
    there_and_back = lambda: np.asarray(smooth(jnp.asarray(xs), DECAY))
    return {OURS: there_and_back, ON_GPU: alone} if on_gpu else {OURS: alone}


def contenders(xs: np.ndarray, on_gpu: bool) -> dict[str, Callable]:
    """Returns what smooths a series, by name, and checks that all agree."""
    pd, pl = bench.peer("pandas"), bench.peer("polars")
    in_pandas, in_polars, alpha = pd.Series(xs), pl.Series(xs), 1 - DECAY
    peers = (
        lambda: with_lfilter(xs),
        lambda: in_pandas.ewm(alpha=alpha, adjust=True).mean(),
        lambda: in_polars.ewm_mean(alpha=alpha, adjust=True),
    )
    functions = ours(xs, on_gpu) | dict(zip(PEERS, peers, strict=True))
    expected = functions["pandas"]().to_numpy()
    for name, function in functions.items():
        found = np.asarray(function())
        np.testing.assert_allclose(found, expected, atol=2e-4, err_msg=name)
    return functions


def measure(options: argparse.Namespace) -> bench.Report:
    """Times all contenders in turn."""
    report = bench.Report("smooth", __doc__)
    length = 100_000 if options.quick else LENGTH
    xs = np.random.default_rng(SEED).normal(size=length).astype(np.float32)
    functions = contenders(xs, options.device == "gpu")
    seconds = timing.interleave(functions, options.repeats)
    case = f"{length:,} float32"
    for name, taken in seconds.items():
        report.add(case, name, "time", "ms", 1e3 * np.array(taken))
    fastest = min(PEERS, key=lambda name: np.median(seconds[name]))
    ways = ", to the GPU and back" if ON_GPU in functions else ""
    report.claim(
        f"`smooth` of {case}{ways}, time over that of {fastest}, the fastest of SciPy, "
        "pandas and polars",
        report.ratios(case, "time", OURS, fastest),
        at_most=1.25,
    )
    if ON_GPU in functions:
        report.notes.append(f"{OURS} has the ways to the GPU and back; {ON_GPU}, not.")
    report.facts |= {"decay": DECAY, "seed": SEED, "turns": options.repeats}
    return report


def main(arguments: list[str] | None = None) -> int:
    options = bench.parser(__doc__, repeats=15).parse_args(arguments)
    options.repeats = 3 if options.quick else options.repeats
    bench.start(options)
    bench.finish(measure(options), options, "numpy", "scipy", "pandas", "polars")
    return 0


if __name__ == "__main__":
    sys.exit(main())
