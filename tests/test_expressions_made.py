import math

import jax
import optax
import pytest

from optax_lab import expressions
from optax_lab.optimizers import table
from optax_lab.reporting import files

MODULE = """
import optax

def mine(b1=0.9):
    return optax.adam(1e-3, b1=b1)

def rated(learning_rate, *, b1=0.9):
    return optax.adam(learning_rate, b1=b1)

def usual(learning_rate=3e-4):
    return optax.adam(learning_rate)

def needy(learning_rate, depth):
    return optax.adam(learning_rate)

def number():
    return 3

def broken():
    raise RuntimeError("no such luck")

ready = optax.sgd(0.1)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Puts a module of someone's own into the current folder."""
    (tmp_path / "own_optim.py").write_text(MODULE)
    (tmp_path / "own_broken.py").write_text("import no_such_module_anywhere")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_a_bare_name_takes_the_rate_of_the_table(name):
    made = expressions.optimizer(name)
    assert made.rate == table.OPTIMIZERS[name].learning_rate
    assert made.text == f"{name}({made.rate})"
    assert (made.head, made.as_written) == (name, name)


def test_arguments_without_a_rate_keep_the_default_rate():
    made = expressions.optimizer("adam(b1=0.8)")
    assert made.text == "adam(0.001, b1=0.8)"
    assert made.as_written == made.head == "adam(b1=0.8)"
    assert made.hyperparameters == {"b1": 0.8}


def test_what_is_made_is_what_was_written():
    with jax.numpy_dtype_promotion("standard"):
        gradient = jax.numpy.float32(3.0)
        made = expressions.optimizer("sgd(.5, momentum=.9)").optimizer
        updates, _ = made.update(gradient, made.init(gradient), gradient)
        assert updates == -1.5


