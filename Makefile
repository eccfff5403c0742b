# make demo   set up, and take the handwritten digits through all six stages to a delivered, verified pack
# make test   set up, and run the tests
# make examples DATA=FOLDER   every example on real data
# make examples-tiny           every example on a few made-up rows
# make check  what CI runs: tests, lint, types, floors
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test check docs examples examples-tiny clean

demo: $(VENV)/.build
	$(BIN)/sixfold run examples/digits/product.yaml

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile

examples: $(VENV)/.build
	$(BIN)/python examples/run.py --data "$(DATA)"

examples-tiny: $(VENV)/.build
	$(BIN)/python examples/run.py --tiny

docs: $(VENV)/.dev
	$(BIN)/python -m sixfold.reference docs

$(VENV)/.build: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Sixfold needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[build]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Sixfold needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.build

clean:
	rm -rf $(VENV) build *.egg-info src/*.egg-info
