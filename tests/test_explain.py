# Every code that `explain` prints is run, against the call that it reproduces.

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from optax_lab import dialects
from optax_lab.dialects.explaining import compared, defaults, forms, table

STEPS = 100
DROP = 50  # from this step on, a rate that drops is a tenth
RATE = 0.05
EXACT = 1e-10
VALUES = {
    "μ": 0.9,
    "τ": 0.5,
    "λ": 0.1,
    "α": 0.95,
    "ρ": 0.9,
    "ε": 1e-3,
    "ε₁": 1e-2,
    "β₁": 0.8,
    "β₂": 0.95,
    "ψ": 0.5,
    "δ": 0.01,
    "s₀": 0.2,
    "γ": 0.7,
    "κ": 1.2,
    "η₋": 0.4,
    "η₊": 1.3,
    "Δ₋": 1e-3,
    "Δ₊": 0.1,
}
SHAPES = {"w": (5, 3)}
TENSORS = {"b": (3,), "w": (5, 3)}  # for rules that look at whole tensors
# Names of their frameworks, which are run as our dialects of them.
NAMES = {
    "torch": SimpleNamespace(optim=dialects.pytorch),
    "keras": SimpleNamespace(optimizers=dialects.keras),
    "optax_lab": SimpleNamespace(dialects=dialects),
    "optax": optax,
    "jax": jax,
    "jnp": jnp,
}


def drop(step):
    return jnp.where(step < DROP, RATE, RATE / 10)


def made(code, rate):
    """Evaluates code as it is printed, with values in the place of its symbols."""
    code = forms.filled(code, {**VALUES, "η": "rate"}).replace("(params, ", "(")
    return eval(code.replace("(params)", "()"), NAMES | {"rate": rate})


def ends(codes, name, rate=RATE, steps=STEPS):
    """Runs all codes in one program; returns the parameters that each ends at."""
    rng = np.random.default_rng(1)
    shapes = (TENSORS if name in ("lamb", "adafactor") else SHAPES).items()
    params = {n: jnp.asarray(rng.normal(size=s)) for n, s in shapes}
    noise = lambda s: rng.normal(0.3, 1.0, (steps, *s)) * rng.choice([0.1, 1.0], s)
    rows = {n: jnp.asarray(noise(s)) for n, s in shapes}

    def step(carry, gradient):
        moved = []
        for rule, (at, state) in zip(rules, carry, strict=True):
            updates, state = rule.update(gradient, state, at)
            moved.append((optax.apply_updates(at, updates), state))
        return moved, None

    # Optax's own optimizers promote dtypes.
    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        rules = [made(code, rate) for code in codes]
        start = [(params, rule.init(params)) for rule in rules]
        scan = lambda carry, rows: jax.lax.scan(step, carry, rows)[0]
        # Compiling is most of the work here.
        run = jax.jit(scan, compiler_options={"xla_backend_optimization_level": 0})
        return [at for at, _ in run(start, rows)]


def apart(one, other):
    return max(float(jnp.max(jnp.abs(one[name] - other[name]))) for name in one)


def takes_schedules(phrase):
    """Whether no spelling computes with η."""
    return not any(map(forms.computes_with_rate, phrase.spelled.values()))


PHRASES = [
    pytest.param(name, phrase, id=f"{name}-{n}")
    for name, entry in table.OPTIMIZERS.items()
    for n, phrase in enumerate(entry.phrases)
    if len(phrase.spelled) > 1
]


@pytest.mark.parametrize(("name", "phrase"), PHRASES)
def test_all_spellings_of_a_phrase_step_alike(name, phrase):
    exact = takes_schedules(phrase) and not phrase.constant
    rate = drop if exact and name != "rprop" else RATE
    found = ends(phrase.spelled.values(), name, rate)
    told = dict(zip(phrase.spelled, found, strict=True))
    for pair in itertools.combinations(told, 2):
        limit = max(phrase.tolerance.get(framework, EXACT) for framework in pair)
        assert apart(*map(told.get, pair)) < limit, pair


