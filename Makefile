# Each target makes what it needs: a fresh machine needs Python 3.11 or newer, its venv module, and make.
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
CLIENTS := $(patsubst tests/clients/%/requirements.txt,%,$(wildcard tests/clients/*/requirements.txt))
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c '$(IS_NEW_ENOUGH)' 2>/dev/null && echo $$name && break; done)

.PHONY: demo clients test test-quick coverage check bench docs lock clean help

help:  ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 - /p' $(MAKEFILE_LIST) | sort

# A venv made without ensurepip has a python and no pip, so pip is what is asked for.
$(VENV)/.run: requirements.txt pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		test -n "$(PYTHON)" || { echo "sunbox needs Python 3.11 or newer: apt-get install python3 python3-venv" >&2; exit 1; }; \
		$(PYTHON) -c '$(IS_NEW_ENOUGH)' || { echo "$(PYTHON) is older than 3.11: make PYTHON=/path/to/a/newer/one" >&2; exit 1; }; \
		$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make a virtual environment: apt-get install python3-venv" >&2; exit 1; }; \
		$(PYTHON) -m venv --clear $(VENV); }
	$(PIP) --require-hashes -r requirements.txt
	$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

# Other people's clients: each in an environment of its own, so that what they need is nobody else's business. The stamp is
# what was installed; tests compare it with what should be.
.clients/%/.made: tests/clients/%/requirements.txt | $(VENV)/.run
	$(BIN)/python -m venv --clear --without-pip .clients/$*
	$(BIN)/python -m pip --python .clients/$*/bin/python --quiet --disable-pip-version-check install --require-hashes -r $<
	@cp $< $@

clients: $(CLIENTS:%=.clients/%/.made)  ## the environments of other people's clients, for tests/clients

demo: $(VENV)/.run  ## a whole simulated home on http://127.0.0.1:5000
	$(BIN)/sunbox demo $(ARGS)

# Three processes for two cores: those of tests with processes of their own mostly wait.
test: $(VENV)/.dev clients  ## every test
	$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

test-quick: $(VENV)/.dev clients  ## without whole days and real processes
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" $(ARGS)

coverage: $(VENV)/.dev  ## every branch of the core, by its own tests
	$(BIN)/coverage erase
	SUNBOX_HYPOTHESIS= $(BIN)/coverage run -m pytest -q -n 2 tests/core
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check: $(VENV)/.dev  ## style, types, contracts between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -q tests/architecture

bench: $(VENV)/.dev  ## measure the performance budget
	$(BIN)/python bench/run.py --quick $(ARGS)
	$(BIN)/python bench/pv.py
	$(BIN)/python bench/lags.py
	$(BIN)/python bench/smartevse.py

docs: $(VENV)/.dev  ## write the tables in docs/ again, from the code
	$(BIN)/python tests/config/config_docs.py
	$(BIN)/python -m tests.dialects.tlwb.tlwb_docs
	$(BIN)/python -m tests.faces.tesla_face_docs
	$(BIN)/python -m tests.faces.metrics_docs
	$(BIN)/python -m tests.dialects.teslalogger.teslalogger_docs
	$(BIN)/python -m tests.dialects.goe.goe_docs
	$(BIN)/python -m tests.dialects.smartevse.smartevse_docs
	$(BIN)/python -m tests.fleetapi.powerwall_docs

lock: $(VENV)/.dev  ## pin the dependencies again (hashes, no index)
	$(PIP) uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements.txt -o requirements-dev.txt
	for client in $(CLIENTS); do $(BIN)/uv pip compile tests/clients/$$client/requirements.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o tests/clients/$$client/requirements.txt || exit 1; done

clean:
	rm -rf $(VENV) .clients
