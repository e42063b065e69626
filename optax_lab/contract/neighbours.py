# Inside what Optax puts around an optimizer.

import jax
import jax.numpy as jnp
import numpy as np
import optax

from optax_lab.contract import cases, subject
from optax_lab.contract.subject import Make


def works_in_chain(make: Make) -> None:
    """Checks that it takes its steps behind another transformation."""
    found, _ = _wrapped(optax.chain(optax.clip(1e3), subject.at_rate(make)), _grads())
    wanted, _ = subject.run(subject.shared(make), _grads())
    cases.same_numbers(found, wanted, 1e-6, "update")


def works_in_masked(make: Make) -> None:
    """Checks that hidden leaves pass through, and the others step as if alone."""
    masked = optax.masked(subject.at_rate(make), {"w": True, "b": False})
    found, _ = _wrapped(masked, _grads())
    cases.same_numbers(found["b"], _grads()[-1]["b"], 0.0, "hidden update['b']")
    cases.same_numbers(found["w"], _alone(make), 1e-6, "update['w']")


def works_in_partition(make: Make) -> None:
    """Checks that its share of the leaves steps as if alone."""
    split = optax.partition(
        {"mine": subject.at_rate(make), "none": optax.set_to_zero()},
        {"w": "mine", "b": "none"},
    )
    found, _ = _wrapped(split, _grads())
    cases.same_numbers(found["w"], _alone(make), 1e-6, "update['w']")


def works_in_multisteps(make: Make) -> None:
    """Checks that two equal gradients, averaged, make one step.

    It is float64, because its branches are rounded otherwise.
    """
    with jax.enable_x64(True):
        once = [subject.tree("float64")] * 2
        twice = [grads for grads in once for _ in range(2)]
        # Its `gradient_transformation` would hand no extra arguments on.
        slow = optax.MultiSteps(subject.at_rate(make), 2)
        _, found = _wrapped(slow, twice)
        _, wanted = subject.run(subject.shared(make), once)
        cases.same_numbers(found, wanted, 1e-5, "parameters")


def works_in_inject(make: Make) -> None:
    """Checks injected floats, with 16-bit parameters too; all else is static."""
    name, names = subject.needs_rate(make), subject.hypers(make)
    static = [n for n in subject.parameters(make) if n not in names]
    inject = optax.inject_hyperparams(
        make, static_args=static, hyperparam_dtype=jnp.float32
    )
    injected = subject.jitted(
        optax.with_extra_args_support(inject(**{name: subject.RATE}))
    )
    for dtype, rtol in (("float32", 1e-4), ("bfloat16", 2e-2)):
        with cases.case(f"{dtype} parameters"):
            grads = subject.tree(dtype)
            state = injected.init(grads)
            with jax.numpy_dtype_promotion("standard"):
                updates, state = injected.update(grads, state, grads)
            told, value = float(state.hyperparams[name]), subject.RATE
            cases.expect(
                told == float(np.float32(value)), f"{name} reads {told}, not {value}"
            )
            plain = subject.shared(make)
            wanted, _ = plain.update(grads, plain.init(grads), grads)
            cases.same_numbers(updates, wanted, rtol, "update")


def optax_maps_its_state(make: Make) -> None:
    """Checks that `optax.tree.map_params` reaches whatever looks like a parameter."""
    optimizer, params = subject.build(make), subject.tree()
    state = optimizer.init(params)
    mapped = optax.tree.map_params(optimizer, lambda p: "reached", state)
    cases.same_structure(mapped, state, "state")
    shape = params["w"].shape
    for (path, old), new in zip(
        jax.tree.leaves_with_path(state), jax.tree.leaves(mapped), strict=True
    ):
        if np.shape(old) == shape:
            name = jax.tree_util.keystr(path)
            cases.expect(new == "reached", f"state{name} is not reached")


def optax_sets_its_count(make: Make) -> None:
    """Checks `optax.tree.get_all_with_path` and `set` on a count in the state."""
    optimizer, params = subject.build(make), subject.tree()
    state = optimizer.init(params)
    if not optax.tree.get_all_with_path(state, "count"):
        raise cases.NotApplicable("its state has no count")
    later = optax.tree.set(state, count=jnp.asarray(7, jnp.int32))
    cases.same_types(later, state, "state")
    # Optax does not look for another count beneath the one that it sets.
    counts = optax.tree.get_all_with_path(later, "count")
    cases.expect(any(int(c) == 7 for _, c in counts), "no count is set")


def takes_extra_arguments(make: Make) -> None:
    """Checks that arguments which it does not know are no error."""
    optimizer, params = subject.build(make), subject.tree()
    known = subject.extras(params, params)
    _traced(optimizer, params, **known, unknown=1.0)


def says_what_is_missing(make: Make) -> None:
    """Checks that without params, or a value, it works or says what it needs."""
    optimizer, params = subject.build(make), subject.tree()
    given = subject.extras(params, params)
    with cases.case("without params"):
        _works_or_names(["params"], optimizer, None, **given)
    with cases.case("without extra arguments"):
        _works_or_names(list(given), optimizer, params)


def _works_or_names(needs, optimizer, params, **given) -> None:
    try:
        _traced(optimizer, params, **given)
    except ValueError as error:
        named = any(need in str(error) for need in needs)
        cases.expect(named, f"the ValueError names none of {', '.join(needs)}: {error}")


def _traced(optimizer, params, **given) -> None:
    """Traces a step with these parameters and extra arguments."""
    grads = subject.tree()
    state = jax.eval_shape(optimizer.init, grads)
    jax.eval_shape(lambda g, s: optimizer.update(g, s, params, **given), grads, state)


def _wrapped(optimizer, steps):
    """Takes steps; Optax's own wrappers promote dtypes silently."""
    with jax.numpy_dtype_promotion("standard"):
        return subject.run(subject.jitted(optimizer), steps)


def _grads():
    return [subject.tree()] * 2


def _alone(make: Make):
    only = {"w": subject.tree()["w"]}
    return subject.run(subject.shared(make), [only] * 2)[0]["w"]
