# The developer's door. Each target works on a fresh clone with Python 3.11+.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint types fix bench bench-conversations bench-receiver bench-send ci

run: .venv/installed  ## the whole product on http://127.0.0.1:8000 (PORT=… changes it)
	@exec $(BIN)/python manage.py runportal

test: .venv/installed-dev  ## the tests, on SQLite and in-process workers
	$(BIN)/python -m pytest -n auto -m "not (browser or postfix or google or processes)" $(ARGS)

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint --lint --check templates
	$(BIN)/lint-imports

types: .venv/installed-dev
	$(BIN)/mypy .

fix: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	-$(BIN)/djlint --quiet --reformat templates

bench: .venv/installed-dev  ## figures, as ratios within one run
	$(BIN)/python -m tests.bench

bench-conversations: .venv/installed-dev  ## the lists over 5,000,000 deliveries (ROWS=…), on PostgreSQL
	$(BIN)/python -m tests.bench_conversations $(ARGS)

bench-receiver: .venv/installed-dev  ## needs PostgreSQL and Redis, as .ci/run does
	$(BIN)/python -m tests.bench_receiver

bench-send: .venv/installed-dev  ## how fast mail leaves, beside its peers (PostgreSQL, Redis, Postfix, RabbitMQ)
	$(BIN)/python -m tests.bench_send $(PARTS)

.PHONY: chaos
chaos: .venv/installed-dev  ## mail flows while everything breaks (ARGS="--help")
	$(BIN)/python -m tests.chaos $(ARGS)

ci:
	.ci/run

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: requirements.txt | .venv/bin/python
	@echo "Installing into .venv …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-dev: requirements.txt tests/requirements.txt | .venv/bin/python
	@echo "Installing the developer's tools into .venv …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@ .venv/installed
