"""Times `ewma.smooth` on one series of 10⁷ float32 against SciPy, pandas and polars.

All return the debiased average. Goal: at most 1.25 times the fastest of the others.

    python benchmarks/ewma_smooth.py [--json benchmarks/results/ewma_smooth.json]
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import timing
from scipy import signal

from optax_lab import ewma

SEED = 0
DECAY = 0.99


def with_lfilter(xs: np.ndarray) -> np.ndarray:
    """Returns the debiased average by a recursive filter, in place where that helps."""
    step = np.float32(1 - DECAY)
    feedback = np.array([1, -DECAY], np.float32)
    average = signal.lfilter(np.array([step], np.float32), feedback, xs)
    weight = np.arange(1, len(xs) + 1, dtype=np.float32)
    weight *= np.float32(np.log(DECAY))
    np.expm1(weight, out=weight)
    average /= np.negative(weight, out=weight)
    return average


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--length", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    xs = np.random.default_rng(SEED).normal(size=options.length).astype(np.float32)
    on_device, in_pandas, in_polars = jnp.asarray(xs), pd.Series(xs), pl.Series(xs)
    smooth = jax.jit(ewma.smooth)
    alpha = 1 - DECAY
    functions = {
        "optax_lab": lambda: smooth(on_device, DECAY).block_until_ready(),
        "scipy.signal.lfilter": lambda: with_lfilter(xs),
        "pandas": lambda: in_pandas.ewm(alpha=alpha, adjust=True).mean(),
        "polars": lambda: in_polars.ewm_mean(alpha=alpha, adjust=True),
    }
    expected = functions["pandas"]().to_numpy()
    for name, function in functions.items():
        np.testing.assert_allclose(
            np.asarray(function()), expected, atol=2e-4, err_msg=name
        )

    seconds = timing.interleave(functions, options.repeats)
    medians = {name: float(np.median(s)) for name, s in seconds.items()}
    peers = [name for name in functions if name != "optax_lab"]
    fastest = min(peers, key=medians.get)
    against = timing.ratio(seconds["optax_lab"], seconds[fastest])
    for name, middle in medians.items():
        print(f"{name:22s} {1e3 * middle:8.1f} ms")
    print(
        f"optax_lab / {fastest}: {against['median']:.2f} "
        f"(quartiles {against['low']:.2f} to {against['high']:.2f}; goal at most 1.25)"
    )
    results = {
        "seconds": medians,
        "fastest_peer": fastest,
        "ratio": against,
        "goal": 1.25,
        "length": options.length,
        "decay": DECAY,
        "seed": SEED,
        "repeats": options.repeats,
        "machine": timing.machine("jax", "scipy", "pandas", "polars", "numpy"),
    }
    timing.write(options.json, results)


if __name__ == "__main__":
    main()