def test_positional_arguments_are_named():
    made = expressions.optimizer("sgd(.05, .9)")
    assert made.text == "sgd(0.05, momentum=0.9)"
    assert made.head == "sgd(momentum=0.9)"


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["adam(1e-3, b1=.9)"], ["adam"]),
        (["adam(1e-3)", "adam(1e-2)"], ["adam(0.001)", "adam(0.01)"]),
        (["adam", "adam(1e-2)", "sgd(.1)"], ["adam", "adam(0.01)", "sgd"]),
        (["adam(b1=.8)", "adam(1e-2)"], ["adam(b1=0.8)", "adam"]),
        (["sgd(momentum=None)", "sgd(momentum=.9)"], ["sgd", "sgd(momentum=0.9)"]),
        (["sgd", "sgd(momentum=None)"], ["sgd", "sgd(momentum=None)"]),
        (
            ["cautious(adam(.1))", "cautious(adam(.2))", "cautious(sgd(.1))"],
            ["cautious(adam(0.1))", "cautious(adam(0.2))", "cautious(sgd)"],
        ),
        (["pytorch.SGD(lr=.1)", "sgd(.1)"], ["pytorch.SGD", "sgd"]),
        (
            ["own_optim:mine", "own_optim:rated(.1)", "own_optim:rated(.2)"],
            ["own_optim:mine", "own_optim:rated(0.1)", "own_optim:rated(0.2)"],
        ),
    ],
)
def test_names_are_the_shortest_that_differ(module, texts, names):
    read = expressions.optimizers(texts, searched=True)
    assert expressions.shortest(read) == names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("text", "full", "rate"),
    [
        ("optax.adam", "optax.adam(0.001)", 1e-3),
        ("optax.lion(1e-4)", "optax.lion(0.0001)", 1e-4),
        ("optax.contrib.dadapt_adamw(1.)", "optax.contrib.dadapt_adamw(1.0)", 1.0),
        (
            "optax.chain(optax.clip(1.), adam(1e-2))",
            "optax.chain(optax.clip(max_delta=1.0), adam(0.01))",
            1e-2,
        ),
        (
            "sgd(optax.cosine_decay_schedule(.1, 50))",
            "sgd(optax.cosine_decay_schedule(init_value=0.1, decay_steps=50))",
            "optax.cosine_decay_schedule(init_value=0.1, decay_steps=50)",
        ),
        ("pytorch.RMSprop(lr=.1)", "pytorch.RMSprop(0.1)", 0.1),
        ("pytorch.RMSprop", "pytorch.RMSprop(0.01)", 0.01),
        ("cautious(pytorch.Adam)", "cautious(pytorch.Adam(0.001))", 1e-3),
        ("keras.SGD(momentum=.5)", "keras.SGD(0.01, momentum=0.5)", 0.01),
        ("own_optim:mine", "own_optim:mine", ""),
        ("own_optim:mine(b1=.8)", "own_optim:mine(b1=0.8)", ""),
        ("own_optim:rated", "own_optim:rated(0.001)", 1e-3),
        ("own_optim:rated(b1=.8)", "own_optim:rated(0.001, b1=0.8)", 1e-3),
        ("own_optim:usual", "own_optim:usual(0.0003)", 3e-4),
        ("own_optim:ready", "own_optim:ready", ""),
    ],
)
def test_optimizers_of_others_and_nested_ones_are_welcome(module, text, full, rate):
    with jax.numpy_dtype_promotion("standard"):
        made = expressions.optimizer(text)
        assert (made.text, made.rate) == (full, rate)
        assert expressions.optimizer(made.text).call == made.call
        params = {"w": jax.numpy.ones(3, "float32")}
        updates, _ = made.optimizer.update(params, made.optimizer.init(params), params)
        assert jax.tree.structure(updates) == jax.tree.structure(params)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("adamm", "did you mean adam?"),
        ("adamm", "optax-lab info lists them"),
        ("cautios(adam)", "did you mean cautious?"),
        ("cautious(zzz)", "unknown optimizer 'zzz'"),
        ("cautious", "missing a required argument: 'inner'; it takes inner"),
        ("cautious(adam, 2)", "min_share must lie in (0, 1], got 2"),
        ("lookahead(adam, 0, .5)", "sync_period must be at least 1, got 0"),
        ("pytorch.RMSProp", "did you mean pytorch.RMSprop?"),
        ("keras.Nadm", "did you mean keras.Nadam?"),
        ("keras.SGD(lr=.1)", "SGD of Keras has no lr: try learning_rate"),
        ("pytorch.SGD(.1, lr=.2)", "learning_rate is given twice"),
        ("pytorch.SGD(lr=.1, learning_rate=.2)", "learning_rate is given twice"),
        ("optax.adan2", "did you mean optax.adan?"),
        ("optax._src.alias.adam", "unknown function of Optax"),
        ("optax.jax.jit", "unknown function of Optax"),
        ("optax.losses", "unknown function of Optax"),
        ("sgd(-1)", "learning rate is finite and at least 0"),
        ("sgd(nan)", "learning rate is finite and at least 0"),
        ("sgd(1e999)", "learning rate is finite and at least 0"),
        ("optax.sgd(-1)", "learning rate is finite and at least 0"),
        ("optax.chain(adam(-1.))", "learning rate is finite and at least 0"),
        ("rmsprop(1e-3, decay=1.)", "decay"),
        ("rmsprop(1e-3, decay=-0.1)", "decay"),
        ("adam(1e-3, b2=1)", "b2"),
        ("adam(1e-3, beta=.9)", "it takes learning_rate, b1, b2"),
        ("sgd(1, 2, 3, 4, 5, 6)", "too many arguments"),
        ("pytorch.SGD(1, 2, 3, 4, 5, 6)", "too many arguments"),  # the 6th has a name
        ("keras.Adam(1, 2, 3, 4, 5, 6, 7)", "too many arguments"),
        ("RMSprop", "did you mean rmsprop?"),
        ("pytorch.rmsprop", "did you mean pytorch.RMSprop?"),
        ("keras.NAdam", "did you mean keras.Nadam?"),
        ("torch.RMSprop", "did you mean pytorch.RMSprop?"),
        ("sgd(.1, learning_rate=.2)", "learning_rate is given twice"),
        ("optax.softmax_cross_entropy", "missing 2 required"),
        ("no_such_pkg:mine", "no_such_pkg does not import"),
        ("own_broken:mine", "no_such_module_anywhere"),
        ("own_optim:mein", "did you mean mine?"),
        ("own_optim:number", "it makes a int"),
        ("own_optim:needy", "depth"),
        ("own_optim:broken", "no such luck"),
        ("own_optim:ready(1)", "write it without ()"),
        ("own_optim:optax", "is not an optimizer: it makes a module"),
        ("adam(", "does not parse"),
    ],
)
def test_a_wrong_optimizer_is_one_clear_line(module, text, said):
    with pytest.raises(ValueError) as caught:
        expressions.optimizer(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_same_optimizer_twice_is_refused():
    with pytest.raises(ValueError, match="give it once"):
        expressions.optimizers(["adam", "sgd", "adam(1e-3, b1=.9)"])
    with pytest.raises(ValueError, match="give it once"):
        expressions.optimizers(["adam(b1=.9)", "adam(b1=0.9)"], searched=True)


def test_where_the_rest_is_searched_what_is_written_tells_optimizers_apart():
    texts = ["adam", "adam(1e-3)", "adam(b1=.9)"]
    read = expressions.optimizers(texts, searched=True)
    written = [set(), {"learning_rate"}, {"b1"}]
    assert [each.written for each in read] == written


def test_what_an_optimizer_of_ones_own_prints_is_no_result(
    tmp_path, monkeypatch, capsys
):
    code = "import optax\nprint('loud')\ndef f():\n    print('louder')\n"
    (tmp_path / "loud_optim.py").write_text(code + "    return optax.sgd(.1)\n")
    (tmp_path / "ends_optim.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    expressions.optimizer("loud_optim:f")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[:2] == ["loud", "louder"]
    with pytest.raises(ValueError, match=r"it calls sys.exit\(3\)"):
        expressions.optimizer("ends_optim:f")


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        (
            "cautious(adamw(3e-3))",
            "cautious(adamw(0.003))",
        ),
        (
            "grams(adam)",
            "grams(adam(0.001))",
        ),
        (
            "grokfast(cautious(sgd(.1)), lamb=5.)",
            "grokfast(cautious(sgd(0.1)), lamb=5.0)",
        ),
        (
            "lookahead(sgd(.1), 5, .5)",
            "lookahead(sgd(0.1), sync_period=5, slow_step_size=0.5)",
        ),
        (
            "schedule_free(sgd(.5), .5)",
            "schedule_free(sgd(0.5), learning_rate=0.5)",
        ),
        (
            "with_param_ema(adam(1e-3), (.9, .99))",
            "with_param_ema(adam(0.001), decays=(0.9, 0.99))",
        ),
        (
            "cautious(optax.sgd(.1))",
            "cautious(optax.sgd(0.1))",
        ),
    ],
)
def test_a_wrapper_goes_over_any_optimizer(text, expression):
    made = expressions.optimizer(text)
    assert made.text == expression
    assert expressions.optimizer(made.text).call == made.call
    with jax.numpy_dtype_promotion("standard"):
        params = {"w": jax.numpy.ones(3, "float32")}
        state = made.optimizer.init(params)
        updates, _ = made.optimizer.update(params, state, params)
        assert (updates["w"] < 0).all()


