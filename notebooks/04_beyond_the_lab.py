# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/optax-lab/optax_lab/blob/main/notebooks/student/04_beyond_the_lab.ipynb)
#
# # 4 · Beyond the lab
#
# *About 25 minutes. You need notebooks 1 to 3. Everything runs on a laptop's processor.*
#
# "Optimizer A is better than B" is easily said, and seldom meant as widely as it sounds.
# This notebook changes one thing at a time that a comparison usually leaves alone: the
# direction of the valley, the learning rate, the rule that stops a run, the place of a
# small number, the noise, the seed. Each time the order of the optimizers is in danger.
# At the end you compute how much a comparison may claim. (On another kind of processor
# the last digits differ.)

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
import matplotlib.pyplot as plt
import numpy as np
import optax
from scipy import stats

import optax_lab
from optax_lab import checks
from optax_lab.problems import digits, networks, surfaces
from optax_lab.reporting import figures
from optax_lab.runs import descent, training
from optax_lab.studies import grids, verdicts

FAST = bool(os.environ.get("OPTAX_LAB_FAST"))  # set by the tests: less of everything
print(f"JAX {jax.__version__} on {jax.devices()[0].device_kind}")


def rmsprop(learning_rate, bias_correction=False):
    return optax_lab.rmsprop(learning_rate, 0.999, bias_correction=bias_correction)


MAKES = {
    "gradient descent": optax_lab.sgd,
    "momentum": lambda learning_rate: optax_lab.momentum(learning_rate, decay=0.9),
    "RMSProp": rmsprop,
    "RMSProp, corrected": lambda learning_rate: rmsprop(learning_rate, True),
    "Adam": optax_lab.adam,
}
LOOKS = dict(  # how each is drawn: colour, line and marker
    zip(
        MAKES,
        [
            {"color": "#0072B2", "ls": "-", "marker": "o"},
            {"color": "#000000", "ls": "--", "marker": "s"},
            {"color": "#D55E00", "ls": ":", "marker": "^"},
            {"color": "#CC79A7", "ls": "-", "marker": "v"},
            {"color": "#009E73", "ls": "-.", "marker": "D"},
        ],
        strict=True,
    )
)
bowl = surfaces.quadratic()  # 0.01 x² + 0.1 y², from (-2, -2), as in notebook 2

# %% [markdown]
# ## Task 4.1 — turn the bowl
#
# The valley of notebook 2 lies along the axis of $x$. In a network nobody has put the
# valleys along the axes. So turn the bowl: same shape, same start as seen from it.
#
# After a turn by 90° counterclockwise, what stood at $(1, 0)$ stands at $(0, 1)$. So the
# turned function, asked at $(0, 1)$, must return what $f$ is at $(1, 0)$: a point is
# taken *back* by the angle, and $f$ is asked there. To go back by $\alpha$,
#
# $$x' = \cos(\alpha)\, x + \sin(\alpha)\, y, \qquad
# y' = -\sin(\alpha)\, x + \cos(\alpha)\, y.$$
#
# **Predict.** Which of the five optimizers care about the turn?

# %%
prediction = {"care": None, "do not care": None}  # replace the Nones
prediction

# %% [markdown]
# **Code.** `f` takes a point, an array of two numbers. Return a function that does so
# too. Use `jnp`, so that JAX can take its gradient.
#
# <details><summary>Hint 1</summary>
#
# Write a function inside the function. Its name, without brackets, is what is returned.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `jnp.deg2rad` makes radians of degrees, and `jnp.stack([a, b])` makes an array of two
# numbers. Both new coordinates are made from the old ones.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "rotated", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rotated(f, degrees):
    """Returns f, turned counterclockwise about the origin."""
    ### BEGIN SOLUTION
    angle = jnp.deg2rad(degrees)
    cos, sin = jnp.cos(angle), jnp.sin(angle)

    def turned(point):
        x, y = point
        return f(jnp.stack([cos * x + sin * y, cos * y - sin * x]))

    return turned
    ### END SOLUTION


rotated(lambda point: point[0], 90)(jnp.array([0.0, 1.0]))  # by hand: 1

# %% [markdown]
# **Check.**

