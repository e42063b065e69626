# Shapes and dtypes that never change, buffers, and programs that are compiled once.

import itertools

import jax

from optax_lab.contract import cases, subject
from optax_lab.contract.subject import Make


def types_never_change(make: Make) -> None:
    """Checks every mix of parameter and gradient dtype, by shape alone."""
    real = [dtype for dtype in subject.DTYPES if dtype != "complex64"]
    rest = [(dtype, dtype) for dtype in subject.DTYPES if dtype not in real]
    mixes = [*itertools.product(real, real), *rest]
    for params_dtype, dtype in mixes:
        what = f"{params_dtype} parameters, {dtype} gradients"
        with subject.dtype_case(params_dtype, dtype, what=what):
            _keeps_types(make, params_dtype, dtype)


def init_needs_shapes_only(make: Make) -> None:
    """Checks that `init` makes the same state where values are not known."""
    params = subject.tree()
    optimizer = subject.build(make)
    abstract = jax.eval_shape(optimizer.init, jax.eval_shape(lambda: params))
    cases.same_types(abstract, optimizer.init(params), "state")


def fresh_state_can_be_donated(make: Make) -> None:
    """Checks that no array of a fresh state is another one, a parameter, or kept.

    JAX refuses to donate a buffer twice, and what has been donated is gone: for the
    next state of the same optimizer too.
    """
    optimizer, params = subject.build(make), subject.tree()
    first, second = optimizer.init(params), optimizer.init(params)
    trees = {"params": params, "state": first, "the next state": second}
    owners: dict[int, str] = {}
    for name, tree in trees.items():
        for path, leaf in jax.tree.leaves_with_path(tree):
            if isinstance(leaf, jax.Array):
                what = name + jax.tree_util.keystr(path)
                owner = owners.setdefault(leaf.unsafe_buffer_pointer(), what)
                cases.expect(owner == what, f"{what} is the same array as {owner}")


def compiles_once(make: Make) -> None:
    """Checks that a jitted step is traced once, and that scan takes the same steps."""
    optimizer, grads = subject.shared(make), subject.tree()
    start = types = subject.tree(), optimizer.init(subject.tree())
    rule, traces = subject.at_rate(make), []

    @jax.jit
    def step(params, state):
        traces.append(None)
        updates, state = subject.update(rule, grads, state, params)
        return subject.moved(params, updates), state

    for number in range(3):
        types = step.eval_shape(*types)
        again = "a dtype, a shape or a weak type in the state changed"
        cases.expect(len(traces) == 1, f"step {number} is traced again: {again}")
    with cases.case("in scan"):
        scan = lambda carry: jax.lax.scan(lambda c, _: (step(*c), None), carry, None, 3)
        (found, _), _ = subject.compiled(scan)(start)
        _, wanted = subject.run(optimizer, [grads] * 3)
        cases.same_numbers(found, wanted, 1e-5, "parameters")


def _keeps_types(make: Make, params_dtype: str, dtype: str) -> None:
    optimizer = subject.shared(make)
    params, grads = subject.tree(params_dtype), subject.tree(dtype)
    state = jax.eval_shape(optimizer.init, params)
    updates, after = jax.eval_shape(optimizer.update, grads, state, params)
    cases.same_types(after, state, "state")
    cases.same_types(updates, grads, "update")
