import math

import hypothesis
import pytest
from hypothesis import strategies as st

from optax_lab import expressions
from optax_lab.expressions import Call, parse


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("adam", Call("adam")),
        ("adam()", Call("adam")),
        (" adam(1e-3, b1=.8) ", Call("adam", (1e-3,), (("b1", 0.8),))),
        ("sgd(-1)", Call("sgd", (-1,))),
        ("sgd(.1, nesterov=True)", Call("sgd", (0.1,), (("nesterov", True),))),
        ("f(None, 'a:b', (1, 2))", Call("f", (None, "a:b", (1, 2)))),
        ("optax.adam(1e-3)", Call("optax.adam", (1e-3,))),
        ("pkg.optim:mine", Call("pkg.optim:mine")),
        ("pkg.optim:mine(b1=.8)", Call("pkg.optim:mine", (), (("b1", 0.8),))),
        ("mine:Family.make(2)", Call("mine:Family.make", (2,))),
        ("cautious(adamw(3e-3))", Call("cautious", (Call("adamw", (3e-3,)),))),
        ("f(a.b:c(1), d)", Call("f", (Call("a.b:c", (1,)), Call("d")))),
    ],
)
def test_an_expression_is_a_name_with_literals_and_calls(text, call):
    assert parse(text) == call


@pytest.mark.parametrize(
    "text",
    [
        "",
        "adam(",
        "adam)",
        "1e-3",
        "adam(1e-3)(2)",
        "adam(1 + 1)",
        "adam(**{'b1': .8})",
        "adam(*[1])",
        "[adam]",
        "adam, sgd",
        "adam(x for x in y)",
        "(lambda: 0)()",
        "adam(__import__('os').system('true'))",
        "adam(lambda: 0)",
        "adam(f'{1}')",
        "adam(b1=.8, b1=.9)",
        "adam(b1=.8, .9)",
        "a:b:c",
        ":mine",
        "optim:",
        "a\0b",
        "f(" * 500 + ")" * 500,
    ],
)
def test_anything_else_is_refused_in_one_line_that_shows_it(text):
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_inf_and_nan_are_numbers():
    assert parse("sgd(inf)").args == (math.inf,)
    assert parse("sgd(-inf)") == Call("sgd", (-math.inf,))
    assert math.isnan(parse("sgd(nan)").args[0])


def test_reading_evaluates_nothing(tmp_path, monkeypatch):
    (tmp_path / "loud.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    assert parse("loud:mine(1)").name == "loud:mine"


literals = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
)
names = st.sampled_from(["adam", "optax.sgd", "pkg.optim:mine", "_a1"])
calls = st.recursive(
    literals,
    lambda values: st.builds(
        Call,
        names,
        st.lists(values, max_size=3).map(tuple),
        st.lists(
            st.tuples(st.sampled_from(["b1", "eps", "mask"]), values),
            max_size=3,
            unique_by=lambda pair: pair[0],
        ).map(tuple),
    ),
    max_leaves=8,
).filter(lambda value: isinstance(value, Call))


@hypothesis.given(calls)
def test_what_is_written_reads_back_the_same(call):
    assert parse(str(call)) == call


@hypothesis.given(st.text(max_size=30))
def test_any_text_is_read_or_refused_with_a_value_error(text):
    try:
        call = parse(text)
    except ValueError:
        return
    assert isinstance(call, expressions.Call)
