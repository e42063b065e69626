# States that come from Optax and go there.

import jax
import jax.numpy as jnp
import optax
import optax.contrib
import pytest

import optax_lab
from optax_lab.dialects import keras, pytorch, states
from tests import doubles, trajectories

PARAMS = doubles.PARAMS

# Not yogi and adan, whose averages Optax debiases in another way.
IN_OPTAX = {
    "adadelta": {},
    "adafactor": {"min_dim_size_to_factor": 3},
    "adagrad": {},
    "adam": {},
    "adamax": {},
    "adamw": {},
    "amsgrad": {},
    "lamb": {},
    "lion": {},
    "muon": {},
    "novograd": {},
    "radam": {},
    "rmsprop": {"momentum": 0.9, "centered": True},
    "schedule_free_adamw": {},
    "sgd": {"momentum": 0.9},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_OPTAX)
def test_a_run_that_leaves_optax_and_comes_back_is_the_run_that_stayed(name):
    case = trajectories.CASES[0]
    params = jax.tree.map(jnp.asarray, trajectories.start(case))
    rows = trajectories.gradients(case)
    parts = [{n: r[at : at + 10] for n, r in rows.items()} for at in (0, 10, 20)]
    make = getattr(optax, name, None) or getattr(optax.contrib, name)
    rate = doubles.dropping if name in ("adam", "muon", "schedule_free_adamw") else 0.01
    made = [m(rate, **IN_OPTAX[name]) for m in (getattr(optax_lab, name), make)]
    ours, theirs = made
    # Optax's schedule-free methods take a schedule's rates a step early.
    like = None if name == "schedule_free_adamw" else theirs
    near = 1e-7 if name == "adafactor" else 1e-12  # Optax's decay is a float32

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        stays = trajectories.advance(theirs, params, theirs.init(params), parts[0])
        state = states.from_optax(ours, stays[0], stays[1], step=10, theirs=like)
        moves = trajectories.advance(ours, stays[0], state, parts[1])
        stays = trajectories.advance(theirs, *stays, parts[1])
        doubles.assert_equal(moves[0], stays[0], near)
        back = states.to_optax(moves[1], theirs.init(params), step=20)
        back = trajectories.advance(theirs, moves[0], back, parts[2])
        doubles.assert_equal(
            back[0], trajectories.advance(theirs, *stays, parts[2])[0], near
        )


@pytest.mark.parametrize(
    "theirs, message",
    [
        (
            optax.rmsprop(0.1),
            r"mu.*, of ScaleByAdamState, is not in .* ScaleByRmsState",
        ),
        (optax.sgd(0.1), "which has no state"),
        (optax.amsgrad(0.1), "ScaleByAmsgradState"),
        (
            optax.chain(optax.adam(0.1), optax.trace(0.9)),
            r"of TraceState, is not in this",
        ),
    ],
)
def test_a_state_of_another_optimizer_of_optax_is_refused(theirs, message):
    with pytest.raises(ValueError, match=message):
        states.from_optax(optax_lab.adam(0.1), PARAMS, theirs.init(PARAMS), step=0)
    with pytest.raises(ValueError, match="it is another optimizer's"):
        states.to_optax(optax_lab.adam(0.1).init(PARAMS), theirs.init(PARAMS))


def test_optaxs_state_of_other_shapes_is_refused():
    other = optax.adam(0.1).init({"b": jnp.ones(3), "w": jnp.ones((3, 5))})
    with pytest.raises(ValueError, match=r"average\['w'\] needs .* its transpose fits"):
        states.from_optax(optax_lab.adam(0.1), PARAMS, other)


def test_a_schedule_that_optax_does_not_count_needs_a_step():
    state = optax.sgd(0.1).init(PARAMS)
    with pytest.raises(ValueError, match=r"state.count needs one: give step="):
        states.from_optax(optax_lab.sgd(doubles.dropping), PARAMS, state)
    assert (
        states.from_optax(optax_lab.sgd(doubles.dropping), PARAMS, state, step=3).count
        == 3
    )


def warming(step):
    """Returns a learning rate that starts at 0."""
    return 0.01 * step


@pytest.mark.parametrize(
    "ours, theirs, message",
    [
        (optax_lab.adam(0.1), optax.adamax(0.1), r"nu.average\['b'\] and .*nu\['b'\]"),
        (optax_lab.adamax(0.1), optax.adam(0.1), r"nu\['b'\] and .*nu\['b'\]"),
        (optax_lab.adam(0.1), optax.adam(0.1, b1=0.8), r"mu\['b'\], are different"),
        (pytorch.Adam(amsgrad=True), optax.amsgrad(0.1), "nu_max.* are different"),
        (keras.SGD(0.1, momentum=0.9), optax.sgd(0.1, momentum=0.9), "trace.* are"),
        (keras.SGD(warming, momentum=0.9), optax.sgd(warming, momentum=0.9), "trace"),
        (optax_lab.sgd(0.1, momentum=0.9), optax.lars(0.1), "trace.* are different"),
        (optax_lab.adam(0.1), optax.amsgrad(0.1), "ScaleByAmsgradState"),
    ],
)
def test_optimizers_whose_first_steps_keep_different_things_are_refused(
    ours, theirs, message
):
    state, refused = theirs.init(PARAMS), pytest.raises(ValueError, match=message)
    with jax.numpy_dtype_promotion("standard"), refused:
        states.from_optax(ours, PARAMS, state, step=0, theirs=theirs)
