# Shampoo and SOAP: gradients seen through the averages of their outer products.

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Int, PyTree

from optax_lab import ewma, precision
from optax_lab.optimizers import common, kronecker_factors, matrix_functions, numerics
from optax_lab.optimizers.hyperparameters import Hyper, number, scheduled


class ScaleByShampooState(NamedTuple):
    """Holds a step count, the average of g, its outer products, and their roots.

    Attributes:
      count: the steps taken.
      mu: the average of g.
      products: the average of outer products, or their sum as one of weight 1; one flat
        array for each leaf.
      roots: the inverse roots in use, in the same form.
    """

    count: Int[Array, ""]
    mu: ewma.Ewma
    products: ewma.Ewma
    roots: PyTree


class ScaleBySoapState(NamedTuple):
    """Holds a step count, Adam's averages, the outer products, and their eigenvectors.

    Attributes:
      count: the steps taken, with the first, which makes the basis only.
      mu: the average of g.
      nu: the average of |g|² in the basis.
      products: the average of outer products, one flat array for each leaf.
      basis: their eigenvectors, in the same form.
    """

    count: Int[Array, ""]
    mu: ewma.Ewma
    nu: ewma.Ewma
    products: ewma.Ewma
    basis: PyTree


def scale_by_shampoo(
    b1: ArrayLike = 0.9,
    b2: ArrayLike | None = 0.99,
    eps: ArrayLike = 1e-6,
    precondition_frequency: numerics.Count = 10,
    max_precond_dim: int = 1024,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformation:
    """Divides the average of gradients by roots of that of their outer products.

    For a matrix, Lₜ = Lₜ₋₁ + (1 − β₂)(gₜgₜᴴ − Lₜ₋₁), the same of gₜᴴgₜ for Rₜ,
    and the update is (L̂ₜ + εI)^(−1/4) μ̂ₜ (R̂ₜ + εI)^(−1/4), μ the average of g with β₁.
    A leaf of k dimensions has k such factors, with the power −1/2k; a number counts as
    a vector of one.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1); None for the paper's sum, Lₜ = Lₜ₋₁ + gₜgₜᴴ.
      eps: ε; it has the unit of a squared gradient.
      precondition_frequency: the roots are taken every so many steps, and at each of
        the first so many. Static.
      max_precond_dim: of a longer dimension's factor only the diagonal is kept.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".

    Source: Gupta, Koren & Singer 2018, arXiv:1802.09568, algorithms 1 and 2; from the
    authors' code, the average of g and the diagonals.
    """
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    numerics.check_at_least_0("eps", eps)
    numerics.check_rounding(rounding)
    numerics.check_at_least_0("max_precond_dim", max_precond_dim)
    every = numerics.as_count("precondition_frequency", precondition_frequency)
    kept = lambda n: (n, n) if n <= max_precond_dim else (n,)
    shapes = lambda shape: [kept(n) for n in shape]

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        products = ewma.init(kronecker_factors.templates(params, shapes))
        roots = kronecker_factors.zeros(
            params, shapes
        )  # a second array, to be donated as well
        count = jnp.zeros([], jnp.int32)
        return ScaleByShampooState(count, mu, products, roots)

    def update_fn(updates, state, params=None):
        del params
        (key,) = numerics.rounding_keys(rounding, state.count, state.mu)
        mu = ewma.update(state.mu, updates, b1, key=key)
        products = _observed(
            state.products, kronecker_factors.outer(updates, shapes), b2
        )

        def roots_of(_, totals):
            return [
                matrix_functions.inverse_root(t, 2 * len(totals), eps) for t in totals
            ]

        totals = ewma.read(products)
        taken = lambda: kronecker_factors.each(
            roots_of, updates, shapes, state.roots, totals
        )
        # The first gradients leave most directions unseen, whose stale roots are huge.
        is_young = state.count < every
        is_due = is_young | (state.count % every == 0)
        roots = jax.lax.cond(is_due, taken, lambda: state.roots)
        step = kronecker_factors.apply(roots, ewma.read(mu), shapes)
        count = jnp.asarray(optax.safe_increment(state.count))
        state = ScaleByShampooState(count, mu, products, roots)
        return numerics.like(step, updates), state

    return optax.GradientTransformation(init_fn, update_fn)


def scale_by_soap(
    b1: ArrayLike = 0.95,
    b2: ArrayLike = 0.95,
    shampoo_beta: ArrayLike | None = None,
    eps: ArrayLike = 1e-8,
    precondition_frequency: numerics.Count = 10,
    max_precond_dim: int = 10_000,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
    denominator: numerics.Denominator | None = None,
) -> optax.GradientTransformation:
    """Takes Adam's steps in the eigenvectors of the average of outer products.

    For a matrix, Lₜ = Lₜ₋₁ + (1 − β)(gₜgₜᴴ − Lₜ₋₁), the same of gₜᴴgₜ for Rₜ,
    with eigenvectors P and Q. In their basis νₜ = νₜ₋₁ + (1 − β₂)(|PᴴgₜQ|² − νₜ₋₁), and
    the update is P (Pᴴμ̂ₜQ / (√ν̂ₜ + ε)) Qᴴ, μ the average of g with β₁. The first step
    only makes the basis; every `precondition_frequency` steps, after the update,
    P ← QR(LₜP) and Q ← QR(RₜQ). Leaves with fewer than two dimensions take Adam, and
    those with more have a factor for each. Derivatives take the basis as given.

    Args:
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      shampoo_beta: β, of the outer products; β₂ when None.
      eps: ε.
      precondition_frequency: the basis is refined every so many steps. Static.
      max_precond_dim: a longer dimension is not rotated.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".
      denominator: a function of ν that replaces √ν̂ₜ + ε.

    Source: Vyas et al. 2024, arXiv:2409.11321, algorithms 3 and 4; from the authors'
    code, the idle first step and the order of the columns in QR.
    """
    shampoo_beta = b2 if shampoo_beta is None else shampoo_beta
    ewma.check_decay("b1", b1)
    ewma.check_decay("b2", b2)
    ewma.check_decay("shampoo_beta", shampoo_beta)
    numerics.check_rounding(rounding)
    numerics.check_at_least_0("max_precond_dim", max_precond_dim)
    every = numerics.as_count("precondition_frequency", precondition_frequency)
    denominator = denominator or numerics.outside(eps)
    kept = lambda n, shape: (n, n) if len(shape) > 1 and n <= max_precond_dim else ()
    shapes = lambda shape: [kept(n, shape) for n in shape]

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        nu = ewma.init(params, dtype=numerics.statistic_dtype(nu_dtype))
        products = ewma.init(kronecker_factors.templates(params, shapes))
        basis = kronecker_factors.zeros(
            params, shapes
        )  # a second array, to be donated as well
        count = jnp.zeros([], jnp.int32)
        return ScaleBySoapState(count, mu, nu, products, basis)

    def update_fn(updates, state, params=None):
        del params
        rotate = lambda tree: kronecker_factors.apply_adjoint(state.basis, tree, shapes)
        idle = lambda decay: jnp.where(state.count == 0, 1.0, decay)  # 1 takes nothing
        keys = numerics.rounding_keys(rounding, state.count, state.mu, state.nu)
        squares = numerics.abs_sq(rotate(updates))
        mu = ewma.update(state.mu, updates, idle(b1), key=keys[0])
        nu = ewma.update(state.nu, squares, idle(b2), key=keys[1])
        step = numerics.divide(rotate(ewma.read(mu)), denominator(nu))
        step = kronecker_factors.apply(state.basis, step, shapes)

        products = kronecker_factors.outer(updates, shapes)
        products = ewma.update(state.products, products, shampoo_beta)
        changed = lambda f: _basis(f, updates, shapes, state.basis, products)
        basis = jax.lax.cond(
            state.count % every == 0,
            lambda: jax.lax.cond(
                state.count == 0,
                lambda: changed(lambda total, _: matrix_functions.eigenbasis(total)),
                lambda: changed(matrix_functions.refined),
            ),
            lambda: state.basis,
        )
        count = jnp.asarray(optax.safe_increment(state.count))
        state = ScaleBySoapState(count, mu, nu, products, basis)
        return numerics.like(step, updates), state

    return optax.GradientTransformation(init_fn, update_fn)


def _basis(
    f: Callable[[Array, Array], Array],
    updates: PyTree,
    shapes: kronecker_factors.Shapes,
    basis: PyTree,
    products: ewma.Ewma,
) -> PyTree:
    """Returns f(outer products, eigenvectors) of every factor, as a constant."""

    def of_leaf(bases, totals):
        pairs = zip(totals, bases, strict=True)
        return [f(total, q) if q.ndim == 2 else q for total, q in pairs]

    basis = kronecker_factors.each(of_leaf, updates, shapes, basis, products.average)
    return jax.lax.stop_gradient(basis)


def _observed(products: ewma.Ewma, new: PyTree, decay: ArrayLike | None) -> ewma.Ewma:
    """Takes outer products into their average, or into their sum, of weight 1."""
    if decay is not None:
        return ewma.update(products, new, decay)
    total = ewma.accumulate(products.average, new, 1.0)
    total = precision.store(precision.each(precision.saturate, total), total)
    return ewma.Ewma(total, jnp.ones_like(products.weight))


@scheduled
def shampoo(
    learning_rate: Hyper,
    b1: Hyper = 0.9,
    b2: Hyper | None = 0.99,
    eps: Hyper = 1e-6,
    precondition_frequency: numerics.Count = 10,
    max_precond_dim: int = 1024,
    weight_decay: Hyper = 0.0,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Shampoo: gradients divided by roots of the average of their outer products.

    For a matrix, Lₜ = Lₜ₋₁ + (1 − β₂)(gₜgₜᴴ − Lₜ₋₁), the same of gₜᴴgₜ for Rₜ,
    θₜ = θₜ₋₁ − η ((L̂ₜ + εI)^(−1/4) μ̂ₜ (R̂ₜ + εI)^(−1/4) + λθₜ₋₁), μ the average of g
    with β₁. A leaf of k dimensions has k such factors, with the power −1/2k; a number
    counts as a vector of one.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1); None for the paper's sum, Lₜ = Lₜ₋₁ + gₜgₜᴴ.
      eps: ε; it has the unit of a squared gradient.
      precondition_frequency: the roots are taken every so many steps, and at each of
        the first so many. Static.
      max_precond_dim: of a longer dimension's factor only the diagonal is kept.
      weight_decay: λ.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".

    Optax has no such name. `b1=0, b2=None` is the paper's algorithm, whose sum starts
    at εI; the average of g is from the authors' code, that of outer products is ours.
    They are float32 at least: rounded further they would not be positive any more.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum((x - jnp.eye(2)) ** 2)
    >>> x = jnp.array([[1.0, -2.0], [2.0, 1.0]])
    >>> optimizer = optax_lab.shampoo(0.5)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    4.500
    2.034
    0.574

    Sharded: on a mesh of explicit axes `update` fails where they cut a matrix; use axes
    of type `Auto`. Flax's partitioned variables take no state of another shape than
    theirs, as the factors are.

    Source: Gupta, Koren & Singer 2018, arXiv:1802.09568.
    """
    return optax.chain(
        scale_by_shampoo(
            number(b1),
            number(b2),
            number(eps),
            precondition_frequency,
            max_precond_dim,
            mu_dtype=mu_dtype,
            rounding=rounding,
        ),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
    )


@scheduled
def soap(
    learning_rate: Hyper,
    b1: Hyper = 0.95,
    b2: Hyper = 0.95,
    shampoo_beta: Hyper | None = None,
    eps: Hyper = 1e-8,
    precondition_frequency: numerics.Count = 10,
    max_precond_dim: int = 10_000,
    weight_decay: Hyper = 0.01,
    mask: Any = None,
    *,
    mu_dtype: Any = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes SOAP: Adam in the eigenvectors of the average of outer products.

    For a matrix, Lₜ = Lₜ₋₁ + (1 − β)(gₜgₜᴴ − Lₜ₋₁), the same of gₜᴴgₜ for Rₜ,
    with eigenvectors P and Q, νₜ = νₜ₋₁ + (1 − β₂)(|PᴴgₜQ|² − νₜ₋₁), and
    θₜ = θₜ₋₁ − η (P (Pᴴμ̂ₜQ / (√ν̂ₜ + ε)) Qᴴ + λθₜ₋₁), μ the average of g with β₁. The
    first step only makes P and Q. Leaves with fewer than two dimensions take AdamW, and
    those with more have a factor for each.

    Args:
      learning_rate: η.
      b1: β₁ in [0, 1).
      b2: β₂ in [0, 1).
      shampoo_beta: β, of the outer products; β₂ when None.
      eps: ε.
      precondition_frequency: every so many steps P ← QR(LₜP) and Q ← QR(RₜQ). Static.
      max_precond_dim: a longer dimension is not rotated.
      weight_decay: λ.
      mask: the parameters that decay, as in `optax.masked`; all when None.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nu_dtype: what ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    Optax has no such name; the arguments and the defaults are those of the authors'
    code. Deviations from it: ε is added to √ν̂ₜ, as in Adam, not to √νₜ; None, not −1,
    stands for β₂; weight decay acts in the first step too.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum((x - jnp.eye(2)) ** 2)
    >>> x = jnp.array([[1.0, -2.0], [2.0, 1.0]])
    >>> optimizer = optax_lab.soap(0.5)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    7.920
    4.861
    1.946

    Sharded: on a mesh of explicit axes `update` fails where they cut a matrix; use axes
    of type `Auto`. Flax's partitioned variables take no state of another shape than
    theirs, as the factors are.

    Source: Vyas et al. 2024, arXiv:2409.11321.
    """
    return optax.chain(
        scale_by_soap(
            number(b1),
            number(b2),
            number(shampoo_beta),
            number(eps),
            precondition_frequency,
            max_precond_dim,
            mu_dtype=mu_dtype,
            nu_dtype=nu_dtype,
            rounding=rounding,
        ),
        common.weight_decay(weight_decay, mask),
        common.scale_by_learning_rate(learning_rate),
    )
