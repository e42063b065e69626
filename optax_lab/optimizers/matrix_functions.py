# Functions of one matrix that stay finite: it is divided by its size, and then by more.

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from optax_lab.optimizers import numerics

Coefficients = Iterable[tuple[Any, Any, Any]]  # (a, b, c) by step

# --- Size -----------------------------------------------------------------------------


def scaled(x: Array) -> tuple[Array, Array]:
    """Returns x over its largest magnitude, and that; 0 has the size 1.

    Squares and eigenvalues of the quotient neither overflow nor vanish. The size is a
    constant to derivatives, since what it divides it multiplies again.
    """
    parts = (jnp.real(x), jnp.imag(x)) if jnp.iscomplexobj(x) else (x,)
    largest = jnp.stack([jnp.max(jnp.abs(part), initial=0) for part in parts])
    size = jax.lax.stop_gradient(jnp.max(largest))
    size = jnp.where(size > 0, size, jnp.ones_like(size))
    once = 1 / jnp.sqrt(size)  # 1/size itself may be a subnormal number, and flushed
    return x * once * once, size


# --- Toward the nearest orthogonal matrix ---------------------------------------------


def newton_schulz(x: Array, coefficients: Coefficients) -> Array:
    """Moves the singular values of a matrix of norm 1 or less toward 1.

    x ← ax + (bA + cA²)x with A = xxᴴ, once for each (a, b, c). Singular vectors stay.
    It costs least where the matrix is not taller than wide.
    """
    for a, b, c in coefficients:
        gram = x @ x.conj().T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x


def orthogonalise(
    x: Array,
    coefficients: Coefficients,
    eps: ArrayLike,
    preconditioning: str = "frobenius",
) -> Array:
    """Returns about UVᴴ, where x = USVᴴ, by `newton_schulz`; 0 stays 0.

    Args:
      x: a matrix of any shape, float32 or wider.
      coefficients: an (a, b, c) for each step.
      eps: ε, what keeps a small matrix small.
      preconditioning: what x is divided by first, a name of `PRECONDITIONINGS`.
    """
    if x.shape[0] > x.shape[1]:
        return orthogonalise(x.T, coefficients, eps, preconditioning).T
    unit, size = scaled(x)
    divisor = PRECONDITIONINGS[preconditioning](unit, eps, size)
    return newton_schulz(unit / numerics.positive(divisor), coefficients)


def _frobenius(unit: Array, eps: ArrayLike, size: Array) -> Array:
    return numerics.norm(unit) + eps / size


def _spectral(unit: Array, eps: ArrayLike, size: Array) -> Array:
    return jnp.linalg.norm(unit, 2) + eps / size


def _schatten(unit: Array, eps: ArrayLike, size: Array) -> Array:
    norm = numerics.norm(unit @ unit.conj().T)
    return jnp.sqrt(jnp.maximum(norm, eps / size / size))


def _almost_orthogonal(unit: Array, eps: ArrayLike, size: Array) -> Array:
    rows = jnp.sum(jnp.abs(unit @ unit.conj().T), axis=1, keepdims=True)
    return jnp.sqrt(jnp.maximum(rows, eps / size / size))


PRECONDITIONINGS: dict[str, Callable[[Array, ArrayLike, Array], Array]] = {
    "frobenius": _frobenius,
    "spectral": _spectral,
    "schatten": _schatten,
    "aol": _almost_orthogonal,
}


# --- Eigenvalues and eigenvectors of Hermitian matrices -------------------------------


def inverse_root(x: Array, order: int, eps: ArrayLike) -> Array:
    """Returns (x + εI)^(−1/order) of a positive matrix, or of the vector of a diagonal.

    Eigenvalues below the rounding error of the largest are that error, and are lifted
    to it, so that the root is finite.
    """
    is_matrix = x.ndim == 2
    unit, size = scaled(x + eps * (jnp.eye(len(x), dtype=x.dtype) if is_matrix else 1))
    of_diagonal = lambda values: _lifted(jnp.real(values)) ** (-1 / order)
    root = _power(unit, -1 / order) if is_matrix else of_diagonal(unit)
    return root * size ** (-1 / order)


def eigenbasis(x: Array) -> Array:
    """Returns the eigenvectors of a Hermitian matrix, largest eigenvalue first."""
    unit, _ = scaled(x)
    return jnp.linalg.eigh(unit)[1][:, ::-1]


def refined(x: Array, basis: Array) -> Array:
    """Brings a basis closer to a Hermitian matrix's eigenvectors: Q ← QR(xQ).

    The columns are orthogonalised in the order of their Rayleigh quotients, the largest
    first, and stay in their places.
    """
    unit, _ = scaled(x)
    image = unit @ basis
    quotients = jnp.real(jnp.sum(basis.conj() * image, axis=0))
    order = jnp.argsort(-quotients)
    return jnp.linalg.qr(image[:, order])[0][:, jnp.argsort(order)]


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _power(x: Array, exponent: float) -> Array:
    values, vectors = jnp.linalg.eigh(x)
    return _composed(vectors, _lifted(values) ** exponent)


@_power.defjvp
def _power_jvp(exponent: float, primals: tuple, tangents: tuple) -> tuple:
    """Differentiates in the eigenbasis, where equal eigenvalues do no harm.

    Source: Daleckii & Krein 1965, "Integration and differentiation of functions of
    Hermitian operators".
    """
    (x,), (change,) = primals, tangents
    values, vectors = jnp.linalg.eigh(x)
    powers = _lifted(values) ** exponent
    inner = vectors.conj().T @ change @ vectors
    inner = inner * _slopes(values, powers, exponent).astype(x.dtype)
    return _composed(vectors, powers), vectors @ inner @ vectors.conj().T


def _composed(vectors: Array, values: Array) -> Array:
    return (vectors * values.astype(vectors.dtype)[None, :]) @ vectors.conj().T


def _slopes(values: Array, powers: Array, exponent: float) -> Array:
    """Returns (f(λᵢ) − f(λⱼ)) / (λᵢ − λⱼ), or f′ between them where they are close."""
    middle = _lifted((values[:, None] + values[None, :]) / 2)
    gap = values[:, None] - values[None, :]
    is_close = jnp.abs(gap) < jnp.finfo(gap.dtype).eps ** (1 / 3) * middle
    quotient = (powers[:, None] - powers[None, :]) / jnp.where(is_close, 1, gap)
    return jnp.where(is_close, exponent * middle ** (exponent - 1), quotient)


def _lifted(values: Array) -> Array:
    """Returns eigenvalues of a matrix of size 1, none below the rounding error."""
    return jnp.maximum(values, jnp.finfo(values.dtype).eps)