@pytest.mark.parametrize(
    ("name", "phrase"),
    [p for p in PHRASES if p.values[1].constant and takes_schedules(p.values[1])],
)
def test_what_is_said_of_a_constant_rate_fails_where_the_rate_drops(name, phrase):
    found = ends(phrase.spelled.values(), name, drop)
    told = dict(zip(phrase.spelled, found, strict=True))
    exact = [framework for framework in told if framework not in phrase.constant]
    for framework, end in told.items():
        distance = apart(end, told[exact[0]])
        assert (distance > 1e-3) == (framework in phrase.constant)


def plainest(form, symbols):
    """Writes a call with these symbols, no decay, and no momentum but Muon's."""
    given = {}
    for symbol in sorted(form.arguments.keys() & {*symbols, "λ"}):
        place = form.arguments[symbol]
        name, value = defaults.argument(place), "0.0" if symbol == "λ" else symbol
        if "[" in place:
            usual = defaults.signature(form.call)[name].default
            given.setdefault(name, list(map(str, usual)))[int(place[-2])] = value
        else:
            given[name] = "-" * place.startswith("-") + value
    write = lambda v: v if isinstance(v, str) else f"({', '.join(v)})"
    told = [f"{name}={write(value)}" for name, value in given.items()]
    return call(form, *told)


def call(form, *arguments):
    """Writes a call of a form, its switch included."""
    name, _, switch = form.call.rstrip(")").partition("(")
    return f"{name}({', '.join([*arguments, *filter(None, [switch])])})"


@pytest.mark.parametrize(
    "name", [n for n, entry in table.OPTIMIZERS.items() if len(entry.forms) > 1]
)
def test_the_same_arguments_step_alike_where_no_fact_says_otherwise(name):
    every = table.OPTIMIZERS[name].forms
    shared = set.intersection(*(set(form.arguments) for form in every.values()))
    left_out = () if name == "muon" else ("μ",)
    symbols = [s for s in shared if s in {"η", *VALUES} and s not in left_out]
    codes = [plainest(form, symbols) for form in every.values()]
    told = dict(zip(every, ends(codes, name), strict=True))
    for one, other in itertools.combinations(every, 2):
        facts = [every[one].facts, every[other].facts]
        differ = any(
            len({getattr(f, field) for f in facts}) > 1
            for field in forms.Facts._fields
            if field not in forms.ON_DEMAND
        )
        assert (apart(told[one], told[other]) > 1e-7) == differ, (one, other)


CONVERSIONS = {
    (name, *pair): compared.conversions(entry, *pair)
    for name, entry in table.OPTIMIZERS.items()
    for pair in itertools.permutations(forms.FRAMEWORKS, 2)
}


@pytest.mark.parametrize("name", table.OPTIMIZERS)
def test_code_at_the_defaults_steps_as_the_class_without_arguments(name):
    form = table.OPTIMIZERS[name].forms
    every = {}
    for pair in itertools.permutations(forms.FRAMEWORKS, 2):
        for one in CONVERSIONS[name, *pair]:
            if one.at_defaults:
                rate = ["learning_rate=η"] if one.source == "optax" else []
                every[one] = call(form[one.source], *rate)
    if not every:
        pytest.skip("nothing is said at defaults")
    codes = dict.fromkeys([*every.values(), *(one.at_defaults for one in every)])
    told = dict(zip(codes, ends(codes, name, steps=30), strict=True))
    for one, plain in every.items():
        limit = 1e-6 if name == "adafactor" else EXACT
        assert apart(told[plain], told[one.at_defaults]) < limit, one


SWITCH = {"rate": "μ", "decay": "λ", "nesterov": "nesterov"}


@pytest.mark.parametrize("fact", forms.ON_DEMAND)
def test_what_is_on_demand_is_off_by_default_wherever_it_differs(fact):
    differing = 0
    for entry in table.OPTIMIZERS.values():
        switch, every = SWITCH[fact], entry.forms.values()
        if len({getattr(form.facts, fact) for form in every}) > 1:
            differing += 1
            for form in every:
                if switch in form.arguments:
                    assert not defaults.default(form, switch), form.call
    assert differing


