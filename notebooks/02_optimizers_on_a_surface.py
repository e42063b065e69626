# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/optax-lab/optax_lab/blob/main/notebooks/student/02_optimizers_on_a_surface.ipynb)
#
# # 2 · Optimizers on a surface
#
# *About 25 minutes. You need notebook 1, and a little JAX from notebook 0. Everything
# runs on a laptop's processor.*
#
# In notebook 1 you averaged a noisy series. Here the same line of arithmetic averages
# gradients, and three famous optimizers come out of it: momentum, RMSProp and Adam. You
# write one step of each, and watch them go down a bowl that is simple enough for theory
# to tell what must happen.

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

import optax_lab
from optax_lab import checks
from optax_lab.problems import surfaces, theory
from optax_lab.reporting import figures
from optax_lab.runs import descent
from optax_lab.studies import grids

FAST = bool(os.environ.get("OPTAX_LAB_FAST"))  # set by the tests: smaller grids
print(f"JAX {jax.__version__} on {jax.devices()[0].device_kind}")

# %% [markdown]
# ## A bowl
#
# What we go down is $f(x, y) = 0.01\,x^2 + 0.1\,y^2$, from the point $(-2, -2)$. One
# object holds all that is known about it; JAX takes its derivatives.

# %%
bowl = surfaces.quadratic()
f = bowl.value
print(bowl.formula, "from", bowl.start)
print("the gradient at the start:", jax.grad(f)(jnp.asarray(bowl.start)))
found = theory.curvatures(bowl)
print(f"curvatures, the eigenvalues of the Hessian: {found.smallest:.3f}", end=" ")
print(f"and {found.largest:.3f}")

# %% [markdown]
# **Signs used here.** $\theta = (x, y)$ is the point, called `x` in the code, $g$ the
# gradient there and $\eta$ the learning rate, `lr`. $\rho$ is a memory, as in notebook
# 1, $\delta$ a small number that keeps a denominator away from 0, and $t$ the number of
# the step, 1 at first. Squares, roots and quotients of vectors are taken coordinate by
# coordinate.
#
# **A warning.** On this bowl the gradient is exact. A network's gradient comes from a
# few examples at a time and is noisy, and its loss is no bowl. What you see here is how
# the formulas work, not which optimizer is the better one. (On another kind of processor
# the last digits differ, and with them a few of the counts of steps.)

# %% [markdown]
# ## Question 2.1
#
# The bowl stands for the training of a network. What do $x$ and $y$ stand for, what
# does $f$, and what does the gradient? What is missing?
#
# <details><summary>Hint</summary>
#
# What does training change, and what is it meant to make small? How many such numbers
# does a real network have?
#
# </details>

# %% [markdown] nbgrader={"grade": true, "grade_id": "q2-1", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# $x$ and $y$ are the parameters that are trained: a network with two weights. $f$ is its
# loss as a function of them, with the data held fixed, and the gradient is what
# backpropagation returns.
#
# The two curvatures, 0.02 and 0.2, differ by a factor of 10, the *condition number*. So
# there is a steep direction and a flat one, and they want different learning rates: a
# small picture of a real difficulty.
#
# Missing are the noise of mini-batches, the other hundred thousand coordinates, valleys
# that bend, saddles and more than one minimum. In training nobody knows where the
# minimum is, or how small the loss can become. And a small training loss is not yet a
# network that is right on new data.

# %% [markdown]
# ## Gradient descent, and the loop
#
# Gradient descent steps against the gradient, $\theta_t = \theta_{t-1} - \eta\, g_t$.
# It is given, and so is the loop that will run your functions too. The loop keeps the
# start and the end, says how a run ended, and stops by the rule of the lab this course
# grew out of: once a step is at most $10^{-4}$ long.


# %%
def gradient_descent(x, g, lr):
    """Returns the next point."""
    return x - lr * g


value_and_gradient = jax.jit(jax.value_and_grad(f))


def run(step, state=None, *, steps=10_000, shortest=1e-4):
    """Descends with `step(x, g, state, t) -> (x, state)`, until a step is short."""
    x, status = jnp.asarray(bowl.start), descent.MAX_STEPS
    value, g = value_and_gradient(x)
    points, values = [x], [value]
    for t in range(1, steps + 1):
        old = x
        x, state = step(old, g, state, t)
        value, g = value_and_gradient(x)
        points.append(x)
        values.append(value)
        if not jnp.isfinite(value):
            status = descent.DIVERGED
            break
        if jnp.linalg.norm(x - old) <= shortest:
            status = descent.CONVERGED
            break
    return descent.Trajectory(np.array(points), np.array(values), status, t)


