# One command a job; .ci/run calls `make test` and nothing else.
.DEFAULT_GOAL := help
.PHONY: help install demo test lint types unit worker conformance e2e release bench clean

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
READY := .venv/.ready

help: ## list the commands
	@grep -hE '^[a-z0-9_-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(READY) ## set the checkout up: .venv/ and workerd

$(READY): requirements.lock pyproject.toml infra/edgewright/localcloud/runtime/npm/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "edgewright needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; run: make PYTHON=python3.11 install")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/edgewright local install
	@touch $@
