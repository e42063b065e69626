# Every single-term change of a module's functions, and how one is put in its place.
#
# A change replaces one node of a function's syntax tree: an operator, a number, a name
# by its twin, a denominator by the other, an average by its value before the step.
# What is not arithmetic is left alone: checks and their messages, docstrings, dtypes
# and rounding keys, and the defaults in signatures that other tests compare.

import ast
import contextlib
import inspect
import itertools
import re
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

import optax
import optax.contrib

# Each name or attribute stands in for the other.
TWINS = [
    ("b1", "b2"),
    ("b2", "b3"),
    ("b1", "b3"),
    ("mu", "nu"),
    ("eps", "eps_root"),
    ("inside", "outside"),
    ("read", "raw"),
    ("maximum", "minimum"),
    ("max", "min"),
    ("mean", "sum"),
    ("real", "imag"),
    ("floor", "ceil"),
    ("row", "column"),
    ("rows", "columns"),
    ("all", "any"),
    ("left", "right"),
    ("v_row", "v_col"),
]
OPERATORS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Mod: [ast.FloorDiv],
    ast.FloorDiv: [ast.Mod],
    ast.Pow: [ast.Mult],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
    # A comparison's opposite, and the same with its boundary moved.
    ast.Gt: [ast.LtE, ast.GtE],
    ast.GtE: [ast.Lt, ast.Gt],
    ast.Lt: [ast.GtE, ast.LtE],
    ast.LtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
# Calls that may be left out, f(x) → x; first(state, decay) → decay.
DROPPED = {"sqrt", "root", "abs", "abs_sq", "square", "sign", "conj", "conjugate"}
DROPPED |= {"log", "exp", "negative", "reciprocal", "first"}
# Calls whose first two arguments may change places, and those where the next two may.
EXCHANGED = {"divide": 0, "power": 0, "matmul": 0, "where": 1, "each": 1}

ROOTS = {"sqrt", "root"}  # √x + ε ↔ √(x + ε)

PLUMBING = re.compile(
    r"check_|dtype|itemsize|rounding|at_least|^_?keys?$|^counts?$|^random$|^numbers$"
)
NOT_ARITHMETIC = ("is_leaf", "mask", "strict")


class Mutant(NamedTuple):
    """Describes one change of one function.

    Attributes:
      module: the changed module.
      function: the name of the module's function that holds the change.
      lines: the lines of the changed node.
      change: the change as text, before → after, with a number if not the first.
      syntax: the function's syntax tree.
      holder, field, index: where the node stands; index is None outside of lists.
      node: what stands there instead.
    """

    module: ModuleType
    function: str
    lines: range
    change: str
    syntax: ast.FunctionDef
    holder: ast.AST
    field: str
    index: int | None
    node: ast.AST


def mutants(module: ModuleType) -> list[Mutant]:
    """Returns every change of every function of a module, in the order of its text."""
    functions = [
        node
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.FunctionDef) and not PLUMBING.search(node.name)
    ]
    return [m for function in functions for m in _changes_of(module, function)]


