"""Times `ewma.smooth` of one long float32 series against SciPy, pandas and polars.

All return the debiased average with a decay of 0.99. Goal: at most 1.25 times the
fastest of the others.

    python benchmarks/smooth.py [--out benchmarks/results] [--quick]
"""

import argparse
import sys

import bench
import numpy as np
import timing

SEED, DECAY, LENGTH = 0, 0.99, 10_000_000


def with_lfilter(xs: np.ndarray) -> np.ndarray:
    """Returns the debiased average by a recursive filter, in place where that helps."""
    from scipy import signal

    step = np.float32(1 - DECAY)
    feedback = np.array([1, -DECAY], np.float32)
    average = signal.lfilter(np.array([step], np.float32), feedback, xs)
    weight = np.arange(1, len(xs) + 1, dtype=np.float32)
    weight *= np.float32(np.log(DECAY))
    np.expm1(weight, out=weight)
    average /= np.negative(weight, out=weight)
    return average


def contenders(xs: np.ndarray) -> dict:
    """Returns what smooths a series, by name, and checks that all agree."""
    import jax
    import jax.numpy as jnp

    from optax_lab import ewma

    pd, pl = bench.peer("pandas"), bench.peer("polars")
    on_device, in_pandas, in_polars = jnp.asarray(xs), pd.Series(xs), pl.Series(xs)
    smooth, alpha = jax.jit(ewma.smooth), 1 - DECAY
    functions = {
        "optax_lab": lambda: smooth(on_device, DECAY).block_until_ready(),
        "scipy.signal.lfilter": lambda: with_lfilter(xs),
        "pandas": lambda: in_pandas.ewm(alpha=alpha, adjust=True).mean(),
        "polars": lambda: in_polars.ewm_mean(alpha=alpha, adjust=True),
    }
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
    seconds = timing.interleave(contenders(xs), options.repeats)
    case = f"{length:,} float32"
    for name, taken in seconds.items():
        report.add(case, name, "time", "ms", 1e3 * np.array(taken))
    fastest = min(list(seconds)[1:], key=lambda name: np.median(seconds[name]))
    report.claim(
        f"`smooth` of {case}, time over that of {fastest}, the fastest of SciPy, "
        "pandas and polars",
        report.ratios(case, "time", "optax_lab", fastest),
        at_most=1.25,
    )
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
