# `make quickstart` and `make test` do everything on a fresh machine; `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
# A process holds about 1.5 GB.
PYTEST = pytest --numprocesses auto --maxprocesses 4 --dist worksteal

.PHONY: help install quickstart test fast coverage lint types docs site bench canary fuzz kills clean

help:  ## list what make can do
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/\1\t\2/' | expand -t 14

install: $(READY)  ## create the virtual environment

quickstart: $(READY)  ## install, then train and compare four small models (two CPU cores)
	$(BIN)/scl-rl run quickstart

test: $(READY)  ## run the tests
	HF_HUB_OFFLINE=1 $(BIN)/python -m $(PYTEST)

fast: $(READY)  ## run the tests that are not slow
	HF_HUB_OFFLINE=1 $(BIN)/python -m $(PYTEST) -m "not slow"

# Processes that a test starts are counted as well.
coverage: $(READY)  ## run the tests and report the lines that they cover
	$(BIN)/coverage erase
	HF_HUB_OFFLINE=1 $(BIN)/coverage run -m $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(READY)  ## check style and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)  ## check types with mypy --strict
	$(BIN)/mypy

docs: $(READY)  ## write the generated pages and the figures from the records
	$(BIN)/python docs/commands.py > docs/cli.md
	$(BIN)/scl-rl recipes reference > docs/recipes.md
	$(BIN)/scl-rl recipes schema > docs/recipe.schema.json
	$(BIN)/python docs/figures.py

site: $(READY)  ## build the docs site into build/site
	$(BIN)/python -m sphinx -q -n -W --keep-going -b html docs build/site
	@echo "build/site/index.html"

bench: $(READY)  ## run the benchmarks into build/bench (slow)
	$(BIN)/python benchmarks/rewards.py --out build/bench/rewards.json
	$(BIN)/python benchmarks/compare_coverage.py --out build/bench/compare_coverage.json
	$(BIN)/python benchmarks/overhead.py --out build/bench/overhead.json
	$(BIN)/python benchmarks/steps.py --out build/bench/steps.json
	$(BIN)/python benchmarks/review_page.py --out build/bench/review_page.json
	$(BIN)/python benchmarks/scale.py --out build/bench/scale.json

fuzz: $(READY)  ## attack the commands with hostile files for 20 minutes (FUZZ_SECONDS)
	$(BIN)/python -m tests.fuzz

kills: $(READY)  ## kill a run forty times, at every kind of stage and in every way (slow)
	HF_HUB_OFFLINE=1 SCL_RL_KILLS=all $(BIN)/python -m pytest -s tests/integration/test_kills.py

canary:  ## run the tests on the newest releases of the libraries, within the bounds and beyond (slow)
	$(PYTHON) .ci/canary.py

# torch comes first and alone: a range that admits a newer one would pull several GB of CUDA packages.
$(READY): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	rm -rf scl_rl.egg-info  # an old one would be read before the new one
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	touch $(READY)

clean:  ## remove the virtual environment and everything built
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
