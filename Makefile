# Each target makes what it needs: a fresh machine needs Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-quick check bench lock clean

$(VENV)/.run: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("sunbox needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

demo: $(VENV)/.run  ## a whole simulated home on http://127.0.0.1:5000
	$(BIN)/sunbox demo $(ARGS)

test: $(VENV)/.dev  ## every test
	$(BIN)/python -m pytest $(ARGS)

test-quick: $(VENV)/.dev  ## without whole days and real processes
	$(BIN)/python -m pytest -m "not slow" $(ARGS)

check: $(VENV)/.dev  ## style, types, contracts between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q tests/architecture

bench: $(VENV)/.dev  ## the performance budget of docs/performance.md
	$(BIN)/python bench/run.py $(ARGS)

lock: $(VENV)/.dev  ## pin the dependencies again (hashes, no index)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf $(VENV)
