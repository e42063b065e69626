# The dialect of PyTorch beside PyTorch itself, step by step.

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

from optax_lab.dialects import pytorch
from tests import trajectories
from tests.trajectories import Case

torch = pytest.importorskip("torch", reason="PyTorch is absent: make test-peers")
from tests.peers import torch_runs  # noqa: E402

CASES = [case for case in trajectories.CASES if case.framework == "pytorch"]
_BALL = {"lr": 0.05, "momentum": 0.5}
EDGES = [Case("pytorch", "SGD", _BALL | {"dampening": x}) for x in (-0.5, 1.5)]
LAST = [case for (framework, _), case in trajectories.LAST.items() if case in CASES]
EXECUTION = {"foreach", "fused", "capturable", "differentiable"}
MUON = [Case("pytorch", "Muon", arguments) for arguments in trajectories.MUON]


@pytest.mark.parametrize("case", CASES + EDGES, ids=str)
def test_a_run_here_is_a_run_in_pytorch(case):
    theirs = torch_runs.run(case)
    for name, values in trajectories.ours(case).items():
        np.testing.assert_allclose(values, theirs[name], rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", LAST, ids=str)
def test_float32_is_as_far_from_the_truth_as_pytorchs(case):
    runs = trajectories.ours(case, np.float32), torch_runs.run(case, np.float32)
    for name, truth in torch_runs.run(case).items():
        ours, theirs = (np.abs(run[name] - truth).max() for run in runs)
        assert ours <= 4 * theirs + 2e-6, (ours, theirs)


@pytest.mark.parametrize("case", MUON, ids=str)
def test_muon_goes_where_pytorchs_rounded_one_goes(case):
    start = trajectories.start(case)
    arguments = case.arguments | {"weight_decay": 0.0}
    ours = trajectories.ours(case._replace(arguments=arguments))
    theirs = torch_runs.run(case._replace(arguments=arguments))
    for name, before in start.items():
        moves = [np.ravel(run[name][0] - before) for run in (ours, theirs)]
        lengths = [np.linalg.norm(move) for move in moves]
        assert np.dot(*moves) / np.prod(lengths) > 0.99
        np.testing.assert_allclose(*lengths, rtol=0.02)


@pytest.mark.parametrize("case", MUON, ids=str)
def test_muon_is_pytorchs_but_for_its_rounding(case, monkeypatch):
    rounded = "torch.optim._muon._zeropower_via_newtonschulz"
    monkeypatch.setattr(rounded, torch_runs.newton_schulz)
    theirs = torch_runs.run(case)
    for name, values in trajectories.ours(case).items():
        np.testing.assert_allclose(values, theirs[name], rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adamax"])
def test_a_complex_parameter_is_two_real_ones_as_in_pytorch(name):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 2, 3)) + 1j * rng.normal(size=(20, 2, 3))
    weight = torch.nn.Parameter(torch.tensor(rows[0]))
    theirs = getattr(torch.optim, name)([weight], lr=0.1, weight_decay=0.1)
    ours = optax.contrib.split_real_and_imaginary(
        getattr(pytorch, name)(lr=0.1, weight_decay=0.1)
    )
    params = jnp.asarray(rows[0])
    state = ours.init(params)
    for gradient in rows:
        weight.grad = torch.tensor(gradient)
        theirs.step()
        with jax.numpy_dtype_promotion("standard"):
            updates, state = ours.update(jnp.asarray(gradient), state, params)
        params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(params, weight.detach().numpy(), atol=1e-10)


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_adafactors_floor_is_that_of_short_parameters(name):
    weight = torch.nn.Parameter(torch.ones(4, dtype=getattr(torch, name)))
    weight.grad = torch.full_like(weight, 1e-3)
    torch.optim.Adafactor([weight], lr=0.1).step()
    ones = jnp.ones(4, name)
    ours = pytorch.Adafactor(lr=0.1)
    updates, _ = ours.update((1e-3 * ones).astype(name), ours.init(ones), ones)
    told = weight.detach().float().numpy() - 1
    np.testing.assert_allclose(updates.astype(jnp.float32), told, rtol=0.15)


@pytest.mark.parametrize("name", pytorch.__all__)
def test_arguments_and_defaults_are_pytorchs(name):
    theirs = dict(inspect.signature(getattr(torch.optim, name)).parameters)
    ours = inspect.signature(getattr(pytorch, name)).parameters
    del theirs["params"]
    assert set(ours) == set(theirs)
    for argument, parameter in theirs.items():
        # what is ignored is None here, whatever it is there
        default = None if argument in EXECUTION else parameter.default
        assert ours[argument].default == default, argument
    positional = [n for n, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert list(theirs)[: len(positional)] == positional


@pytest.mark.parametrize("name", pytorch.__all__)
def test_arguments_about_execution_change_nothing(name):
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    execution = EXECUTION & set(theirs)
    case = Case("pytorch", name, {})
    params = {k: jnp.asarray(v) for k, v in trajectories.start(case).items()}
    made = [
        getattr(pytorch, name)(**dict.fromkeys(execution, value))
        for value in (None, True)
    ]
    moves = [rule.update(params, rule.init(params), params)[0] for rule in made]
    for key in params:
        np.testing.assert_array_equal(moves[0][key], moves[1][key])


def test_every_dense_optimizer_of_pytorch_with_gradients_has_a_dialect():
    # L-BFGS evaluates the objective itself, and SparseAdam takes sparse gradients
    classes = {
        n
        for n, value in vars(torch.optim).items()
        if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer)
    }
    missing = classes - {"Optimizer", "LBFGS", "SparseAdam"} - set(pytorch.__all__)
    assert not missing
