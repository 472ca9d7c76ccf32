# Every target needs only Python 3.11+ and make; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The workers that Dispatcher is compared with.
PEERS := .venv-peers
# More than the cores of a small machine: most tests wait for another process.
PROCESSES ?= 4
# The slow ones work harder, and some have a broker of their own.
SLOW_PROCESSES ?= 2
export PYTHONSAFEPATH := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-all check mutants format bench chaos cluster outage recovery proof pictures lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/runtime ## Send ten fake notifications through the real path and show what happened to each
	@$(BIN)/dispatcher demo

test: $(VENV)/dev ## Run all tests but the slow ones
	$(BIN)/pytest -m "not slow" -n $(PROCESSES) --dist worksteal

test-slow: $(VENV)/dev ## Run the slow tests only
	$(BIN)/pytest -m slow -n $(SLOW_PROCESSES) --dist loadfile

test-all: $(VENV)/dev ## Run every test
	$(BIN)/pytest

check: $(VENV)/dev ## Lint, types, layers and docs: what CI and the commit hook run
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q tests/unit/test_docs.py tests/unit/test_words.py tests/unit/test_architecture.py

mutants: $(VENV)/dev ## Break src/domain in thousands of small ways; print the share that its unit tests notice, and the others (hours)
	rm -rf mutants
	$(BIN)/mutmut run
	@$(BIN)/mutmut results
	@$(BIN)/mutmut export-cicd-stats >/dev/null
	@$(BIN)/python -c 'import json; n = json.load(open("mutants/mutmut-cicd-stats.json")); \
	    print("{:.1%} of {} are noticed".format((n["killed"] + n["timeout"]) / n["total"], n["total"]))'

format: $(VENV)/dev ## Format the code and fix what the linter can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/dev $(PEERS)/installed ## Measure against other workers: MAILS=10000 ROUNDS=3 ONLY=peers,start WRITE=1 (needs Docker or a broker, and postfix)
	PYTHONPATH=.:src $(BIN)/python -m benchmarks --mails $(or $(MAILS),10000) --rounds $(or $(ROUNDS),3) \
	    $(if $(ONLY),--only '$(ONLY)') $(if $(WRITE),--write)

recovery: $(VENV)/dev ## Time how soon mails flow again after a restart of the broker, a kill -9, an outage of the relay (needs Docker)
	PYTHONPATH=.:src $(BIN)/python -m benchmarks.recovery

chaos: $(VENV)/dev ## Kill, cut and restart for MINUTES=10 with SEED=1, then count what was lost; LEDGER=redis (needs Docker)
	PYTHONPATH=. $(BIN)/python -m tests.support.chaos $(or $(SEED),1) $(or $(MINUTES),10) $(LEDGER)

cluster: $(VENV)/dev ## Send MAILS=50000 by three workers over three RabbitMQ nodes, kill one of each, then count (needs Docker and Redis)
	PYTHONPATH=.:src $(BIN)/python -m tests.support.cluster_run $(or $(MAILS),50000)

outage: $(VENV)/dev ## Take the mail server away for MINUTES=10 with MAILS=10000 queued, then count and time (needs Docker)
	PYTHONPATH=. $(BIN)/python -m tests.support.outage $(or $(MINUTES),10) $(or $(MAILS),10000)

proof: $(VENV)/dev ## Print one table of what is too long for every run; ONLY=servers for a part, MINUTES=10 for chaos and outage (needs Docker)
	PYTHONPATH=.:src $(BIN)/python -m tests.support.proof --minutes $(or $(MINUTES),10) $(ONLY)

pictures: $(VENV)/dev ## Take the pictures of the local pages again (needs Chromium)
	PYTHONPATH=. $(BIN)/python -m tests.support.preview_pictures
	PYTHONPATH=. $(BIN)/python -m tests.support.mailbox_pictures
	PYTHONPATH=. $(BIN)/python -m tests.support.tutorial_pictures

lock: ## Write the hash-locked requirements again (needs uv)
	requirements/compile

clean: ## Remove the environment, caches and embedded data
	rm -rf $(VENV) $(PEERS) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Dispatcher needs Python 3.11 or newer; name one with: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "Python's venv module is missing: install the package python3-venv, then run make again" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps let a second run start at once, and a changed lock file install anew.
$(VENV)/runtime: $(BIN)/pip pyproject.toml requirements/pages.txt requirements/build.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/pages.txt -r requirements/build.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(PEERS)/installed: requirements/peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt
	@touch $@