def tell(name, path):
    """Prints how a run ended."""
    end, steps = np.asarray(path.points[-1]), int(path.steps_taken)
    status, value = descent.STATUS[int(path.status)], float(path.values[-1])
    print(
        f"{name:<34} {status:<9} {steps:>6,} {'steps' if steps > 1 else 'step'}, at ({end[0]:9.2e}, {end[1]:9.2e}), "
        f"f = {value:.2e}"
    )


LR, RHO, RHO_2, DELTA = 0.1, 0.9, 0.999, 1e-5  # the lab's
zero = jnp.zeros(2)  # what every average starts at
paths = {}  # by optimizer; to run a cell again replaces its path
paths["gradient descent"] = run(
    lambda x, g, state, t: (gradient_descent(x, g, LR), state)
)
tell("gradient descent", paths["gradient descent"])

# %% [markdown]
# 1,844 steps, and the end is still 0.05 away from the minimum, at $(0, 0)$. Perhaps the
# learning rate is too small?
#
# **Predict.** Steps until $f < 10^{-6}$ with $\eta$ = 1, 9 and 11, when 0.1 takes 2,647?

# %%
prediction = {"η = 1": None, "η = 9": None, "η = 11": None}  # replace the Nones
prediction

# %% [markdown]
# **Run.** In one compiled program, `descents` tries as many learning rates as you like.

# %%
TARGET = 1e-6


def steps_to_target(make, surface=bowl, steps=6000, **hypers):
    """Returns steps until f ≤ 10⁻⁶ on a grid: inf is never, nan is diverged."""
    grid = grids.descents(
        surface.value,
        make,
        surface.start[None],
        hypers=hypers,
        steps=steps,
        record_every=steps,
        target=TARGET,
    )
    lanes = grid.trajectory
    found = np.where(lanes.first_hit < 0, np.inf, lanes.first_hit)
    return np.where(lanes.status == descent.DIVERGED, np.nan, found)[..., 0]


some = [0.1, 1, 5, 8.65, 9, 9.09, 9.5, 9.9, 10, 11]
print("learning rate   steps until f < 1e-6")
tried = steps_to_target(optax_lab.sgd, learning_rate=some)
for rate, n in zip(some, tried, strict=True):
    told = "diverged" if np.isnan(n) else "never" if np.isinf(n) else f"{n:,.0f}"
    print(f"{rate:13g}   {told}")

print("\ny where the path passes x = -1.5:")
for rate in (0.1, 1.0):
    points = optax_lab.descend(f, optax_lab.sgd(rate), bowl.start, steps=300).points
    print(f"  learning rate {rate:3g}: {np.interp(-1.5, *points.T):.3f}")
print(f"  without steps, in the limit: {-2 * (1.5 / 2) ** 10:.3f}")

# %%
rates = np.r_[np.geomspace(0.05, 8, 10 if FAST else 30), np.linspace(8.05, 10.4, 48)]
counts = steps_to_target(optax_lab.sgd, learning_rate=rates)
figure, axes = plt.subplots(
    1, 3, figsize=(7.5, 2.7), width_ratios=(2, 1, 1), layout="constrained"
)
axes[0].loglog(rates, np.where(np.isfinite(counts), counts, np.nan), "o-", ms=3, lw=1)
for at, line in ((5, ":"), (9.09, "--"), (10, "-")):
    axes[0].axvline(at, color="black", linestyle=line, lw=1.5, label=f"{at}")
axes[0].set(xlabel="learning rate η", ylabel="steps until f < 10⁻⁶")
axes[0].set_yticks([30, 100, 300, 1000, 3000], ["30", "100", "300", "1,000", "3,000"])
axes[0].set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
axes[0].minorticks_off()
axes[0].legend(title="theory, η =", loc="lower left")
for ax, rate in zip(axes[1:], (1.0, 9.5), strict=True):
    path = optax_lab.descend(f, optax_lab.sgd(rate), bowl.start, steps=30)
    ax.plot(*path.points.T, "o-", color="#0072B2", ms=3, lw=1)
    ax.plot(0, 0, "*", color="white", mec="black", ms=12)
    ax.set(title=f"η = {rate:g}", xlabel="x", xlim=(-3, 3), ylim=(-3, 3))
axes[1].set_ylabel("y")
plt.close(figure)
figures.show(
    figure,
    "Left, steps of gradient descent until f < 10⁻⁶ against the learning rate, both on "
    "logarithmic axes: a straight line down from 5,296 at 0.05 to 28 near 8.65, then a "
    "steep rise toward 10. Vertical lines mark 5, 9.09 and 10. Right, 30 steps in the "
    "plane: with 1 the path bends into the flat valley and creeps along it, with 9.5 it "
    "zigzags across the valley, less and less. A star is the minimum.",
)

