# What of a machine and its software decides the bits of a result.

import contextlib
import hashlib
import importlib.metadata
import platform
from pathlib import Path

import jax

_PACKAGES = ("optax_lab", "jax", "jaxlib", "optax", "flax", "numpy")


def facts() -> dict[str, str]:
    """Lists the device, its instructions, and the versions that results depend on."""
    device = jax.devices()[0]
    return {
        "device": f"{device.platform}: {device.device_kind}",
        "processor": processor(),
        "x64": str(bool(jax.config.jax_enable_x64)),
        **{name: _version(name) for name in _PACKAGES},
    }


def processor() -> str:
    """Names what this processor can do, in eight characters."""
    text = f"{platform.machine()} {platform.processor()}"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        text += next((line for line in lines if line.startswith("flags")), "")
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # imported from a folder
