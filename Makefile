# Standby's commands. `make demo` and `make test` each set up all they need.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
# The interpreter for a new environment; by default the newest of these that runs, is new enough and can make one.
PYTHON ?=
PYTHONS := python3.14 python3.13 python3.12 python3.11 python3 python
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
COMPLETE := import sys, pip; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix)
PYTEST = TMPDIR=$(PYTEST_DEBUG_TEMPROOT) $(BIN)/python -m pytest --dist worksteal
# What the tests write stays in the checkout.
export PYTEST_DEBUG_TEMPROOT := $(CURDIR)/.standby/pytest

.PHONY: help
help: ## Show this help
	@echo "Standby: find out how few people your integration can survive with."
	@echo
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(STAMP) ## Set up the environment and the programs that Standby runs (Toxiproxy, Prometheus)
	@$(BIN)/python -m chaos.clients.tools --quiet

$(STAMP): requirements-dev.txt pyproject.toml
	@if ! $(BIN)/python -c '$(COMPLETE)' >/dev/null 2>&1; then \
	  python=; \
	  for candidate in $(or $(PYTHON),$(PYTHONS)); do \
	    if "$$candidate" -c '$(SUITABLE)' >/dev/null 2>&1; then python=$$candidate; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "Standby needs Python 3.11 or later with its venv module; none of these is one:" \
	      "$(or $(PYTHON),$(PYTHONS))." >&2; \
	    echo "Install it (on Debian and Ubuntu: apt install python3 python3-venv), or name it:" \
	      "make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
	    exit 1; \
	  fi; \
	  echo "Setting up $(VENV) with $$("$$python" --version)..."; \
	  "$$python" -m venv --clear $(VENV); \
	fi
	@echo "Installing the pinned requirements..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

.PHONY: demo
demo: setup ## One room, two crews: it lives with one and dies with the smaller one
	@$(BIN)/standby demo

.PHONY: cluster
cluster: $(STAMP) ## Make the kind cluster `standby`, or bring back the one that is there (needs Docker; $$KIND_IMAGE)
	@$(BIN)/python -m k8s up

.PHONY: deploy
deploy: cluster ## Build the image, give it to the nodes, and install the charts in the cluster
	@$(BIN)/python -m k8s deploy

# Which experiment; it passes.
NAME ?= slow-bridge

.PHONY: experiment
experiment: $(STAMP) ## Run an experiment on the cluster that `make cluster deploy` made (NAME=…, default slow-bridge)
	@$(BIN)/standby run experiments/$(NAME).yaml --world kind

.PHONY: helm
helm: setup
	@$(BIN)/python -m chaos.clients.tools --quiet helm

# More than there are processors, for half of them wait for worlds and timelines at any time.
WORKERS ?= 5

.PHONY: test
test: helm ## Run the tests, without the long ones and the shipped experiments
	@mkdir -p $(PYTEST_DEBUG_TEMPROOT)
	@$(PYTEST) -n $(WORKERS) -m "not experiments and not demo and not full and not soak and not cluster"

.PHONY: test-full
test-full: helm ## Run all tests, then the demo and the shipped experiments, four of them at a time
	@mkdir -p $(PYTEST_DEBUG_TEMPROOT)
	@$(PYTEST) -n $(WORKERS) -m "not experiments and not demo and not soak and not cluster"
	@$(PYTEST) -n 4 -m "experiments or demo" tests/local

# Services of one's own have a namespace of their own, and are tested beside what hurts no node: their pods may be on any.
SHOP := tests/cluster/test_existing_services.py
HURTS_NO_NODE := tests/cluster/test_runner.py
CLUSTER := -n 0 -v --durations 0 --durations-min 1 -m "not experiments"

.PHONY: e2e
e2e: deploy ## Run the tests on the real cluster, which it makes first (needs Docker; under 15 minutes)
	@mkdir -p $(PYTEST_DEBUG_TEMPROOT)
	@$(PYTEST) -n 0 -q $(SHOP) & shop=$$!; failed=0; \
	$(PYTEST) $(CLUSTER) $(HURTS_NO_NODE) || failed=1; \
	wait $$shop || failed=1; \
	$(PYTEST) $(CLUSTER) tests/cluster --ignore $(SHOP) --ignore $(HURTS_NO_NODE) || failed=1; \
	exit $$failed

