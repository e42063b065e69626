# Strict from the first import: types are checked, and nothing is promoted silently.
import gc
import inspect
import os
import re
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")
# Programs that run once are compiled in half the time; `XLA_FLAGS= make test` compiles
# them as users' are.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
)
# Lines of Python are of no use in programs that nobody reads, and a tenth of the time.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
# One cache of compiled programs for all workers and for every process that a test
# starts: children, kernels and benchmarks inherit the environment.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".xla_cache")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import jax
import jaxtyping
import pytest
from hypothesis import HealthCheck, settings

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


def as_annotated(*, typechecker):
    """Checks shapes where annotations have them, and else types, at half the cost.

    What has no annotations is left alone: rules make such functions at every trace.
    """
    shaped = jaxtyped(typechecker=typechecker)

    def check(f):
        if not inspect.isfunction(f):
            return shaped(f)
        if not f.__annotations__:
            return f
        axes = re.search(r"jaxtyping\.\w+\[", repr(f.__annotations__))
        return shaped(f) if axes else typechecker(f)

    return check


jaxtyped, jaxtyping.jaxtyped = jaxtyping.jaxtyped, as_annotated
jaxtyping.install_import_hook("optax_lab", "beartype.beartype")

settings.register_profile(
    "whole",
    deadline=None,  # the first example of a test compiles
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,  # a red run is red again
    max_examples=25,
)
settings.register_profile("brief", settings.get_profile("whole"), max_examples=8)
settings.load_profile("whole")  # `make test` asks for the other


@pytest.fixture
def share(request):
    """Returns (items, number) → a fourth of them in `make test`, and else all.

    Each number has another fourth: of a table of optimizers and what each keeps, all
    lines and all columns are seen, and `make test-all` sees all of it.
    """
    is_brief = request.config.getoption("--hypothesis-profile") == "brief"
    return lambda items, number: items[number % 4 :: 4] if is_brief else items


def pytest_collection_finish(session):
    """Leaves all that is imported by now out of every search for garbage.

    Tracing makes so many objects that a fourth of the time went into searching.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
