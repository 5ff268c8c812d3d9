# Two commands: `make demo` evaluates a model that looks at video, `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs

.PHONY: demo reference test lint bench clean

demo: $(VENV)/.core
	$(BIN)/vau-bench evaluate --model motion --tasks vau_synth_grounding,vau_synth_classification --out $(OUT)

# Trains the nano model from nothing on two CPU cores, and measures it.
reference: $(VENV)/.dev
	$(BIN)/vau-bench train nano --out $(OUT)/nano

test: $(VENV)/.dev
	$(BIN)/pytest -n 2 --dist loadgroup

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev
	$(BIN)/pytest -m benchmark -s -p no:xdist

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/.core

clean:
	rm -rf $(VENV) build dist *.egg-info