# %% nbgrader={"grade": true, "grade_id": "check-rotated", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.rotated(rotated)
### BEGIN HIDDEN TESTS
for seed in (11, 12, 13):
    checks.rotated(rotated, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# **Run.** How many steps does each take until $f < 10^{-6}$, all with $\eta = 0.1$?

# %%
TARGET = 1e-6
ANGLES = (0, 45) if FAST else (0, 5, 15, 30, 45)


def steps_to_target(value, make, starts, *, steps=3000, **hypers):
    """Returns steps until the value is at most 10⁻⁶, inf where it never is."""
    found = grids.descents(
        value,
        make,
        starts,
        hypers=hypers,
        steps=steps,
        record_every=steps,
        target=TARGET,
    ).trajectory.first_hit
    return np.where(found < 0, np.inf, found)


print("steps until f < 1e-6" + "".join(f"{angle:>7}°" for angle in ANGLES))
for name, make in MAKES.items():
    counts = []
    for angle in ANGLES:
        start = surfaces.rotate(bowl, angle).start  # turned with the bowl
        counts.append(
            steps_to_target(
                rotated(bowl.value, angle), make, start[None], learning_rate=[0.1]
            ).item()
        )
    print(f"{name:<20}" + "".join(f"{n:8,.0f}" for n in counts))

# %%
figure, axes = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
reach = np.linspace(-3.2, 3.2, 120)
plane = jnp.stack(jnp.meshgrid(reach, reach), axis=-1)
for ax, angle in zip(axes, (0, 45), strict=True):
    value = rotated(bowl.value, angle)
    start = surfaces.rotate(bowl, angle).start
    ax.contour(
        *(reach, reach, jax.vmap(jax.vmap(value))(plane)),
        levels=np.geomspace(1e-3, 1, 8),
        colors="#B0B0B0",
        linewidths=0.8,
    )
    for name in ("gradient descent", "RMSProp", "RMSProp, corrected", "Adam"):
        path = optax_lab.descend(value, MAKES[name](0.1), start, steps=200).points
        ax.plot(*path.T, **LOOKS[name], ms=4, markevery=10, lw=1.5, label=name)
    ax.plot(0, 0, "*", color="white", mec="black", ms=13)
    ax.set(title=f"{angle}°", xlabel="x", aspect="equal", xlim=(-3.2, 3.2))
axes[0].set_ylabel("y")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
plt.close(figure)
figures.show(
    figure,
    "Contours of the bowl with 200 steps of gradient descent, RMSProp with and without "
    "correction, and Adam; left as it is, right turned by 45° with its start. Left, Adam "
    "and corrected RMSProp go straight along the diagonal to the minimum, a star, and "
    "RMSProp jumps beyond it on the same line. Right, they first go across the valley, "
    "RMSProp out of the picture, Adam a little too far, and then along it. Gradient "
    "descent bends into the valley and has the same path in both, turned.",
)

# %% [markdown]
# **Explain.** Who suffers, and why? Who does not? What was so lucky about the start?
#
# <details><summary>Hint</summary>
#
# When $f$ is turned, so is its gradient. Which operations on a vector can be exchanged
# with a turn: to add, to multiply by a number, to take a root coordinate by coordinate?
#
# </details>

# %% [markdown] nbgrader={"grade": true, "grade_id": "q4-1", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# Gradient descent and momentum do not care: 2,647 and 2,608 steps at every angle. A
# turned function has a turned gradient, and to add vectors or to multiply them by a
# number can be exchanged with a turn. So their whole path is turned.
#
# RMSProp and Adam take a root *coordinate by coordinate*, and that cannot be exchanged.
# From 0° to 45° RMSProp goes from 7 to 39 steps, the corrected one from 65 to 200, Adam
# from 24 to 144. Their idea is that the steep and the flat direction each get a rate of
# their own; turned by 45°, each coordinate holds some of both, and there is nothing
# left to tell apart.
#
# The start was lucky twice. The valley lay along an axis, and $(-2, -2)$ lies on the
# diagonal, where steps of the same length in $x$ and $y$ lead straight to the minimum.
# A turn by 5° is enough to take Adam from 24 to 59.

# %% [markdown]
# ## Question 4.2 — a hidden rate
#
# RMSProp without a corrected average is the fastest in that table, turned or not. In
# notebook 2 its first step was 31.6 times too long. Is it a better optimizer, or has it
# another learning rate than it says?
#
# **Predict.** If each may choose its best rate, how far will the two RMSProps be apart?

# %%
prediction = {"best of RMSProp": None, "best of RMSProp, corrected": None}
prediction

# %%
turned = surfaces.rotate(bowl, 45)
rates = np.geomspace(1e-3, 1e3, 13 if FAST else 61)
starts = surfaces.starts(turned, jax.random.key(0), 4 if FAST else 16)
tuned = optax_lab.tune(turned, MAKES, starts, steps=2000, rates=rates, target=TARGET)
fixed = np.argmin(abs(rates - 0.1))
print(f"steps until f < 1e-6, median of {len(starts)} starts, bowl turned by 45°")
print("                        η = 0.1    best η   steps there")


def tell(tuned):
    """Prints what a search over rates found."""
    for name, found in tuned.items():
        print(
            f"{name:<23} {found.scores[fixed]:7,.1f} {found.best:9.3g} "
            f"{found.score:13,.1f}"
        )


tell(tuned)

# %% [markdown]
# Uncorrected, the average $r_t$ is $(1-\rho^t)\, \hat r_t$, so the step is
# $1/\sqrt{1-\rho^t}$ times the corrected one. That is a *schedule*: a factor that depends
# on nothing but $t$. It can be given to anyone: in place of a rate, optimizers take a
# function of the step, counted from 0.


# %%
def factor(step):
    """Returns what the missing correction multiplies step + 1 by."""
    return 1 / jnp.sqrt(1 - 0.999 ** (step + 1.0))


factors = ", ".join(f"{x:.2f}" for x in factor(np.array([0, 9, 99, 999])))
print("factor at step 1, 10, 100, 1000:", factors)
SCHEDULED = {
    "corrected, scheduled": lambda learning_rate: rmsprop(
        lambda step: learning_rate * factor(step), True
    ),
    "Adam, scheduled": lambda learning_rate: optax_lab.adam(
        lambda step: learning_rate * factor(step)
    ),
}
tell(optax_lab.tune(turned, SCHEDULED, starts, steps=2000, rates=rates, target=TARGET))

# %% [markdown]
# The same in a network. The next cell trains a small one on MNIST-1D for one epoch, with
# both RMSProps at two rates.

# %%
train, test = digits.frozen()
data = training.Data(train, {"test": test})
network = networks.residual_mlp(width=100, depth=1 if FAST else 3)
problem = training.Problem(network)
SEEDS = 4 if FAST else 10
keys = jax.random.split(jax.random.key(0), SEEDS)


def histories(optimizer, epochs, keys=keys):
    """Trains once for every key, all at once; returns curves of shape (keys, epochs)."""

    def one(key):
        run = training.start(problem, optimizer, key)
        return training.advance(problem, optimizer, run, data, epochs=epochs)[1]

    return jax.device_get(jax.jit(jax.vmap(one))(keys))


print("mean training loss over the first epoch, smallest and largest of 3 seeds")
for rate in (1e-2,) if FAST else (1e-3, 1e-2):
    for corrected in (False, True):
        made = optax_lab.rmsprop(rate, 0.99, bias_correction=corrected)
        losses = histories(made, 1, keys[:3])["loss/train"][:, 0]
        name = "corrected" if corrected else "as it is"
        print(f"  η = {rate:<6g} {name:<10} {losses.min():.2f} to {losses.max():.2f}")

# %% [markdown]
# **Explain.** What does the missing correction do, on the bowl and in the network?

# %% [markdown] nbgrader={"grade": true, "grade_id": "q4-2", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# It is a hidden *schedule*. Corrected RMSProp with that factor takes exactly as many
# steps as the uncorrected one, 37.5 at 0.1 and 37.0 at the same best rate: they are the
# same method. The factor is 31.62 in the first step, 10.02 in the tenth, 3.24 in the
# hundredth and 1.26 in the thousandth: long steps first, short ones later, and nobody
# has chosen that.
#
# With 0.1 for both it is 37.5 against 123 steps, with the best of each 37 against 78.
# So half of the difference was the rate. What is left is what this schedule is worth on
# this bowl: a constant rate that is small enough to settle is slow on the way. It is no
# gift for everyone: the same schedule leaves Adam where it was, at 77.5 instead of 74.
#
# In the network ($\rho = 0.99$, so that the first factor is 10) it helps a rate that is
# small, 1.81 against 2.02 or more at 0.001, and it hurts one that is not: at 0.01 the
# first epoch's mean loss is 2.67 to 3.42, above the $\ln 10 = 2.30$ of guessing, and
# 1.86 with the correction.
#
# "RMSProp is faster" would thus be a statement about a schedule. Compare optimizers
# under the same one, or tell which each had.

# %% [markdown]
# ## Task 4.3 — has it converged?
#
# Write the rule that decides whether a run has arrived: the gradient, as a vector, is at
# most `tolerance` long. A run whose numbers have become NaN has *not* arrived.
#
# **Predict.** What is `float("nan") > 1.0`? And `not float("nan") > 1.0`?

# %%
prediction = {"nan > 1": None, "not nan > 1": None}
prediction

# %% [markdown]
# **Code.**
#
# <details><summary>Hint 1</summary>
#
# `jnp.linalg.norm` is the length of a vector.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Say what must be true of a run that has arrived, not what must not be true of it.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "has-converged", "locked": false, "schema_version": 3, "solution": true, "task": false}
def has_converged(gradient, tolerance):
    """Says whether a gradient is at most as long as the tolerance."""
    ### BEGIN SOLUTION
    return bool(jnp.linalg.norm(gradient) <= tolerance)
    ### END SOLUTION


has_converged(jnp.array([-3.0, -4.0]), 1.0)  # by hand: the length is 5, so False

# %% [markdown]
# **Check.**

# %% nbgrader={"grade": true, "grade_id": "check-has-converged", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.has_converged(has_converged)
### BEGIN HIDDEN TESTS
for seed in (21, 22, 23):
    checks.has_converged(has_converged, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# **Run.** The lab that this course grew out of loops *while* the last step is longer than
# $10^{-4}$, and for at most 10,000 steps. Below, each optimizer goes down the bowl with 25
# learning rates from $10^{-4}$ to 100. Your rule then looks at the points where that loop
# stopped early. With a gradient of at most $10^{-3}$, a point of this bowl has
# $f \le 10^{-6} / (2 \cdot 0.02) = 2.5 \cdot 10^{-5}$: it has arrived.

# %%
TRIED = np.geomspace(1e-4, 100, 9 if FAST else 25)
gradient = jax.vmap(jax.grad(bowl.value))
print(
    f"{len(TRIED)} rates each:  the loop stops  has converged  not so  (NaN)  not so at η"
)
stops, arrivals, flat = 0, 0, 0
for name, make in MAKES.items():
    ends = grids.descents(
        bowl.value,
        make,
        bowl.start[None],
        hypers={"learning_rate": TRIED},
        steps=10_000,
        record_every=10_000,
        stop="step",
        tolerance=1e-4,
    ).trajectory
    # A step that is NaN is not longer than anything, so that loop stops there too.
    stopped = np.asarray(ends.status)[:, 0] != descent.MAX_STEPS
    broken = np.asarray(ends.status)[:, 0] == descent.DIVERGED
    gradients = gradient(ends.points[:, 0, -1])
    arrived = np.array([has_converged(g, 1e-3) for g in gradients])
    wrong, stops = stopped & ~arrived, stops + stopped.sum()
    arrivals += (stopped & arrived).sum()
    flat += sum(has_converged(g / 1000, 1e-3) for g in gradients[stopped])
    span = TRIED[wrong & ~broken]
    print(
        f"{name:<19} {stopped.sum():10} {(stopped & arrived).sum():14} "
        f"{wrong.sum():7} {broken.sum():6}   {span.min():.2g} to {span.max():.2g}"
    )
print(f"together: {stops} stopped, {arrivals} of them have converged")
print(f"the same points, of a function a thousandth as high: {flat} have converged")

# %% [markdown]
# **Explain.** Of the runs that the loop calls finished, how many have arrived? Name the
# three ways in which it is wrong. Is your own rule right everywhere?

# %% [markdown] nbgrader={"grade": true, "grade_id": "q4-3", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# Of 110 runs that this loop calls finished, 57 have arrived. It is wrong in three ways:
#
# * *Small rates.* Gradient descent is stopped too early with every rate up to 0.056: a
#   step is the rate times the gradient, and is short when either is.
# * *Turning points.* Momentum with a rate of 1.8 and Adam with rates up to 56 are
#   stopped while they swing: where an average passes through 0 the step is short,
#   wherever that is.
# * *NaN.* Four runs of gradient descent have overflowed. "As long as the step is longer
#   than" ends there too, because a comparison with NaN is False. `not norm > tolerance`
#   says "converged", `norm <= tolerance` does not.
#
# The rule of the gradient is better founded, but it is no oracle. It would stop at a
# saddle. Its promise of $2.5 \cdot 10^{-5}$ needs the smallest curvature, which nobody
# knows of a network. And its tolerance has a unit: were $f$ a thousandth as high, 106 of
# the 110 would have "converged", at the same points. So a program should report why it
# stopped, with the value and the gradient there, and let the reader judge.

# %% [markdown]
# ## Question 4.4 — equal rates, or the best of each?
#
# A learning rate of 0.1 means another thing to each optimizer. So give each its own, the
# best of the same 61, on two bowls: the one from above, whose steep direction is 10 times
# as steep as its flat one, and one with a factor of 1000.
#
# **Predict.** Who is first on which?

# %%
prediction = {"first at 10": None, "first at 1000": None}
prediction

# %%
steep = surfaces.quadratic(condition=1000.0, rotation=45.0)
starts = surfaces.starts(steep, jax.random.key(0), len(starts))
results = {
    10: tuned,
    1000: optax_lab.tune(steep, MAKES, starts, steps=2000, rates=rates, target=TARGET),
}
for condition, all_found in results.items():
    print(f"condition {condition}: steps until f < 1e-6 (inf: not in 2,000)")
    print(
        "                     η = 0.1    best η   steps   at most twice that from … to"
    )
    for name, found in all_found.items():
        near = rates[found.scores <= 2 * found.score]
        span = f"{near.min():,.4g} to {near.max():,.4g}"
        if not np.isfinite(found.score):
            span = "–"
        print(
            f"{name:<20} {found.scores[fixed]:7,.1f} {found.best:9.3g} "
            f"{found.score:7,.1f}   {span}"
        )

# %%
figure, axes = plt.subplots(
    1, 2, figsize=(8, 3.6), sharey=True, sharex=True, layout="constrained"
)
for ax, (condition, all_found) in zip(axes, results.items(), strict=True):
    for k, (name, found) in enumerate(all_found.items()):
        counts = np.where(np.isfinite(found.scores), found.scores, np.nan)
        ax.loglog(
            rates, counts, **LOOKS[name], ms=4, markevery=(k, 3), lw=1.5, label=name
        )
    ax.axvline(0.1, color="#8C8C8C", lw=1, ls=(0, (1, 2)))
    ax.set(title=f"condition {condition}", xlabel="learning rate η")
axes[0].set_ylabel("steps until f < 10⁻⁶")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.close(figure)
figures.show(
    figure,
    "Median steps until f < 10⁻⁶ against the learning rate, on logarithmic axes, for a "
    "condition of 10 on the left and of 1000 on the right. A thin vertical line marks "
    "0.1. Left, gradient descent falls steeply to the lowest point of all, just below 10, "
    "where it ends; momentum is flat from 2 to 160; RMSProp is low from 0.03 on, Adam "
    "twice as high from 0.1 on, and corrected RMSProp has a narrow range near 0.2. Right, "
    "RMSProp is flat and high, Adam lower from 0.3 on, momentum falls to the lowest point "
    "at 160, and gradient descent is a single high point.",
)

# %% [markdown]
# **Explain.** Which comparison is fair? What else than the lowest point of a curve would
# you like to know of it?
#
# <details><summary>Hint</summary>
#
# Who has to find the rate, at what price, and how far off may they be?
#
# </details>

# %% [markdown] nbgrader={"grade": true, "grade_id": "q4-4", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# With 0.1 for everyone, RMSProp is first on the first bowl (37.5 steps) and Adam on the
# second (647.5), and gradient descent and momentum arrive on neither. With the best
# rate of each, *gradient descent* is first on the first bowl, 30.5 to RMSProp's 37 and
# Adam's 74, and *momentum* on the second, 67 to Adam's 288.5; there gradient descent
# takes 1,572 and corrected RMSProp does not arrive in 2,000. So equal rates compared
# the rates. And there is no order of the optimizers as such: it depends on the
# condition.
#
# Fair is: the same budget for everyone (here 61 rates, 16 starts), the same range, wide
# enough that no best rate lies at its edge, one criterion, said beforehand; and a
# report on starts that the rates were not chosen by, which is missing here.
#
# Besides the lowest point the *width* counts, because in practice nobody tries 61
# rates. On the first bowl gradient descent takes at most twice its best from 5.0 to
# 7.9, and a little above it diverges; Adam does so from 0.063 to 100, a factor of more
# than a thousand. With a guess of 0.1 Adam takes 98.5 steps, a third more than at its
# best. That is what adaptive methods are liked for: not the best result, but a good one
# without much search.

# %% [markdown]
# ## Where δ stands
#
# Adam divides by $\sqrt{\hat r + \delta}$ in the lab, with $\delta = 10^{-5}$, and by
# $\sqrt{\hat r} + \delta$ in the libraries, with $10^{-8}$. Without $\delta$, Adam would
# not notice if the loss were multiplied by a constant, for example if it were a sum over
# the examples in place of their mean. Where does $\delta$ begin to matter?
#
# **Predict.** Down to which factor $s$ does the lab's Adam take as many steps for
# $s \cdot f$ as for $f$: 1, 0.01 or 0.0001?

# %%
prediction = {"the lab's, down to s =": None, "the libraries', down to s =": None}
prediction

# %%
FACTORS = 10.0 ** np.arange(2, -8, -1)
DELTAS = {
    "inside, 1e-5": {"eps": 0.0, "eps_root": 1e-5},
    "outside, √1e-5": {"eps": 1e-5**0.5},
    "inside, 1e-8": {"eps": 0.0, "eps_root": 1e-8},
    "outside, 1e-8": {"eps": 1e-8},
}
print("Adam, η = 0.1, turned bowl: steps until s·f < s·1e-6 (-1: not in 5,000)")
print("       s = " + "".join(f"{s:>7.0e}" for s in FACTORS))


def steps_when_scaled(optimizer):
    """Returns steps to the target for every factor."""

    def one(s):
        return optax_lab.descend(
            lambda point: s * turned.value(point),
            optimizer,
            turned.start,
            steps=5000,
            record_every=5000,
            target=TARGET * s,
        ).first_hit

    return jax.jit(jax.vmap(one))(FACTORS)


for name, place in DELTAS.items():
    hits = steps_when_scaled(optax_lab.adam(0.1, **place))
    print(f"{name:<14} " + "".join(f"{hit:>6} " for hit in hits))

# %% [markdown]
# **Explain.** Inside the root $\delta$ has the unit of $g^2$, outside that of $g$:
# $10^{-5}$ inside does what about $\sqrt{10^{-5}} = 0.0032$ does outside, as the first
# two rows show. The lab's Adam takes 144 steps for $f$, 159 for a tenth of it, 808 for
# a hundredth, and does not arrive with less. The libraries' $10^{-8}$ outside lasts
# down to $s = 10^{-4}$. The same number inside, though, is $10^{-4}$ in units of $g$
# and lasts only to 0.1, with 145 at 0.01 and 273 at 0.001.
#
# Where gradients are far below $\sqrt\delta$, the denominator is $\sqrt\delta$ whatever
# they are. Then nothing is scaled any more: Adam has become momentum, with a rate of
# $0.1/0.0032 = 32$ here, on a function that is $s$ times as flat. So "Adam with ε =
# $10^{-8}$" is not a complete sentence.

# %% [markdown]
# ## Question 4.5 — noise
#
# A mini-batch's gradient is the true one plus noise. The next cell adds noise of standard
# deviation 0.05 to every coordinate of the gradient, and looks where runs *stay*: at the
# mean of $f$ over the second half of 1000 steps.
#
# **Predict.** Without noise, gradient descent is best near $\eta = 8$. With it?

# %%
prediction = {"best η of gradient descent, with noise": None}
prediction

# %%
noisy = surfaces.noisy(turned, 0.05)
NOISE = 8 if FAST else 32
noise_keys = jax.random.split(jax.random.key(1), NOISE)
SOME = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 8.0]
falling = lambda rate: optax.cosine_decay_schedule(rate, 1000)
NOISY = {
    "gradient descent": optax_lab.sgd,
    "momentum": MAKES["momentum"],
    "Adam": optax_lab.adam,
    "gradient descent, falling": lambda learning_rate: optax_lab.sgd(
        falling(learning_rate)
    ),
}


def heights(make, learning_rates):
    """Returns f without its noise, of shape (rates, seeds, rows): every 10th step."""
    points = grids.descents(
        noisy.sample,
        make,
        turned.start[None],
        hypers={"learning_rate": learning_rates},
        keys=noise_keys,
        steps=1000,
        record_every=10,
    ).trajectory.points[:, 0]
    return np.asarray(jax.vmap(jax.vmap(jax.vmap(turned.value)))(points))


height = {name: heights(make, SOME) for name, make in NOISY.items()}
print(f"1000 times f, mean of {NOISE} seeds over the second half (last: at the end)")
print("                 η = " + "".join(f"{rate:>8g}" for rate in SOME))
for name, values in height.items():
    late = values[..., 50:] if name != "gradient descent, falling" else values[..., -1:]
    print(f"{name:<25}" + "".join(f"{1e3 * x:8.2f}" for x in late.mean((1, 2))))

# %%
curves = {
    f"gradient descent, η = {rate:g}": height["gradient descent"][SOME.index(rate)]
    for rate in (0.1, 0.3, 3.0)
}
curves["from 3, falling"] = height["gradient descent, falling"][SOME.index(3.0)]
figures.show(
    figures.descent_curves(
        {name: {"above_best": values} for name, values in curves.items()},
        record_every=10,
        title="A noisy gradient",
    )
)

# %%
ends = {
    "gradient descent, 0.3": height["gradient descent"][SOME.index(0.3), :, -1],
    "Adam, 0.03": height["Adam"][SOME.index(0.03), :, -1],
}
for name, end in ends.items():
    print(
        f"{name:<22} f at the end, mean {end.mean():.1e}, from {end.min():.1e}", end=""
    )
    print(f" to {end.max():.1e}")
first, second = ends.values()
print(f"Adam ends lower in {np.sum(second < first)} of {NOISE} seeds")

# %% [markdown]
# **Explain.** What does the learning rate do now? Why do schedules let it fall? And what
# would you have reported of the two in the last lines if you had run one seed?

# %% [markdown] nbgrader={"grade": true, "grade_id": "q4-5", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# There is a *floor* now. Far away the gradient is larger than the noise, and a larger
# rate is faster. Near the minimum the noise is larger, and steps of a constant rate
# never end: the larger the rate, the higher the floor. For gradient descent (in
# thousandths) it is 0.44 with 0.3, 1.46 with 1, 4.86 with 3 and 30.98 with 8, the best
# rate without noise; below 0.3 it has not arrived in 1000 steps. Momentum as an average
# lowers the floor only where the rate is large (11.12 at 8). Adam has the same conflict
# at other rates: its best here is 0.03.
#
# A rate that falls to 0 has both, speed first and calm later: 0.17 to 0.36 for *every*
# first rate from 0.3 to 8. So a schedule also makes the choice of the rate less
# delicate.
#
# With one seed you would have reported that Adam ends lower with a chance of about a
# quarter: so it is in 8 of 32 seeds. In the mean gradient descent ends lower, $5.3
# \cdot 10^{-4}$ to $7.6 \cdot 10^{-4}$, but single seeds of either lie anywhere from
# about $10^{-5}$ to $2 \cdot 10^{-3}$.

# %% [markdown]
# ## Task 4.6 — an error bar
#
# So: several seeds, and an interval. Two optimizers that are trained with the same seeds
# start from the same weights and see the same batches. A lucky start is lucky for both,
# and in the *difference* that luck cancels. With $d_i = a_i - b_i$ for $n$ seeds, mean
# $\bar d$ and standard deviation $s$, the 95 % interval of the mean difference is
#
# $$\bar d \pm t_{n-1}\, \frac{s}{\sqrt n}, \qquad
# s^2 = \frac{1}{n-1} \sum_i (d_i - \bar d)^2,$$
#
# where $t_{n-1}$ leaves 2.5 % of Student's distribution with $n-1$ degrees of freedom
# above it. If 0 is inside, the data do not say which is better.
#
# **Code.** `a` and `b` are NumPy arrays. `stats.t.ppf(q, k)` is the point of Student's
# distribution with $k$ degrees of freedom that has the share $q$ *below* it.
#
# <details><summary>Hint 1</summary>
#
# From the second line on only the differences are used. NumPy's `std` divides by $n$
# unless told otherwise: `ddof`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# 2.5 % above means which share below?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "paired-interval", "locked": false, "schema_version": 3, "solution": true, "task": false}
def paired_interval(a, b):
    """Returns the 95 % interval of the mean of a − b: its low and its high end."""
    ### BEGIN SOLUTION
    differences = a - b
    n = len(differences)
    half = stats.t.ppf(0.975, n - 1) * differences.std(ddof=1) / n**0.5
    return differences.mean() - half, differences.mean() + half
    ### END SOLUTION


paired_interval(
    np.array([2.0, 4, 6]), np.array([1.0, 2, 3])
)  # 2 ± 4.303/√3: -0.48, 4.48

# %% [markdown]
# **Check.**

# %% nbgrader={"grade": true, "grade_id": "check-paired-interval", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.paired_interval(paired_interval)
### BEGIN HIDDEN TESTS
for seed in (31, 32, 33):
    checks.paired_interval(paired_interval, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# **Run.** The small network from above, ten epochs, ten seeds each. The last row is
# Adam at twice its rate, to have something to compare the others with.
#
# **Predict.** Which of the four differences below can ten seeds tell from 0?

# %%
prediction = {"can be told": None, "cannot": None}
prediction

# %%
CONTENDERS = {
    "Adam": optax_lab.adam(1e-3),
    "NAdam": optax_lab.nadam(1e-3),
    "RMSProp": rmsprop(1e-3),
    "RMSProp, corrected": rmsprop(1e-3, True),
    "Adam, rate × 2": optax_lab.adam(2e-3),
}
EPOCHS = 2 if FAST else 10
accuracy = {}
for name, optimizer in CONTENDERS.items():
    reached = histories(optimizer, EPOCHS)["accuracy/test"][:, -1]
    accuracy[name] = 100 * np.asarray(reached, float)
    a = accuracy[name]
    print(f"{name:<20} mean {a.mean():.1f} %, from {a.min():.1f} to {a.max():.1f}")

# %%
PAIRS = [
    ("RMSProp, corrected", "Adam"),
    ("NAdam", "Adam"),
    ("RMSProp", "Adam"),
    ("Adam, rate × 2", "Adam"),
]
print(
    "difference, in points     mean        paired   as if unpaired  correlation  above 0"
)
rows = []
for first, second in PAIRS:
    a, b = accuracy[first], accuracy[second]
    low, high = paired_interval(a, b)
    loose = stats.ttest_ind(a, b).confidence_interval(0.95)
    shared = np.corrcoef(a, b)[0, 1]
    rows.append((f"{first}\n− {second}", a - b, low, high))
    print(
        f"{first:<18} − Adam {np.mean(a - b):5.1f}   {low:4.1f} to {high:4.1f}"
        f"     {loose.low:4.1f} to {loose.high:4.1f} {shared:12.2f}"
        f"  {(a > b).sum():2} of {SEEDS}"
    )
    print("    the data do not say" if low <= 0 <= high else "    can be told from 0")

# %%
figure, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
for y, (_, differences, low, high) in enumerate(reversed(rows)):
    ax.plot(
        differences, np.full(len(differences), y + 0.18), "|", color="#595959", ms=9
    )
    ax.plot([low, high], [y, y], "-", color="#0072B2", lw=3, solid_capstyle="butt")
    ax.plot(np.mean(differences), y, "D", color="#0072B2", ms=7)
ax.axvline(0, color="black", lw=1, ls="--")
ax.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)])
ax.set(xlabel="difference in test accuracy, points", ylim=(-0.5, len(rows) - 0.4))
plt.close(figure)
figures.show(
    figure,
    "Differences in test accuracy from Adam: thin strokes are single seeds, a diamond is "
    "their mean and a bar its 95 % interval; a dashed line marks 0. The bar of corrected "
    "RMSProp lies across 0, that of NAdam is just to the right of it, and those of "
    "RMSProp and of Adam at twice the rate are far to the right.",
)

