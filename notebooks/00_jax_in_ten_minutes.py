# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/optax-lab/optax_lab/blob/main/notebooks/student/00_jax_in_ten_minutes.ipynb)
#
# # 0 · JAX in ten minutes
#
# *About 10 minutes. You need Python, and NumPy or PyTorch. Everything runs on a laptop's
# processor.*
#
# JAX is NumPy with a few functions that take a function and return another: its
# derivative, the same compiled, the same for a whole batch. This notebook shows as much
# of it as the next ones use. There are three tiny tasks, each with a check that answers
# at once.

# %%
# In Colab only: installs what Colab lacks and leaves its JAX alone.
import sys

if "google.colab" in sys.modules:
    # %pip install -q --no-deps git+https://github.com/optax-lab/optax_lab jaxtyping wadler_lindig mnist1d tensorboardX tyro docstring_parser typeguard
    import jax

    if tuple(map(int, jax.__version__.split(".")[:2])) < (0, 10):
        print(f"Colab's JAX is {jax.__version__}; optax_lab was written for 0.10.2")

# %%
import jax
import jax.numpy as jnp
import numpy as np

from optax_lab import checks

print(f"JAX {jax.__version__} on {jax.devices()[0].device_kind}")

# %% [markdown]
# ## Arrays that never change
#
# `jax.numpy`, `jnp` for short, has NumPy's functions under NumPy's names. One habit has
# to go: nothing is written into an array. Where NumPy changes an element, JAX makes a
# new array and leaves the old one as it is.

# %%
a = jnp.arange(4.0)
b = a.at[1].set(10)
c = a.at[1:].add(1)
print("a", a, " b", b, " c", c)
try:
    a[1] = 10
except TypeError as error:
    print("a[1] = 10 raises TypeError:", str(error).partition(".")[0])

# %% [markdown]
# So a function cannot surprise its caller by changing what it was given, and JAX may
# take functions apart and put them together anew. Write yours so that they only *return*
# something; then all that follows works.
#
# ## `jax.grad`: the derivative of a function
#
# Here is a loss with its minimum at 3. It is a parabola near there and nearly a straight
# line far away:
#
# $$\ell(x) = \sqrt{1 + (x-3)^2}, \qquad \ell'(x) = \frac{x-3}{\sqrt{1 + (x-3)^2}}.$$


# %%
def loss(x):
    """Returns a number that is smallest at x = 3."""
    return jnp.sqrt(1 + (x - 3) ** 2)


print("the loss at 3.75:", loss(3.75))

# %% [markdown]
# PyTorch notes what was computed, and walks back through it at `.backward()`. JAX works
# on functions: `jax.grad(f)` *is a function*, the derivative of `f` with respect to its
# first argument. `f` must return a single number.

# %%
cube_slope = jax.grad(lambda x: x**3)
print("x³ has the slope", cube_slope(2.0), "at 2, and", cube_slope(-1.0), "at -1")
value, g = jax.value_and_grad(lambda x: x**3)(2.0)
print("both at once:", value, g)
print("a derivative can be derived again:", jax.grad(cube_slope)(2.0))

# %% [markdown]
# ## Task 0.1 — a slope
#
# Return the derivative of `loss` at `x`. Let JAX do the calculus.
#
# <details><summary>Hint</summary>
#
# First make the function that is the derivative, then call it. Both fit into one line.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "slope", "locked": false, "schema_version": 3, "solution": true, "task": false}
def slope(x):
    """Returns the derivative of `loss` at x."""
    ### BEGIN SOLUTION
    return jax.grad(loss)(x)
    ### END SOLUTION


slope(3.75)  # by hand: 0.75 / 1.25 = 0.6

