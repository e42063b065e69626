# PyTorch and Keras themselves, live: `make test-peers`.
import os

os.environ["KERAS_BACKEND"] = "jax"  # before Keras is imported anywhere
