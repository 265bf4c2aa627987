# make demo and make test do all the set-up themselves; Python 3.11 or newer and make suffice.

PYTHON ?= python3
VENV := .venv
BENCH := sizes
BIN := $(VENV)/bin
DIST := build/dist
# Folders are listed too: their times change when a file in them is removed.
SOURCES := $(shell find skcompress \( -name __pycache__ -o -name '*.so' \) -prune -o -print) \
	meson.build meson.options pyproject.toml README.md LICENSE

# The wheel is what is tested: keep Python from importing the folder of that name here.
export PYTHONSAFEPATH := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export MPLBACKEND := Agg

FUZZ_SECONDS ?= 600

# One BLAS thread per test worker
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n auto
PIP := $(BIN)/python -m pip --quiet

.PHONY: help demo test check-install lint pytest docs examples fuzz bench clean
.DELETE_ON_ERROR:
.NOTPARALLEL:

help:
	@echo "make demo      compress four models and print what it cost"
	@echo "make test      everything that CI runs on the newest versions"
	@echo "make lint      ruff and mypy"
	@echo "make pytest    tests and doctests; ARGS='-k name' chooses"
	@echo "make docs      the documentation with its gallery, into docs/_build/html"
	@echo "make examples  every example as a script"
	@echo "make fuzz      the long tests that make test leaves out; FUZZ_SECONDS=3600 for longer"
	@echo "make bench     sizes beside other libraries; BENCH=lossless for files, times and entropy"
	@echo "make clean     remove the environments and all that was built"

demo: $(VENV)/.installed
	$(BIN)/python examples/demo.py

# The gallery of the documentation runs the other examples.
test: check-install lint pytest demo docs

check-install: $(VENV)/.installed
	$(BIN)/python .ci/check_install.py compiled

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pytest: $(VENV)/.installed $(VENV)/.dev
	$(PYTEST) -m "not slow" --doctest-modules --pyargs skcompress ./tests $(ARGS)

docs: $(VENV)/.installed $(VENV)/.dev
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

examples: $(VENV)/.installed $(VENV)/.dev
	@for example in examples/*.py; do echo "== $$example"; $(BIN)/python $$example || exit 1; done

# Without atheris, which not every system has, files are changed at random.
fuzz: $(VENV)/.installed $(VENV)/.dev
	$(PIP) install atheris || true
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/fuzz_load.py --seconds $(FUZZ_SECONDS)
	$(PYTEST) -m slow ./tests $(ARGS)

# What comes back as a scikit-learn estimator, in tools that nothing else here needs.
tools: $(VENV)-bench/.installed
	$(VENV)-bench/bin/python -m pip --quiet install shap pytest hypothesis matplotlib
	$(VENV)-bench/bin/python -m pytest -rs tests/families/test_tools.py $(ARGS)

bench: $(VENV)-bench/.installed
	env -u PYTHONSAFEPATH $(VENV)-bench/bin/python benchmarks/$(BENCH).py $(ARGS)

clean:
	rm -rf $(VENV) $(VENV)-* build .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf docs/_build docs/auto_examples docs/generated docs/sg_execution_times.rst

# Stamps: each is as new as the step that it stands for.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(DIST)/.built: $(SOURCES) | $(VENV)/.created
	rm -rf $(DIST)
	$(PIP) wheel --no-deps --wheel-dir $(DIST) .
	touch $@

$(VENV)/.installed: $(DIST)/.built $(VENV)/.created
	$(PIP) install --no-deps --force-reinstall $(DIST)/*.whl
	$(PIP) install $(DIST)/*.whl
	touch $@

# Tools are asked for again only when the list of them may have changed.
$(VENV)/.dev: pyproject.toml $(VENV)/.created | $(VENV)/.installed
	$(PIP) install "$$(echo $(DIST)/*.whl)[dev]"
	touch $@

$(VENV)-bench/.installed: $(DIST)/.built benchmarks/requirements.txt
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/python -m pip --quiet install -r benchmarks/requirements.txt
	$(VENV)-bench/bin/python -m pip --quiet install --force-reinstall --no-deps $(DIST)/*.whl
	touch $@
