# Muon: descent along the average of gradients, made orthogonal.

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, PyTree
from optax.contrib import MuonDimensionNumbers, MuonState

from optax_lab import ewma, precision
from optax_lab.optimizers import (
    adam,
    common,
    matrix_functions,
    numerics,
    partition,
    sgd,
)
from optax_lab.optimizers.hyperparameters import Hyper, number, numbers, scheduled

# A `MuonDimensionNumbers` for every leaf: a tree or a prefix of one, or what makes it.
DimensionNumbers = PyTree | Callable[[PyTree], PyTree] | None

NS_COEFFS = {
    "standard": (3.4445, -4.7750, 2.0315),
    "dion": (
        (4.0848, -6.8946, 2.9270),
        (3.9505, -6.3029, 2.6377),
        (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046),
        (2.8366, -3.0525, 1.2012),
    ),
}


def scale_by_muon(
    ns_coeffs: Any = NS_COEFFS["standard"],
    ns_steps: numerics.Count = 5,
    beta: ArrayLike = 0.95,
    eps: ArrayLike = 1e-8,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    weight_dimension_numbers: DimensionNumbers = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformation:
    """Makes the average of gradients orthogonal: all its singular values about 1.

    μₜ = μₜ₋₁ + (1 − β)(gₜ − μₜ₋₁), x = μ̂ₜ/(‖μ̂ₜ‖ + ε), and the update is x after
    `ns_steps` Newton–Schulz steps x ← ax + (bA + cA²)x, A = xxᴴ.

    Args:
      ns_coeffs: (a, b, c), or one for each step, which are then all taken, whatever
        `ns_steps`; a name of `NS_COEFFS`.
      ns_steps: the number of steps, static.
      beta: β in [0, 1).
      eps: ε.
      mu_dtype: what μ is stored in; the parameters' dtype when None.
      nesterov: puts βμₜ/wₜ₊₁ + (1 − β)gₜ/wₜ in the place of μ̂ₜ.
      adaptive: multiplies the update by ⟨μ̂ₜ, update⟩, about the sum of μ̂ₜ's singular
        values.
      preconditioning: what μ̂ₜ is divided by: "frobenius" and "spectral", that norm;
        "schatten", √‖μ̂ₜμ̂ₜᴴ‖; "aol", for each row the root of the sum of the
        magnitudes in μ̂ₜμ̂ₜᴴ.
      weight_dimension_numbers: a `MuonDimensionNumbers` for every leaf, a tree or a
        function of the parameters; when None all leaves are matrices.
      rounding: how a bfloat16 μ is rounded, "stochastic" or "nearest".

    Deviations from Optax: "schatten" takes xxᴴ of complex matrices, Optax xxᵀ, which is
    NaN (PR #1761); "schatten" and "aol" take the ε they are given, Optax always 1e-8;
    "aol" takes the rows of the axes it is given, Optax of a square matrix the first
    one's; more coefficients than `ns_steps` are all taken, Optax refuses them.

    Sources: Jordan 2024, kellerjordan.github.io/posts/muon; Bernstein & Newhouse 2024,
    arXiv:2409.20325 (adaptive); Boissin et al. 2025, arXiv:2512.04632 (aol); Grishina
    et al. 2025, arXiv:2506.10935 (schatten); Ahn et al. 2025, arXiv:2504.05295 (dion).
    """
    ewma.check_decay("beta", beta)
    numerics.check_at_least_0("eps", eps)
    numerics.check_rounding(rounding)
    _check_preconditioning(preconditioning)
    ns_coeffs = _coefficients(ns_coeffs)
    times = numerics.as_count("ns_steps", ns_steps)

    def init_fn(params):
        mu = ewma.init(params, dtype=mu_dtype)
        own = jnp.array(ns_coeffs)  # a copy, since a state may be donated
        return MuonState(jnp.zeros([], jnp.int32), mu, own)

    def update_fn(updates, state, params=None):
        del params
        (key,) = numerics.rounding_keys(rounding, state.count, state.mu)
        mu = ewma.update(state.mu, updates, beta, key=key)
        mean = sgd.look_ahead(mu, updates, beta) if nesterov else ewma.read(mu)

        def orthogonal(x, axes):
            step = _orthogonal(
                x,
                axes,
                state.ns_coeffs,
                times,
                eps=eps,
                preconditioning=preconditioning,
            )
            return _dual(x, step) if adaptive else step

        axes = dimension_numbers(weight_dimension_numbers, updates)
        step = _each_matrix(orthogonal, updates, mean, axes)
        count = optax.safe_increment(state.count)
        return numerics.like(step, updates), MuonState(count, mu, state.ns_coeffs)

    return optax.GradientTransformation(init_fn, update_fn)


def orthogonalize(
    ns_coeffs: Any = NS_COEFFS["standard"],
    ns_steps: numerics.Count = 5,
    eps: ArrayLike = 1e-8,
    *,
    preconditioning: str = "frobenius",
    weight_dimension_numbers: DimensionNumbers = None,
) -> optax.GradientTransformation:
    """Makes each matrix orthogonal, as `scale_by_muon` its average, and keeps no state.

    Args:
      ns_coeffs: (a, b, c) of the Newton–Schulz steps, as in `scale_by_muon`.
      ns_steps: the number of steps, static.
      eps: ε, which is added to the norm.
      preconditioning: what a matrix is divided by first, as in `scale_by_muon`.
      weight_dimension_numbers: as in `scale_by_muon`.

    Source: Jordan 2024, kellerjordan.github.io/posts/muon.
    """
    numerics.check_at_least_0("eps", eps)
    _check_preconditioning(preconditioning)
    ns_coeffs = _coefficients(ns_coeffs)
    times = numerics.as_count("ns_steps", ns_steps)
    made = {"eps": eps, "preconditioning": preconditioning}
    orthogonal = lambda x, axes: _orthogonal(
        precision.widen(x), axes, ns_coeffs, times, **made
    )

    def update_fn(updates, params):
        del params
        axes = dimension_numbers(weight_dimension_numbers, updates)
        return numerics.like(_each_matrix(orthogonal, updates, updates, axes), updates)

    return optax.stateless(update_fn)


def scale_by_shape(
    weight_dimension_numbers: DimensionNumbers = None,
    consistent_rms: ArrayLike | None = None,
) -> optax.GradientTransformation:
    """Scales each matrix so that one learning rate serves all shapes.

    A matrix that maps n numbers to m is multiplied by √max(1, m/n), or by ρ√max(n, m),
    which gives an orthogonal matrix elements of the root mean square ρ.

    Args:
      weight_dimension_numbers: as in `scale_by_muon`.
      consistent_rms: ρ; 0.2 is Adam's. None for the first form.

    Sources: Jordan 2024, kellerjordan.github.io/posts/muon; Liu et al. 2025,
    arXiv:2502.16982 (consistent_rms).
    """
    numerics.check_at_least_0("consistent_rms", consistent_rms)

    def scale(x, axes):
        inputs, outputs = _fans(x, axes)
        if not x.size:
            return precision.widen(x)
        if consistent_rms is None:
            return math.sqrt(max(1, outputs / inputs)) * precision.widen(x)
        return math.sqrt(max(inputs, outputs)) * consistent_rms * precision.widen(x)

    def update_fn(updates, params):
        del params
        axes = dimension_numbers(weight_dimension_numbers, updates)
        step = _each_matrix(scale, updates, updates, axes)
        return numerics.like(step, updates)

    return optax.stateless(update_fn)


# --- Which axes make a matrix ---------------------------------------------------------


def dimension_numbers(spec: DimensionNumbers, tree: PyTree) -> PyTree:
    """Returns the axes of every leaf: a `MuonDimensionNumbers`, or None for no matrix.

    Args:
      spec: such a tree, or a prefix of one; a function of `tree` that returns one;
        None where all leaves are matrices.
      tree: the parameters, or what is like them.
    """
    if not jax.tree.leaves(tree):
        return tree  # nothing, or what `optax.tree.map_params` puts for the parameters
    given = MuonDimensionNumbers() if spec is None else spec
    given = given(tree) if numerics.is_function(given) else given
    spread = lambda axes, part: jax.tree.map(lambda _: axes, part)
    is_axes = lambda x: x is None or isinstance(x, MuonDimensionNumbers)
    return jax.tree.map(spread, given, tree, is_leaf=is_axes)


def of_matrices(tree: PyTree) -> PyTree:
    """Returns the axes of leaves with two of them, and None for all others."""
    matrix = MuonDimensionNumbers()
    return jax.tree.map(lambda x: matrix if jnp.ndim(x) == 2 else None, tree)


def _each_matrix(f: Callable, updates: PyTree, tree: PyTree, axes: PyTree) -> PyTree:
    """Maps f over the leaves of `tree` and their axes; None where updates are None."""
    apply = lambda u, x, a: None if u is None else f(x, a)
    with jax.numpy_dtype_promotion("standard"):
        return jax.tree.map(apply, updates, tree, axes, is_leaf=lambda u: u is None)


def _axes(x: Array, axes: MuonDimensionNumbers | None) -> list[tuple[int, ...]]:
    """Returns the axes that a leaf is indexed, reduced and written along."""
    if axes is None or x.ndim < 2:
        raise ValueError(f"muon needs matrices, got a leaf of shape {x.shape}: {axes}")
    listed = [(a,) if isinstance(a, int) else tuple(a) for a in axes]
    inputs, outputs = (tuple(a % x.ndim for a in group) for group in listed)
    if set(inputs) & set(outputs):
        raise ValueError(f"reduction and output axes must differ, got {axes}")
    rest = set(range(x.ndim)) - set(inputs) - set(outputs)
    return [tuple(sorted(rest)), inputs, outputs]


def _fans(x: Array, axes: MuonDimensionNumbers | None) -> tuple[int, int]:
    _, inputs, outputs = _axes(x, axes)
    size = lambda group: math.prod(x.shape[a] for a in group)
    return size(inputs), size(outputs)


def _as_matrices(
    x: Array, axes: MuonDimensionNumbers | None
) -> tuple[Array, Callable[[Array], Array]]:
    """Returns a leaf as a stack of matrices, and the function that leads back."""
    order = sum(_axes(x, axes), ())
    turned = x.transpose(order)
    back = sorted(range(x.ndim), key=order.__getitem__)
    restore = lambda y: y.reshape(turned.shape).transpose(back)
    rest = math.prod(x.shape[a] for a in _axes(x, axes)[0])
    return turned.reshape(rest, *_fans(x, axes)), restore


# --- The iteration's steps ------------------------------------------------------------


def _orthogonal(
    x: Array,
    axes: MuonDimensionNumbers | None,
    ns_coeffs: Array,
    times: int,
    *,
    eps: ArrayLike,
    preconditioning: str,
) -> Array:
    """Returns a leaf with each of its matrices about orthogonal."""
    stack, restore = _as_matrices(x, axes)
    steps = _each_step(ns_coeffs, times, jnp.real(x).dtype)
    make = lambda m: matrix_functions.orthogonalise(m, steps, eps, preconditioning)
    return restore(jax.vmap(make)(stack))


def _coefficients(ns_coeffs: Any) -> Array:
    if isinstance(ns_coeffs, str):
        if ns_coeffs not in NS_COEFFS:
            allowed = " or ".join(f'"{name}"' for name in NS_COEFFS)
            raise ValueError(f"ns_coeffs must be numbers, {allowed}, got {ns_coeffs!r}")
        ns_coeffs = NS_COEFFS[ns_coeffs]
    ns_coeffs = jnp.asarray(ns_coeffs)
    if ns_coeffs.ndim not in (1, 2) or ns_coeffs.shape[-1] != 3:
        shape = ns_coeffs.shape
        raise ValueError(f"ns_coeffs must have shape (3,) or (n, 3), got {shape}")
    return ns_coeffs


def _each_step(ns_coeffs: Array, ns_steps: int, dtype: Any) -> list[tuple]:
    """Returns (a, b, c) for each step."""
    ns_coeffs = ns_coeffs.astype(dtype)
    one_for_all = ns_coeffs.ndim == 1
    rows = [ns_coeffs] * ns_steps if one_for_all else ns_coeffs
    return [*map(tuple, rows)]


def _dual(x: Array, step: Array) -> Array:
    """Returns ⟨x, step⟩ step: the length is the sum of x's singular values."""
    unit, size = matrix_functions.scaled(x)
    product = jnp.real(jnp.sum(unit.conj() * step))
    return precision.saturate(size * product) * step


def _check_preconditioning(name: str) -> None:
    if name not in matrix_functions.PRECONDITIONINGS:
        allowed = ", ".join(f'"{n}"' for n in matrix_functions.PRECONDITIONINGS)
        raise ValueError(f"preconditioning must be one of {allowed}, got {name!r}")


@scheduled
def muon(
    learning_rate: Hyper,
    ns_coeffs: Any = NS_COEFFS["standard"],
    ns_steps: numerics.Count = 5,
    beta: Hyper = 0.95,
    eps: Hyper = 1e-8,
    weight_decay: Hyper = 0.0,
    weight_decay_mask: Any = None,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    adam_b1: Hyper = 0.9,
    adam_b2: Hyper = 0.999,
    adam_eps_root: Hyper = 0.0,
    adam_weight_decay: Hyper = 0.0,
    adam_learning_rate: Hyper | None = None,
    muon_weight_dimension_numbers: DimensionNumbers = None,
    consistent_rms: Hyper | None = None,
    nu_dtype: Any = None,
    rounding: numerics.Rounding = "stochastic",
) -> optax.GradientTransformationExtraArgs:
    """Makes Muon: steps along the average of gradients, made orthogonal.

    μₜ = μₜ₋₁ + (1 − β)(gₜ − μₜ₋₁), oₜ ≈ UVᴴ where μ̂ₜ = USVᴴ, by Newton–Schulz steps
    x ← ax + (bA + cA²)x, A = xxᴴ, from x = μ̂ₜ/(‖μ̂ₜ‖ + ε), and
    θₜ = θₜ₋₁ − η (√max(1, m/n) oₜ + λθₜ₋₁) for a matrix that maps n numbers to m.
    Leaves that are no matrices take AdamW.

    Args:
      learning_rate: η.
      ns_coeffs: (a, b, c), or one for each step; "standard" or "dion".
      ns_steps: the number of steps where `ns_coeffs` is one (a, b, c). Static.
      beta: β in [0, 1).
      eps: ε, Muon's and Adam's.
      weight_decay: λ.
      weight_decay_mask: the matrices that decay, as in `optax.masked`; all when None.
      mu_dtype: what averages of g are stored in; the parameters' dtype when None.
      nesterov: puts βμₜ/wₜ₊₁ + (1 − β)gₜ/wₜ in the place of μ̂ₜ, in Adam too.
      adaptive: multiplies oₜ by ⟨μ̂ₜ, oₜ⟩.
      preconditioning: what μ̂ₜ is divided by before the steps: "frobenius", "spectral",
        "schatten" or "aol", as in `scale_by_muon`.
      adam_b1: Adam's β₁ in [0, 1).
      adam_b2: Adam's β₂ in [0, 1).
      adam_eps_root: Adam's ε inside the root.
      adam_weight_decay: AdamW's λ.
      adam_learning_rate: AdamW's η; `learning_rate` when None.
      muon_weight_dimension_numbers: by leaf, an `optax.contrib.MuonDimensionNumbers`,
        or None for AdamW; a tree, a prefix of one, or a function of the parameters.
        When None, leaves with two axes map the first to the second.
      consistent_rms: ρ; puts ρ√max(n, m) in the place of √max(1, m/n).
      nu_dtype: what Adam's ν is stored in; real and at least float32 when None.
      rounding: how bfloat16 averages are rounded, "stochastic" or "nearest".

    The signature and the defaults up to `consistent_rms` are Optax's. Deviations:
    those of `scale_by_muon`, and a gradient may be None. The state's class and keys are
    Optax's, without a `MaskedState` between: each half has zeros of shape (1,) for the
    leaves of the other.

    >>> import jax, jax.numpy as jnp, optax, optax_lab
    >>> f = lambda x: jnp.sum((x - jnp.eye(2)) ** 2)
    >>> x = jnp.array([[1.0, -2.0], [2.0, 1.0]])
    >>> optimizer = optax_lab.muon(0.1)
    >>> state = optimizer.init(x)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x)
    ...     x = optax.apply_updates(x, updates)
    ...     print(f"{f(x):.3f}")
    7.138
    6.325
    5.562

    Sharded: on a mesh of explicit axes `update` fails where they cut a matrix; use axes
    of type `Auto`.

    Sources: Jordan 2024, kellerjordan.github.io/posts/muon; Liu et al. 2025,
    arXiv:2502.16982 (weight decay, consistent_rms); Bernstein & Newhouse 2024,
    arXiv:2409.20325 (adaptive).
    """
    _check_adam(adam_b1, adam_b2, adam_eps_root, adam_weight_decay, adam_learning_rate)
    adam_b1, adam_b2, adam_eps_root = numbers(adam_b1, adam_b2, adam_eps_root)
    axes = muon_weight_dimension_numbers
    spec = of_matrices if axes is None else axes
    dtypes = {"mu_dtype": mu_dtype, "rounding": rounding}
    matrices = optax.chain(
        scale_by_muon(
            ns_coeffs,
            ns_steps,
            number(beta),
            number(eps),
            nesterov=nesterov,
            adaptive=adaptive,
            preconditioning=preconditioning,
            weight_dimension_numbers=spec,
            **dtypes,
        ),
        scale_by_shape(spec, number(consistent_rms)),
        common.weight_decay(weight_decay, weight_decay_mask),
        common.scale_by_learning_rate(learning_rate),
    )
    dtypes |= {"nesterov": nesterov, "nu_dtype": nu_dtype}
    rest = optax.chain(
        adam.scale_by_adam(adam_b1, adam_b2, number(eps), adam_eps_root, **dtypes),
        common.weight_decay(adam_weight_decay),
        common.scale_by_learning_rate(
            learning_rate if adam_learning_rate is None else adam_learning_rate
        ),
    )

    def labels(tree):
        axes = dimension_numbers(spec, tree)
        return jax.tree.map(lambda _, a: "adam" if a is None else "muon", tree, axes)

    return partition.partition({"muon": matrices, "adam": rest}, labels)


def _check_adam(b1, b2, eps_root, weight_decay, learning_rate):
    """Names Adam's arguments as they are called here."""
    ewma.check_decay("adam_b1", b1)
    ewma.check_decay("adam_b2", b2)
    numerics.check_at_least_0("adam_eps_root", eps_root)
    numerics.check_at_least_0("adam_weight_decay", weight_decay)
    numerics.check_at_least_0("adam_learning_rate", learning_rate)
