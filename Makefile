# `make help` lists the targets. Everything runs in the project's own .venv; nothing is installed anywhere else.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install demo up down run reconcile preflight backfill sandbox test test-all test-sandbox hostile lint format docs bench lock clean

unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE
unexport DATA ACCOUNTS PRODUCTS FLOW FROM TO JSON FULL DRY_RUN FORCE RETRY_REJECTED RELEASE_SAFETY_LIMIT
IN_VENV := .venv/bin/python -m
truth = $(filter-out 0 no false,$($(1)))
FLAGS = $(if $(call truth,FULL),--full) $(if $(call truth,DRY_RUN),--dry-run) \
	$(if $(call truth,FORCE),--force) $(if $(call truth,RETRY_REJECTED),--retry-rejected) \
	$(if $(call truth,RELEASE_SAFETY_LIMIT),--release-safety-limit)

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## install what is missing into .venv; PYTHON=... chooses the Python
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then python=$$(sh local/find_python.sh) || exit 2; fi; \
	"$$python" -m local.bootstrap

demo: install ## run all four flows between stand-ins of both systems: [DATA=folder] or [ACCOUNTS=n] [PRODUCTS=n]
	@$(IN_VENV) local demo $(if $(DATA),--data "$(DATA)") $(if $(ACCOUNTS),--accounts $(ACCOUNTS)) \
		$(if $(PRODUCTS),--products $(PRODUCTS))

up: install ## start Airflow with its UI, Postgres and the stand-ins, and leave them running (down stops them)
	@$(IN_VENV) local up

down: ## stop everything that `make up` started
	@if [ -x .venv/bin/python ]; then $(IN_VENV) local down; else echo "Nothing is installed, so nothing is running."; fi

run: install ## run one flow: FLOW=accounts [FULL=1] [DRY_RUN=1] [FORCE=1] [RETRY_REJECTED=1] [RELEASE_SAFETY_LIMIT=1]
	@$(IN_VENV) local run "$(FLOW)" $(FLAGS)

reconcile: install ## compare what the targets have with what was delivered; sends nothing: [FLOW=accounts]
	@$(IN_VENV) local reconcile $(if $(FLOW),--flow "$(FLOW)")

preflight: install ## list values that have no map or are missing in the target; sends nothing: [FLOW=accounts] [JSON=1] [DATA=folder]
	@$(IN_VENV) local preflight $(if $(FLOW),--flow "$(FLOW)") $(if $(call truth,JSON),--json) \
		$(if $(DATA),--data "$(DATA)") $(if $(ACCOUNTS),--accounts $(ACCOUNTS)) $(if $(PRODUCTS),--products $(PRODUCTS))

backfill: install ## read past days again; needs `make up`: FLOW=accounts FROM=2026-01-01 TO=2026-01-03
	@$(IN_VENV) local backfill "$(FLOW)" "$(FROM)" "$(TO)"

sandbox: install ## serve the stand-ins of both systems in the foreground
	@$(IN_VENV) local sandbox $(if $(DATA),--data "$(DATA)") $(if $(ACCOUNTS),--accounts $(ACCOUNTS)) \
		$(if $(PRODUCTS),--products $(PRODUCTS))

# Two test files at a time: every worker also runs a Postgres, Airflow and stand-ins.
PYTEST := pytest --numprocesses 2 --dist loadfile

test: install ## run the fast tests; ARGS=... is passed to pytest
	@$(IN_VENV) $(PYTEST) -m "not slow" $(ARGS)

test-all: install ## run all tests of the product
	@$(IN_VENV) $(PYTEST) $(ARGS)

test-sandbox: install ## run all tests of the stand-ins (in sandbox/)
	@cd sandbox && ../.venv/bin/python -m $(PYTEST) $(ARGS)

hostile: install ## try worlds with hostile rows: N=200 SEED=1; one that fails prints its seed and the few values that it fails with
	@P2C_HOSTILE_WORLDS="$(or $(N),10)" P2C_HOSTILE_SEED="$(or $(SEED),1)" $(IN_VENV) pytest tests/hostile $(ARGS)

lint: install ## check the code with ruff, mypy, import-linter, complexity, sqlfluff, dbt parse, dbt-bouncer
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) mypy
	@.venv/bin/lint-imports --no-cache
	@cd sandbox && ../.venv/bin/lint-imports --no-cache
	@$(IN_VENV) local.check_complexity plugins dags local bench sandbox/src
	@$(IN_VENV) sqlfluff lint dbt_project --processes 2
	@$(IN_VENV) local.check_dbt

format: install ## format the Python files with ruff
	@$(IN_VENV) ruff check --fix .
	@$(IN_VENV) ruff format .

docs: install ## regenerate docs/rules.md, the tables of docs/add_a_flow.md and the JSON schema of the cards
	@$(IN_VENV) local.rules_page
	@$(IN_VENV) local.card_reference

bench: install ## measure the flows with 100 000 generated accounts; ARGS=... is passed on (bench/README.md)
	@$(IN_VENV) bench $(ARGS)

lock: install ## pin the newest versions in requirements.lock
	@$(IN_VENV) uv pip compile --universal --no-build --python-version 3.11 requirements-dev.txt sandbox/pyproject.toml \
		--output-file requirements.lock --no-emit-index-url --upgrade --quiet

clean: ## stop everything, remove the local state (.demo) and caches; .venv stays
	@if [ -x .venv/bin/python ]; then $(IN_VENV) local clean; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
