# Two commands do all the set-up: `make compare` and `make test`.
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

# Rewritten tests and checked code are compiled once, not in every process.
unexport PYTHONDONTWRITEBYTECODE

# Each worker keeps to neighbouring tests, which share their fixtures, until it is idle.
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: compare test test-all test-peers notebooks student lint types clean

compare: .venv/.installed
	$(BIN)/optax-lab compare $(ARGS)

# Before every commit: no kernels, no processes, nothing slow, a third of the examples.
test: .venv/.tests lint
	$(PYTEST) -m "not slow" --ignore tests/peers --hypothesis-profile brief $(ARGS)

# All examples, and notebooks, tries of every benchmark, commands as processes, mutation.
test-all: .venv/.tests lint
	$(PYTEST) --ignore tests/peers $(ARGS)

# The dialects beside PyTorch and Keras themselves (about a gigabyte of them).
test-peers: .venv/.peers
	$(PYTEST) tests/peers $(ARGS)

# The course: every notebook run and written, with answers and for students.
notebooks: .venv/.tests
	$(BIN)/python notebooks/build.py $(ARGS)

# What a teacher hands out, in an nbgrader course: build/course.
student: .venv/.tests
	$(BIN)/python notebooks/build.py --release build/course

lint: types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.tests
	$(BIN)/pyright

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "optax_lab needs Python >= 3.11; name one: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: .venv/.python pyproject.toml constraints.txt
	@echo "installing optax_lab into .venv (a minute or two the first time)"
	$(PIP) -e '.[tensorboard]'
	@touch $@

.venv/.tests: .venv/.installed
	@echo "installing the test tools into .venv"
	$(PIP) -e '.[tensorboard,tests,teach]'
	@touch $@

.venv/.peers: .venv/.tests
	@echo "installing PyTorch and Keras into .venv"
	$(PIP) -e '.[tensorboard,tests,teach,peers]'
	@touch $@

clean:
	rm -rf .venv .xla_cache build *.egg-info