# %% nbgrader={"grade": true, "grade_id": "check-slope", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
checks.slope(slope)
### BEGIN HIDDEN TESTS
for seed in (11, 12, 13):
    checks.slope(slope, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# ## `jax.jit`: traced once, then compiled
#
# **Predict.** The function below prints a line. It is called four times: with 1.0, with
# 2.0, with 3.0, and with an array of two numbers. How often is the line printed?

# %%
prediction = {"lines that begin with 'tracing'": None}  # replace the None
prediction


# %%
@jax.jit
def double(x):
    """Returns 2x, and says when it is being traced."""
    print("tracing with", x)
    return 2 * x


for x in (1.0, 2.0, 3.0, jnp.array([4.0, 5.0])):
    print("the result is", double(x))

# %% [markdown]
# ## Question 0.2
#
# Why so often, and what is it that was printed in place of the number? What does this
# mean for `if x > 0:` inside a compiled function?
#
# <details><summary>Hint</summary>
#
# To compile, JAX must know what is done, and not to which numbers. What does it need to
# know about `x`?
#
# </details>

# %% [markdown] nbgrader={"grade": true, "grade_id": "q0-2", "locked": false, "points": 0, "schema_version": 3, "solution": true, "task": false}
# Twice. At the first call JAX runs the Python code once, with a *tracer* in place of the
# number: it knows that `x` is one float32, and not which. What is done to the tracer is
# noted down and compiled. The calls with 2.0 and 3.0 have the same shape and type, so
# the compiled program is used and Python, with its `print`, is not asked again. The array
# has another shape: it is traced once more.
#
# `if x > 0:` needs an answer while there is no number yet, so it raises an error. Inside
# compiled functions one writes `jnp.where(x > 0, this, that)`, which computes both and
# chooses. To print numbers there is `jax.debug.print`.

# %% [markdown]
# Try it:

# %%
try:
    jax.jit(lambda x: x if x > 0 else -x)(1.0)
except jax.errors.TracerBoolConversionError as error:
    print("raises", type(error).__name__)

# %% [markdown]
# ## `jax.vmap`: the same for a whole batch
#
# Write a function for one example. `jax.vmap` returns the function that does it for
# many, along a new first axis, without a loop in Python.


# %%
def prediction_of_one(weights, example):
    """Returns a single number."""
    return jnp.tanh(weights @ example)


weights, examples = jnp.array([1.0, -1.0]), jnp.array([[1.0, 0.5], [0.0, 2.0], [1, 1]])
of_all = jax.vmap(prediction_of_one, in_axes=(None, 0))  # the weights are shared
print("three examples:", of_all(weights, examples))

# %% [markdown]
# ## Task 0.3 — many slopes
#
# Return the slope of `loss` at every number in `xs`, with your `slope` and `jax.vmap`.
# (Why not `jax.grad` alone? It wants a function that returns one number.)
#
# <details><summary>Hint</summary>
#
# `jax.vmap` takes a function and returns a function, as `jax.grad` does.
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "batched", "locked": false, "schema_version": 3, "solution": true, "task": false}
def batched(xs):
    """Returns the derivative of `loss` at each of many points."""
    ### BEGIN SOLUTION
    return jax.vmap(slope)(xs)
    ### END SOLUTION


batched(jnp.array([3.75, 2.25]))  # by hand: 0.6 and -0.6

# %% nbgrader={"grade": true, "grade_id": "check-batched", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
checks.batched(batched)
### BEGIN HIDDEN TESTS
for seed in (21, 22, 23):
    checks.batched(batched, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# ## `lax.scan`: a loop that is compiled
#
# A loop in Python inside `jit` is unrolled: a thousand rounds make a program a thousand
# times as long. `jax.lax.scan` compiles one round. What is handed from round to round
# is the *carry*; what each round puts out is stacked.


# %%
def compound(money, rate):
    """Makes one round: returns the new carry, and what is put out."""
    money = money * (1 + rate)
    return money, money


last, each_year = jax.lax.scan(compound, 100.0, jnp.array([0.1, 0.1, -0.5]))
print("after three years", last, " year by year", each_year)

# %% [markdown]
# ## Task 0.4 — going down
#
# Gradient descent repeats $x \leftarrow x - \eta\,\ell'(x)$. Take `steps` such steps
# from `x` with the learning rate `lr`, and return the last point. A plain `for` is fine;
# `scan`, with `length=steps` and None in place of the inputs, is faster.
#
# **Predict.** From 6, with a learning rate of 0.5: is it at 3 after 10 steps?

# %%
prediction = {"after 10 steps": None}
prediction

# %% [markdown]
# <details><summary>Hint</summary>
#
# One round takes a point and makes the next one. With a `for`, what must stand on the
# left of the `=`?
#
# </details>


# %% nbgrader={"grade": false, "grade_id": "descend", "locked": false, "schema_version": 3, "solution": true, "task": false}
def descend(x, lr, steps):
    """Returns where gradient descent is after some steps."""

    ### BEGIN SOLUTION
    def one_step(x, _):
        return x - lr * slope(x), None

    return jax.lax.scan(one_step, jnp.asarray(x, float), length=steps)[0]
    ### END SOLUTION


descend(3.75, 0.5, 1)  # by hand: 3.75 - 0.5 · 0.6 = 3.45

# %% nbgrader={"grade": true, "grade_id": "check-descend", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
checks.descend(descend)
### BEGIN HIDDEN TESTS
for seed in (31, 32, 33):
    checks.descend(descend, seed=seed)
### END HIDDEN TESTS

# %% [markdown]
# **Run.**

# %%
print("steps   point    loss")
for steps in (0, 1, 2, 5, 10, 20):
    x = float(descend(6.0, 0.5, steps))
    print(f"{steps:5}   {x:.4f}   {float(loss(x)):.4f}")

# %% [markdown]
# Far away the slope is nearly 1, whatever the distance, so the first steps are nearly 0.5
# long each. Near 3 the slope is about the distance, and a step of half of it halves what is left,
# or nearly so.
#
# ## Keys: chance that can be repeated
#
# There is no hidden state of a random generator. A function that draws takes a *key*;
# the same key makes the same numbers, always. For other numbers make other keys.

# %%
key = jax.random.key(0)
print("twice with one key:", jax.random.normal(key), jax.random.normal(key))
first, second = jax.random.split(key)
print("with its two children:", jax.random.normal(first), jax.random.normal(second))
print("with number 7 folded in:", jax.random.normal(jax.random.fold_in(key, 7)))

# %% [markdown]
# That is how two optimizers are compared fairly in notebook 3: with the same key they
# start from the same weights and see the same batches.
#
# ## Pytrees: parameters of any shape
#
# The parameters of a network are dictionaries, lists and tuples of arrays, nested as you
# like: a *pytree*. `jax.grad` returns a gradient of the same shape, and `jax.tree.map`
# does the same to every array.

# %%
params = {"weights": jnp.array([1.0, 2.0]), "bias": jnp.array(0.5)}


def error(params, x, y):
    """Returns the squared error of a linear model at one example."""
    return (params["weights"] @ x + params["bias"] - y) ** 2


gradient = jax.grad(error)(params, jnp.array([1.0, -1.0]), 1.0)
print("gradient:", gradient)
print("one step:", jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient))