@contextlib.contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Puts the change into the running function, and takes it back."""
    function = inspect.unwrap(getattr(mutant.module, mutant.function))
    new = _compiled(mutant)
    parts = ("__code__", "__defaults__", "__kwdefaults__")
    old = {part: getattr(function, part) for part in parts}
    try:
        for part in parts:
            setattr(function, part, getattr(new, part))
        yield
    finally:
        for part, value in old.items():
            setattr(function, part, value)


# --- Where a change may stand ---------------------------------------------------------


def _changes_of(module: ModuleType, function: ast.FunctionDef) -> Iterator[Mutant]:
    numbers: dict[str, itertools.count] = {}
    names = _names(function)
    for holder, field, index, node, inner in _sites(function, function):
        own = _assigned(inner) if inner.name == "init_fn" else set()
        twins = [p for p in TWINS if _may_meet(p, names, own)]
        twins += _before_and_after(inner)
        for new in _replacements(node, holder, twins):
            text = f"{ast.unparse(node)} → {ast.unparse(new)}"
            number = next(numbers.setdefault(text, itertools.count(1)))
            change = text if number == 1 else f"{text} (number {number})"
            first, end = node.lineno, node.end_lineno or node.lineno
            if field in ("defaults", "kw_defaults"):  # evaluated where the def stands
                first = end = inner.lineno
            lines = range(first, end + 1)
            place = (function, holder, field, index, ast.copy_location(new, node))
            yield Mutant(module, function.name, lines, change, *place)


def _sites(node: ast.AST, inner: ast.FunctionDef) -> Iterator[tuple]:
    """Yields (holder, field, index, node, function) of what counts as arithmetic."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        if field in ("defaults", "kw_defaults") and _is_compared(inner):
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _is_plumbing(child):
                continue
            if isinstance(child, ast.expr):
                place = index if isinstance(value, list) else None
                yield node, field, place, child, inner
            yield from _sites(
                child, child if isinstance(child, ast.FunctionDef) else inner
            )


def _is_compared(function: ast.FunctionDef) -> bool:
    """Whether the defaults are a named optimizer's or a rule's, which others judge."""
    is_rule = function.name.startswith("scale_by_") or _is_optaxs(function.name)
    return bool(function.decorator_list) or is_rule


def _is_optaxs(name: str) -> bool:
    return hasattr(optax, name) or hasattr(optax.contrib, name)


def _is_plumbing(node: ast.AST) -> bool:
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.ExceptHandler():
            return True
        case ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.If(body=[ast.Raise()], orelse=[]):
            return True
        case ast.For(body=[ast.Expr(value=ast.Call(func=called))]):
            return bool(PLUMBING.search(_name(called)))
        case ast.keyword(arg=name):
            return name in NOT_ARITHMETIC or bool(PLUMBING.search(name or ""))
        case ast.Call(func=called):
            return bool(PLUMBING.search(_name(called)))
        case ast.Attribute(attr=name):
            return bool(PLUMBING.search(name))
        case ast.Assign(targets=[target]):
            return bool(PLUMBING.search(_name(target)))
        case ast.Compare(left=left):
            return bool(PLUMBING.search(_name(left)))
        case ast.FunctionDef(name=name):
            return bool(PLUMBING.search(name))
    return False


def _name(node: ast.AST) -> str:
    """Returns the last word of a name or of a dotted name, "" for anything else."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Tuple(elts=[one]):
            return _name(one)
    return ""


def _name_of_call(node: ast.AST) -> str:
    return _name(node.func) if isinstance(node, ast.Call) else ""


def _names(function: ast.FunctionDef) -> set[str]:
    """Returns every name that a function or one inside it knows."""
    nodes = list(ast.walk(function))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    return used | {node.arg for node in nodes if isinstance(node, ast.arg)}


def _may_meet(pair: tuple[str, str], names: set[str], new: set[str]) -> bool:
    """Whether a function knows both names, or neither: then they are attributes.

    Averages that are new differ in their dtypes only, and stay where they are.
    """
    return len(names & set(pair)) != 1 and not set(pair) <= new


def _assigned(function: ast.FunctionDef) -> set[str]:
    nodes = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    return {node.id for node in nodes if isinstance(node.ctx, ast.Store)}


def _before_and_after(function: ast.FunctionDef) -> list[tuple[str, str]]:
    """Returns (name, "state.field") wherever name is what a field becomes this step."""
    pairs = []
    for node in ast.walk(function):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Call(
                    func=called,
                    args=[ast.Attribute(value=ast.Name(id="state"), attr=field), *_],
                ),
            ) if _name(called) != "safe_increment":
                pairs.append((name, f"state.{field}"))
    pairs = [pair for pair in pairs if not PLUMBING.search(pair[0])]
    return pairs if any(arg.arg == "state" for arg in function.args.args) else []


# --- What a node may become -----------------------------------------------------------


def _replacements(
    node: ast.AST, holder: ast.AST, twins: list[tuple[str, str]]
) -> Iterator[ast.AST]:
    """Yields what may stand in a node's place, one term changed."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            yield from (ast.BinOp(left, new(), right) for new in _others(op))
            if isinstance(op, ast.Sub | ast.MatMult):
                yield ast.BinOp(right, op, left)
            if isinstance(op, ast.Add) and _name_of_call(left) in ROOTS:
                inside = ast.BinOp(left.args[0], op, right)
                yield ast.Call(left.func, [inside], [])
        case ast.BoolOp(op=op, values=values):
            yield from (ast.BoolOp(new(), values) for new in _others(op))
        case ast.Compare(left=left, ops=[op], comparators=right):
            yield from (ast.Compare(left, [new()], right) for new in _others(op))
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            if not PLUMBING.search(_name(operand)):
                yield operand
        case ast.IfExp(test=test, body=body, orelse=orelse):
            # A comparison's opposite is the same change.
            if not isinstance(test, ast.Compare) and not PLUMBING.search(_name(test)):
                yield ast.IfExp(test, orelse, body)
        case ast.Constant(value=value):
            yield from map(ast.Constant, _other_constants(value))
        case ast.Call():
            yield from _other_calls(node)
        case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()):
            yield from _twins(node, twins)
    is_test = isinstance(holder, ast.If) and node is holder.test
    if is_test and _name(node) and not PLUMBING.search(_name(node)):
        yield ast.UnaryOp(ast.Not(), node)