# %% [markdown]
# With many pairs some will look different by chance: of 20 intervals around
# a true 0 one misses it. `verdicts.compare_all` asks all pairs at once and corrects for that
# (Holm); its test flips the signs of the differences in place of using $t$.

# %%
for pair in verdicts.compare_all(accuracy):
    word = "separable" if pair.separable else "not separable"
    print(
        f"{pair.first:<19} − {pair.second:<19} {pair.difference:5.1f}  p = {pair.p:.3f}, "
        f"of ten pairs {pair.p_holm:.3f}: {word}"
    )

# %% [markdown]
# **Explain.** What do you report? What does pairing buy, and where? "RMSProp beats Adam":
# is that what was measured? What do the intervals not cover?
#
# <details><summary>Hint</summary>
#
# Compare the last two rows of the table of differences with each other, and think of Question 4.2.
# What was the same in all these runs?
#
# </details>

# %% [markdown] nbgrader={"grade": true, "grade_id": "q4-6", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# *The report*: means over ten seeds with paired intervals. RMSProp is ahead of Adam by
# 6.5 points (5.0 to 8.0), NAdam by 0.8 (0.2 to 1.4). Of corrected RMSProp and Adam
# (−1.8 to 0.9) the data do not say which is better. That is not "they are equal": a
# difference of one point is still possible. More seeds would make the interval shorter,
# by half for four times as many.
#
# *Pairing* pays where luck is shared. Adam and NAdam are close relatives: over the
# seeds their accuracies have a correlation of 0.88, and the paired interval is 1.2
# points wide instead of 3.2; without pairs the data would not have told them apart.
# Between RMSProp and Adam nothing of the common start is left after ten epochs (−0.31),
# and the paired interval is even a little wider, because $t$ has 9 degrees of freedom
# and not 18.
#
# *"RMSProp beats Adam"* was not measured. What was measured are two settings. Adam at
# twice the rate is ahead of itself by 4.5 points, which is most of the 6.5, and RMSProp
# without its hidden schedule is not ahead at all. Each needs its own best rate, found
# with the same effort, by a validation set and not, as "× 2" here, with the test set in
# view.
#
# *Not covered* is all that was the same in these runs: one data set, 1000 test examples
# (an accuracy of 55 % has a standard error of $\sqrt{0.55 \cdot 0.45 / 1000}$, 1.6
# points, from these alone), one network, ten epochs, in which nobody is done learning.
# The intervals speak of other seeds, and of nothing else.