# %% [markdown]
# ## Question 2.2
#
# What does the learning rate change: the path, the speed, or both? What happens at 5,
# at 9.09 and at 10, and why there?
#
# <details><summary>Hint</summary>
#
# The gradient is $(0.02\,x,\ 0.2\,y)$. By which factor does one step multiply $x$, and
# by which $y$? For which $\eta$ is such a factor 0, or −1?
#
# </details>

# %% [markdown] nbgrader={"grade": true, "grade_id": "q2-2", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# One step multiplies $x$ by $1 - 0.02\,\eta$ and $y$ by $1 - 0.2\,\eta$. All follows
# from these two factors.
#
# * **Below 5** both are positive: no coordinate changes its sign. Small rates all follow
#   nearly the same curve, at different speeds: where $x = -1.5$, $y$ is −0.110 with 0.1
#   and −0.084 with 1, and −0.113 in the limit. Ten times the rate takes a tenth of the
#   steps: 2,647 and 263.
# * **At 5** the factor of $y$ is 0: the steep direction is solved in one step.
# * **From 5 to 10** it is negative: the path zigzags across the valley and still
#   shrinks. At $2/(0.02 + 0.2) = 9.09$ both factors have the size 9/11; no other rate
#   does better in the long run. From this start, 8.65 arrives a little earlier, with
#   28 steps instead of 33, because most of the height is in $y$ at first.
# * **At 10** the factor of $y$ is −1: it jumps between −2 and 2 for ever. **Above 10**
#   the jumps grow, until the numbers overflow.
#
# So the steep direction limits the rate, and the flat direction must live with it. The
# best rate is next door to the worst: 9.9 takes 320 steps. And 0.1, the lab's, is about
# 90 times too small.

# %% [markdown]
# ## Task 2.3 — momentum
#
# Across the valley, gradients of opposite signs follow each other; along it they agree.
# An average keeps what agrees and cancels the rest. So momentum steps along an average:
#
# $$v_t = \rho\, v_{t-1} + (1-\rho)\, g_t, \qquad
# \theta_t = \theta_{t-1} - \eta\, v_t, \qquad v_0 = 0.$$
#
# **Predict.** With the same $\eta = 0.1$ and $\rho = 0.9$: how many steps, where gradient
# descent took 1,844?

# %%
prediction = {"steps of momentum": None}
prediction

# %% [markdown]
# **Code.**
#
# <details><summary>Hint 1</summary>
#
# You wrote the first line in notebook 1. What is averaged now?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The step goes along the *new* average, and the next step needs that average too. Make
# new arrays; do not write into those that are given.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "momentum", "locked": false, "schema_version": 3, "solution": true, "task": false}
def momentum(x, g, v, lr, rho):
    """Returns the next point, and the average of the gradients after this step."""
    ### BEGIN SOLUTION
    v = rho * v + (1 - rho) * g
    return x - lr * v, v
    ### END SOLUTION


momentum(2.0, 4.0, 0.0, 0.1, 0.5)  # by hand: 1.8 and 2

# %% [markdown]
# **Check.**

