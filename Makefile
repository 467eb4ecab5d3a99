# Two commands for a newcomer: `make demo` and `make test`. Everything happens in .venv of this checkout; nothing is
# installed elsewhere. The first run takes a minute or two, later ones only what changed.

# An interpreter that Halide has wheels for, newest first (the kernels are compiled here). PYTHON=... chooses another.
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(if $(shell $(p) -c 'import sys, venv, ensurepip; print(int((3, 11) <= sys.version_info < (3, 14)))' 2>/dev/null | grep 1),$(p))))

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
DEMO ?= demo
TESTS ?=
BENCH ?=

SOURCES := $(shell find src native cmake -name '*.py' -o -name '*.cpp' -o -name '*.toml' -o -name py.typed) CMakeLists.txt pyproject.toml README.md

.PHONY: demo test build lint format docs bench wheel check-wheel objects clean help
.DELETE_ON_ERROR:

help:
	@echo 'make demo    build, simulate a 12 MP burst of 10 raw frames, develop it, say where the pictures are'
	@echo 'make test    build, then the whole test suite (TESTS="tests/unit -k noise" for a part)'
	@echo 'make build   build and install into .venv, with the command .venv/bin/lichtbild'
	@echo 'make lint    ruff, mypy, import-linter'
	@echo 'make docs    the documentation into site/'
	@echo 'make bench   the figures into benchmarks/RESULTS.md and docs/quality.md (BENCH="speed" for a part)'
	@echo 'make wheel   source archive and wheel into dist/ (check-wheel: and try it where no compiler is)'
	@echo 'make clean   remove all that was made'

demo: $(STAMPS)/installed
	$(BIN)/lichtbild demo --force -o $(DEMO)

test: $(STAMPS)/installed $(STAMPS)/tests
	$(BIN)/python -m pytest $(TESTS)

build: $(STAMPS)/installed

lint: $(STAMPS)/lint $(STAMPS)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports

format: $(STAMPS)/lint
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(STAMPS)/docs $(STAMPS)/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(STAMPS)/installed $(STAMPS)/bench
	$(BIN)/python benchmarks/run.py $(BENCH)

wheel: $(STAMPS)/venv
	$(BIN)/python -m pip install -q --disable-pip-version-check 'build>=1.2'
	rm -rf dist
	$(BIN)/python -m build --outdir dist

# The wheel has to work where there is no Halide, no CMake and no compiler: nothing but its own environment is in PATH.
check-wheel: wheel
	rm -rf build/wheel-check
	$(BIN)/python -m venv build/wheel-check
	build/wheel-check/bin/python -m pip install -q --disable-pip-version-check dist/*.whl
	env -i PATH=$(CURDIR)/build/wheel-check/bin lichtbild demo --size 640x480 --frames 3 -o build/wheel-check/demo

# Kernels for a platform that has no Halide, compiled on one that has: make objects TARGETS=arm-64-linux
objects: $(STAMPS)/venv
	$(BIN)/cmake -S . -B build/cross-$(TARGETS) -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja \
	  -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python -DLICHTBILD_TARGETS=$(TARGETS) -DLICHTBILD_EXPORT=$(CURDIR)/build/objects-$(TARGETS)
	$(BIN)/cmake --build build/cross-$(TARGETS) --target export

# Building without isolation keeps Halide's paths the same from run to run, so only changed kernels are compiled again.
$(STAMPS)/installed: $(STAMPS)/venv $(SOURCES)
	$(BIN)/python -m pip install -q --no-build-isolation --no-deps --force-reinstall -Cbuild-dir=build/venv .
	@touch $@

$(STAMPS)/venv: pyproject.toml
	@test -n '$(PYTHON)' || { echo 'no Python 3.11, 3.12 or 3.13 with venv found; name one: make PYTHON=/path/to/python3.12' >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS)
	$(BIN)/python -m pip install -q --disable-pip-version-check $$($(BIN)/python cmake/requirements.py build run)
	@touch $@

$(STAMPS)/tests $(STAMPS)/lint $(STAMPS)/docs $(STAMPS)/bench: $(STAMPS)/%: $(STAMPS)/venv
	$(BIN)/python -m pip install -q --disable-pip-version-check $$($(BIN)/python cmake/requirements.py $(subst tests,test,$*))
	@touch $@

clean:
	rm -rf $(VENV) build dist site demo .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find src -name '_kernels*' -delete
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