.PHONY: e2e-experiments
e2e-experiments: deploy ## Run the experiments on the real cluster that `make e2e` leaves out (about half an hour)
	@mkdir -p $(PYTEST_DEBUG_TEMPROOT)
	@$(PYTEST) -n 0 -v -m experiments tests/cluster

# SOAK_KILLS (200) and SOAK_SECONDS (600, of fuzzing) in the environment make it shorter.
.PHONY: soak
soak: setup ## Break the tool itself for a long time: hundreds of kills, minutes of fuzzing (not part of the tests)
	@mkdir -p $(PYTEST_DEBUG_TEMPROOT)
	@$(PYTEST) -n 2 --hypothesis-profile search --timeout 3600 tests/unit
	@$(BIN)/python -m pytest -m soak -s --timeout 7200

.PHONY: lint
lint: setup ## Check style, types and the arrows of the architecture
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: audit
audit: setup ## Look for known vulnerabilities in the pinned requirements (asks a public database)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	@$(BIN)/python -m pip_audit --strict --require-hashes --disable-pip -r requirements.txt

.PHONY: bench
bench: setup ## Measure the figures that the README claims, beside Chaos Toolkit's (about a quarter of an hour)
	@missed=0; \
	for benchmark in listeners.py \
	  "listeners.py --listeners 20000 --rooms 3 --audiences 2 --scale 0.1 --minutes 1" joins.py peers.py trust.py \
	  events.py workers.py; do \
	  echo "$$benchmark"; $(BIN)/python benchmarks/$$benchmark || missed=1; \
	done; exit $$missed

.PHONY: evenings
evenings: setup ## Play the demo's launch on 20 evenings with its controls, then every headcount against them (over an hour)
	@$(BIN)/python benchmarks/crews.py
	@$(BIN)/python benchmarks/headcounts.py

# LIVE (the document's number) real runs of about three minutes each stand beside the simulated ones.
.PHONY: study
study: setup ## How many people does the launch room need? Simulated and live (under 25 minutes; LIVE=0: seconds)
	@$(BIN)/standby study experiments/studies/headcount.yaml --resume $(if $(LIVE),--live $(LIVE))

.PHONY: schema
schema: setup ## Write the JSON Schemas of experiment and study documents anew
	@schema=$$($(BIN)/standby schema) && printf '%s\n' "$$schema" > chaos/experiment/schema.json
	@schema=$$($(BIN)/standby schema study) && printf '%s\n' "$$schema" > chaos/study/schema.json

# RUN: the name of a run, or its folder (a study's as well); the newest run unless given.
.PHONY: dashboards
dashboards: setup ## Serve a run's series again, with Grafana where Docker has it (RUN=…, default the newest)
	@$(BIN)/standby dashboards $(RUN)

.PHONY: dashboard-files
dashboard-files: $(STAMP) ## Write the dashboards' JSON anew from the code in dashboards/
	@$(BIN)/python -m dashboards

.PHONY: docs
docs: setup ## Build the documentation as a site in build/site (open build/site/index.html)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "build/site/index.html (its search needs a server: python3 -m http.server --directory build/site)"

# What is pinned stays as it is unless UPGRADE=--upgrade. A Dask cluster has to have the versions of whoever uses it.
COMPILE = $(BIN)/uv pip compile --quiet $(UPGRADE) --universal --generate-hashes \
  --python-version 3.11 --custom-compile-command "make requirements"
.PHONY: requirements
requirements: setup ## Pin the requirements that pyproject.toml asks for (UPGRADE=--upgrade: all of them anew)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(COMPILE) --output-file requirements.txt pyproject.toml
	@$(COMPILE) --extra dev --output-file requirements-dev.txt pyproject.toml
	@$(COMPILE) --extra sim --extra distributed --constraint requirements-dev.txt \
	  --output-file requirements-study.txt pyproject.toml

.PHONY: clean
clean: ## Remove the cluster, the environment, the fetched programs, all runs and all caches
	@if [ -x $(BIN)/standby ] && [ -d .standby/journal ]; then $(BIN)/standby recover; fi
	@if [ -f $(STAMP) ] && docker info >/dev/null 2>&1; then $(BIN)/python -m k8s down; fi
	@rm -rf $(VENV) .standby .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
