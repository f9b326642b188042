# OpenEHC: every command that people and machines use. `make help` lists them.
#
# PYTHON=...       which Python makes the environment (3.11 or newer); found by itself otherwise
# PYTEST_ARGS=...  further arguments of the test runner, as in PYTEST_ARGS='-k verify'
# PORT=, DATA=     where `make run` listens and keeps its data

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test lint style types layers dependencies suite page conformance format bench \
        reference requirements clean

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet
CODE := $(wildcard src tests bench tools)
RESULTS := build/conformance-results.json
DATA ?= var/demo
PORT ?= 8080

help: ## list these commands
	@awk -F ':[^#]*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

# ---------------------------------------------------------------- for everyone

run: $(VENV)/.runtime ## start the demo platform in the foreground (Ctrl-C stops it)
	@mkdir -p $(DATA)
	exec $(BIN)/ehc demo --data $(DATA) --port $(PORT)

test: lint suite page ## everything that a release must pass

lint: style types layers dependencies ## style, types, layers and dependencies

conformance: $(RESULTS) page ## write docs/conformance.md from the last full test run

bench: $(VENV)/.dev ## the load table against the budgets
	$(PY) -m bench
	$(PY) -m bench --crypto

format: $(VENV)/.dev ## rewrite the code in house style
	$(BIN)/ruff check --fix-only --quiet $(CODE)
	$(BIN)/ruff format $(CODE)

reference: $(VENV)/.dev ## write docs/reference from the spec tables
	$(PY) -m tools.reference

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) build dist .hypothesis .ruff_cache .import_linter_cache
	find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +

# ---------------------------------------------------------------- the steps of `make test`

style: $(VENV)/.dev
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

types: $(VENV)/.dev
	$(BIN)/mypy $(CODE)

layers: $(VENV)/.dev
	$(BIN)/lint-imports

dependencies: $(VENV)/.dev
	$(BIN)/deptry src

suite: $(VENV)/.dev
	@mkdir -p build/coverage
	$(PY) -m pytest -n auto --dist worksteal --reruns 1 -raR --cov --cov-report=term $(PYTEST_ARGS)

page: $(VENV)/.dev
	$(PY) -m tools.conformance

$(RESULTS):
	@$(MAKE) --no-print-directory suite

# ---------------------------------------------------------------- the environment

UV := $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 \
      --generate-hashes --no-strip-extras --no-emit-index-url --no-emit-find-links \
      --custom-compile-command 'make requirements'

requirements: $(BIN)/uv ## pin the dependencies anew (UPGRADE=--upgrade for newer versions)
	$(UV) $(UPGRADE) -o requirements/build.txt requirements/build.in
	$(UV) $(UPGRADE) -o requirements/runtime.txt pyproject.toml
	$(UV) $(UPGRADE) --extra dev -c requirements/build.txt -c requirements/runtime.txt \
	    -o requirements/dev.txt pyproject.toml

# Alone, so that pins that no longer install can be made anew.
$(BIN)/uv: | $(PY)
	$(PIP) uv

# Stamp files: an environment that is up to date costs nothing.
$(VENV)/.runtime: requirements/build.txt requirements/runtime.txt pyproject.toml | $(PY)
	$(PIP) --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(PY):
	@set -e; \
	chosen=''; seen=''; \
	for candidate in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python); do \
	    version=$$("$$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' \
	        2>/dev/null) || continue; \
	    seen="$$seen $$candidate is $$version;"; \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	        chosen=$$candidate; break; \
	    fi; \
	done; \
	if [ -z "$$chosen" ]; then \
	    echo "OpenEHC needs Python 3.11 or newer. Found:$${seen:- none}" >&2; \
	    echo "Install one, then name it: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; \
	fi; \
	if ! "$$chosen" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$chosen cannot make environments: its venv module is missing." >&2; \
	    echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "making $(VENV) with $$chosen"; \
	"$$chosen" -m venv $(VENV)
