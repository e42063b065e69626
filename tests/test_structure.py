# The floors of the house: which room may import which.

import ast
import functools
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "optax_lab"

# A room, and what of ours it may import besides itself.
FLOORS = {
    "lazy": set(),
    "precision": set(),
    "limits": set(),
    "ewma": {"precision"},
    "measures": {"precision"},
    "optimizers": {"lazy", "precision", "ewma", "measures"},
    "dialects": {"lazy", "precision", "ewma", "optimizers"},
    "contract": {"lazy"},  # it checks anyone's optimizers, and knows none
    "dissection": {"ewma", "optimizers"},
    "problems": {"lazy", "limits"},
    "runs": {
        "lazy",
        "limits",
        "precision",
        "measures",
    },  # a training and `observe` measure alike
    "studies": {
        "lazy",
        "limits",
        "precision",
        "optimizers",
        "problems",
        "runs",
    },
    "reporting": {"lazy", "runs", "studies"},
    "names": {"dialects", "optimizers", "problems"},
    "expressions": {"names", "optimizers", "problems"},
    "checks": {"lazy"},  # references of their own, so that one can be wrong
    "cli": {
        "ewma",
        "names",
        "expressions",
        "optimizers",
        "dialects",
        "contract",
        "dissection",
        "problems",
        "runs",
        "studies",
        "reporting",
    },
}
# What a value that a study hands out may import when it is asked for it.
ASKED_FOR = {"studies/results.py": {"reporting"}}
# A package, and the only places that may import it.
ROOMS = {
    "flax": ["problems/networks.py"],
    "mnist1d": ["problems/digits.py"],
    "tensorboardX": ["reporting"],
    "matplotlib": ["reporting"],
    "tyro": ["cli"],
    "rich": ["cli"],
    "torch": [],
}


def imports(path):
    """Returns the dotted names that a file imports, wherever it does."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@functools.cache
def imported():
    """Returns what every file of the package imports, by its path."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {str(path.relative_to(PACKAGE)): imports(path) for path in files}


def room(dotted):
    parts = dotted.split(".")
    return parts[1] if parts[0] == "optax_lab" and len(parts) > 1 else None


def test_no_file_imports_from_a_floor_it_does_not_stand_on():
    crossed = {}
    for path, names in imported().items():
        here = path.partition("/")[0].removesuffix(".py")
        used = {room(name) for name in names} - {None, here, "__version__"}
        if here not in ("__init__", "__main__"):
            crossed[path] = used - FLOORS[here] - ASKED_FOR.get(path, set())
    assert not {path: used for path, used in crossed.items() if used}


def test_what_is_imported_when_asked_for_is_not_imported_before():
    for path, rooms in ASKED_FOR.items():
        body = ast.parse((PACKAGE / path).read_text()).body
        top = [node for node in body if isinstance(node, ast.ImportFrom)]
        assert not rooms & {room(f"{node.module}.") for node in top}


@pytest.mark.parametrize("package", ROOMS)
def test_a_heavy_package_stays_in_its_room(package):
    users = {
        path
        for path, names in imported().items()
        if any(name.split(".")[0] == package for name in names)
    }
    allowed = ROOMS[package]
    assert all(any(u == a or u.startswith(f"{a}/") for a in allowed) for u in users)


def test_every_room_named_here_exists():
    for name in FLOORS:
        assert (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


def test_no_top_level_script_shadows_a_package_it_would_hide():
    hidden = {"mnist1d", "tensorboard", "optax", "jax", "flax", "numpy"}
    for folder in ("benchmarks", "tests", "notebooks"):
        names = {path.stem for path in (ROOT / folder).glob("*.py")}
        assert not names & hidden


def fresh(code):
    """Runs code in a new interpreter and returns what it prints."""
    run = [sys.executable, "-c", code]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, optax_lab;"
        "heavy = {'jax', 'optax', 'flax', 'matplotlib', 'tensorboardX', 'mnist1d'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert fresh(code).strip() == "[]"


@pytest.mark.slow
def test_every_public_name_loads_without_flax_matplotlib_or_tensorboard():
    code = (
        "import sys, optax_lab;"
        "[getattr(optax_lab, name) for name in optax_lab.__all__];"
        "heavy = {'flax', 'matplotlib', 'tensorboardX', 'mnist1d'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert fresh(code).strip() == "[]"


@pytest.mark.slow
def test_a_figure_that_draws_no_interval_and_no_film_loads_neither_of_them():
    code = (
        "import sys; from optax_lab.reporting import figures;"
        "figures.learning_curves, figures.descent_curves, figures.surface;"
        "print(sorted({'scipy.stats', 'matplotlib.animation'} & set(sys.modules)))"
    )
    assert fresh(code).strip() == "[]"


def test_every_figure_is_a_function_whatever_its_module_is_called():
    from optax_lab.reporting import figures

    assert set(figures.__all__) == set(figures._MODULES) == set(dir(figures))
    assert all(inspect.isfunction(getattr(figures, name)) for name in figures.__all__)
    with pytest.raises(AttributeError, match=r"optax_lab\.reporting\.figures.*surface"):
        _ = figures.surfaces


def test_the_public_names_are_all_there_and_every_optimizer_is_one():
    import optax_lab

    assert set(optax_lab.__all__) == set(optax_lab._MODULES)
    assert set(optax_lab.OPTIMIZERS) <= set(optax_lab.__all__)
    assert set(dir(optax_lab)) == set(optax_lab.__all__)
    rules = [name for name in optax_lab.__all__ if name.startswith("scale_by_")]
    assert len(rules) > 30 and all(callable(getattr(optax_lab, n)) for n in rules)
    with pytest.raises(AttributeError, match="no attribute 'adamm'"):
        _ = optax_lab.adamm


@pytest.mark.slow
def test_every_room_and_its_files_are_attributes_once_the_package_is_imported():
    rooms = sorted({p.parent.name for p in PACKAGE.glob("*/__init__.py")} - {"cli"})
    assert len(rooms) > 8
    code = (
        "import optax_lab, pathlib;"
        f"rooms = [getattr(optax_lab, room) for room in {rooms}];"
        "files = lambda room: pathlib.Path(room.__file__).parent.glob('[!_]*.py');"
        "found = [getattr(room, f.stem) for room in rooms"
        " if hasattr(room, '__getattr__') for f in files(room)];"
        "print(len(found))"
    )
    assert int(fresh(code)) > 100


def test_a_rooms_misspelt_file_is_named_with_the_nearest():
    import optax_lab

    assert "verdicts" in dir(optax_lab.studies)
    with pytest.raises(AttributeError, match="'verdict'; did you mean verdicts"):
        _ = optax_lab.studies.verdict
    with pytest.raises(AttributeError, match="'studie'; did you mean studies"):
        _ = optax_lab.studie