def _others(op: ast.AST) -> list[type]:
    return OPERATORS.get(type(op), [])


def _other_constants(value: object) -> list:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1] if value else [1]
    if isinstance(value, float):
        return [2 * value] if value else [1.0]
    return []


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    name, args = _name(node.func), node.args
    if name in DROPPED and args:
        yield args[-1]
    if name in ROOTS and isinstance(args[0], ast.BinOp):
        inside = args[0]
        if isinstance(inside.op, ast.Add):
            outside = ast.Call(node.func, [inside.left], [])
            yield ast.BinOp(outside, inside.op, inside.right)
    at = EXCHANGED.get(name)
    commutes = bool(args) and _name(args[0]) in ("maximum", "minimum")
    if at is not None and len(args) >= at + 2 and not commutes:
        swapped = [*args[:at], args[at + 1], args[at], *args[at + 2 :]]
        yield ast.Call(node.func, swapped, node.keywords)
    for i, keyword in enumerate(node.keywords):
        if keyword.arg and not _is_plumbing(keyword):
            rest = node.keywords[:i] + node.keywords[i + 1 :]
            yield ast.Call(node.func, args, rest)


def _twins(node: ast.AST, twins: list[tuple[str, str]]) -> Iterator[ast.AST]:
    """Yields the name with its last word exchanged, or a value before for one after."""
    words = ast.unparse(node)
    for pair in twins:
        for old, new in (pair, pair[::-1]):
            if words == old:
                yield ast.parse(new, mode="eval").body
            elif (
                isinstance(node, ast.Attribute) and node.attr == old and "." not in new
            ):
                yield ast.Attribute(node.value, new, node.ctx)


def _compiled(mutant: Mutant) -> object:
    """Returns the changed function, made in a copy of its module's names."""
    syntax, holder, field, index, node = mutant[-5:]
    old = getattr(holder, field) if index is None else getattr(holder, field)[index]
    decorators, syntax.decorator_list = syntax.decorator_list, []
    try:
        _put(holder, field, index, node)
        tree = ast.fix_missing_locations(ast.Module([syntax], []))
        code = compile(tree, mutant.module.__file__ or mutant.module.__name__, "exec")
    finally:
        _put(holder, field, index, old)
        syntax.decorator_list = decorators
    names = dict(vars(mutant.module))
    exec(code, names)
    return names[mutant.function]


def _put(holder: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(holder, field, node)
    else:
        getattr(holder, field)[index] = node
