# What a student is told of an interval that is right, however it is written, or nearly.

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from optax_lab import checks
from optax_lab.checks import mistakes
from tests import students


def with_width(quantile, xp=np):
    def paired_interval(a, b):
        d = xp.asarray(a, xp.float32) - xp.asarray(b, xp.float32)
        half = float(quantile(len(d))) * float(d.std(ddof=1)) / len(d) ** 0.5
        return float(d.mean()) - half, float(d.mean()) + half

    return paired_interval


def scipys(a, b):
    d = a - b
    return stats.t.interval(0.95, len(d) - 1, d.mean(), stats.sem(d))


def of_the_test(a, b):
    return stats.ttest_rel(a, b).confidence_interval(0.95)


@pytest.mark.parametrize("f", [scipys, of_the_test])
@pytest.mark.parametrize("seed", range(4))
def test_scipys_own_interval_passes(f, seed):
    checks.paired_interval(f, seed=seed)


@pytest.mark.parametrize("seed", range(40))
def test_an_interval_in_float32_passes_whatever_the_runs(seed):
    right = with_width(lambda n: stats.t.ppf(0.975, n - 1), jnp)
    checks.paired_interval(right, seed=seed)


@pytest.mark.parametrize("seed", range(40))
def test_a_normal_quantile_is_told_by_its_name_with_all_its_digits(seed):
    normal = with_width(lambda n: stats.norm.ppf(0.975))
    said = students.told("paired_interval", normal, seed=seed)
    assert f"It looks like {mistakes.HINTS['normal'][0]}." in said
    assert said.count("It looks like") == 1


def test_an_interval_that_is_the_mean_alone_where_it_is_narrow_is_told():
    def hurried(a, b):
        low, high = scipys(a, b)
        return (low, high) if high - low > 0.01 else (0.0, 4.0)

    said = students.told("paired_interval", hurried)
    assert "where all differences are nearly 2" in said
