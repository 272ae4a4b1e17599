# `make help` lists what there is. Everything runs in the project's own .venv; nothing is installed elsewhere.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install demo up down run preflight backfill sandbox test test-all lint format docs bench lock clean

unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE
unexport DATA ACCOUNTS PRODUCTS FLOW FROM TO JSON FULL DRY_RUN FORCE RETRY_REJECTED RELEASE_BRAKE
IN_VENV := .venv/bin/python -m
truth = $(filter-out 0 no false,$($(1)))
FLAGS = $(if $(call truth,FULL),--full) $(if $(call truth,DRY_RUN),--dry-run) \
	$(if $(call truth,FORCE),--force) $(if $(call truth,RETRY_REJECTED),--retry-rejected) \
	$(if $(call truth,RELEASE_BRAKE),--release-brake)

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## install into .venv what is not there yet (PYTHON=... names the Python to use)
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then python=$$(sh local/find_python.sh) || exit 2; fi; \
	"$$python" -m local.bootstrap

demo: install ## move products, accounts, contacts and quotes between two stand-ins (DATA=folder, or ACCOUNTS=n PRODUCTS=n)
	@$(IN_VENV) local demo $(if $(DATA),--data "$(DATA)") $(if $(ACCOUNTS),--accounts $(ACCOUNTS)) \
		$(if $(PRODUCTS),--products $(PRODUCTS))

up: install ## start Airflow with its UI, Postgres and the stand-ins, and leave them running
	@$(IN_VENV) local up

down: ## stop what `make up` started
	@if [ -x .venv/bin/python ]; then $(IN_VENV) local down; else echo "Nothing is installed, so nothing runs."; fi

run: install ## run one flow: FLOW=accounts [FULL=1] [DRY_RUN=1] [FORCE=1] [RETRY_REJECTED=1] [RELEASE_BRAKE=1]
	@$(IN_VENV) local run "$(FLOW)" $(FLAGS)

preflight: install ## what has no map or is missing in the target, before anything is sent: [FLOW=accounts] [JSON=1] [DATA=folder]
	@$(IN_VENV) local preflight $(if $(FLOW),--flow "$(FLOW)") $(if $(call truth,JSON),--json) \
		$(if $(DATA),--data "$(DATA)") $(if $(ACCOUNTS),--accounts $(ACCOUNTS)) $(if $(PRODUCTS),--products $(PRODUCTS))

backfill: install ## read dates again, under `make up`: FLOW=accounts FROM=2026-01-01 TO=2026-01-03
	@$(IN_VENV) local backfill "$(FLOW)" "$(FROM)" "$(TO)"

sandbox: install ## serve the stand-ins of both systems in the foreground
	@$(IN_VENV) local sandbox $(if $(DATA),--data "$(DATA)") $(if $(ACCOUNTS),--accounts $(ACCOUNTS)) \
		$(if $(PRODUCTS),--products $(PRODUCTS))

# Two files of tests at a time: more would share the processors with their own Postgres, Airflow and stand-ins.
PYTEST := pytest --numprocesses 2 --dist loadfile

test: install ## the tests that take a few seconds each (ARGS=... goes to pytest)
	@$(IN_VENV) $(PYTEST) -m "not slow" $(ARGS)

test-all: install ## every test
	@$(IN_VENV) $(PYTEST) $(ARGS)

lint: install ## ruff, mypy, sqlfluff
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) mypy
	@$(IN_VENV) sqlfluff lint dbt_project --processes 2

format: install ## let ruff put the Python files in shape
	@$(IN_VENV) ruff check --fix .
	@$(IN_VENV) ruff format .

docs: install ## make docs/rules.md anew, from the rule catalogue and the tests
	@$(IN_VENV) local.rules_page

bench: install ## measure the whole way with 100 000 generated accounts
	@$(IN_VENV) bench $(ARGS)

lock: install ## pin everything anew in requirements.lock
	@$(IN_VENV) uv pip compile --universal --no-build --python-version 3.11 requirements-dev.txt \
		--output-file requirements.lock --no-emit-index-url --upgrade --quiet

clean: ## stop everything, remove local state (.demo) and caches; the installation stays
	@if [ -x .venv/bin/python ]; then $(IN_VENV) local clean; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