def test_every_phrase_is_spelled_or_refused_in_each_framework_that_has_the_name():
    for entry in table.OPTIMIZERS.values():
        for phrase in entry.phrases:
            assert not phrase.spelled.keys() & phrase.why.keys()
            assert phrase.spelled.keys() | phrase.why.keys() >= entry.forms.keys()
            assert set(phrase.constant) < set(phrase.spelled)


def test_every_class_of_the_dialects_is_explained():
    for framework in ("pytorch", "keras"):
        told = {
            entry.forms[framework].call.split("(")[0].rsplit(".", 1)[1]
            for entry in table.OPTIMIZERS.values()
            if framework in entry.forms
        }
        assert told == set(getattr(dialects, framework).__all__)


def test_every_argument_that_is_named_is_one_and_every_symbol_has_a_value():
    for entry in table.OPTIMIZERS.values():
        for form in entry.forms.values():
            for symbol, place in form.arguments.items():
                taken = defaults.signature(form.call)
                assert defaults.argument(place) in taken, (form.call, symbol)
        for phrase in entry.phrases:
            for code in phrase.spelled.values():
                filled = forms.filled(code, {**VALUES, "η": 1})
                assert filled.isascii(), filled


def test_only_what_was_run_is_printed_and_broken_lines_stay_code():
    for (name, *_), every in CONVERSIONS.items():
        phrases = table.OPTIMIZERS[name].phrases
        for one in every:
            spelled = [
                phrase.spelled
                for phrase in phrases
                if one.code == phrase.spelled.get(one.source)
                and one.becomes == phrase.spelled.get(one.target)
            ]
            assert spelled
            assert (one.becomes is None) == bool(one.why)
            printed = " ".join(str(one).split())
            assert one.code in printed
            assert (one.becomes or one.why) in printed
    for name in ("muon", "amsgrad", "adafactor"):
        for line in str(dialects.explain(name)).splitlines():
            assert len(line) <= 88 or "  " in line.strip()  # only tables are wider


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (one.here, name)
        for (name, _, target), every in CONVERSIONS.items()
        for one in every
        if one.becomes is None and target == "optax"
    ],
)
def test_what_is_offered_here_instead_is_an_optax_transformation(code, name):
    with jax.numpy_dtype_promotion("standard"):
        assert isinstance(made(code, RATE), optax.GradientTransformation)


def test_rmsprop_from_pytorch_to_optax_is_explained_in_full():
    told = dialects.explain("RMSprop", "torch", "Optax")
    rows = {row.what: row.values for row in told.differences}
    assert rows["epsilon"] == ("outside the root, √ν + ε", "in the root, √(ν + ε)")
    assert rows["rate"] == ("outside the momentum", "inside the momentum")
    assert rows["default of α"] == ("alpha=0.99", "decay=0.9")
    plain = told.conversions[0]
    assert plain.becomes == "optax.rmsprop(η, decay=α, eps=ε, eps_in_sqrt=False)"
    assert plain.at_defaults == (
        "optax.rmsprop(0.01, decay=0.99, eps=1e-08, eps_in_sqrt=False)"
    )
    text = str(told)
    assert "vₜ = μvₜ₋₁ + gₜ/(√νₜ + ε)" in text
    assert plain.becomes in text


INJECTED = [
    pytest.param(one, id=f"{name}-{n}")
    for (name, *_), every in CONVERSIONS.items()
    for n, one in enumerate(every)
    if "inject_hyperparams" in (one.becomes or "")
]
ROUNDED = 2.0**-8  # how much one rounding to bfloat16 may change a number


@pytest.mark.parametrize("conversion", INJECTED)
def test_short_parameters_need_what_the_note_says_of_injected_code(conversion):
    argument = "hyperparam_dtype=jnp.float32"
    assert f"else inject_hyperparams(…, {argument})" in conversion.note
    rule = r"(inject_hyperparams\([\w.]+)\)"
    wide = re.sub(rule, rf"\1, {argument})", conversion.becomes)
    truth = path(conversion.becomes, jnp.float32)
    limit = ROUNDED * np.abs(truth).max()
    distance = lambda code: np.abs(path(code, jnp.bfloat16) - truth).max()
    assert distance(wide) < limit
    assert not distance(conversion.becomes) < limit  # NaN in most


