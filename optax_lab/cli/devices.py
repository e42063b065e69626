# Where to compute: settled before JAX starts, because afterwards it is too late.
import contextlib
import os
from pathlib import Path

import jax
import platformdirs

from optax_lab.studies import machine


def start(device: str, *, spread: bool = False) -> str:
    """Starts JAX on a device and says on which kind: "cpu" or "gpu".

    A process in which JAX already runs keeps the settings that it has.

    Args:
        device: "auto", "cpu" or "gpu".
        spread: makes one virtual device per core on a CPU.

    Raises:
        ValueError: in one line, if the device is "gpu" and JAX sees none.
    """
    # It refuses, and nothing is changed, when JAX already runs.
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", cores() if spread else 1)
        _keep_programs()
        if device == "cpu":
            jax.config.update("jax_platforms", "cpu")
    found = jax.default_backend()
    if device == "gpu" and found == "cpu":
        raise ValueError(
            "--device gpu: JAX sees no GPU here; use --device cpu, "
            "or install the package with its extra: pip install 'optax_lab[cuda]'"
        )
    return "cpu" if found == "cpu" else "gpu"


def cores() -> int:
    """Counts the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cache() -> Path:
    """Returns the folder of everything that is kept between runs."""
    own = os.environ.get("OPTAX_LAB_CACHE")
    return Path(own or platformdirs.user_cache_dir("optax_lab"))


def _keep_programs() -> None:
    """Keeps compiled programs between processes, unless JAX was told where.

    A program is compiled for this processor's instructions, which JAX leaves out of
    its key: on a home folder that several machines share, each kind has its own place.
    """
    folder = cache() / f"programs-{machine.processor()}"
    if jax.config.jax_compilation_cache_dir is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return  # a cache saves time; nothing depends on it
        jax.config.update("jax_compilation_cache_dir", str(folder))
        # A descent takes a quarter of a second to compile, and JAX keeps from 1 s on.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
