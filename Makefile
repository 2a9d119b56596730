# socialstrike from a checkout. Needs Python 3.11 or newer and make; everything else is installed
# into $(VENV), in the releases that constraints.txt names.

PYTHON ?= python3
VENV ?= .venv
DIST ?= dist
PACK ?= sample_posts/blocage24janvier.yaml
# Where `make test-pds` keeps the reference server, once it is there.
PDS ?= $(VENV)/pds
# Where `make test-oracles` keeps the official counter of X's texts.
TWITTER_TEXT ?= $(VENV)/twitter-text
# Many tests wait for a process or a server: two for each core keep the cores busy.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(8, 2 * (os.cpu_count() or 1)))')
# More words for pytest, as in: make test ARGS="tests/unit -x"
ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Documents with parts that cog writes.
GENERATED = $(shell grep -l '\[\[\[cog' *.md docs/*.md)

.DEFAULT_GOAL := help
# Two installations into one environment at the same time would disturb each other.
.NOTPARALLEL:
.PHONY: help rehearse test test-pds test-oracles gauntlet fuzz lint bandit audit-deps types contract migrations docs \
	docs-write messages wheel smoke check bench constraints clean

help: ## Show these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

rehearse: $(VENV)/.runtime ## Play the sample strike day against the local sandbox, in a minute
	$(BIN)/socialstrike rehearse $(PACK)

test: $(VENV)/.dev ## Run every test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# What the daily tests try a little is tried at length here.
gauntlet: $(VENV)/.dev ## Break it in every known way, often: 45 minutes, and a table of what held
	$(BIN)/python -m pytest tests/gauntlet tests/integration/test_queue_machine.py \
		tests/integration/test_hostile_databases.py --gauntlet=long $(ARGS)

test-pds: $(VENV)/.dev ## Test Bluesky's adapter on the reference server; needs npm, a C++ compiler
	sh tests/pds/install.sh $(PDS)
	SOCIALSTRIKE_TEST_PDS=$(PDS) $(BIN)/python -m pytest tests/pds $(ARGS)

test-oracles: $(VENV)/.dev ## Count texts beside X's official counter; without npm it says so
	sh tests/oracles/install.sh $(TWITTER_TEXT)
	SOCIALSTRIKE_TEST_TWITTER_TEXT=$(TWITTER_TEXT) $(BIN)/python -m pytest tests/oracles $(ARGS)

fuzz: $(VENV)/.dev ## Try 120,000 hostile inputs on every parser: some minutes, and a table
	$(BIN)/python -m pytest tests/fuzz --fuzz=long $(ARGS)

lint: $(VENV)/.dev ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bandit: $(VENV)/.dev ## Look for unsafe code; the exceptions and their reasons are in pyproject.toml
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive socialstrike migrations

audit-deps: $(VENV)/.dev ## Ask for known weaknesses of the libraries; says "not checked" where it cannot
	sh tools/audit-deps.sh $(BIN)/pip-audit

types: $(VENV)/.dev ## Check the types
	$(BIN)/mypy

contract: $(VENV)/.dev ## Check that every module imports from lower floors alone
	$(BIN)/lint-imports --no-cache

migrations: $(VENV)/.dev ## Check that the models and the migrations agree
	$(BIN)/python -m pytest tests/migrations

docs: $(VENV)/.dev ## Check that the generated parts of the documents are up to date
	$(BIN)/cog --check --diff --check-fail-msg "run: make docs-write" $(GENERATED)

docs-write: $(VENV)/.dev ## Write the generated parts of the documents anew
	$(BIN)/cog -r $(GENERATED)

messages: $(VENV)/.dev ## Bring the translations up to date with the source, and say what is missing
	$(BIN)/python tools/messages.py

wheel: $(VENV)/.dev ## Build the source archive, and the wheel from it
	rm -f $(DIST)/socialstrike-*
	$(BIN)/python -m build --outdir $(DIST)

smoke: wheel ## Install the wheel in a fresh environment elsewhere, and rehearse with it
	PYTHON="$(PYTHON)" sh tools/smoke.sh $(DIST)

check: lint bandit types contract migrations docs test smoke ## All of the checks above

bench: $(VENV)/.dev ## Measure, and print the tables
	@$(BIN)/python -m benchmarks $(ARGS)

constraints: ## Write constraints.txt anew, with the newest releases that pyproject.toml allows
	PYTHON="$(PYTHON)" sh tools/constraints.sh

clean: ## Remove what the commands above made, .venv included
	rm -rf .venv build dist .coverage .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A link whose interpreter has gone counts as absent here, and would be in the way of a new one.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo >&2 \
	"socialstrike needs Python 3.11 or newer, and '$(PYTHON)' is not: install one and name it, as in: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	exit 1; }
	@rm -f $(BIN)/python*
	$(PYTHON) -m venv $(VENV) || { rm -f $(BIN)/python*; exit 1; }

$(VENV)/.runtime: pyproject.toml constraints.txt $(BIN)/python
	@echo "Installing socialstrike into $(VENV); the first time takes about a minute."
	$(PIP) install -qq -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(BIN)/python
	@echo "Installing socialstrike and its tools into $(VENV); the first time takes about a minute."
	$(PIP) install -qq -c constraints.txt -e '.[dev]'
	@touch $(VENV)/.runtime $@