def test_a_surface_is_an_expression_too():
    text, surface = expressions.surface("quadratic(condition=100, rotation=30)")
    assert text == "quadratic(condition=100, rotation=30)"
    assert surface.value(jax.numpy.zeros(2)) == surface.best
    with pytest.raises(ValueError, match="did you mean quadratic"):
        expressions.surface("quadratik")
    with pytest.raises(ValueError, match="condition"):
        expressions.surface("quadratic(condition=-1)")


def test_files_have_names_that_any_file_system_takes():
    made = expressions.optimizer("optax.adam(1e-3, mu_dtype='bfloat16')")
    name = files.name(made.text)
    assert name == "optax.adam-0.001,mu_dtype=bfloat16"
    assert not set(name) & set('/\\:*?"<>|()[] ')
    assert isinstance(made.optimizer, optax.GradientTransformation)
    assert math.isfinite(made.rate)


def test_a_long_expression_has_a_name_that_a_file_system_takes():
    schedule = "optax.warmup_cosine_decay_schedule(0., {}, 200, 4000, end_value=1e-5)"
    text = f"lookahead(adamw({schedule}, weight_decay=.01), 5, .5)"
    made = [expressions.optimizer(text.format(rate)) for rate in (0.003, 0.004)]
    names = {files.name(one.text) for one in made}
    assert len(names) == 2
    assert all(len(name.encode()) < 200 for name in names)


def test_pytorchs_rate_is_tuned_by_the_name_that_all_rates_have():
    make = expressions.optimizer("pytorch.SGD(lr=.1, momentum=.5)").make
    grad = jax.numpy.ones(2)
    update, _ = jax.jit(lambda rate: steps(make(learning_rate=rate), grad))(0.25)
    assert jax.numpy.allclose(update, -0.25)


def steps(optimizer, grad):
    return optimizer.update(grad, optimizer.init(grad), grad)


def test_what_is_inside_a_call_is_tuned_too():
    read = expressions.optimizer("cautious(adam(0.1, b1=0.8))")
    assert {"learning_rate", "b1", "b2"} <= set(read.parameters)
    assert "inner" not in read.parameters
    assert read.written == {"learning_rate", "b1"}
    made, params = read.make(learning_rate=0.2), jax.numpy.ones(3)
    updates, _ = made.update(params, made.init(params), params)
    assert abs(float(updates[0]) + 0.2) < 1e-6
