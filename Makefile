# Two commands: `make demo` evaluates two models that look at video, `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs

.PHONY: demo reference test lint bench clean

# One that was never trained, and one that reflects before it answers.
demo: $(VENV)/.hf
	$(BIN)/vau-bench evaluate --model motion --tasks vau_synth_grounding,vau_synth_classification --out $(OUT) --run-id demo-motion
	$(BIN)/vau-bench evaluate --model srvau_r1 --model-args batch_size=50 --tasks vau_synth --out $(OUT) --run-id demo-srvau-r1
	$(BIN)/vau-bench compare --allow-different-style $(OUT)/demo-motion $(OUT)/demo-srvau-r1

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

$(VENV)/.hf: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[hf]'
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/.hf

clean:
	rm -rf $(VENV) build dist *.egg-info
