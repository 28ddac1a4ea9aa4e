.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install format check test test-all bench demo

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## create .venv with every extra

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'lapbell needs Python 3.11 or newer with venv: apt-get install python3-venv, or make install PYTHON=python3.12'; exit 1; }
	@echo 'making .venv with every extra: about a minute'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

format: install ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .

check: install ## format, lint, types and floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: install ## every test but those marked slow
	$(BIN)/pytest -m 'not slow'

test-all: install ## every test, the slow ones too
	$(BIN)/pytest

bench: install ## every benchmark, each beside its peer
	@for file in tests/bench/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

demo: install ## a webhook app, its worker, the evaluator and traffic, on this terminal
	$(BIN)/lapbell demo
