# MNIST-1D: the frozen set that everyone knows, and as many fresh examples as one likes.
#
# mnist1d's `get_dataset` unpickles a download, hides every error and writes into the
# current folder, and its `make_dataset` scales each set by that set's own mean. So this
# module calls only the functions that define the data (settings, templates, transform),
# in the order of `make_dataset`: seed 42 gives the frozen set.
import contextlib
import hashlib
import importlib.metadata
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import platformdirs
from jaxtyping import Float32, Int32

from optax_lab import limits

FROZEN_SEED = 42
FROZEN_SIZES = (4000, 1000)  # train, test

# The mean and the standard deviation of the frozen set before it was standardised.
MEAN = -0.0055075064312771795
SCALE = 0.15467803420593054


class Split(NamedTuple):
    """Holds examples of MNIST-1D.

    Attributes:
      inputs: the signals, less the frozen set's mean, over its standard deviation.
      labels: which digit each is, 0 to 9.
    """

    inputs: Float32[np.ndarray, "n 40"]
    labels: Int32[np.ndarray, " n"]


class CacheWarning(UserWarning):
    """Says that the data cache was damaged or cannot be used. The data are right."""


def frozen() -> tuple[Split, Split]:
    """Returns the published data set: 4000 examples to train on and 1000 to test on.

    Made on the first call (1 s) and cached; see `folder`. There is no download.

    Source: Greydanus and Kobak, Scaling Down Deep Learning with MNIST-1D (ICML 2024),
    arXiv 2011.14439.

    Warns:
      CacheWarning: if the cache is damaged (it is made again) or cannot be written.
    """
    train, test = FROZEN_SIZES
    inputs, labels = _load(train + test, FROZEN_SEED)
    return Split(inputs[:train], labels[:train]), Split(inputs[train:], labels[train:])


def fresh(n: int, *, seed: int) -> Split:
    """Returns examples that are in no other set, from the frozen set's distribution.

    They are standardised with the frozen set's mean and scale, not with their own, so
    that a network means the same by both. By convention validation is seed 43 and test
    is seed 44. Making them takes 0.2 ms each; they are cached, see `folder`.

    Args:
      n: how many; of a multiple of 10, each digit is a tenth.
      seed: any number in [0, 2³²) but 42, which made the frozen set.

    Raises:
      ValueError: if `n` is less than 1 or the seed is not allowed.

    Warns:
      CacheWarning: if the cache is damaged (it is made again) or cannot be written.
    """
    limits.whole(n=n, seed=seed)
    if n < 1:
        raise ValueError(f"n is {n}: it must be at least 1")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}: it must be in [0, 2³²)")
    if seed == FROZEN_SEED:
        raise ValueError(f"seed {seed} made the frozen set: take another one")
    return _load(n, seed)


def folder() -> Path:
    """Returns where sets are cached: $OPTAX_LAB_CACHE, or the user's cache folder."""
    chosen = os.environ.get("OPTAX_LAB_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("optax_lab", False)


def _load(n: int, seed: int) -> Split:
    """Reads a set from the cache, or makes it and caches it."""
    version = importlib.metadata.version("mnist1d")
    path = folder() / f"mnist1d-{version}-seed{seed}-n{n}.npz"
    split = _read(path)
    if split is None:
        split = _make(n, seed)
        _write(path, split)
    return split


def _make(n: int, seed: int) -> Split:
    """Makes `n` examples, as `mnist1d.data.make_dataset` does for the same seed."""
    import mnist1d  # takes a second: it brings Matplotlib, SciPy and requests

    settings, templates = mnist1d.get_dataset_args(), mnist1d.get_templates()
    each = -(-n // len(templates["y"]))
    with _numpy_seeded(seed):
        signals = [
            mnist1d.transform(template, templates["t"], settings)[0]
            for template in templates["x"]
            for _ in range(each)
        ]
        order = np.random.permutation(len(signals))[:n]  # noqa: NPY002 (as mnist1d)
    inputs = (np.stack(signals)[order] - MEAN) / SCALE
    labels = np.repeat(templates["y"], each)[order]
    return Split(inputs.astype(np.float32), labels.astype(np.int32))


@contextlib.contextmanager
def _numpy_seeded(seed: int) -> Iterator[None]:
    """Seeds NumPy's global generator, which mnist1d draws from, and puts it back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _read(path: Path) -> Split | None:
    """Reads a cached set; of a file that is damaged it says so and returns None."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            split = Split(arrays["inputs"], arrays["labels"])
            checksum = str(arrays["checksum"])
        if checksum != _checksum(path.name, split):
            raise ValueError(f"{path} has a wrong checksum")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:  # zip, zlib and NumPy each have errors of their own
        _warn(f"{path} is damaged ({type(error).__name__}) and is made again")
        return None
    return split


def _write(path: Path, split: Split) -> None:
    """Caches a set: the file appears whole or, with a warning, not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            written = Path(scratch) / path.name
            checksum = _checksum(path.name, split)
            np.savez(written, checksum=checksum, **split._asdict())
            written.replace(path)
    except OSError as error:
        _warn(f"MNIST-1D is not cached: {error}")


def _checksum(name: str, split: Split) -> str:
    """Hashes a set together with its file's name, which says the seed and the size."""
    digest = hashlib.sha256(name.encode())
    for array in split:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _warn(message: str) -> None:
    warnings.warn(message, CacheWarning, stacklevel=5)  # the caller of frozen or fresh
