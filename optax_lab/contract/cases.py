# What a check says when it fails: the case, in one line.

import contextlib
from collections.abc import Iterator
from typing import Any, NoReturn

import jax
import numpy as np
from jaxtyping import PyTree


class Broken(Exception):
    """Says in one line which case breaks a line of the contract."""


class NotApplicable(Exception):
    """Says in one line why a line of the contract asks nothing of an optimizer."""


@contextlib.contextmanager
def case(what: str) -> Iterator[None]:
    """Puts the case in front of whatever goes wrong inside."""
    try:
        yield
    except NotApplicable:
        raise
    except (Exception, SystemExit) as error:
        raise Broken(f"{what}: {one_line(error)}") from error


def expect(holds: bool, otherwise: str) -> None:
    """Breaks the line unless something holds."""
    if not holds:
        broken(otherwise)


def broken(how: str) -> NoReturn:
    """Breaks the line."""
    raise Broken(how)


def same_structure(found: PyTree, wanted: PyTree, what: str) -> None:
    """Breaks the line unless two trees have the same nodes."""
    a, b = jax.tree.structure(found), jax.tree.structure(wanted)
    expect(a == b, f"{what} becomes {a}, was {b}")


def same_types(found: PyTree, wanted: PyTree, what: str) -> None:
    """Breaks the line unless every leaf has the shape and the dtype of its twin."""
    same_structure(found, wanted, what)
    for (path, a), b in _twins(found, wanted):
        expect(_type(a) == _type(b), f"{what}{path} is {_type(a)}, not {_type(b)}")


def same_numbers(found: PyTree, wanted: PyTree, rtol: float, what: str) -> None:
    """Breaks the line unless every element is its twin's, to a relative `rtol`."""
    same_structure(found, wanted, what)
    for (path, a), b in _twins(found, wanted):
        a, b = _plain(a), _plain(b)
        near = np.isclose(a, b, rtol=rtol, atol=0, equal_nan=True)
        if not np.all(near):
            k = np.unravel_index(np.argmin(near), near.shape)
            broken(f"{what}{path} is {a[k]:.7g}, not {b[k]:.7g}")


def finite(tree: PyTree, what: str) -> None:
    """Breaks the line unless every element is finite."""
    for path, leaf in jax.tree.leaves_with_path(tree):
        leaf = _plain(leaf)
        bad = leaf[~np.isfinite(leaf)]
        if bad.size:
            broken(f"{what}{_name(path)} is {bad[0]}")


def one_line(error: BaseException) -> str:
    """Writes an exception in one line, with its type unless it is a Broken."""
    lines = str(error).strip().splitlines()
    text = " ".join(lines[0].split()) if lines else ""
    if not isinstance(error, Broken):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


_WIDTH = 200


def _twins(found: PyTree, wanted: PyTree) -> Iterator[Any]:
    named = ((_name(path), x) for path, x in jax.tree.leaves_with_path(found))
    return zip(named, jax.tree.leaves(wanted), strict=True)


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path)


def _type(leaf: Any) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}"


def _plain(leaf: Any) -> np.ndarray:
    """Returns an array that NumPy's own functions take: it does not know bfloat16."""
    leaf = np.asarray(leaf)
    if leaf.dtype.kind in "fc" and leaf.dtype.itemsize > 2:
        return leaf
    return leaf.astype(np.float64)
