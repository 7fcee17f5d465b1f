# Everything a newcomer needs: `make demo` and `make test`. Only Python 3.11+ and make are expected.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
# Tests side by side, each worker with a Kafka of its own (about 1.5 GB). 3: most of them wait more than they compute.
WORKERS ?= 3
SIDE_BY_SIDE = -n $(WORKERS) --maxschedchunk 1
# `make soak ONLY=dispatcher KILLS=50 SEED=7`. What passed stands in the record and is not run again: remove it to begin anew.
SOAK_RECORD ?= .bongsu/soak.jsonl

# Tests start hundreds of processes: each would compile all of Bongsu anew, and pytest every test.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up test lint check format soak bench lock docs clean

help:            ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## .venv with the locked dependencies and the `bongsu` command

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Bongsu needs Python 3.11 or newer; \`$(PYTHON)\` is $$($(PYTHON) -V 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "setting up $(VENV) (once; about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup      ## the main job, from an article to a verified webhook, on an embedded real Kafka
	@$(BIN)/bongsu demo

up: setup        ## the same without the end: it stays until Ctrl-C
	@$(BIN)/bongsu up

test: setup      ## everything that Python alone can test, real Kafka included
	$(PYTEST) -m "not soak and not deploy" $(SIDE_BY_SIDE) --durations 15

lint: setup      ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint      ## the same, unit and property tests; a minute or two
	$(PYTEST) -q -m "not kafka and not soak" $(SIDE_BY_SIDE) tests/unit tests/properties tests/contracts tests/golden

format: setup    ## let ruff format and fix what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: setup      ## long fault runs (hours), in parts: interrupted, it goes on where it was (docs/soak.md)
	SOAK_RECORD=$(SOAK_RECORD) $(PYTEST) -m soak -v --timeout 0 --durations 0 --durations-min 1 $(if $(ONLY),-k "$(ONLY)")

bench: setup     ## every benchmark, as JSON, into bench/results/
	@mkdir -p bench/results
	@for name in $$($(BIN)/bongsu bench --list); do \
	  echo "bench $$name" >&2; $(BIN)/bongsu bench $$name --json > bench/results/$$name.json || exit 1; done

docs: setup      ## regenerate what is generated: JSON Schemas and tables in docs/
	$(BIN)/python -m service.cli.generate_docs

lock: setup      ## re-resolve requirements.lock (hashes, no addresses)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --all-extras --group dev -q pyproject.toml -o requirements.lock

clean:           ## remove the virtual environment and caches (not the downloaded Kafka)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
