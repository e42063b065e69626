# What of a machine and its software decides the bits of a result.

import contextlib
import hashlib
import importlib.metadata
import platform
import re
from pathlib import Path

import jax

# Of x86 and of Arm.
_ARITHMETIC = re.compile(
    r"(amx|avx|sse|asimd|neon|sve|sme\d).*|fma\d?|f16c|sme|fphp|bf16|i8mm|fcma"
)
_PACKAGES = ("optax_lab", "jax", "jaxlib", "optax", "flax", "numpy")


def facts() -> dict[str, str]:
    """Lists the device, its instructions, and the versions that results depend on."""
    device = jax.devices()[0]
    return {
        "device": f"{device.platform}: {device.device_kind}",
        "instructions": instructions(),
        "x64": str(bool(jax.config.jax_enable_x64)),
        **{name: _version(name) for name in _PACKAGES},
    }


def instructions() -> str:
    """Lists the instructions that arithmetic may be compiled to."""
    known = [flag for flag in _flags() if _ARITHMETIC.fullmatch(flag)]
    return " ".join([platform.machine(), *sorted(known)])


def processor() -> str:
    """Names all that this processor can do, in eight characters."""
    text = " ".join([platform.machine(), platform.processor(), *_flags()])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _flags() -> list[str]:
    """Reads what the system says of the processor; nothing where it does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.lower().startswith(("flags", "features")):
                return line.partition(":")[2].split()
    return []


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # imported from a folder
