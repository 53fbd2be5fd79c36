# The two commands of a newcomer are `make up` and `make test`; everything runs from .venv.
# A bare machine needs make and Python 3.11 or later; uv is used where there is one.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.requirements
PART ?=
ARGS ?=
COVERAGE_MIN ?= 90
SOURCES := openride_stream agents tables web tests bench

UV := $(shell command -v uv 2>/dev/null || ls $(BIN)/uv 2>/dev/null)
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v "$$p"; break; }; done)

# Tests start a hundred processes of their own: each would compile all that it imports, where an environment
# (many container images) forbids to keep what was compiled.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup up test faults check lint format types layers fmt bench lock revision clean

help:  ## This list.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(STAMP)  ## The environment in .venv, from the pinned requirements.

# pyproject.toml counts too: it names the console script. Without uv, pip fetches it first: it installs
# the rest in a quarter of the time. pip does it all where uv cannot (an index that only pip knows of).
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
$(STAMP): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or later is needed and was not found" >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON) (once, a minute or so)"
ifeq ($(UV),)
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV) || { \
		echo "make: this Python cannot make environments (on Debian: apt install python3-venv)" >&2; \
		rm -rf $(VENV); exit 1; }
	@$(PIP) "$$(grep '^uv==' requirements/dev.txt)" || true
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements/dev.txt \
		|| $(PIP) --no-compile -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
else
	@test -x $(BIN)/python || "$(UV)" venv --quiet --python "$(PYTHON)" $(VENV)
	@"$(UV)" pip install --quiet --python $(BIN)/python -r requirements/dev.txt
	@"$(UV)" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
endif
	@touch $@

up: setup  ## The whole stack here, with real trips; ARGS="--workers 2 --port 8100".
	@$(BIN)/openride up $(ARGS)

# Tests wait for brokers and workers as often as they compute: three at a time keep two cores busy.
PROCESSES ?= 3

# A part alone is quick and says nothing about coverage: PART=tests/events.
test: setup  ## All tests with coverage, or PART=tests/events; ARGS="-x -k name".
ifeq ($(PART),)
	@$(BIN)/coverage erase
	$(BIN)/pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations 20 --cov --cov-report=term:skip-covered \
		--cov-report=xml:.openride/coverage.xml --cov-fail-under=$(COVERAGE_MIN) $(ARGS)
else
	$(BIN)/pytest $(PART) $(ARGS)
endif

# Half an hour on two cores. A seed that went wrong is played again by
#   OPENRIDE_FAULTS_SEED=<seed> OPENRIDE_FAULTS_SCHEDULES=1 make faults
faults: setup  ## Fifty schedules of faults, then scenarios; the seeds are printed.
	OPENRIDE_FAULTS_SCHEDULES=$${OPENRIDE_FAULTS_SCHEDULES:-50} OPENRIDE_FAULTS_LONG=1 \
		$(BIN)/pytest -m faults -s tests/faults $(ARGS)

check: lint format types layers  ## Lint, format, types, layers; `make -k check` goes on after the first.

lint: setup
	$(BIN)/ruff check $(SOURCES)

format: setup
	$(BIN)/ruff format --check $(SOURCES)

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports --no-logo

fmt: setup  ## Format, and mend what the linter can.
	$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# Without dependencies: the file is complete, and one peer caps pydantic below the version that we pin.
BENCH_STAMP := $(VENV)/.requirements-bench
$(BENCH_STAMP): $(STAMP) requirements/bench.txt
	@$(or $(UV),$(BIN)/uv) pip install --quiet --python $(BIN)/python --no-deps -r requirements/bench.txt \
		|| $(PIP) --no-deps -r requirements/bench.txt
	@touch $@

bench: $(BENCH_STAMP)  ## Measure beside the peers; ARGS="ingest --repeats 1".
	@$(BIN)/openride bench $(or $(ARGS),ingest)

# One resolution for all: the smaller files are cut out of the largest.
COMPILE = "$(or $(UV),$(BIN)/uv)" pip compile --quiet --universal --python-version 3.11 \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" pyproject.toml
lock:  ## Compile requirements/*.txt anew from pyproject.toml; ARGS="--upgrade".
	@test -n "$(UV)" || $(MAKE) setup
	$(COMPILE) $(ARGS) --extra embedded --extra dev -o requirements/dev.txt
	$(COMPILE) --extra embedded -c requirements/dev.txt -o requirements/embedded.txt
	$(COMPILE) -c requirements/dev.txt -o requirements/base.txt
	$(COMPILE) --extra embedded --extra bench -c requirements/dev.txt \
		--override requirements/bench-overrides.in -o requirements/bench.txt

SCRATCH := .openride/revision.db
revision: setup  ## A metadata migration from the models; REV=0002 MESSAGE="report schedules".
	@mkdir -p .openride && rm -f $(SCRATCH)
	$(BIN)/alembic -x url=sqlite+aiosqlite:///$(SCRATCH) upgrade head
	$(BIN)/alembic -x url=sqlite+aiosqlite:///$(SCRATCH) revision --autogenerate --rev-id "$(REV)" -m "$(MESSAGE)"
	@rm -f $(SCRATCH) $(SCRATCH)-wal $(SCRATCH)-shm

clean:  ## Remove .venv and what tools left behind; the data in .openride stays.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov build dist *.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
