# Everything runs in .venv; `make test` and `make demo` set it up when it is missing or out of date.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 3000
export ST_ERP_HOME ?= $(CURDIR)/.st_erp
export DAGSTER_HOME ?= $(ST_ERP_HOME)/dagster

.PHONY: setup demo ui stop test lint bench clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup  ## three contractors and their ERPs, in sandboxes of all their systems
	$(BIN)/st-erp demo

ui: setup  ## Dagster on the demo's connections, at http://127.0.0.1:3000 (or: make ui PORT=3001)
	$(BIN)/st-erp demo --ui --port $(PORT)

stop: setup  ## end the demo's sandboxes
	$(BIN)/st-erp demo --stop

# More processes than cores: many tests wait, for a doubt to settle or at a vendor's pace. They start many more, which
# need not compile everything anew, whatever the environment says of byte code.
test: export PYTHONDONTWRITEBYTECODE :=
test: setup lint
	$(BIN)/python -m pytest -q --numprocesses 5

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m benchmarks.extract

clean:  ## ends the demo's sandbox and removes what was made: environment, demo, state
	-test ! -e .st_erp/demo/demo.json || $(BIN)/st-erp demo --stop
	rm -rf $(VENV) .st_erp build *.egg-info
