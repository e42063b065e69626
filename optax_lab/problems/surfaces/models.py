# Surfaces that are small models: with data, with noise, and with matrices.

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from optax_lab import limits
from optax_lab.problems.surfaces.surface import AnyArray, Surface


def noisy_quadratic(
    *, curvature: float | int = 1.0, noise: float | int = 1.0
) -> Surface:
    """Makes the noisy quadratic of one variable, on which theory is exact.

    ::

        f(x) = ½h x²,   seen as   ½h((x − c)² − σ²),   c ~ N(0, σ²) anew at every step

    Gradient descent with the rate η is here the moving average of c with the decay
    1 − ηh, so its variance is known at every step, and ends at σ²ηh/(2 − ηh).

    Args:
      curvature: h > 0.
      noise: σ ≥ 0.

    Raises:
      ValueError: if the curvature is not positive, or the noise negative.
    """
    if not curvature > 0:
        raise ValueError(f"curvature is {curvature}: it must be positive")
    if not noise >= 0:
        raise ValueError(f"noise is {noise}: it must be at least 0")

    def value(x: Float[AnyArray, "1"]) -> Scalar:
        return 0.5 * curvature * jnp.sum(x**2)

    def sample(x: Float[AnyArray, "1"], key: PRNGKeyArray) -> Scalar:
        centre = noise * jax.random.normal(key, x.shape, x.dtype)
        return 0.5 * curvature * jnp.sum((x - centre) ** 2 - noise**2)

    return Surface(
        "noisy_quadratic",
        f"f(x) = ½·{curvature:g}x², its minimum displaced at random by {noise:g}",
        value,
        np.array([5.0]),
        (np.zeros(1),),
        0.0,
        ((-6.0, 6.0),),
        "Schaul, Zhang & LeCun 2013, arXiv:1206.1106; Wu et al. 2018, arXiv:1803.02021",
        sample=sample,
    )


def least_squares(
    *,
    rows: int = 40,
    columns: int = 10,
    condition: float | int = 100.0,
    noise: float | int = 0.5,
    batch: int | None = None,
    seed: int = 0,
) -> Surface:
    """Makes a random problem of least squares, f(w) = ‖Xw − y‖² / 2n.

    With as many rows as columns the fit is exact, and a descent on batches converges;
    with more rows a floor of noise is left. With fewer there is no isolated minimum.

    Args:
      rows: n, the equations.
      columns: the unknowns.
      condition: of XᵀX where rows ≥ columns: its largest eigenvalue over its smallest.
      noise: the standard deviation of what no w explains.
      batch: how many rows, drawn anew, a step sees; all of them when None.
      seed: of the problem.

    Raises:
      ValueError: if rows, columns or batch are less than 1, or the condition is.
    """
    limits.whole(rows=rows, columns=columns, batch=batch or 1, seed=seed)
    for name, count in (("rows", rows), ("columns", columns), ("batch", batch)):
        if count is not None and count < 1:
            raise ValueError(f"{name} is {count}: it must be at least 1")
    if not 1 <= condition < np.inf:
        raise ValueError(f"condition is {condition}: it must be finite and at least 1")
    x, y = _regression(rows, columns, condition, noise, seed)
    found = np.linalg.lstsq(x, y)[0]
    minima = (found,) if rows >= columns else ()
    best = float(np.mean((x @ found - y) ** 2) / 2)

    def fit(w: Float[AnyArray, " columns"], chosen: Array | slice) -> Scalar:
        rows_, targets = jnp.asarray(x, w.dtype)[chosen], jnp.asarray(y, w.dtype)
        return 0.5 * jnp.mean((rows_ @ w - targets[chosen]) ** 2)

    def sample(w: Float[AnyArray, " columns"], key: PRNGKeyArray) -> Scalar:
        return fit(w, jax.random.randint(key, (batch or rows,), 0, rows))

    return Surface(
        "least_squares",
        f"f(w) = ‖Xw − y‖²/2n, X ∈ ℝ^({rows}×{columns})",
        functools.partial(fit, chosen=slice(None)),
        np.zeros(columns),
        minima,
        best if minima else None,
        tuple((-3.0, 3.0) for _ in range(columns)),
        "a linear regression with normally distributed data",
        sample=None if batch is None else sample,
    )


def factorisation(*, side: int = 6, rank: int = 2, seed: int = 0) -> Surface:
    """Makes the factorisation of a matrix, f(U, V) = ½‖UV − A‖².

    Its parameters are matrices, so that methods for matrices (Muon, Shampoo, SOAP) are
    themselves here. Minima are not isolated: (UR, R⁻¹V) is as good as (U, V).

    Args:
      side: of A, which is square.
      rank: of A, U and V.
      seed: of A and of the start.

    Raises:
      ValueError: if the rank is not in [1, side].
    """
    limits.whole(side=side, rank=rank, seed=seed)
    if not 1 <= rank <= side:
        raise ValueError(f"rank is {rank}: it must be in [1, {side}]")
    draw = functools.partial(np.random.default_rng(seed).normal, size=(side, rank))
    target = draw() @ draw().T / np.sqrt(rank)

    def value(point: dict[str, AnyArray]) -> Scalar:
        left, right = point["U"], point["V"]
        return 0.5 * jnp.sum((left @ right - jnp.asarray(target, left.dtype)) ** 2)

    return Surface(
        "factorisation",
        f"f(U, V) = ½‖UV − A‖², U ∈ ℝ^({side}×{rank})",
        value,
        {"U": 0.3 * draw(), "V": 0.3 * draw().T},
        (),
        None,
        tuple((-1.0, 1.0) for _ in range(2 * side * rank)),
        "the smallest network with two layers of weights",
    )


def _regression(rows, columns, condition, noise, seed) -> tuple[np.ndarray, np.ndarray]:
    """Draws X, of the condition that is asked for, and y = Xw + noise."""
    rng = np.random.default_rng(seed)
    left, _, right = np.linalg.svd(rng.normal(size=(rows, columns)), False)
    # The eigenvalues of XᵀX/n go from 1 down to 1 / condition.
    scales = np.sqrt(rows * np.geomspace(1, 1 / condition, min(rows, columns)))
    x = (left * scales) @ right
    y = x @ rng.normal(size=columns) + noise * rng.normal(size=rows)
    return x, y
