# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/optax-lab/optax_lab/blob/main/notebooks/student/01_moving_average.ipynb)
#
# # 1 · The moving average
#
# *About 25 minutes. You need Python and a little calculus; JAX is explained in
# notebook 0. Everything runs on a laptop's processor.*
#
# Every optimizer in this course rests on one line of arithmetic: a number that is
# nudged, again and again, toward whatever has just been observed. Here you write that
# line, see what it does to a noisy series, and repair its one flaw. From the next
# notebook on, what is averaged will be gradients.
#
# Each task goes the same way: **predict**, then **code**, **check**, **run** and
# **explain**. A prediction that turns out wrong teaches the most, so write it down
# before you run the cell.

# %%
# In Colab only: installs what Colab lacks and leaves its JAX alone.
import sys

if "google.colab" in sys.modules:
    # %pip install -q --no-deps git+https://github.com/optax-lab/optax_lab jaxtyping wadler_lindig mnist1d tensorboardX tyro docstring_parser typeguard
    import jax

    if tuple(map(int, jax.__version__.split(".")[:2])) < (0, 10):
        print(f"Colab's JAX is {jax.__version__}; optax_lab was written for 0.10.2")

# %%
import os

import jax
import jax.numpy as jnp
import numpy as np

from optax_lab import checks, ewma
from optax_lab.problems import signals
from optax_lab.reporting import figures

FAST = bool(os.environ.get("OPTAX_LAB_FAST"))  # set by the tests: fewer repetitions
print(f"JAX {jax.__version__} on {jax.devices()[0].device_kind}")

# %% [markdown]
# ## A noisy series
#
# Below is one period of a sine that has been lifted by 2, sampled at 400 points. We
# never see it: what we see has noise added, drawn uniformly between −1 and 1.

# %%
series = signals.sine(jax.random.key(1), n=400, periods=1, offset=2, noise=1)
noise = series.noisy - series.clean
print(f"the noise: from {noise.min():.2f} to {noise.max():.2f}")
print(f"its standard deviation: {noise.std():.3f}, in theory 1/√3 = {3**-0.5:.3f}")

# %%
figures.show(figures.smoothing(series.x, series.noisy, series.clean, {}))

# %% [markdown]
# The **exponentially weighted moving average** remembers a single number, $s$. When a
# value $y_t$ comes in, it becomes
#
# $$s_t = \rho\, s_{t-1} + (1-\rho)\, y_t, \qquad s_0 = 0,$$
#
# where $\rho$, between 0 and 1, says how much of the memory is kept.

# %% [markdown]
# ## Question 1.1
#
# Where have you met this recursion before? Name at least two places, in deep learning
# or elsewhere, and say what is averaged there.

# %% [markdown] nbgrader={"grade": true, "grade_id": "q1-1", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# Wherever a running mean has to be kept without keeping the data:
#
# * *BatchNorm* keeps the mean and the variance of its inputs so, for use after
#   training. (Its `momentum` of 0.1 in PyTorch is $1-\rho$, and 0.99 in Keras is
#   $\rho$: the first of many names that mean opposite things.)
# * *SGD with momentum* averages gradients, *RMSProp* their squares, *Adam* both.
# * *Reinforcement learning*: a value that is moved toward each new return,
#   $V \leftarrow V + \alpha\,(G - V)$, and target networks that follow slowly.
# * *Averages of the weights themselves*, which are often better than the last weights.
# * *Electronics*: a resistor and a capacitor, the simplest low-pass filter.
# * The *Smoothing* slider of TensorBoard; at the end of this notebook you imitate it.
#
# Written as $s_t = s_{t-1} + (1-\rho)(y_t - s_{t-1})$ it is a step of size $1-\rho$
# toward the new value.

# %% [markdown]
# ## Task 1.2 — one step of the average
#
# **Predict.** The series starts near 3, and $s_0 = 0$. With $\rho = 0.95$, how large is
# $s_1$, roughly? How many steps will it take until the average has caught up: about 5,
# 20 or 60? Write your two numbers down.

# %%
prediction = {"s_1": None, "steps until it has caught up": None}  # replace the Nones
prediction

# %% [markdown]
# **Code.** At the start the average is too small, because most of its weight still
# lies on the 0 that it began with. After $t$ steps that weight is $\rho^t$, and the
# data have only $1-\rho^t$. Dividing by what the data have makes up for it:
#
# $$\hat s_t = \frac{s_t}{1-\rho^t}.$$
#
# Write one step. The first step has $t = 1$.
#
# <details><summary>Hint 1</summary>
#
# Two lines: the new average, and the corrected one that is made from it.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The corrected value is only for those who read the average. What the next step starts
# from is the other one.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "moving-average", "locked": false, "schema_version": 3, "solution": true, "task": false}
def moving_average(s, y, rho, t):
    """Returns the average after this step, and the same without its bias."""
    ### BEGIN SOLUTION
    s = rho * s + (1 - rho) * y
    return s, s / (1 - rho**t)
    ### END SOLUTION


