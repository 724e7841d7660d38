# One word per thing a person does here. Every target sets up what it needs: a virtual environment in .venv, and npm
# packages for the official clients in tests/e2e/official/node_modules.
#
#   make run [PORT=8090] [DATA=folder]   a Backbone on this machine
#   make demo [PORT=8090]                two official clients exchange a message through it
#   make logs [PORT=8090]                follow its structured logs
#   .venv/bin/backbone --help            what an operator does, here and on AWS: clients, tiers, identities, events, ...
#   make delete-identities [PORT=8090]   delete identities whose grace period is over, as otherwise at midnight
#   make test | quick | check | bench    everything | under a minute | style, types, templates, audit | performance
#   make faults [ROUNDS=1] [SEED=1]      all operations while calls to AWS are disturbed (docs/faults.md)
#   make build [TARGET=aws|local]        deployment packages in build/
#   make deploy STACK=name DOMAIN=host   to AWS; both take CONFIGURATION=file, the operator's tags and apps
#   make remove STACK=name               from AWS; the data stays
#   make chalice-package [STAGE=dev]     the Consumer API as a Chalice app in build/chalice (backbone chalice-config)
#   make format | lock | clean

PORT ?= 8090
DATA ?=
TARGET ?= aws
STAGE ?= dev
CONFIGURATION ?=
ROUNDS ?= 1
SEED ?= 1
ONLY ?=

# Python 3.11 or newer; the emulator starts functions with the same interpreter.
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV := .venv
PY := $(VENV)/bin/python
OFFICIAL := tests/e2e/official
SOURCES := app.py cli functions layers infra sdk tests

.DEFAULT_GOAL := help
.PHONY: help run logs delete-identities demo test quick check bench faults build deploy remove chalice-package format lock routes clean

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

# -- What targets need ------------------------------------------------------------------------------------------------

configured = $(if $(CONFIGURATION),--configuration "$(CONFIGURATION)")
need = @command -v $(1) >/dev/null || { echo "error: $(1) is missing: install $(2)" >&2; exit 1; }

$(VENV)/ready: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "error: Python 3.11 or newer is missing (make PYTHON=... names one)" >&2; exit 1; }
	@echo "installing Python packages into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -qq --disable-pip-version-check --requirement requirements-dev.txt
	@$(PY) -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps --editable . --editable ./sdk
	@touch $@

$(OFFICIAL)/node_modules/ready: $(OFFICIAL)/package-lock.json
	$(call need,npm,Node.js 20 or newer)
	@echo "installing npm packages into $(OFFICIAL)/node_modules ..."
	@cd $(OFFICIAL) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

java:
	$(call need,java,a Java runtime 17 or newer)
.PHONY: java

# -- Using it ---------------------------------------------------------------------------------------------------------

run: $(VENV)/ready
	@$(PY) -m infra.local.run --port $(PORT) $(if $(DATA),--data "$(DATA)")

logs: $(VENV)/ready
	@$(PY) -m infra.local.logs --port $(PORT)

delete-identities: $(VENV)/ready
	@$(VENV)/bin/backbone --local --port $(PORT) deletion run

demo: $(OFFICIAL)/node_modules/ready
	@node -e 'fetch("http://localhost:$(PORT)/health").catch(() => process.exit(1))' \
		|| { echo "error: no Backbone runs on port $(PORT); start one with: make run" >&2; exit 1; }
	@cd $(OFFICIAL) && node two_clients.cjs http://localhost:$(PORT) test test

# -- Working on it ----------------------------------------------------------------------------------------------------

test: $(VENV)/ready $(OFFICIAL)/node_modules/ready java
	@$(PY) -m pytest --numprocesses=auto --dist=loadgroup

quick: $(VENV)/ready
	@$(PY) -m pytest --quiet -p no:schemathesis -m "not e2e and not local_dynamodb and not slow" --numprocesses=auto --dist=loadgroup

check: $(VENV)/ready
	@$(PY) -m infra.check

bench: $(VENV)/ready $(OFFICIAL)/node_modules/ready java
	@$(PY) -m tests.bench

faults: $(VENV)/ready
	@$(PY) -m tests.faults --rounds $(ROUNDS) --seed $(SEED) --only "$(ONLY)"

format: $(VENV)/ready
	@$(VENV)/bin/ruff check --quiet --fix $(SOURCES)
	@$(VENV)/bin/ruff format --quiet $(SOURCES)

routes: $(VENV)/ready
	@$(PY) -m infra.routes
	@$(PY) -m infra.alarms
	@$(PY) -m infra.openapi
	@$(PY) -m infra.rights
	@$(PY) -m tests.bench.costs

# Newest versions that pyproject.toml allows. Afterwards, layers/dependencies/requirements.txt has to follow.
lock: $(VENV)/ready
	@$(VENV)/bin/uv pip compile --quiet --universal --no-header --upgrade --extra dev \
		--output-file requirements-dev.txt pyproject.toml
	@cd $(OFFICIAL) && npm install --package-lock-only

# -- Bringing it to AWS -----------------------------------------------------------------------------------------------

build: $(VENV)/ready
	@$(PY) -m infra.build --target $(TARGET) $(configured)

deploy: $(VENV)/ready
	@$(PY) -m infra.deployment --stack "$(STACK)" $(if $(DOMAIN),--domain "$(DOMAIN)") $(configured) $(OPTIONS)

remove: $(VENV)/ready
	@$(PY) -m infra.deployment.removal --stack "$(STACK)" $(OPTIONS)

chalice-package: $(VENV)/ready
	@AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-eu-central-1} $(VENV)/bin/chalice package --stage $(STAGE) build/chalice

clean:
	rm -rf build .local .mypy_cache .pytest_cache .ruff_cache .hypothesis
