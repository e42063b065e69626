# Strict from the first import: types are checked, and nothing is promoted silently.
import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")

import jax
import jaxtyping
from hypothesis import HealthCheck, settings

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jaxtyping.install_import_hook("optax_lab", "beartype.beartype")

settings.register_profile(
    "lab",
    deadline=None,  # the first example of a test compiles
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,  # a red run is red again
    max_examples=25,
)
settings.load_profile("lab")