def path(code, dtype):
    """Returns the first updates of code, where β₂ has its usual value."""
    usual = forms.filled(code, {"β₂": 0.999})
    rows = np.random.default_rng(0).normal(0.3, 1.0, (4, 3)).astype(jnp.bfloat16)
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        rule, params = made(usual, RATE), jnp.ones(3, dtype)
        state, updates = rule.init(params), []
        for row in rows:
            update, state = rule.update(jnp.asarray(row, dtype), state, params)
            updates.append(np.asarray(update, np.float32))
    return np.array(updates)


def test_no_other_code_speaks_of_the_dtype_of_hyperparameters():
    for every in CONVERSIONS.values():
        for one in every:
            injects = "inject_hyperparams" in (one.becomes or "")
            assert ("hyperparam_dtype" in one.note) == injects


def test_a_framework_is_spoken_of_only_where_it_takes_part():
    for (_, *pair), every in CONVERSIONS.items():
        (third,) = set(forms.FRAMEWORKS) - set(pair)
        for one in every:
            assert forms.FRAMEWORKS[third] not in one.note, one


def test_what_adafactor_needs_is_said_pair_by_pair():
    told = lambda *pair: dialects.explain("adafactor", *pair).conversions[0].note
    assert told("pytorch", "keras") == "ε₁ is too small to act"
    assert told("keras", "optax") == (
        "η is constant; the last two axes are the largest; "
        "Optax computes its decays in float32, and ends up to 1e-6 apart"
    )
    assert "ε₁ is too small" in told("pytorch", "optax")


def test_what_cannot_be_expressed_says_why():
    (first, *_) = dialects.explain("adam", "keras", "pytorch").conversions
    assert first.becomes is None
    assert "cannot be expressed: ε is added after debiasing there" in str(first)
    (lion,) = dialects.explain("lion", "keras", "pytorch").conversions
    assert lion.why == "PyTorch has no Lion"
    assert "PyTorch has none" in str(dialects.explain("lion", "pytorch", "optax"))


@pytest.mark.parametrize(("name", "source"), [("asgd", "pytorch"), ("lamb", "keras")])
def test_code_that_computes_with_the_rate_says_that_it_is_constant(name, source):
    every = dialects.explain(name, source, "optax").conversions
    computing = [c for c in every if c.becomes and " η" in c.becomes]
    assert computing
    assert all("if η is constant" in str(one) for one in computing)


@pytest.mark.parametrize("spelling", ["NAdam", "Nadam", "optax.nadam", "NADAM"])
def test_anyones_spelling_is_understood(spelling):
    assert dialects.explain(spelling).optimizer == "nadam"


def test_the_whole_table_has_a_row_for_each_and_a_column_for_each_pair():
    told = dialects.explain()
    assert [row.optimizer for row in told] == list(table.OPTIMIZERS)
    assert all(len(row.cells) == 6 for row in told)
    cells = {row.optimizer: row.cells for row in told}
    assert cells["adam"]["pytorch", "optax"] == "same (decay)"
    assert cells["adam"]["keras", "pytorch"] == "no (epsilon, decay)"
    assert cells["lion"]["keras", "optax"] == "other defaults"
    assert cells["lion"]["keras", "pytorch"] == "not there"
    assert str(told).count("\n") == len(told) + 1


def test_the_readme_carries_the_whole_table():
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    table_ = readme.split("<!-- optax-lab explain -->\n")[1].split("\n<!-- end -->")[0]
    assert table_ == str(dialects.explain())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["adamm"], "unknown optimizer 'adamm'; did you mean adam"),
        (["xyz"], "unknown optimizer 'xyz'; known: sgd, rmsprop"),
        (["adam", "pytorhc", "optax"], "unknown dialect 'pytorhc'; did you mean py"),
        (["adam", "pytorch"], "name two dialects, or none"),
        (["adam", "torch", "PyTorch"], "torch and PyTorch are one dialect"),
        ([None, "torch"], "name an optimizer before its frameworks"),
    ],
)
def test_bad_names_are_refused_in_one_line(words, said):
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        dialects.explain(*words)
    assert "\n" not in str(error.value)