# %% [markdown]
# ## Explore
#
# Everything at once, for any of the 28 surfaces of the library (`optax-lab info` names
# them): choose one, turn it, shake it. The sliders need a running kernel; the tables and
# figures above stand without.


# %%
def explore(surface="rosenbrock", degrees=0, noise=0.0, log_rate=-1.0):
    """Draws 200 steps of the five optimizers with the rate 10 ** log_rate."""
    chosen = surfaces.rotate(optax_lab.SURFACES[surface](), degrees)
    paths = {
        name: optax_lab.descend(
            surfaces.noisy(chosen, noise).sample,
            make(10**log_rate),
            chosen.start,
            key=jax.random.key(0),
            steps=200,
        )
        for name, make in MAKES.items()
    }
    return figures.show(figures.surface(chosen, paths))


try:
    import ipywidgets

    ipywidgets.interact(
        explore,
        surface=["rosenbrock", "quadratic", "beale", "himmelblau"],
        degrees=(0, 90, 5),
        noise=(0.0, 2.0, 0.1),
        log_rate=(-4.0, 1.0, 0.1),
    )
except ImportError:
    print("no ipywidgets here: call explore(surface=…, degrees=…, noise=…, log_rate=…)")

# %% [markdown]
# ## In one paragraph
#
# Methods that scale each coordinate depend on the axes. A missing correction is a hidden
# rate, and equal rates compare rates, not optimizers. A short step is not an arrival, and
# NaN is not small. $\delta$ has a unit: that of $g^2$ inside the root, that of $g$
# outside. With noise, a constant rate ends on a floor. One seed is one draw; paired
# seeds and an interval say what the data say, and sometimes that is: nothing yet.
#
# **Words.** *Paired*: run with the same seed, thus from the same weights and on the same
# batches. *Interval*: of 95 %; made so, 19 of 20 hold the true mean. *Separable*: an
# interval, or a test, that excludes 0. *Condition*: the largest curvature over the
# smallest. *Floor*: the height on which a noisy run stays.
#
# **To read.** Choi et al. (2019), *On Empirical Comparisons of Optimizers for Deep
# Learning*, arXiv:1910.05446. Schmidt, Schneider & Hennig (2021), *Descending through a
# Crowded Valley*, arXiv:2007.01547. Bouthillier et al. (2021), *Accounting for Variance in
# Machine Learning Benchmarks*, arXiv:2103.03098.