# %% nbgrader={"grade": true, "grade_id": "check-momentum", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.momentum(momentum)
### BEGIN HIDDEN TESTS
for seed in (11, 12, 13):
    checks.momentum(momentum, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# **Run.**

# %%
paths["momentum"] = run(lambda x, g, v, t: momentum(x, g, v, LR, RHO), zero)
faster = run(lambda x, g, v, t: momentum(x, g, v, 10 * LR, RHO), zero)
sum_of_gradients = optax_lab.descend(
    f, optax_lab.sgd(LR, momentum=RHO), bowl.start, stop="step", tolerance=1e-4
)
for name in paths:
    tell(name, paths[name])
tell("momentum, η = 1", faster)
tell("a sum instead, η = 0.1", sum_of_gradients)

# %% [markdown]
# **Explain.** Momentum hardly helps here: 1,829 steps, not 1,844. An average of gradients
# is as long as a gradient, so at the same small rate it goes as slowly. What momentum
# buys is that you may choose a *larger* rate, as Question 2.6 will show.
#
# The last line is the older form, the *heavy ball*, which PyTorch and Optax call
# momentum: $v_t = \rho\, v_{t-1} + g_t$, a sum without the weight $1-\rho$. It is
# $1/(1-\rho) = 10$ times as long, so that its rate of 0.1 is an average's rate of 1, and
# both take 250 steps. When someone says "momentum 0.9", ask which.

# %% [markdown]
# ## Task 2.4 — RMSProp
#
# The two coordinates want different rates. RMSProp gives each its own: it averages the
# *squares* of the gradients and divides by the root,
#
# $$r_t = \rho\, r_{t-1} + (1-\rho)\, g_t^2, \qquad
# \theta_t = \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{r_t + \delta}}, \qquad r_0 = 0.$$
#
# Here $\delta$ is inside the root and the average is not corrected for its start at 0.
# Libraries differ in both.
#
# **Predict.** The first gradient is $(-0.04, -0.4)$. With $\eta = 0.1$, $\rho = 0.999$
# and $\delta = 10^{-5}$: about how long is the first step in $y$, 0.1, 1 or 3?

# %%
prediction = {"first step in y": None, "steps of RMSProp": None}
prediction

# %% [markdown]
# **Code.** The root is `jnp.sqrt`.
#
# <details><summary>Hint 1</summary>
#
# It is the same average again. What comes into it is never negative.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The step goes along the gradient itself; only its length comes from the average. In
# the formula, is $\delta$ added before or after the root is taken?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "rmsprop", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rmsprop(x, g, r, lr, rho, delta):
    """Returns the next point, and the average of the squares after this step."""
    ### BEGIN SOLUTION
    r = rho * r + (1 - rho) * g**2
    return x - lr * g / jnp.sqrt(r + delta), r
    ### END SOLUTION


rmsprop(2.0, 4.0, 0.0, 0.1, 0.75, 0.0)  # by hand: 1.8 and 4

# %% [markdown]
# **Check.**

# %% nbgrader={"grade": true, "grade_id": "check-rmsprop", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.rmsprop(rmsprop)
### BEGIN HIDDEN TESTS
for seed in (21, 22, 23):
    checks.rmsprop(rmsprop, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# **Run.**

# %%
paths["RMSProp"] = run(lambda x, g, r, t: rmsprop(x, g, r, LR, RHO_2, DELTA), zero)
tell("RMSProp", paths["RMSProp"])
print("its first points:")
print(paths["RMSProp"].points[:4].round(3))
print(f"the first step's factor, 1/√(1 − ρ): {(1 - RHO_2) ** -0.5:.1f}")

# %% [markdown]
# **Explain.** 12 steps! But look at the first points: its first step jumps from one side
# of the valley to the other. Exercise 2.7 asks where that jump comes from.

# %% [markdown]
# ## Task 2.5 — Adam
#
# Adam takes both averages, and corrects both for their start at 0, as you did in
# notebook 1:
#
# $$v_t = \rho_1 v_{t-1} + (1-\rho_1)\, g_t, \qquad
# r_t = \rho_2 r_{t-1} + (1-\rho_2)\, g_t^2,$$
#
# $$\hat v_t = \frac{v_t}{1-\rho_1^t}, \qquad \hat r_t = \frac{r_t}{1-\rho_2^t}, \qquad
# \theta_t = \theta_{t-1} - \eta\, \frac{\hat v_t}{\sqrt{\hat r_t + \delta}}.$$
#
# **Predict.** In the first step, what is $\hat v_1$, and what is $\hat r_1$? So how long
# is the first step in each coordinate?

# %%
prediction = {"first step in x": None, "first step in y": None}
prediction

# %% [markdown]
# **Code.** `state` is the pair $(v, r)$, and `rhos` the pair $(\rho_1, \rho_2)$.
#
# <details><summary>Hint 1</summary>
#
# Unpack both pairs first. Then there are four new numbers, and the step.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Which of the four does the step use, and which does the next step start from? Notebook
# 1 had the same choice.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "adam", "locked": false, "schema_version": 3, "solution": true, "task": false}
def adam(x, g, state, lr, rhos, delta, t):
    """Returns the next point, and the pair of averages after this step."""
    ### BEGIN SOLUTION
    (v, r), (rho_1, rho_2) = state, rhos
    v = rho_1 * v + (1 - rho_1) * g
    r = rho_2 * r + (1 - rho_2) * g**2
    v_hat, r_hat = v / (1 - rho_1**t), r / (1 - rho_2**t)
    return x - lr * v_hat / jnp.sqrt(r_hat + delta), (v, r)
    ### END SOLUTION


nothing = np.zeros(()), np.zeros(())
adam(2.0, 4.0, nothing, 0.1, (0.5, 0.75), 0.0, 1)  # by hand: 1.9, and 2 and 4

# %% [markdown]
# **Check.**

# %% nbgrader={"grade": true, "grade_id": "check-adam", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
checks.adam(adam)
### BEGIN HIDDEN TESTS
for seed in (31, 32, 33):
    checks.adam(adam, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# **Run.** All four in one figure.

# %%
paths["Adam"] = run(
    lambda x, g, state, t: adam(x, g, state, LR, (RHO, RHO_2), DELTA, t), (zero, zero)
)
for name in paths:
    tell(name, paths[name])
print("Adam's first step:", paths["Adam"].points[1] - paths["Adam"].points[0])

# %%
figures.show(figures.surface(bowl, paths))

# %% [markdown]
# **The same as library calls.** `optax_lab` has these four ready, for any parameters,
# compiled. Their names are Optax's: `decay`, `b1` and `b2` are $\rho$, `eps_root` is
# $\delta$ inside the root and `eps` one outside.

# %%
library = {
    "gradient descent": optax_lab.sgd(LR),
    "momentum": optax_lab.momentum(LR, decay=RHO),
    "RMSProp": optax_lab.rmsprop(LR, decay=RHO_2, eps=DELTA),
    "Adam": optax_lab.adam(LR, b1=RHO, b2=RHO_2, eps=0.0, eps_root=DELTA),
}
for name, optimizer in library.items():
    path = optax_lab.descend(f, optimizer, bowl.start, stop="step", tolerance=1e-4)
    yours = paths[name]
    rows = min(len(yours.points), len(path.points))
    apart = np.abs(yours.points[:rows] - path.points[:rows]).max()
    print(
        f"{name:<17} yours {int(yours.steps_taken):>5,} steps, the library "
        f"{int(path.steps_taken):>5,}; furthest apart by {apart:.0e}"
    )

# %% [markdown]
# ## Question 2.6
#
# What does the learning rate do to each of the three, and what does $\rho$? The next
# cells descend with every pair of a grid. Dashed is where theory has the limit of
# stability.

# %%
ETAS = np.geomspace(0.1, 200, 12 if FAST else 40)
RHOS = np.array([0, 0.1, 0.2, 0.27, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99])
by_momentum = steps_to_target(
    optax_lab.momentum, steps=3000, learning_rate=ETAS, decay=RHOS
)
fine = np.linspace(0, 0.99, 200)
ball = theory.best_heavy_ball(found, average=True)
figure = figures.heat_map(
    by_momentum,
    ETAS,
    RHOS,
    labels=("learning rate η", "ρ", "steps until f < 10⁻⁶"),
    curves={
        "theory: the limit": (
            theory.stability_limit(found.largest, fine, average=True),
            fine,
        )
    },
    points={"theory: the best": ball},
    title="Momentum",
)
figures.show(figure)

# %%
print("momentum: the best rate of the grid for each ρ, and theory's limit")
for rho in (0, 0.27, 0.4, 0.5, 0.9, 0.99):
    row = by_momentum[:, np.flatnonzero(rho == RHOS)[0]]
    row = np.where(np.isfinite(row), row, np.inf)
    limit = theory.stability_limit(found.largest, rho, average=True)
    best = row.argmin()
    print(
        f"  ρ = {rho:<4}  {row[best]:4.0f} steps at η = {ETAS[best]:5.1f}; "
        f"stable below {limit:.1f}"
    )
print(f"theory's best: ρ = {ball.beta:.3f}, η = {ball.rate:.1f}")


def lab_rmsprop(learning_rate, decay):
    return optax_lab.rmsprop(learning_rate, decay, eps=DELTA)


def lab_adam(learning_rate, b1=RHO, b2=RHO_2):
    return optax_lab.adam(learning_rate, b1, b2, eps=0.0, eps_root=DELTA)


SOME = [0.003, 0.01, 0.1, 1.0, 3.0]
crossed = {
    "RMSProp's ρ": (lab_rmsprop, "decay", [0.0, 0.9, 0.99, 0.999]),
    "Adam's ρ₁, with ρ₂ = 0.999": (lab_adam, "b1", [0.0, 0.5, 0.9, 0.99]),
    "Adam's ρ₂, with ρ₁ = 0.9": (lab_adam, "b2", [0.0, 0.9, 0.99, 0.999]),
}
for title, (make, name, values) in crossed.items():
    table = steps_to_target(make, steps=3000, learning_rate=SOME, **{name: values})
    print(f"\n{title}: steps until f < 1e-6 (inf: not in 3,000)")
    print("     η = " + "".join(f"{rate:>8g}" for rate in SOME))
    for value, row in zip(values, table.T, strict=True):
        print(f"{value:>8g} " + "".join(f"{n:>8.0f}" for n in row))

# %% [markdown]
# <details><summary>Hint</summary>
#
# Read the map of momentum along a column first (one rate, all $\rho$), then along a row.
# In the tables, look at $\rho = 0$ and at the largest $\rho$. How long is a step of Adam
# when all gradients have the same sign?
#
# </details>

# %% [markdown] nbgrader={"grade": true, "grade_id": "q2-6", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# *The learning rate.* Too small is slow with everyone: a tenth of the rate takes gradient
# descent ten times the steps, and Adam with $\rho_1 = 0$ nearly so, 633 and not 65. Too
# large is another matter.
#
# * **Momentum** diverges beyond $10\,(1+\rho)/(1-\rho)$: at 10 with $\rho = 0$, at 190
#   with 0.9. It tolerates rates 19 times as large, and needs them: at 0.1 it is as slow
#   as gradient descent.
# * **RMSProp and Adam** divide by the size of the gradient, so $\eta$ is a *length*:
#   Adam's first step is $\eta$ long in every coordinate. Steps of 0.003 need 667 for a
#   distance of 2; Adam's tables have 740 and more. None of the rates here makes the two
#   diverge, but with a short memory of squares a large rate never settles.
#
# *The memory.*
#
# * **Momentum**: $\rho = 0$ is gradient descent, at best 28 steps on this grid. Some
#   memory damps the zigzag and allows a larger rate: 15 steps with $\rho = 0.27$, which
#   theory calls the best in the long run, and 13 with 0.4. With 0.9 it takes 71 and with
#   0.99 423, because what has picked up speed overshoots and swings back. Which $\rho$
#   is best depends on the condition number, and 10 is a mild one.
# * **The memory of squares** (RMSProp's $\rho$, Adam's $\rho_2$): at 0 only the sign of
#   the gradient is left in RMSProp, every step is about $\eta$ long, and with 0.1 or
#   more it does not arrive. A long memory keeps the denominator large while the
#   gradients shrink, so the steps shrink too.
# * **Adam's $\rho_1$** is inertia again: at $\eta = 1$ it takes 5, 16, 98 and 803 steps
#   with 0, 0.5, 0.9 and 0.99.
#
# Single cells can be luck: at $\eta = 0.1$ Adam runs through the minimum in its 24th
# step and then swings on. To meet a target once is not to stay there. With other rates
# on the grid the best counts differ, most where the memory is long.

# %% [markdown]
# ## Explore
#
# Choose an optimizer and move its rate and its memory. The sliders need a running
# kernel; the map and the tables above say the same without.

# %%
MAKES = {
    "momentum": optax_lab.momentum,
    "RMSProp": lab_rmsprop,
    "Adam, ρ₁": lambda rate, rho: lab_adam(rate, b1=rho),
    "Adam, ρ₂": lambda rate, rho: lab_adam(rate, b2=rho),
}


def explore(optimizer="momentum", log_rate=1.2, rho=0.27):
    """Draws 100 steps of an optimizer with the rate 10 ** log_rate."""
    made = MAKES[optimizer](10**log_rate, rho)
    path = optax_lab.descend(
        f, made, bowl.start, steps=100, stop="gradient", tolerance=1e-3
    )
    label = f"{optimizer}, η = {10**log_rate:.3g}, ρ = {rho}"
    return figures.show(figures.surface(bowl, {label: path}))


try:
    import ipywidgets

    ipywidgets.interact(
        explore, optimizer=list(MAKES), log_rate=(-3.0, 2.5, 0.1), rho=(0.0, 0.99, 0.01)
    )
except ImportError:
    print("no ipywidgets here: call explore(optimizer=…, log_rate=…, rho=…) instead")

# %% [markdown]
# ## Exercise 2.7 — RMSProp's jump
#
# RMSProp was the fastest by far. Is that the division by the root, or the missing
# correction of the average's start at 0?
#
# **Predict.** With a corrected average, how long is RMSProp's first step in $y$, and how
# many steps does it take?

# %%
prediction = {"first step in y": None, "steps": None}
prediction

# %% [markdown]
# **Code.** Write RMSProp with a corrected average. It can be done in one line, with a
# function that you have already written.
#
# <details><summary>Hint</summary>
#
# Adam has such an average of squares. With which memory is Adam's other average the
# gradient itself?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "rmsprop-corrected", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rmsprop_corrected(x, g, state, lr, rho, delta, t):
    """Returns the next point and the state; the state before is the pair (0, 0)."""
    ### BEGIN SOLUTION
    return adam(x, g, state, lr, (0.0, rho), delta, t)
    ### END SOLUTION


rmsprop_corrected(2.0, 4.0, nothing, 0.1, 0.75, 0.0, 1)  # by hand: x is 1.9

# %% [markdown]
# **Check.** Only the points are compared; what you hand on is yours to choose.

# %% nbgrader={"grade": true, "grade_id": "check-rmsprop-corrected", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
checks.rmsprop_corrected(rmsprop_corrected)
### BEGIN HIDDEN TESTS
for seed in (41, 42, 43):
    checks.rmsprop_corrected(rmsprop_corrected, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# **Run.**

# %%
corrected = run(
    lambda x, g, s, t: rmsprop_corrected(x, g, s, LR, RHO_2, DELTA, t), (zero, zero)
)
both = {"RMSProp": paths["RMSProp"], "corrected": corrected}
for name, path in both.items():
    tell(name, path)
    print("    its first steps in y:", np.diff(path.points[:6, 1]).round(3))
made = optax_lab.rmsprop(LR, RHO_2, eps=DELTA, bias_correction=True)
ours = optax_lab.descend(f, made, bowl.start, steps=20).points
apart = np.abs(corrected.points[:21] - ours).max()
print(f"the library has it as an argument: 20 steps, furthest apart by {apart:.0e}")
print("the first step in x:", (paths["RMSProp"].points[1, 0] + 2).round(3))
print(f"√(r + δ) there: {np.sqrt(0.001 * 0.04**2 + DELTA):.5f}; √r alone:", end=" ")
print(f"{np.sqrt(0.001 * 0.04**2):.5f}; √δ alone: {DELTA**0.5:.5f}")

# %% [markdown]
# **Explain.** Where does the jump come from, and why is it shorter in $x$? It is often
# said that RMSProp takes large steps at first and small ones later. What do you say?

# %% [markdown] nbgrader={"grade": true, "grade_id": "q2-7", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# After one step the average has only the share $1-\rho$ of the square, so
# $\sqrt{r_1} = \sqrt{1-\rho}\,|g_1|$, and the step is $1/\sqrt{1-\rho} = 31.6$ times
# $\eta$: 3.07 in $y$, nearly the 3.16 that this makes. In $x$ the gradient is a tenth,
# and $\delta$ is no longer small beside $r$: the denominator is 0.00341, where $\sqrt r$
# alone is 0.00126. So the step in $x$ is 1.17.
#
# With the correction the first step in $y$ is 0.1, the next ones are a little shorter,
# and it takes 78 of them, not 12. On this bowl the jump leads across the valley, from
# $y = -2$ to 1.07, and so happens to end nearer to the minimum: luck with the start. In a
# network such a first step can throw all weights far off.
#
# So the large first steps are the missing correction, not the idea. The idea is a scale
# for each coordinate: the steep and the flat direction move alike, though their
# gradients differ by a factor of 10.

# %% [markdown]
# ## Exercise 2.8 — has it arrived?
#
# The rule that stops the loop looks at the length of the last step.
#
# **Predict.** Which of these five runs does it stop, and which of those are at the
# minimum?
#
# 1. gradient descent with $\eta = 0.00125$,
# 2. momentum with $\eta = 0.00125$ and $\rho = 0.9$,
# 3. gradient descent with $\eta = 10$,
# 4. gradient descent with $\eta = 11$,
# 5. Adam with $\eta = 0.1$ and a $\delta$ of $10^{-8}$ outside the root, as libraries
#    have it.

# %%
prediction = {"stopped": None, "at the minimum": None}
prediction

# %% [markdown]
# **Run.** First by that rule, then until the *gradient* is at most $10^{-3}$ long.

# %%
five = {
    "1 gradient descent, η = 0.00125": optax_lab.sgd(0.00125),
    "2 momentum, η = 0.00125": optax_lab.momentum(0.00125, decay=0.9),
    "3 gradient descent, η = 10": optax_lab.sgd(10.0),
    "4 gradient descent, η = 11": optax_lab.sgd(11.0),
    "5 Adam, δ outside the root": optax_lab.adam(0.1, eps=1e-8),
}
for stop, tolerance in (("step", 1e-4), ("gradient", 1e-3)):
    print(f"until the {stop} is at most {tolerance:g} long:")
    for name, optimizer in five.items():
        path = optax_lab.descend(
            f, optimizer, bowl.start, steps=10_000, stop=stop, tolerance=tolerance
        )
        tell(name, path)
        norm = float(jnp.linalg.norm(jax.grad(f)(path.points[-1])))
        print(f"{'':34} the gradient there is {norm:.1e} long")

# %% [markdown]
# **Explain.** What does a short step say, and what not? What should a program report
# besides the point where it stopped?

# %% [markdown] nbgrader={"grade": true, "grade_id": "q2-8", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# A step is short where the gradient is small, *or* where the rate is, *or* where an
# average happens to pass through 0.
#
# * **1 and 2** are stopped far away: the gradients there are 0.08 and 0.4 long. Their
#   rate is so small that a step is short anywhere; momentum's first one is, because its
#   average starts at 0.
# * **5** is stopped in its 66th step at a turning point. It has run through the minimum,
#   and is about to swing back: its speed is 0 for a moment, 0.08 away from the minimum.
#   With $\delta = 10^{-5}$ inside the root, Adam came to $f = 2.2 \cdot 10^{-6}$. Where
#   gradients are far below $\sqrt\delta = 0.0032$, that denominator stays at
#   $\sqrt\delta$; so the steps shrink with the gradient, and it settles.
# * **3** goes back and forth until its 10,000 steps are used up.
# * **4** overflows. A loop that goes on only while the step is longer than $10^{-4}$
#   would end soon after, at the first NaN, which is not larger than anything; it would
#   look as if it had arrived (notebook 4 counts such runs).
#
# None of the five is at the minimum. The rule of the gradient lets 1 and 2 go on, and
# says that 10,000 steps are too few for them. It is not infallible either: it catches 5
# in its 24th step, near the minimum but on its way through it, and it would stop at a
# saddle.
#
# So a program should say *why* it stopped: converged, out of steps, or diverged and at
# which step. And it should give the value and the gradient there.

# %% [markdown]
# ## What this bowl does not tell
#
# Two things flatter the winners of this notebook. The valley lies along an axis, and
# from $(-2, -2)$ equal steps in $x$ and $y$ lead straight to the minimum. And one rate
# was used for all. The next cell turns bowl and start by 45°, and gives everyone the
# best of 81 rates.

# %%
turned = surfaces.quadratic(rotation=45)
tried = np.geomspace(0.01, 100, 41 if FAST else 81)
four = {
    "gradient descent": optax_lab.sgd,
    "momentum, ρ = 0.9": lambda learning_rate: optax_lab.momentum(learning_rate, 0.9),
    "RMSProp, ρ = 0.999": lambda learning_rate: lab_rmsprop(learning_rate, RHO_2),
    "Adam": lab_adam,
}
print("steps until f < 1e-6         as it is          turned by 45°")
print("                          η = 0.1  best η     η = 0.1  best η")
for name, make in four.items():
    cells = []
    for surface in (bowl, turned):
        counts = steps_to_target(make, surface, steps=3000, learning_rate=tried)
        counts = np.where(np.isfinite(counts), counts, np.inf)
        cells.append(
            f"{counts[np.argmin(abs(tried - 0.1))]:9,.0f} {counts.min():7,.0f}"
        )
    print(f"{name:<22} " + "   ".join(cells))

# %% [markdown]
# Gradient descent and momentum know no axes and take as many steps as before. RMSProp
# at $\eta = 0.1$, with the lab's $\delta$, goes from 7 to 37, Adam from 24 to 144. With its best rate gradient
# descent takes 29, not 2,647: it beats Adam on the turned bowl, 29 to 50, though it
# looked a hundred times slower.
#
# And three things are missing here altogether. The gradients were **exact**: with
# mini-batches an average also has noise to remove, which is half of what it is for.
# There were **two** parameters. And there was no new data to be right on. So this toy
# explains the optimizers; it does not rank them. Notebook 3 trains a network, and
# notebook 4 comes back to these traps.
#
# ## In one paragraph
#
# Momentum averages gradients: it damps zigzags and allows larger rates, and at the same
# small rate it is no faster. RMSProp averages their squares and gives each coordinate a
# scale of its own. Adam does both and corrects both averages for their start at 0, so
# that its rate is the length of its first step. A comparison at one rate, from one
# start, along the axes, says little; and a short step is not an arrival.
#
# **Words.** *Learning rate* η: what a direction is multiplied by. *ρ*: the share of an
# average that is kept; in libraries `decay`, `b1`, `b2`, `momentum` or `alpha`. *δ*: the
# small number in a denominator, elsewhere ε; inside the root it counts in units of
# $g^2$, outside in units of $g$. *Heavy ball*: momentum that sums instead of averaging.
# *Condition number*: the largest curvature over the smallest. *Converged*: what a stop
# rule says.
#
# **To read.** Goh (2017), *Why Momentum Really Works*, Distill. Polyak (1964), *Some
# methods of speeding up the convergence of iteration methods*. Tieleman & Hinton (2012),
# *RMSProp*, lecture 6.5 of Neural Networks for Machine Learning. Kingma & Ba (2015),
# *Adam*, arXiv:1412.6980.
