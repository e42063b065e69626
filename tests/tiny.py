# A problem that trains in milliseconds: 50 examples, 3 inputs, 4 classes.

import numpy as np

from optax_lab.problems import networks
from optax_lab.runs import training


def data(size=50, features=3, classes=4, seed=0, dtype=np.float32):
    r = np.random.default_rng(seed)
    inputs = r.normal(size=(size, features)).astype(dtype)
    return inputs, r.integers(classes, size=size).astype(np.int32)


NETWORK = networks.residual_mlp(inputs=3, width=8, depth=2, outputs=4)
PROBLEM = training.Problem(NETWORK, batch_size=10)
DATA = training.Data(data(), {"test": data(30, seed=1)}, {"full": data()})
