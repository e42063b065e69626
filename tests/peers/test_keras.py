# The dialect of Keras beside Keras itself, step by step.

import inspect

import numpy as np
import pytest

from optax_lab.dialects import keras as dialect
from optax_lab.dialects.keras import frame
from tests import trajectories
from tests.trajectories import Case

keras = pytest.importorskip("keras", reason="Keras is absent: make test-peers")
from tests.peers import keras_runs  # noqa: E402

CASES = [case for case in trajectories.CASES if case.framework == "keras"]
EDGES = [Case("keras", "Lion", {"learning_rate": 0.01, "beta_1": 1.0})]
LAST = [case for case in trajectories.LAST.values() if case in CASES]


@pytest.mark.parametrize("case", CASES + EDGES, ids=str)
def test_a_run_here_is_a_run_in_keras(case):
    theirs = keras_runs.run(case)
    near = {"rtol": case.tolerance, "atol": case.tolerance}
    for name, values in trajectories.ours(case).items():
        np.testing.assert_allclose(values, theirs[name], **near)


@pytest.mark.parametrize("case", LAST, ids=str)
def test_float32_is_as_far_from_the_truth_as_kerass(case):
    runs = trajectories.ours(case, np.float32), keras_runs.run(case, np.float32)
    for name, truth in keras_runs.run(case).items():
        ours, theirs = (np.abs(run[name] - truth).max() for run in runs)
        assert ours <= 4 * theirs + 2e-6, (ours, theirs)


@pytest.mark.parametrize("name", dialect.__all__)
def test_arguments_and_defaults_are_kerass(name):
    theirs = dict(inspect.signature(getattr(keras.optimizers, name)).parameters)
    ours = inspect.signature(getattr(dialect, name)).parameters
    theirs.pop("kwargs", None)
    assert set(ours) == set(theirs)
    for argument, parameter in theirs.items():
        # what is ignored or refused is None here, whatever it is there
        without_effect = argument in {*frame.OTHERS, "name"}
        default = None if without_effect else parameter.default
        assert ours[argument].default == default, argument
    positional = [n for n, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert list(theirs)[: len(positional)] == positional


def test_every_optimizer_of_keras_that_steps_by_gradients_has_a_dialect():
    # a loss scale, and several optimizers in one, are Optax's links; schedule-free
    # AdamW, which weighs steps otherwise than its paper, is not spoken here
    others = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "ScheduleFreeAdamW"}
    classes = {
        name
        for name, value in vars(keras.optimizers).items()
        if inspect.isclass(value) and issubclass(value, keras.optimizers.Optimizer)
    }
    assert not classes - others - set(dialect.__all__)