# %% [markdown]
# ## float32, unless you ask
#
# JAX computes with 32 bits, NumPy with 64. That is about 7 decimal digits: small things
# beside large ones are lost.

# %%
print("1 + 10⁻⁸ in JAX:", f"{float(jnp.float32(1) + 1e-8):.9f}")
print("1 + 10⁻⁸ in NumPy:", f"{np.float64(1) + 1e-8:.9f}")
print("the gap from 1 to the next number:", jnp.finfo(jnp.float32).eps)
with jax.enable_x64(True):
    print("in JAX with x64:", f"{float(jnp.float64(1) + 1e-8):.9f}")

# %% [markdown]
# To have 64 bits everywhere, set `jax.config.update("jax_enable_x64", True)` before
# anything else. Training does not need it.
#
# ## A phrase book
#
# | PyTorch | JAX |
# |---|---|
# | `torch.tensor(x)` | `jnp.array(x)` |
# | `x[0] = 1`, `x += y` | `x = x.at[0].set(1)`, `x = x + y` |
# | `loss.backward(); w.grad` | `jax.grad(loss)(w)` |
# | `with torch.no_grad():` | nothing: only `grad` differentiates |
# | `x.detach()` | `jax.lax.stop_gradient(x)` |
# | `torch.compile(f)` | `jax.jit(f)` |
# | `torch.func.vmap(f)` | `jax.vmap(f)` |
# | `torch.manual_seed(0); torch.randn(3)` | `jax.random.normal(jax.random.key(0), (3,))` |
# | `optim.Adam(model.parameters(), lr)` | `optax_lab.adam(lr)`; its state is yours to keep |
# | `optimizer.step()` | `updates, state = optimizer.update(grads, state, params)` |
# | `.to("cuda")` | nothing: the default device is the fastest there is |
# | `x.item()` | `float(x)` |
#
# ## In one paragraph
#
# Arrays never change. `grad`, `jit` and `vmap` each take a function and return another,
# and they can be combined. Compiled code is traced once per shape and type, with tracers
# in place of numbers. Loops are `scan`, chance is a key, parameters are pytrees, numbers
# have 32 bits. Next: the one line of arithmetic that all optimizers share.
#
# **Words.** *Trace*: to run a function on stand-ins, to learn what it does. *Carry*: what
# a loop hands on. *Key*: what random numbers are made from. *Pytree*: nested containers
# of arrays.
#
# **To read.** *Thinking in JAX* and *The Sharp Bits*, both in JAX's documentation at
# docs.jax.dev.