moving_average(np.float64(0), 2.0, 0.5, 1)  # by hand: 1 and 2

# %% [markdown]
# **Check.**

# %% nbgrader={"grade": true, "grade_id": "check-moving-average", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.moving_average(moving_average)
### BEGIN HIDDEN TESTS
for seed in (11, 12, 13):
    checks.moving_average(moving_average, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# **Run.** A loop over the series, with your step in it.


# %%
def smoothed(y, rho):
    """Returns the average and the corrected average after each value of a series."""
    s, plain, corrected = 0.0, [], []
    for t, value in enumerate(y, 1):
        s, s_corrected = moving_average(s, value, rho, t)
        plain.append(s)
        corrected.append(s_corrected)
    return np.array(plain), np.array(corrected)


noisy, clean = np.asarray(series.noisy), np.asarray(series.clean)
plain, corrected = smoothed(noisy, 0.95)
behind = np.flatnonzero(plain > 0.95 * corrected)[0] + 1
print(f"the first value {noisy[0]:.3f}: average {plain[0]:.3f}, {corrected[0]:.3f}")
print(f"steps until the average has 95 % of the corrected one: {behind}")

# %%
figure = figures.smoothing(
    series.x, noisy, clean, {"average, ρ = 0.95": plain, "corrected": corrected}
)
figures.show(figure)

# %% [markdown]
# In real code there is no loop in Python: `ewma.smooth` does the same for the whole
# series at once, compiled.

# %%
whole = ewma.smooth(series.noisy, 0.95, debias=False)
print("largest difference from yours:", np.max(np.abs(whole - plain)))

# %% [markdown]
# ## How much does it help?
#
# One series proves little. The next cell draws many, averages each with several $\rho$,
# and measures how far the averages lie from the series without noise (root mean square
# error, RMSE). Its first row is what the raw values have without any averaging.
#
# **Predict.** Which of these $\rho$ is best with the correction? Is there one that is
# worse than no averaging at all?

# %%
prediction = {"best ρ": None, "worse than nothing from ρ =": None}
prediction

# %%
RHOS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
SERIES = 20 if FAST else 200


def errors(keys, rho, debias, **arguments):
    """Returns the RMSE of an averaged series for every key."""

    def one(key):
        drawn = signals.sine(key, **arguments)
        average = ewma.smooth(drawn.noisy, rho, debias=debias)
        return jnp.sqrt(jnp.mean((average - drawn.clean) ** 2))

    return jax.jit(jax.vmap(one))(keys)


keys = jax.random.split(jax.random.key(0), SERIES)
table = {
    rho: [np.asarray(errors(keys, rho, debias)) for debias in (False, True)]
    for rho in RHOS
}
print(f"RMSE, mean of {SERIES} series (standard error)")
print("   ρ   average          corrected")
raw = errors(keys, 0.0, False)  # without memory the average is the value itself
print(f"none   {raw.mean():.3f} ({raw.std(ddof=1) / len(raw) ** 0.5:.3f})")
for rho, rows in table.items():
    cells = [f"{r.mean():.3f} ({r.std(ddof=1) / len(r) ** 0.5:.3f})" for r in rows]
    print(f"{rho:4.2f}   {cells[0]}    {cells[1]}")

# %% [markdown]
# ## Question 1.3
#
# What do the four things in the figure stand for? What does the average do to the
# noise, and what is the price? Use the numbers of the table.
#
# <details><summary>Hint</summary>
#
# Three effects act at once: the noise that is left, the delay, and the start at 0. Which
# of them grow with $\rho$?
#
# </details>

# %% [markdown] nbgrader={"grade": true, "grade_id": "q1-3", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# The dots are what was measured, the black line is what would have been measured
# without noise. The two others are the average and the corrected average.
#
# * **Less noise.** An average with a memory of $\rho$ leaves the share
#   $\sqrt{(1-\rho)/(1+\rho)}$ of the noise's standard deviation: 0.16 at 0.95, as if 39
#   values were averaged alike. The next cell measures it.
# * **A delay.** The average is about $\rho/(1-\rho)$ samples behind, 19 at 0.95: its
#   peaks come late, and they are flatter. This grows with $\rho$ and wins in the end:
#   the table has its smallest error at $\rho = 0.9$; at 0.99 even the corrected average
#   is little better than the raw values, whose error is 0.577.
# * **The start at 0.** The first plain average is a twentieth of the first value, and
#   the deficit shrinks as $0.95^t$, so it takes 59 samples until 95 % of it has gone.
#   Without the correction $\rho = 0.98$ is worse than no averaging. The corrected
#   average has no such bias; its first value is the first sample itself, and as noisy.
#   Later both agree.
#
# So there is a best $\rho$, it depends on how fast the signal changes against how noisy
# it is, and the correction matters most where the memory is long. Optimizers use
# $\rho$ up to 0.999: without the correction they would start a thousand times too low.

# %%
rest = ewma.smooth(jax.random.uniform(jax.random.key(2), (100_000,), minval=-1), 0.95)
left = float(rest[1000:].std() * 3**0.5)
print(f"share of the noise that is left: {left:.3f}; √(0.05/1.95) = {0.160128:.3f}")
ramp = jnp.arange(2000.0)
print(
    f"delay behind a ramp: {float(ramp[-1] - ewma.smooth(ramp, 0.95)[-1]):.2f} samples"
)

# %% [markdown]
# ## Explore
#
# Change the number of samples, the periods, the noise and $\rho$, and look for the best
# $\rho$. The sliders need a running kernel; the figure below shows the same without.


# %%
def explore(n=400, periods=1.0, noise=1.0, rho=0.95):
    """Draws the average of another series."""
    drawn = signals.sine(jax.random.key(1), n=n, periods=periods, noise=noise)
    curves = {
        f"average, ρ = {rho}": ewma.smooth(drawn.noisy, rho, debias=False),
        "corrected": ewma.smooth(drawn.noisy, rho),
    }
    return figures.show(
        figures.smoothing(drawn.x, drawn.noisy, drawn.clean, curves),
    )


try:
    import ipywidgets

    ipywidgets.interact(
        explore,
        n=(50, 2000, 50),
        periods=(0.5, 8, 0.5),
        noise=(0.0, 3.0, 0.1),
        rho=(0.0, 0.99, 0.01),
    )
except ImportError:
    print("no ipywidgets here: call explore(n=…, periods=…, noise=…, rho=…) instead")

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(2, 3, figsize=(9, 4.6), sharex="col", layout="constrained")
for row, n in zip(axes, (100, 1000), strict=True):
    for ax, rho in zip(row, (0.8, 0.95, 0.99), strict=True):
        drawn = signals.sine(jax.random.key(1), n=n)
        ax.plot(drawn.x, drawn.noisy, ".", color="#8C8C8C", ms=2)
        ax.plot(drawn.x, drawn.clean, color="black", lw=1.5)
        ax.plot(drawn.x, ewma.smooth(drawn.noisy, rho), color="#D55E00", ls="--", lw=2)
        ax.set_title(f"{n} samples, ρ = {rho}")
plt.close(figure)
figures.show(
    figure,
    "Six panels: the corrected average (dashed) of 100 and of 1000 samples with ρ of "
    "0.8, 0.95 and 0.99. With 100 samples 0.8 follows the signal somewhat late, and 0.99 "
    "hardly moves; with 1000 samples 0.8 is noisy, 0.95 follows the signal closely, and "
    "0.99 is late.",
)

# %% [markdown]
# ## Bonus: a slider you have used
#
# TensorBoard draws every curve twice, faint as it was written and bold after
# *Smoothing*. The bold curve is your corrected average, with $\rho$ at 0.6 unless you
# move the slider. So its bold curve is late by $0.6/0.4 = 1.5$ points, and what it says
# about the last epoch is partly about those before.

# %%
ramp = np.arange(20.0) / 3  # a curve that rises by 1/3 per epoch
late = ramp - smoothed(ramp, 0.6)[1]
print(f"late by {late[-1]:.3f}; in theory {0.6 / 0.4 / 3:.3f}")

# %% [markdown]
# ## In one paragraph
#
# The moving average is a step of size $1-\rho$ toward the new value. It keeps the share
# $\sqrt{(1-\rho)/(1+\rho)}$ of the noise, is $\rho/(1-\rho)$ steps late, and starts too
# low unless it is divided by $1-\rho^t$. Next: what happens when gradients are averaged.
#
# **Words.** *ρ* (rho; elsewhere β, decay, momentum): the share of the memory that is
# kept. *Bias correction* or *debiasing*: division by the weight that the data have.
# *RMSE*: root mean square error.
#
# **To read.** Hunter (1986), *The Exponentially Weighted Moving Average*, Journal of
# Quality Technology 18. Kingma & Ba (2015), *Adam*, arXiv:1412.6980, section 3.
